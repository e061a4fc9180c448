//! Connections by token, where a token is never valid for a later tenant of its slot.

/// A slot number in the low half and the slot's generation in the high half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub u64);

/// Values with stable tokens. Insert and remove cost a push and a pop.
#[derive(Debug)]
pub struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    /// A slab without values.
    pub const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// Stores what `make` returns for the token it is given.
    pub fn insert(&mut self, make: impl FnOnce(Token) -> T) -> Token {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, value: None });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return Token(u64::MAX);
        };
        let token = Token(u64::from(slot.generation) << 32 | u64::from(index));
        slot.value = Some(make(token));
        token
    }

    /// The value behind `token`, unless it was removed.
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        self.slot(token)?.value.as_mut()
    }

    /// Takes the value out; its token is dead from here on.
    pub fn remove(&mut self, token: Token) -> Option<T> {
        let slot = self.slot(token)?;
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push((token.0 & u64::from(u32::MAX)) as u32);
        Some(value)
    }

    /// Every value that is there.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.value.as_ref())
    }

    fn slot(&mut self, token: Token) -> Option<&mut Slot<T>> {
        let index = (token.0 & u64::from(u32::MAX)) as usize;
        self.slots.get_mut(index).filter(|slot| u64::from(slot.generation) == token.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_outlive_its_value() {
        let mut slab = Slab::new();
        let old = slab.insert(|_| "old");
        assert_eq!(slab.remove(old), Some("old"));
        let new = slab.insert(|_| "new");
        assert_eq!(slab.get_mut(old), None);
        assert_eq!(slab.remove(old), None);
        assert_eq!(slab.get_mut(new), Some(&mut "new"));
        assert_eq!(slab.iter().count(), 1);
    }
}
