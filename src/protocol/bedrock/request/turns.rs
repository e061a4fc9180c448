//! A conversation as Converse takes it: roles that alternate, the person's first, and each call
//! answered in the next turn, results before all else and in the order of the calls.

use std::borrow::Cow;

use crate::chat::Cache;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::MediaKind;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Text;
use crate::chat::Turn;
use crate::error::Error;
use crate::protocol::bedrock::names;

/// The conversation, ready to be written.
#[derive(Debug, Default)]
pub struct Plan<'r, 'a> {
    /// Instructions.
    pub system: Vec<&'r Part<'a>>,
    /// The messages.
    pub groups: Vec<Group<'r, 'a>>,
}

/// One message: turns of the same role that follow each other.
#[derive(Debug)]
pub struct Group<'r, 'a> {
    /// Whose.
    pub role: Role,
    /// Its blocks.
    pub items: Vec<Item<'r, 'a>>,
    /// Bedrock's own members.
    pub extra: Vec<&'r Extra<'a>>,
}

/// A block, with the id of the call where there is one.
#[derive(Debug)]
pub enum Item<'r, 'a> {
    /// Anything but calls and results.
    Part(&'r Part<'a>),
    /// A call.
    Call(&'r Part<'a>, Cow<'r, str>),
    /// What a tool returned.
    Result(&'r Part<'a>, Cow<'r, str>),
    /// A call that nobody answered.
    Missing(Cow<'r, str>),
    /// The mark of a part that is not said, behind the one before it.
    Mark(Cache),
}

impl<'r, 'a> Item<'r, 'a> {
    /// The part, if the client sent one.
    pub const fn part(&self) -> Option<&'r Part<'a>> {
        match self {
            Self::Part(part) | Self::Call(part, _) | Self::Result(part, _) => Some(part),
            Self::Missing(_) | Self::Mark(_) => None,
        }
    }

    /// The mark on it, or on anything within it.
    pub fn cache(&self) -> Option<Cache> {
        match self {
            Self::Mark(cache) => Some(*cache),
            Self::Part(part) | Self::Call(part, _) | Self::Result(part, _) => cache(part),
            Self::Missing(_) => None,
        }
    }
}

/// The mark on a part. What a tool returned cannot be marked piece by piece.
fn cache(part: &Part<'_>) -> Option<Cache> {
    part.cache.or_else(|| match &part.content {
        Content::Result(result) => result.parts.iter().find_map(|part| part.cache),
        Content::Text(_)
        | Content::Refusal(_)
        | Content::Media(_)
        | Content::Call(_)
        | Content::Thinking(_)
        | Content::Redacted
        | Content::Other(_) => None,
    })
}

impl<'r, 'a> Plan<'r, 'a> {
    /// Orders the turns of `request`.
    ///
    /// # Errors
    /// A 400 that names `messages` where a turn cannot be said.
    pub fn new(
        request: &'r Request<'a>,
        facts: &Facts,
        losses: &mut Losses,
    ) -> Result<Self, Error> {
        let mut plan = Self::default();
        for turn in &request.turns {
            let own = own_extras(turn, losses);
            if turn.role == Role::System {
                let follows = plan.groups.last().is_some_and(|last| last.role != Role::Assistant);
                plan.add_system(turn, facts.system_between && follows, own, losses)?;
                continue;
            }
            let mut items = Vec::with_capacity(turn.parts.len());
            for part in &turn.parts {
                match item(part, turn.role, losses)? {
                    Some(item) => items.push(item),
                    None if items.is_empty() => {
                        losses.drop_if(part.cache.is_some(), "cache_control");
                    }
                    None => items.extend(part.cache.map(Item::Mark)),
                }
            }
            plan.add(turn.role, items, own);
        }
        plan.settle();
        plan.answer_calls()?;
        if plan.groups.first().is_none_or(|first| first.role != Role::User) {
            let first = Group { role: Role::User, items: Vec::new(), extra: Vec::new() };
            plan.groups.insert(0, first);
        }
        Ok(plan)
    }

    fn add(&mut self, role: Role, items: Vec<Item<'r, 'a>>, extra: Vec<&'r Extra<'a>>) {
        match self.groups.last_mut().filter(|last| last.role == role) {
            Some(last) => {
                last.items.extend(items);
                last.extra.extend(extra);
            }
            // Nothing said by the model is no turn; by the person it is.
            None if items.is_empty() && role == Role::Assistant => {}
            None => self.groups.push(Group { role, items, extra }),
        }
    }

    /// Takes instructions out again that turned out not to stand before the model's turn.
    fn settle(&mut self) {
        let mut at = 1;
        while at + 1 < self.groups.len() {
            let is = |at: usize, role| self.groups.get(at).is_some_and(|group| group.role == role);
            if !is(at, Role::System) || is(at + 1, Role::Assistant) {
                at += 1;
                continue;
            }
            let instructions = self.groups.remove(at);
            self.system.extend(instructions.items.iter().filter_map(Item::part));
            // The turns on both sides of it are the person's.
            let next = self.groups.remove(at);
            if let Some(before) = self.groups.get_mut(at - 1) {
                before.items.extend(next.items);
                before.extra.extend(next.extra);
            }
        }
    }

    fn add_system(
        &mut self,
        turn: &'r Turn<'a>,
        between: bool,
        own: Vec<&'r Extra<'a>>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        let mut parts = Vec::new();
        for part in &turn.parts {
            parts.extend(item(part, Role::System, losses)?.as_ref().and_then(Item::part));
        }
        if between && !parts.is_empty() {
            self.add(Role::System, parts.into_iter().map(Item::Part).collect(), own);
        } else {
            self.system.extend(parts);
        }
        Ok(())
    }

    /// Gives every call an id of its own and its result the same one, in the turn behind it.
    fn answer_calls(&mut self) -> Result<(), Error> {
        let mut open: Vec<Open<'r, 'a>> = Vec::new();
        let mut at = 0;
        while let Some(group) = self.groups.get_mut(at) {
            if !open.is_empty() || group.role == Role::User {
                // The model's turn cannot follow itself, so this one is the person's.
                answer(group, std::mem::take(&mut open))?;
            }
            if group.role == Role::Assistant {
                open = name_calls(group, at);
                if !open.is_empty() && self.groups.len() == at + 1 {
                    let next = Group { role: Role::User, items: Vec::new(), extra: Vec::new() };
                    self.groups.push(next);
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// Whether there are calls or results.
    pub fn uses_tools(&self) -> bool {
        self.called().next().is_some()
    }

    /// The names of called tools.
    pub fn called(&self) -> impl Iterator<Item = &'r Text<'a>> {
        self.groups.iter().flat_map(|group| &group.items).filter_map(|item| match item {
            Item::Call(part, _) => match &part.content {
                Content::Call(call) => Some(&call.name),
                Content::Text(_)
                | Content::Refusal(_)
                | Content::Media(_)
                | Content::Result(_)
                | Content::Thinking(_)
                | Content::Redacted
                | Content::Other(_) => None,
            },
            Item::Part(_) | Item::Result(..) | Item::Missing(_) | Item::Mark(_) => None,
        })
    }

    /// Whether the model waits for results of calls that it made without a thought we can show it:
    /// then it cannot be made to think now.
    pub fn calls_without_thought(&self) -> bool {
        let [.., calls, results] = self.groups.as_slice() else { return false };
        let waits =
            results.items.iter().any(|item| matches!(item, Item::Result(..) | Item::Missing(_)));
        let first = calls.items.first().and_then(Item::part).map(|part| &part.content);
        waits && !matches!(first, Some(Content::Thinking(_) | Content::Redacted))
    }

    /// Marks that will be written.
    pub fn marks(&self) -> usize {
        let system = self.system.iter().filter(|part| part.cache.is_some()).count();
        let items = self.groups.iter().flat_map(|group| &group.items);
        system + items.filter(|item| item.cache().is_some()).count()
    }
}

/// A turn's members that are Bedrock's; the others are told.
fn own_extras<'r, 'a>(turn: &'r Turn<'a>, losses: &mut Losses) -> Vec<&'r Extra<'a>> {
    turn.extra.iter().filter(|extra| is_own(extra, losses)).collect()
}

/// Whether a member is Bedrock's; if it is not, it is told.
pub fn is_own(extra: &Extra<'_>, losses: &mut Losses) -> bool {
    let own = extra.by == Protocol::Bedrock;
    if !own {
        losses.drop_extra(extra);
    }
    own
}

/// What a part becomes in a turn of `role`, if anything.
fn item<'r, 'a>(
    part: &'r Part<'a>,
    role: Role,
    losses: &mut Losses,
) -> Result<Option<Item<'r, 'a>>, Error> {
    let refuse =
        |what: &str| Err(Error::field("messages", format!("`messages`: Bedrock takes no {what}")));
    match (&part.content, role) {
        (Content::Text(text) | Content::Refusal(text), _) if text.is_blank() => Ok(None),
        (Content::Text(_) | Content::Refusal(_), _) => Ok(Some(Item::Part(part))),
        (Content::Call(_), Role::Assistant) => Ok(Some(Item::Call(part, Cow::Borrowed("")))),
        (Content::Result(_), Role::User) => Ok(Some(Item::Result(part, Cow::Borrowed("")))),
        (Content::Media(_), Role::User) => Ok(Some(Item::Part(part))),
        // What another model thought, or nobody vouches for, is of no use to this one.
        (Content::Thinking(_) | Content::Redacted, Role::Assistant) => {
            let own = part.signature.as_ref().is_some_and(|s| s.by == Protocol::Bedrock);
            Ok(own.then_some(Item::Part(part)))
        }
        (Content::Other(extra), _) if extra.by == Protocol::Bedrock => Ok(Some(Item::Part(part))),
        (Content::Other(extra), Role::Assistant) => {
            losses.drop_extra(extra);
            Ok(None)
        }
        (Content::Other(extra), Role::User | Role::System) => {
            refuse(&format!("part of the kind `{}`", extra.name))
        }
        (Content::Media(_), Role::System | Role::Assistant) => {
            refuse("media but the user's and those that tools return")
        }
        (Content::Call(_), Role::System | Role::User) => refuse("call but the assistant's"),
        (Content::Result(_), Role::System | Role::Assistant) => {
            refuse("result of a tool but in a turn of its own")
        }
        (Content::Thinking(_) | Content::Redacted, Role::System | Role::User) => Ok(None),
    }
}

/// A call that waits for its result.
struct Open<'r, 'a> {
    part: &'r Part<'a>,
    id: Cow<'r, str>,
    result: Option<&'r Part<'a>>,
}

/// Gives the calls of a group their ids.
fn name_calls<'r, 'a>(group: &mut Group<'r, 'a>, at: usize) -> Vec<Open<'r, 'a>> {
    let mut open: Vec<Open<'r, 'a>> = Vec::new();
    for item in &mut group.items {
        let Item::Call(part, place) = item else { continue };
        let part: &'r Part<'a> = part;
        let Content::Call(call) = &part.content else { continue };
        let mut id =
            if call.id.is_empty() { format!("call_{at}").into() } else { names::call_id(&call.id) };
        if open.iter().any(|other| other.id == id) {
            let text = Text::plain(&format!("{id}_{}", open.len()));
            id = names::call_id(&text).into_owned().into();
        }
        *place = id.clone();
        open.push(Open { part, id, result: None });
    }
    open
}

/// Puts the results of `open` at the front of a group, in the order of the calls.
fn answer<'r, 'a>(group: &mut Group<'r, 'a>, mut open: Vec<Open<'r, 'a>>) -> Result<(), Error> {
    let is_result = |item: &Item<'_, '_>| matches!(item, Item::Result(..));
    if open.is_empty() && !group.items.iter().any(is_result) {
        return Ok(());
    }
    let mut rest = Vec::with_capacity(group.items.len() + open.len());
    let mut results = Vec::new();
    for item in group.items.drain(..) {
        match item {
            Item::Result(part, _) => results.push(part),
            Item::Part(_) | Item::Call(..) | Item::Missing(_) | Item::Mark(_) => rest.push(item),
        }
    }
    for part in results {
        let place = open.iter_mut().find(|open| open.result.is_none() && answers(part, open.part));
        let Some(place) = place else {
            let message = "`messages`: a tool's result answers no call of the turn before it";
            return Err(Error::field("messages", message));
        };
        place.result = Some(part);
    }
    group.items = open
        .into_iter()
        .map(|open| match open.result {
            Some(part) => Item::Result(part, open.id),
            None => Item::Missing(open.id),
        })
        .collect();
    group.items.extend(rest);
    Ok(())
}

/// Whether a result may be that of a call: by its id, or where there is none by the tool's name.
fn answers(result: &Part<'_>, call: &Part<'_>) -> bool {
    let (Content::Result(result), Content::Call(call)) = (&result.content, &call.content) else {
        return false;
    };
    let named = || result.name.as_ref().is_none_or(|name| *name == call.name);
    result.id == call.id && (!result.id.is_empty() || named())
}

/// Whether a group has a document and no text beside it.
pub fn lacks_text(group: &Group<'_, '_>) -> bool {
    let contents = || group.items.iter().filter_map(Item::part).map(|part| &part.content);
    let document = |content: &Content<'_>| matches!(content, Content::Media(media) if media.kind == MediaKind::Document);
    let text = |content: &Content<'_>| matches!(content, Content::Text(_) | Content::Refusal(_));
    let is_answer = |item: &Item<'_, '_>| matches!(item, Item::Missing(_));
    contents().next().is_none() && !group.items.iter().any(is_answer)
        || (contents().any(document) && !contents().any(text))
}
