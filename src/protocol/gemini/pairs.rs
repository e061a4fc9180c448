//! Which result answers which call: by id where ids agree, else by name and order.

use std::collections::HashMap;
use std::collections::VecDeque;

use crate::chat::Text;

/// The calls of one step of the model.
#[derive(Debug, Default)]
pub(super) struct Pairs<'c> {
    calls: Vec<Entry<'c>>,
    /// None before it was answered.
    next: usize,
    /// Made when a result does not answer the call whose turn it is.
    index: Option<Index>,
}

#[derive(Debug)]
struct Entry<'c> {
    id: Text<'c>,
    name: Text<'c>,
    answered: bool,
}

#[derive(Debug, Default)]
struct Index {
    ids: HashMap<String, VecDeque<usize>>,
    names: HashMap<String, VecDeque<usize>>,
}

impl<'c> Pairs<'c> {
    /// Adds a call.
    pub(super) fn push(&mut self, id: Text<'c>, name: Text<'c>) {
        self.calls.push(Entry { id, name, answered: false });
        self.index = None;
    }

    /// How many calls there are.
    pub(super) const fn len(&self) -> usize {
        self.calls.len()
    }

    /// The id of a call.
    pub(super) fn id(&self, at: usize) -> Option<&Text<'c>> {
        self.calls.get(at).map(|call| &call.id)
    }

    /// The name of a call.
    pub(super) fn name(&self, at: usize) -> Option<&Text<'c>> {
        self.calls.get(at).map(|call| &call.name)
    }

    /// The call that a result with this id, and perhaps this name, answers.
    pub(super) fn answer(&mut self, id: &Text<'_>, name: Option<&Text<'_>>) -> Option<usize> {
        while self.calls.get(self.next).is_some_and(|call| call.answered) {
            self.next += 1;
        }
        let next = self.calls.get(self.next)?;
        let in_turn = match name {
            Some(name) if id.is_empty() => next.name == *name,
            Some(_) | None => !id.is_empty() && next.id == *id,
        };
        let at = if in_turn { self.next } else { self.look(id, name)? };
        if let Some(call) = self.calls.get_mut(at) {
            call.answered = true;
        }
        Some(at)
    }

    fn look(&mut self, id: &Text<'_>, name: Option<&Text<'_>>) -> Option<usize> {
        let Self { calls, index, .. } = self;
        let index = index.get_or_insert_with(|| {
            let mut index = Index::default();
            for (at, call) in calls.iter().enumerate() {
                index.ids.entry(call.id.decode().into_owned()).or_default().push_back(at);
                index.names.entry(call.name.decode().into_owned()).or_default().push_back(at);
            }
            index
        });
        let first = |queue: Option<&mut VecDeque<usize>>| {
            let queue = queue?;
            while let Some(at) = queue.pop_front() {
                if calls.get(at).is_some_and(|call| !call.answered) {
                    return Some(at);
                }
            }
            None
        };
        let by_id = if id.is_empty() { None } else { first(index.ids.get_mut(&*id.decode())) };
        by_id.or_else(|| first(index.names.get_mut(&*name?.decode())))
    }
}

#[cfg(test)]
mod tests {
    use super::Pairs;
    use crate::chat::Text;

    #[test]
    fn by_id_then_by_name_then_in_order() {
        let text = Text::plain;
        let mut pairs = Pairs::default();
        for (id, name) in [("1", "f"), ("2", "g"), ("3", "f"), ("3", "f")] {
            pairs.push(text(id), text(name));
        }
        assert_eq!(pairs.answer(&text("3"), None), Some(2));
        assert_eq!(pairs.answer(&text(""), Some(&text("g"))), Some(1));
        assert_eq!(pairs.answer(&text("x"), Some(&text("h"))), None);
        assert_eq!(pairs.answer(&text("1"), None), Some(0));
        assert_eq!(pairs.answer(&text("x"), Some(&text("f"))), Some(3));
        assert_eq!(pairs.answer(&text("1"), None), None);
    }
}
