//! Signatures for clients that have no place for them.
//!
//! Some providers sign what a model thought, or a call it made, and want the signature back with
//! the call's result (Gemini 3 refuses the call without it, Claude loses its train of thought).
//! A client of OpenAI's protocol shows neither, so they are kept here by the call's id until the
//! client comes back with it. All shards keep theirs in one place, as the client may come back to
//! another. Bounded in bytes and time; of what is gone the writers know how to go on without.

use std::hash::BuildHasher;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::ArcSwapOption;

use crate::chat::Answer;
use crate::chat::Content;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Role;
use crate::chat::Said;
use crate::chat::Signature;
use crate::chat::Turn;
use crate::runtime::clock::Micros;

/// Bytes kept at most.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Longest thoughts of one call that are worth keeping.
const MAX_ENTRY: usize = 256 * 1024;

/// How long a client may take to run a tool, in microseconds: an hour.
const TIME_TO_LIVE: u64 = 3_600_000_000;

/// Places for calls. With [`MAX_BYTES`] that is 2 KiB for each, about what a signature takes.
const PLACES: usize = 8192;

/// Places that a call may be in. When all are taken, the one that has been there longest gives way.
const WAYS: usize = 4;

/// How many are looked at to find one that has been there long.
const SAMPLE: usize = 8;

/// What is kept of all shards' answers. No shard ever waits for another: a place is read and
/// replaced whole.
#[derive(Debug)]
pub struct Signatures {
    places: Box<[ArcSwapOption<Kept>]>,
    hasher: RandomState,
    /// Of all that is in a place, or on its way there.
    bytes: AtomicUsize,
    /// Where the search for the oldest goes on.
    hand: AtomicUsize,
}

/// What came with a call.
#[derive(Debug)]
struct Kept {
    /// Name of the key whose client made the call.
    owner: Box<str>,
    id: Box<str>,
    /// What was thought before it.
    thoughts: Vec<Part<'static>>,
    /// Its own signature.
    call: Option<Signature<'static>>,
    bytes: usize,
    at: Micros,
}

impl Kept {
    fn is_of(&self, owner: &str, id: &str) -> bool {
        *self.id == *id && *self.owner == *owner
    }

    /// Bytes that it takes.
    fn size(&self) -> usize {
        let own = self.call.as_ref().map_or(0, |signature| signature.data.raw().len());
        let names = self.id.len() + self.owner.len();
        self.thoughts.iter().map(size).sum::<usize>() + own + names + size_of::<Self>()
    }
}

/// Bytes that a thought takes.
fn size(part: &Part<'_>) -> usize {
    let text = match &part.content {
        Content::Thinking(text) => text.raw().len(),
        Content::Text(_)
        | Content::Refusal(_)
        | Content::Media(_)
        | Content::Call(_)
        | Content::Result(_)
        | Content::Redacted
        | Content::Other(_) => 0,
    };
    text + part.signature.as_ref().map_or(0, |signature| signature.data.raw().len())
        + size_of::<Part<'_>>()
}

/// Whether a client of `protocol` can hold signatures itself.
#[must_use]
pub const fn holds_signatures(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Anthropic | Protocol::Gemini | Protocol::Bedrock => true,
        Protocol::Openai | Protocol::Ollama => false,
    }
}

impl Default for Signatures {
    fn default() -> Self {
        Self {
            places: (0..PLACES).map(|_| ArcSwapOption::empty()).collect(),
            hasher: RandomState::new(),
            bytes: AtomicUsize::new(0),
            hand: AtomicUsize::new(0),
        }
    }
}

impl Signatures {
    /// Keeps what `client`, which came with the key `owner`, cannot.
    pub fn remember(&self, client: Protocol, owner: &str, answer: &Answer<'_>, now: Micros) {
        if holds_signatures(client) {
            return;
        }
        for choice in &answer.choices {
            let mut thoughts = Vec::new();
            for part in &choice.parts {
                match part {
                    Said::Thinking { text, signature: Some(signature) } => {
                        let text = text.clone().into_owned();
                        let signature = Some(signature.clone().into_owned());
                        thoughts.push(Part { signature, ..Part::new(Content::Thinking(text)) });
                    }
                    Said::Redacted(signature) => {
                        let signature = Some(signature.clone().into_owned());
                        thoughts.push(Part { signature, ..Part::new(Content::Redacted) });
                    }
                    Said::Call { id, signature, .. } => {
                        let (owner, id) = (owner.into(), id.decode().into());
                        let thoughts = std::mem::take(&mut thoughts);
                        let call = signature.clone().map(Signature::into_owned);
                        self.keep(Kept { owner, id, thoughts, call, bytes: 0, at: now });
                    }
                    Said::Thinking { signature: None, .. }
                    | Said::Text { .. }
                    | Said::Refusal(_) => {}
                }
            }
        }
    }

    /// Finds a place for `kept`.
    fn keep(&self, mut kept: Kept) {
        kept.bytes = kept.size();
        let nothing = kept.thoughts.is_empty() && kept.call.is_none();
        if nothing || kept.bytes > MAX_ENTRY {
            return;
        }
        let places = self.places(&kept.owner, &kept.id);
        // An older one of the same call goes first, then an empty place, then the oldest.
        let order = |place: &&ArcSwapOption<Kept>| match &*place.load() {
            Some(old) if old.is_of(&kept.owner, &kept.id) => (0, old.at),
            None => (1, Micros::default()),
            Some(old) => (2, old.at),
        };
        let Some(place) = places.iter().min_by_key(order) else { return };
        self.bytes.fetch_add(kept.bytes, Relaxed);
        self.replace(place, Some(Arc::new(kept)));
        self.make_room();
    }

    /// Puts `kept` in a place, and lets go of what was there.
    fn replace(&self, place: &ArcSwapOption<Kept>, kept: Option<Arc<Kept>>) {
        // Who takes something out of a place takes it alone, so nothing is subtracted twice.
        if let Some(old) = place.swap(kept) {
            self.bytes.fetch_sub(old.bytes, Relaxed);
        }
    }

    /// Lets go of what has been there long, while there is too much.
    fn make_room(&self) {
        // As many as there are places are enough, whatever other shards do meanwhile.
        for _ in 0..PLACES {
            if self.bytes.load(Relaxed) <= MAX_BYTES {
                return;
            }
            let start = self.hand.load(Relaxed);
            let around = (0..PLACES).map(|step| start.wrapping_add(step) % PLACES);
            let taken = around.filter_map(|at| {
                let place = self.places.get(at)?;
                let since = place.load().as_ref()?.at;
                Some((since, at, place))
            });
            let mut last = start;
            let oldest =
                taken.take(SAMPLE).inspect(|(_, at, _)| last = *at).min_by_key(|one| one.0);
            self.hand.store(last.wrapping_add(1), Relaxed);
            let Some((_, _, place)) = oldest else { return };
            self.replace(place, None);
        }
    }

    /// Where a call of `owner` may be.
    fn places(&self, owner: &str, id: &str) -> &[ArcSwapOption<Kept>] {
        let hash = self.hasher.hash_one((owner, id));
        let sets = (PLACES / WAYS) as u64;
        let set = usize::try_from(hash % sets).unwrap_or_default();
        self.places.get(set * WAYS..(set + 1) * WAYS).unwrap_or_default()
    }

    fn find(&self, owner: &str, id: &str, now: Micros) -> Option<Arc<Kept>> {
        let wanted = |kept: &&Arc<Kept>| kept.is_of(owner, id) && now.since(kept.at) < TIME_TO_LIVE;
        self.places(owner, id)
            .iter()
            .find_map(|place| place.load().as_ref().filter(wanted).cloned())
    }

    /// Puts back into a client's request what was kept of its calls.
    pub fn restore(&self, client: Protocol, owner: &str, request: &mut Request<'_>, now: Micros) {
        if holds_signatures(client) || self.bytes.load(Relaxed) == 0 {
            return;
        }
        let theirs = request.turns.iter_mut().filter(|turn| turn.role == Role::Assistant);
        theirs.for_each(|turn| self.restore_turn(owner, turn, now));
    }

    fn restore_turn(&self, owner: &str, turn: &mut Turn<'_>, now: Micros) {
        let mut thoughts = Vec::new();
        for part in &mut turn.parts {
            let Content::Call(call) = &part.content else { continue };
            let Some(kept) = self.find(owner, &call.id.decode(), now) else { continue };
            if part.signature.is_none() {
                part.signature.clone_from(&kept.call);
            }
            thoughts.extend(kept.thoughts.iter().cloned());
        }
        if !thoughts.is_empty() {
            // The client's own words for them have no signature.
            turn.parts.retain(|part| !matches!(part.content, Content::Thinking(_)));
            turn.parts.splice(0..0, thoughts);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use arc_swap::ArcSwapOption;

    use super::{MAX_BYTES, MAX_ENTRY, Signatures, TIME_TO_LIVE};
    use crate::chat::{
        Answer, Arguments, Call, Choice, Content, Part, Protocol, Request, Role, Said, Signature,
        Text, Turn,
    };
    use crate::runtime::clock::Micros;

    fn signature(data: &str) -> Signature<'static> {
        Signature { by: Protocol::Gemini, data: Text::plain(data) }
    }

    fn answer(id: &str, data: &str) -> Answer<'static> {
        let thought = Said::Thinking { text: Text::plain("hm"), signature: Some(signature("t")) };
        let call = Said::Call {
            id: Text::plain(id),
            name: Text::plain("f"),
            arguments: Arguments::Quoted(Text::default()),
            custom: false,
            signature: Some(signature(data)),
        };
        let choice = Choice { parts: vec![thought, call], ..Choice::default() };
        Answer { choices: vec![choice], ..Answer::default() }
    }

    fn request(id: &str) -> Request<'static> {
        let call = Call {
            id: Text::plain(id),
            name: Text::plain("f"),
            arguments: Arguments::Quoted(Text::default()),
            custom: false,
        };
        let parts = vec![Part::text(Text::plain("so")), Part::new(Content::Call(call))];
        Request { turns: vec![Turn::new(Role::Assistant, parts)], ..Request::default() }
    }

    const OWNER: &str = "alice";

    fn kept(signatures: &Signatures, id: &str, data: &str, now: Micros) {
        signatures.remember(Protocol::Openai, OWNER, &answer(id, data), now);
        assert!(signatures.bytes.load(Relaxed) <= MAX_BYTES);
    }

    fn restored(signatures: &Signatures, id: &str, now: Micros) -> Option<usize> {
        restored_to(OWNER, signatures, id, now)
    }

    fn restored_to(owner: &str, it: &Signatures, id: &str, now: Micros) -> Option<usize> {
        let mut request = request(id);
        it.restore(Protocol::Openai, owner, &mut request, now);
        let parts = &request.turns[0].parts;
        parts.last()?.signature.as_ref()?;
        Some(parts.len())
    }

    /// What stands in the places takes what is counted.
    fn is_counted(signatures: &Signatures) -> bool {
        let places = signatures.places.iter();
        let there: usize = places.filter_map(|place| Some(place.load().as_ref()?.bytes)).sum();
        there == signatures.bytes.load(Relaxed)
    }

    #[test]
    fn what_was_kept_comes_back_before_the_call() {
        let (signatures, now) = (Signatures::default(), Micros::default());
        kept(&signatures, "a", "s", now);
        assert_eq!(restored(&signatures, "a", now), Some(3));
        assert_eq!(restored(&signatures, "b", now), None);
        assert_eq!(restored_to("bob", &signatures, "a", now), None, "it is another's");
        let places = signatures.places.iter();
        let kept = places.filter_map(ArcSwapOption::load_full).next().expect("it is there");
        assert!(kept.is_of(OWNER, "a") && !kept.is_of("bob", "a") && !kept.is_of(OWNER, "b"));
    }

    #[test]
    fn a_client_that_holds_them_needs_no_memory() {
        let (signatures, now) = (Signatures::default(), Micros::default());
        signatures.remember(Protocol::Anthropic, OWNER, &answer("a", "s"), now);
        assert_eq!(restored(&signatures, "a", now), None);
    }

    #[test]
    fn a_call_that_comes_again_takes_its_own_place() {
        let signatures = Signatures::default();
        for n in 0..10 {
            kept(&signatures, "same", "s", Micros(n));
        }
        let taken = signatures.places.iter().filter(|place| place.load().is_some()).count();
        assert_eq!((taken, restored(&signatures, "same", Micros(10))), (1, Some(3)));
        assert!(is_counted(&signatures));
    }

    #[test]
    fn time_is_bounded() {
        let signatures = Signatures::default();
        kept(&signatures, "a", "s", Micros(5));
        assert_eq!(restored(&signatures, "a", Micros(4 + TIME_TO_LIVE)), Some(3));
        assert_eq!(restored(&signatures, "a", Micros(5 + TIME_TO_LIVE)), None);
    }

    #[test]
    fn room_is_bounded_and_the_old_give_way() {
        let signatures = Signatures::default();
        let long = "x".repeat(100_000);
        for n in 0..1000 {
            kept(&signatures, &format!("c{n}"), &long, Micros(n));
            // There are older ones in every sample, and this is the only one of its moment.
            assert_eq!(restored(&signatures, &format!("c{n}"), Micros(n)), Some(3));
        }
        assert!(is_counted(&signatures));
        let left = |from: u64| {
            let ids = (from..from + 500).map(|n| format!("c{n}"));
            ids.filter(|id| restored(&signatures, id, Micros(1000)).is_some()).count()
        };
        let (old, new) = (left(0), left(500));
        assert!((MAX_BYTES / 101_000..=MAX_BYTES / 100_000).contains(&(old + new)), "{old} {new}");
        assert!(old < 10, "{old} of the older half");
        let longer = "x".repeat(MAX_ENTRY);
        kept(&signatures, "long", &longer, Micros(1001));
        assert_eq!(restored(&signatures, "long", Micros(1001)), None);
        for n in 0..20_000 {
            kept(&signatures, &format!("d{n}"), "s", Micros(1001 + n));
        }
        assert_eq!(restored(&signatures, "d19999", Micros(30_000)), Some(3));
        assert!(is_counted(&signatures));
    }

    #[test]
    fn shards_share_them_without_losing_count() {
        let signatures = Signatures::default();
        let long = "x".repeat(50_000);
        let shard = &|number: u64| {
            for n in 0..500 {
                let id = format!("c{}", (n * 7 + number) % 300);
                let answer = answer(&id, &long);
                signatures.remember(Protocol::Openai, OWNER, &answer, Micros(n));
                restored(&signatures, &id, Micros(n));
            }
        };
        std::thread::scope(|scope| {
            (0..4).for_each(|number| drop(scope.spawn(move || shard(number))));
        });
        assert!(is_counted(&signatures));
        assert!(signatures.bytes.load(Relaxed) <= MAX_BYTES);
        kept(&signatures, "last", "s", Micros(500));
        assert_eq!(restored(&signatures, "last", Micros(500)), Some(3));
    }
}
