//! Content blocks for Converse.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::chat::Arguments;
use crate::chat::Cache;
use crate::chat::Call;
use crate::chat::CallResult;
use crate::chat::Content;
use crate::chat::Extra;
use crate::chat::Facts;
use crate::chat::Losses;
use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::NotAnObject;
use crate::chat::Part;
use crate::chat::Protocol;
use crate::chat::Source;
use crate::chat::Text;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::bedrock::media;
use crate::protocol::bedrock::names;
use crate::protocol::bedrock::request::turns::Item;
use crate::protocol::bedrock::request::turns::is_own;

/// Most marks that are taken.
const MAX_MARKS: usize = 4;

/// Which marks are written.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// Whether the model takes any.
    pub taken: bool,
    /// Whether it takes those of an hour.
    pub long: bool,
    /// Whether it takes those behind tools.
    pub tools: bool,
    /// The first ones, which are left out.
    skip: usize,
    /// Whether a short one was written: longer ones must stand before it.
    short: bool,
}

impl Marks {
    /// What `model` takes of `total` marks. A model of which nothing is known takes all.
    pub fn new(model: &str, total: usize, losses: &mut Losses) -> Self {
        let nova = model.contains("nova");
        let claude = model.contains("anthropic") || model.contains("claude");
        let taken = claude || nova || model.starts_with("arn:");
        let skip = total.saturating_sub(MAX_MARKS);
        losses.drop_if(total > 0 && (!taken || skip > 0), "cache_control");
        Self { taken, long: !nova, tools: !nova, skip, short: false }
    }

    /// Appends the block of a mark, if there is one and it is to be written. One that keeps for less
    /// than was wished is told.
    pub fn write(
        &mut self,
        cache: Option<Cache>,
        list: &mut List,
        out: &mut Vec<u8>,
        losses: &mut Losses,
    ) {
        let Some(cache) = cache.filter(|_| self.taken) else { return };
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        list.next(out);
        let wished = cache != Cache::Standard;
        let long = wished && self.long && !self.short;
        losses.drop_if(wished && !long || cache == Cache::HalfDay, "cache_control");
        let point = if long {
            r#"{"cachePoint":{"type":"default","ttl":"1h"}}"#
        } else {
            self.short = true;
            r#"{"cachePoint":{"type":"default"}}"#
        };
        out.extend_from_slice(point.as_bytes());
    }
}

/// Writes blocks, and remembers what must not be said twice.
#[derive(Debug)]
pub struct Blocks<'w> {
    /// What the model takes.
    pub facts: &'w Facts,
    /// Takes what is not carried.
    pub losses: &'w mut Losses,
    /// Which marks are left to write.
    pub marks: Marks,
    /// Names of documents.
    pub names: Vec<String>,
}

impl Blocks<'_> {
    /// Appends a block and its mark.
    pub fn item(
        &mut self,
        item: &Item<'_, '_>,
        list: &mut List,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if !matches!(item, Item::Mark(_)) {
            list.next(out);
        }
        match item {
            Item::Mark(_) => {}
            Item::Part(part) => self.part(part, out)?,
            Item::Call(part, id) => self.call(part, id, out)?,
            Item::Result(part, id) => self.result(part, id, out)?,
            Item::Missing(id) => {
                let mut block = Object::open(out);
                let mut inner = Object::open(block.key("toolResult"));
                inner.word("toolUseId", id);
                inner.key("content").extend_from_slice(br#"[{"text":"no result was given"}]"#);
                inner.word("status", "error");
                inner.close();
                block.close();
            }
        }
        self.marks.write(item.cache(), list, out, self.losses);
        Ok(())
    }

    /// Appends a part that is neither a call nor a result.
    pub fn part(&mut self, part: &Part<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        match &part.content {
            Content::Text(text) | Content::Refusal(text) => self.text(part, text, out),
            Content::Media(media) => return self.media(part, media, out),
            Content::Thinking(text) => self.thinking(part, text, out),
            Content::Redacted => {
                let data = part.signature.as_ref().map(|signature| &signature.data);
                let mut block = Object::open(out);
                let mut inner = Object::open(block.key("reasoningContent"));
                inner.text("redactedContent", data.unwrap_or(&Text::default()));
                inner.close();
                block.close();
                self.foreign(part);
            }
            Content::Other(extra) => {
                extra.value.write(out);
                self.foreign(part);
            }
            // These come with their ids and not here.
            Content::Call(_) | Content::Result(_) => out.extend_from_slice(b"{}"),
        }
        Ok(())
    }

    /// A part's members that are Bedrock's. The others are told.
    fn own<'r, 'a>(
        &mut self,
        part: &'r Part<'a>,
    ) -> impl Iterator<Item = &'r Extra<'a>> + use<'r, 'a> {
        self.foreign(part);
        part.extra.iter().filter(|extra| extra.by == Protocol::Bedrock)
    }

    fn foreign(&mut self, part: &Part<'_>) {
        for extra in &part.extra {
            let _ = is_own(extra, self.losses);
        }
    }

    fn text(&mut self, part: &Part<'_>, text: &Text<'_>, out: &mut Vec<u8>) {
        let citations = self.own(part).find(|extra| extra.name == "citations");
        let mut block = Object::open(out);
        match citations {
            None => block.text("text", text),
            Some(citations) => {
                let mut inner = Object::open(block.key("citationsContent"));
                let out = inner.key("content");
                out.extend_from_slice(br#"[{"text":"#);
                text.write(out);
                out.extend_from_slice(b"}]");
                citations.value.write(inner.key("citations"));
                inner.close();
            }
        }
        block.close();
    }

    fn thinking(&mut self, part: &Part<'_>, text: &Text<'_>, out: &mut Vec<u8>) {
        let mut block = Object::open(out);
        let mut content = Object::open(block.key("reasoningContent"));
        let mut inner = Object::open(content.key("reasoningText"));
        inner.text("text", text);
        if let Some(signature) = &part.signature {
            inner.text("signature", &signature.data);
        }
        inner.close();
        content.close();
        block.close();
        self.foreign(part);
    }

    fn media(
        &mut self,
        part: &Part<'_>,
        media: &Media<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let detail = media.detail.as_ref();
        self.losses.drop_if(detail.is_some_and(|detail| !detail.is("auto")), "detail");
        let member = media::member(media.kind);
        let refuse = |what: &str| {
            Error::field("messages", format!("`messages`: {what} (of a part that is {member})"))
        };
        let taken = match media.kind {
            MediaKind::Image => self.facts.images,
            MediaKind::Document => self.facts.documents,
            MediaKind::Audio => self.facts.audio,
            MediaKind::Video => true,
        };
        if !taken {
            return Err(refuse("the model does not take such media"));
        }
        let address = match &media.source {
            Source::Url(url) => Some(url.decode()),
            Source::Base64(_) | Source::Plain(_) => None,
            Source::File(..) => return Err(refuse("a file's id means nothing to Bedrock")),
        };
        if address.as_ref().is_some_and(|url| !url.starts_with("s3://")) {
            return Err(refuse("Bedrock reads no address but those of S3; send the data itself"));
        }
        let mime = media.mime.as_ref().map(Text::decode);
        let format = media::format(media.kind, mime.as_deref(), address.as_deref());
        let plain = matches!(media.source, Source::Plain(_)).then_some("txt");
        let format =
            format.or(plain).ok_or_else(|| refuse("Bedrock does not take media of this type"))?;
        let name = (media.kind == MediaKind::Document)
            .then(|| names::document(media.name.as_ref(), &mut self.names));

        let own = self.own(part);
        let mut block = Object::open(out);
        let mut inner = Object::open(block.key(member));
        inner.word("format", format);
        if let Some(name) = name {
            inner.word("name", &name);
        }
        let mut source = Object::open(inner.key("source"));
        write_source(media, part, &mut source);
        source.close();
        for extra in own.filter(|extra| extra.name != "bucketOwner") {
            extra.value.write(inner.any_key(&extra.name));
        }
        inner.close();
        block.close();
        Ok(())
    }

    fn call(&mut self, part: &Part<'_>, id: &str, out: &mut Vec<u8>) -> Result<(), Error> {
        let Content::Call(call) = &part.content else { return Ok(()) };
        let own = self.own(part);
        let mut block = Object::open(out);
        let mut inner = Object::open(block.key("toolUse"));
        inner.word("toolUseId", id);
        inner.word("name", &names::tool(&call.name));
        write_arguments(call, inner.key("input")).map_err(|NotAnObject| {
            let name = call.name.decode();
            let message = format!("`messages`: the arguments of a call of `{name}` are no object");
            Error::field("messages", message)
        })?;
        own.for_each(|extra| extra.value.write(inner.any_key(&extra.name)));
        inner.close();
        block.close();
        Ok(())
    }

    fn result(&mut self, part: &Part<'_>, id: &str, out: &mut Vec<u8>) -> Result<(), Error> {
        let Content::Result(result) = &part.content else { return Ok(()) };
        let own = self.own(part);
        let mut block = Object::open(out);
        let mut inner = Object::open(block.key("toolResult"));
        inner.word("toolUseId", id);
        self.result_content(result, inner.key("content"))?;
        if result.failed {
            inner.word("status", "error");
        }
        own.for_each(|extra| extra.value.write(inner.any_key(&extra.name)));
        inner.close();
        block.close();
        Ok(())
    }

    fn result_content(&mut self, result: &CallResult<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut list = List::open(out);
        for part in &result.parts {
            let refuse = |what: &str| {
                let message = format!("`messages`: Bedrock takes no {what} in a tool's result");
                Err(Error::field("messages", message))
            };
            match &part.content {
                Content::Text(text) | Content::Refusal(text) if text.is_blank() => continue,
                Content::Text(_) | Content::Refusal(_) => {}
                Content::Media(media) if media.kind == MediaKind::Audio => return refuse("sound"),
                Content::Media(_) => {}
                Content::Other(extra) if extra.by == Protocol::Bedrock => {}
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
        if list.is_empty() {
            out.extend_from_slice(br#"{"text":"."}"#);
        }
        out.push(b']');
        Ok(())
    }
}

fn write_source(media: &Media<'_>, part: &Part<'_>, source: &mut Object<'_>) {
    match &media.source {
        Source::Base64(data) => source.text("bytes", data),
        Source::Plain(text) if media.kind == MediaKind::Document => source.text("text", text),
        Source::Plain(text) => {
            source.string("bytes", &STANDARD.encode(text.decode().as_bytes()));
        }
        Source::Url(uri) | Source::File(_, uri) => {
            let mut place = Object::open(source.key("s3Location"));
            place.text("uri", uri);
            if let Some(owner) = part.extra.iter().find(|extra| extra.name == "bucketOwner") {
                owner.value.write(place.key("bucketOwner"));
            }
            place.close();
        }
    }
}

/// Appends a call's arguments as an object. Those of a custom tool are text, which stands in it as
/// `input`.
pub fn write_arguments(call: &Call<'_>, out: &mut Vec<u8>) -> Result<(), NotAnObject> {
    if call.custom {
        write_input(&call.arguments, out);
        return Ok(());
    }
    call.arguments.write_object(out)
}

/// Appends an object whose only member is text.
pub fn write_input(text: &Arguments<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"input":""#);
    text.write_inside(out);
    out.extend_from_slice(br#""}"#);
}
