//! A conversation as Anthropic takes it: the person's turn first, then by turns, and each call answered
//! in the next turn, results before all else and in the order of the calls.

use std::borrow::Cow;
use std::collections::HashSet;

use smallvec::SmallVec;

use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Turn;
use crate::error::Error;
use crate::protocol::anthropic::is_own;
use crate::protocol::anthropic::names;

/// The conversation, ready to be written.
#[derive(Debug, Default)]
pub struct Plan<'r, 'a> {
    /// Instructions.
    pub system: Vec<&'r Part<'a>>,
    /// The messages.
    pub groups: Vec<Group<'r, 'a>>,
    /// Whether tools were called, or returned anything.
    tools: bool,
}

/// One message: turns of the same role that follow each other.
#[derive(Debug)]
pub struct Group<'r, 'a> {
    /// Whose.
    pub role: Role,
    /// Its blocks. Most messages have one.
    pub items: SmallVec<[Item<'r, 'a>; 1]>,
    /// Anthropic's own members.
    pub extra: Vec<&'r Extra<'a>>,
    /// The client's message, if that is one plain turn and all there is.
    plain: Option<&'a [u8]>,
}

/// A block, with the id of the call where there is one.
#[derive(Debug)]
pub enum Item<'r, 'a> {
    /// Anything but calls and results.
    Part(&'r Part<'a>),
    /// A call.
    Call(&'r Part<'a>, &'r Call<'a>, Cow<'r, str>),
    /// What a tool returned.
    Result(&'r Part<'a>, &'r CallResult<'a>, Cow<'r, str>),
    /// A call that nobody answered.
    Missing(Cow<'r, str>),
}

impl<'r, 'a> Item<'r, 'a> {
    /// The part, if the client sent one.
    pub const fn part(&self) -> Option<&'r Part<'a>> {
        match self {
            Self::Part(part) | Self::Call(part, ..) | Self::Result(part, ..) => Some(part),
            Self::Missing(_) => None,
        }
    }
}

impl<'r, 'a> Group<'r, 'a> {
    fn new(role: Role) -> Self {
        Self { role, items: SmallVec::new(), extra: Vec::new(), plain: None }
    }

    /// The client's message that says the same, if there is one.
    pub fn as_plain(&self) -> Option<&'a [u8]> {
        self.plain.filter(|_| matches!(self.items.as_slice(), [Item::Part(_)]))
    }

    /// Adds what `turn` says, and tells whether calls or results are among it.
    fn fill(&mut self, turn: &'r Turn<'a>, losses: &mut Losses) -> Result<bool, Error> {
        let mut tools = false;
        self.items.reserve_exact(turn.parts.len());
        for part in &turn.parts {
            if let Content::Text(text) = &part.content
                && !text.is_blank()
            {
                // As nearly every part is.
                self.items.push(Item::Part(part));
            } else {
                let item = item(part, turn.role, losses)?;
                tools |= matches!(item, Some(Item::Call(..) | Item::Result(..)));
                losses.drop_if(item.is_none() && part.cache.is_some(), "cache_control");
                self.items.extend(item);
            }
        }
        if !turn.extra.is_empty() {
            self.extra.extend(own_extras(turn, losses));
        }
        Ok(tools)
    }
}

fn refuse(rule: &str) -> Error {
    Error::field("messages", format!("`messages`: {rule}"))
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
        // Room for the person's turn that may have to be put before all others.
        plan.groups.reserve(request.turns.len() + 1);
        for (at, turn) in request.turns.iter().enumerate() {
            if turn.role != Role::System {
                plan.add(turn, losses)?;
                continue;
            }
            let rest = request.turns.get(at + 1..).unwrap_or_default();
            let between = facts.system_between && plan.system_may_follow(rest);
            let mut group = Group::new(Role::System);
            group.fill(turn, losses)?;
            if group.items.is_empty() || !between {
                plan.system.extend(group.items.iter().filter_map(Item::part));
            } else {
                plan.merge(group);
            }
        }
        if plan.tools {
            plan.answer_calls()?;
        }
        if plan.groups.first().is_none_or(|first| first.role != Role::User) {
            plan.groups.insert(0, Group::new(Role::User));
        }
        let continues = plan.groups.last().is_some_and(|last| last.role == Role::Assistant);
        if continues && !facts.prefill {
            let rule = "the model does not continue an answer; the last message must be the user's";
            return Err(refuse(rule));
        }
        Ok(plan)
    }

    /// Adds a turn of the person's or the model's. The group is filled where it stays.
    fn add(&mut self, turn: &'r Turn<'a>, losses: &mut Losses) -> Result<(), Error> {
        let new = self.groups.last().is_none_or(|last| last.role != turn.role);
        if new {
            let plain = turn.as_plain();
            self.groups.push(Group { plain, ..Group::new(turn.role) });
        }
        let Some(group) = self.groups.last_mut() else { return Ok(()) };
        group.plain = group.plain.filter(|_| new);
        if group.plain.is_some() {
            // One part, which says something.
            group.items.extend(turn.parts.iter().map(Item::Part));
            return Ok(());
        }
        self.tools |= group.fill(turn, losses)?;
        // Nothing said by the model is no turn; by the person it is.
        if new && group.items.is_empty() && turn.role == Role::Assistant {
            self.groups.pop();
        }
        Ok(())
    }

    fn merge(&mut self, group: Group<'r, 'a>) {
        match self.groups.last_mut().filter(|last| last.role == group.role) {
            Some(last) => {
                last.items.extend(group.items);
                last.extra.extend(group.extra);
            }
            None => self.groups.push(group),
        }
    }

    /// Whether instructions may stand here: behind the person's turn and before the model's.
    fn system_may_follow(&self, rest: &[Turn<'_>]) -> bool {
        let mut others = rest.iter().filter(|turn| turn.role != Role::System);
        let next = others.find(|turn| turn.role == Role::User || says_something(turn));
        next.is_none_or(|turn| turn.role == Role::Assistant)
            && self.groups.last().is_some_and(|last| last.role != Role::Assistant)
    }

    /// Gives every call an id of its own and its result the same one, in the turn behind it.
    fn answer_calls(&mut self) -> Result<(), Error> {
        let mut used = HashSet::new();
        let mut open: Vec<Open<'r, 'a>> = Vec::new();
        let mut at = 0;
        while let Some(group) = self.groups.get_mut(at) {
            if group.role == Role::User || !open.is_empty() {
                // The model's turn cannot follow itself, so this one is the person's.
                answer(group, std::mem::take(&mut open))?;
            }
            if group.role == Role::Assistant {
                open = name_calls(group, &mut used);
                if !open.is_empty() && self.groups.len() == at + 1 {
                    self.groups.push(Group::new(Role::User));
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// Whether the model waits for results of calls, and what it thought before them cannot be shown to
    /// it: models that think by a budget refuse to go on thinking then.
    pub fn is_thoughtless(&self) -> bool {
        let results = |group: &&Group<'_, '_>| {
            let mut items = group.items.iter();
            items.any(|item| matches!(item, Item::Result(..) | Item::Missing(_)))
        };
        let mut groups = self.groups.iter().rev().filter(|group| group.role != Role::System);
        if groups.next().filter(results).is_none() {
            return false;
        }
        let first = groups.next().and_then(|calls| calls.items.first());
        let first = first.and_then(Item::part).map(|part| &part.content);
        !matches!(first, Some(Content::Thinking(_) | Content::Redacted))
    }
}

/// Whether anything is left of a turn.
fn says_something(turn: &Turn<'_>) -> bool {
    let mut parts = turn.parts.iter();
    parts.any(|part| !matches!(item(part, turn.role, &mut Losses::default()), Ok(None)))
}

/// A turn's members that are Anthropic's; the others are told.
fn own_extras<'r, 'a>(turn: &'r Turn<'a>, losses: &mut Losses) -> Vec<&'r Extra<'a>> {
    // That instructions are a developer's makes no difference here.
    let told = |extra: &Extra<'_>| turn.role != Role::System || extra.name != "role";
    for extra in turn.extra.iter().filter(|extra| !is_own(extra) && told(extra)) {
        losses.drop_extra(extra);
    }
    turn.extra.iter().filter(|extra| is_own(extra)).collect()
}

/// What a part becomes in a turn of `role`, if anything.
fn item<'r, 'a>(
    part: &'r Part<'a>,
    role: Role,
    losses: &mut Losses,
) -> Result<Option<Item<'r, 'a>>, Error> {
    let none = || Cow::Borrowed("");
    match (&part.content, role) {
        (Content::Text(text) | Content::Refusal(text), _) if text.is_blank() => Ok(None),
        (Content::Text(_) | Content::Refusal(_), _) => Ok(Some(Item::Part(part))),
        (Content::Call(call), Role::Assistant) => Ok(Some(Item::Call(part, call, none()))),
        (Content::Result(result), Role::User) => Ok(Some(Item::Result(part, result, none()))),
        (Content::Media(_), Role::User) => Ok(Some(Item::Part(part))),
        // What another model thought, or nobody vouches for, is of no use to this one.
        (Content::Thinking(_) | Content::Redacted, Role::Assistant) => {
            let by = part.signature.as_ref().map(|signature| signature.by);
            Ok((by == Some(Protocol::Anthropic)).then_some(Item::Part(part)))
        }
        (Content::Thinking(_) | Content::Redacted, Role::System | Role::User) => Ok(None),
        (Content::Other(extra), _) if is_own(extra) => Ok(Some(Item::Part(part))),
        (Content::Other(extra), Role::Assistant) => {
            losses.drop_extra(extra);
            Ok(None)
        }
        (Content::Other(extra), Role::User | Role::System) => {
            Err(refuse(&format!("Anthropic takes no part of the kind `{}`", extra.name)))
        }
        (Content::Media(_), Role::System | Role::Assistant) => {
            Err(refuse("Anthropic takes no media but the user's and those that tools return"))
        }
        (Content::Call(_), Role::System | Role::User) => {
            Err(refuse("a call may stand in the assistant's turn only"))
        }
        (Content::Result(_), Role::System | Role::Assistant) => {
            Err(refuse("a tool's result may not stand in this turn"))
        }
    }
}

/// A call that waits for its result.
struct Open<'r, 'a> {
    call: &'r Call<'a>,
    id: Cow<'r, str>,
    result: Option<Item<'r, 'a>>,
}

/// Gives the calls of a group ids that no other call has.
fn name_calls<'r, 'a>(
    group: &mut Group<'r, 'a>,
    used: &mut HashSet<Cow<'r, str>>,
) -> Vec<Open<'r, 'a>> {
    let mut open = Vec::new();
    for item in &mut group.items {
        let Item::Call(_, call, place) = item else { continue };
        let call: &'r Call<'a> = call;
        let wanted = if call.id.is_empty() { "call".into() } else { names::legal(&call.id) };
        let mut id = wanted.clone();
        let mut n = used.len();
        while used.contains(&id) {
            id = format!("{wanted}_{n}").into();
            n += 1;
        }
        used.insert(id.clone());
        *place = id.clone();
        open.push(Open { call, id, result: None });
    }
    open
}

/// Puts the results of `open` at the front of a group, in the order of the calls.
fn answer<'r, 'a>(group: &mut Group<'r, 'a>, mut open: Vec<Open<'r, 'a>>) -> Result<(), Error> {
    let is_result = |item: &Item<'_, '_>| matches!(item, Item::Result(..));
    if open.is_empty() && !group.items.iter().any(is_result) {
        return Ok(());
    }
    let mut rest = Vec::with_capacity(group.items.len());
    for item in group.items.drain(..) {
        let Item::Result(part, result, _) = item else {
            rest.push(item);
            continue;
        };
        let mut waiting = open.iter_mut().filter(|open| open.result.is_none());
        let place = waiting.find(|open| answers(result, open.call));
        let rule = "a tool's result answers no call of the turn before it";
        let place = place.ok_or_else(|| refuse(rule))?;
        place.result = Some(Item::Result(part, result, place.id.clone()));
    }
    let results = open.into_iter().map(|open| open.result.unwrap_or(Item::Missing(open.id)));
    group.items = results.chain(rest).collect();
    Ok(())
}

/// Whether a result may be that of a call: by its id, or where there is none by the tool's name.
fn answers(result: &CallResult<'_>, call: &Call<'_>) -> bool {
    let named = || result.name.as_ref().is_none_or(|name| *name == call.name);
    result.id == call.id && (!result.id.is_empty() || named())
}
