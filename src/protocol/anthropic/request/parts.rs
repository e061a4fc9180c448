//! Content blocks for Anthropic.

use crate::chat::Arguments;
use crate::chat::Cache;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::Media;
use crate::chat::NotAnObject;
use crate::chat::Part;
use crate::chat::Text;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::anthropic::is_own;
use crate::protocol::anthropic::names;
use crate::protocol::anthropic::request::media;
use crate::protocol::anthropic::request::plan::Item;

/// Most marks that are taken.
const MAX_MARKS: usize = 4;

/// Which marks are written: the last ones, which reach furthest.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// The first ones, which are left out.
    skip: usize,
    /// Whether a short one was written: longer ones must stand before it.
    short: bool,
}

impl Marks {
    /// Of `total` marks.
    pub fn new(total: usize, losses: &mut Losses) -> Self {
        losses.drop_if(total > MAX_MARKS, "cache_control");
        Self { skip: total.saturating_sub(MAX_MARKS), short: false }
    }

    /// Counts one, and tells whether it is among those that are written.
    pub const fn take(&mut self) -> bool {
        let taken = self.skip == 0;
        self.skip = self.skip.saturating_sub(1);
        taken
    }

    /// Writes a mark, if there is one and it is among those. One that keeps for less than was wished
    /// is told.
    pub fn write(&mut self, cache: Option<Cache>, block: &mut Object<'_>, losses: &mut Losses) {
        let Some(cache) = cache.filter(|_| self.take()) else { return };
        let long = cache != Cache::Standard;
        losses.drop_if(long && self.short || cache == Cache::HalfDay, "cache_control");
        if long && !self.short {
            block.fixed("cache_control", r#"{"type":"ephemeral","ttl":"1h"}"#);
        } else {
            self.short = true;
            block.fixed("cache_control", r#"{"type":"ephemeral"}"#);
        }
    }
}

/// The marks on a block and within it.
pub fn marks(part: &Part<'_>) -> usize {
    let own = |part: &Part<'_>| match &part.content {
        Content::Other(extra) => usize::from(extra.value.value().get("cache_control").is_some()),
        // These cannot bear one.
        Content::Thinking(_) | Content::Redacted => 0,
        Content::Text(_)
        | Content::Refusal(_)
        | Content::Media(_)
        | Content::Call(_)
        | Content::Result(_) => usize::from(part.cache.is_some()),
    };
    let within = match &part.content {
        Content::Result(result) => {
            result.parts.iter().filter(|part| !is_left_out(part)).map(own).sum()
        }
        Content::Text(_)
        | Content::Refusal(_)
        | Content::Media(_)
        | Content::Call(_)
        | Content::Thinking(_)
        | Content::Redacted
        | Content::Other(_) => 0,
    };
    own(part) + within
}

/// Whether a part says nothing.
fn is_left_out(part: &Part<'_>) -> bool {
    matches!(&part.content, Content::Text(text) | Content::Refusal(text) if text.is_blank())
}

/// Writes blocks.
#[derive(Debug)]
pub struct Blocks<'w> {
    /// What the model takes.
    pub facts: &'w Facts,
    /// What could not be said.
    pub losses: &'w mut Losses,
    /// Which marks are written.
    pub marks: Marks,
}

impl Blocks<'_> {
    /// Appends a block.
    ///
    /// # Errors
    /// A 400 that names `messages`.
    pub fn item(&mut self, item: &Item<'_, '_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let part = match item {
            Item::Part(part) => return self.part(part, out),
            Item::Missing(id) => {
                let mut block = Object::open(out);
                block.word("type", "tool_result");
                block.string("tool_use_id", id);
                block.word("content", "no result was given");
                block.truth("is_error", true);
                block.close();
                return Ok(());
            }
            Item::Call(part, ..) | Item::Result(part, ..) => part,
        };
        let mut block = Object::open(out);
        match item {
            Item::Call(_, call, id) => {
                block.word("type", "tool_use");
                block.string("id", id);
                block.string("name", &names::legal(&call.name));
                let input = block.key("input");
                write_arguments(&call.arguments, call.custom, input).map_err(|NotAnObject| {
                    let name = call.name.decode();
                    let rule = "`messages`: the arguments of a call are no object: of";
                    Error::field("messages", format!("{rule} `{name}`"))
                })?;
            }
            Item::Result(_, result, id) => {
                block.word("type", "tool_result");
                block.string("tool_use_id", id);
                self.returned(result, &mut block)?;
                if result.failed {
                    block.truth("is_error", true);
                }
            }
            Item::Part(_) | Item::Missing(_) => {}
        }
        self.dress(part, &mut block);
        block.close();
        Ok(())
    }

    /// The mark of a block, and its members that are Anthropic's. The others are told.
    fn dress(&mut self, part: &Part<'_>, block: &mut Object<'_>) {
        self.marks.write(part.cache, block, self.losses);
        self.extras(part, block);
    }

    fn extras(&mut self, part: &Part<'_>, block: &mut Object<'_>) {
        for extra in &part.extra {
            if is_own(extra) {
                extra.value.write(block.any_key(&extra.name));
            } else {
                self.losses.drop_extra(extra);
            }
        }
    }

    /// Appends a part that is neither a call nor a result.
    fn part(&mut self, part: &Part<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Content::Other(extra) = &part.content {
            if extra.value.value().get("cache_control").is_some() {
                // It is written as a whole; that it counts is all that can be told.
                self.marks.take();
            }
            extra.value.write(out);
            return Ok(());
        }
        let mut block = Object::open(out);
        match &part.content {
            Content::Text(text) | Content::Refusal(text) => {
                block.word("type", "text");
                block.text("text", text);
                self.dress(part, &mut block);
            }
            Content::Media(media) => self.media(part, media, &mut block)?,
            Content::Thinking(text) => {
                block.word("type", "thinking");
                block.text("thinking", text);
                write_signature(part, "signature", &mut block);
                self.extras(part, &mut block);
            }
            Content::Redacted => {
                block.word("type", "redacted_thinking");
                write_signature(part, "data", &mut block);
                self.extras(part, &mut block);
            }
            // These come with their ids and not here.
            Content::Call(_) | Content::Result(_) | Content::Other(_) => {}
        }
        block.close();
        Ok(())
    }

    fn media(
        &mut self,
        part: &Part<'_>,
        media: &Media<'_>,
        block: &mut Object<'_>,
    ) -> Result<(), Error> {
        let detail = media.detail.as_ref();
        self.losses.drop_if(detail.is_some_and(|detail| !detail.is("auto")), "detail");
        let kind = media::kind(media, self.facts)?;
        block.word("type", kind);
        let mut source = Object::open(block.key("source"));
        media::write_source(media, &mut source)?;
        source.close();
        if let Some(name) = media.name.as_ref().filter(|_| kind == "document") {
            block.text("title", name);
        }
        self.dress(part, block);
        Ok(())
    }

    /// Writes the content of a result, if there is any.
    fn returned(&mut self, result: &CallResult<'_>, block: &mut Object<'_>) -> Result<(), Error> {
        let silent = |part: &Part<'_>| is_left_out(part) && part.cache.is_some();
        self.losses.drop_if(result.parts.iter().any(silent), "cache_control");
        let mut parts = result.parts.iter().filter(|part| !is_left_out(part)).peekable();
        if let [only] = result.parts.as_slice()
            && let Some(text) = plain(only)
        {
            if !text.is_blank() {
                block.text("content", text);
            }
            return Ok(());
        }
        if parts.peek().is_none() {
            return Ok(());
        }
        let out = block.key("content");
        let mut list = List::open(out);
        for part in parts {
            let refuse = |what: &str| {
                let rule = format!("`messages`: Anthropic takes no {what} in a tool's result");
                Err(Error::field("messages", rule))
            };
            match &part.content {
                Content::Text(_) | Content::Refusal(_) | Content::Media(_) => {}
                Content::Other(extra) if is_own(extra) => {}
                Content::Other(extra) => {
                    return refuse(&format!("part of the kind `{}`", extra.name));
                }
                Content::Call(_)
                | Content::Result(_)
                | Content::Thinking(_)
                | Content::Redacted => return refuse("call, result or thought"),
            }
            list.next(out);
            self.part(part, out)?;
        }
        out.push(b']');
        Ok(())
    }
}

/// The text of a part, if that is all there is to it.
pub fn plain<'p, 'a>(part: &'p Part<'a>) -> Option<&'p Text<'a>> {
    let bare = part.cache.is_none() && part.extra.is_empty();
    match &part.content {
        Content::Text(text) | Content::Refusal(text) if bare => Some(text),
        Content::Text(_)
        | Content::Refusal(_)
        | Content::Media(_)
        | Content::Call(_)
        | Content::Result(_)
        | Content::Thinking(_)
        | Content::Redacted
        | Content::Other(_) => None,
    }
}

fn write_signature(part: &Part<'_>, name: &str, block: &mut Object<'_>) {
    match &part.signature {
        Some(signature) => block.text(name, &signature.data),
        None => block.word(name, ""),
    }
}

/// Appends a call's arguments as an object. Those of a custom tool are text, which stands in it as
/// `input`.
///
/// # Errors
/// [`NotAnObject`]; nothing is appended then.
pub fn write_arguments(
    arguments: &Arguments<'_>,
    custom: bool,
    out: &mut Vec<u8>,
) -> Result<(), NotAnObject> {
    if !custom {
        return arguments.write_object(out);
    }
    out.extend_from_slice(br#"{"input":""#);
    arguments.write_inside(out);
    out.extend_from_slice(br#""}"#);
    Ok(())
}
