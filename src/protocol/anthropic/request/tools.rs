//! Tools, and whether one must be called.

use crate::chat::Format;
use crate::chat::Losses;
use crate::chat::Request;
use crate::chat::Text;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::anthropic::is_own;
use crate::protocol::anthropic::names;
use crate::protocol::anthropic::request::FORMAT_TOOL;
use crate::protocol::anthropic::request::parts::Marks;
use crate::protocol::anthropic::request::rest;
use crate::protocol::anthropic::request::schema;

/// The schema of a tool that takes nothing.
const NOTHING: &[u8] = br#"{"type":"object","properties":{}}"#;

/// The schema of a tool that takes text.
const TEXT: &[u8] =
    br#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// Most tools whose input is held to a schema.
const MAX_STRICT: usize = 20;

/// How the answer's form is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'r, 'a> {
    /// Not at all.
    Any,
    /// By an instruction.
    Object,
    /// By `output_config.format`.
    Native(&'r Format<'a>),
    /// By a tool that must be called.
    Tool(&'r Format<'a>),
}

impl<'r, 'a> Shape<'r, 'a> {
    /// How the form that `request` wants is asked for.
    ///
    /// # Errors
    /// A 400 where the model cannot be held to it.
    pub fn new(request: &'r Request<'a>, target: &Target<'_>) -> Result<Self, Error> {
        match &request.format {
            None | Some(Format::Text) => Ok(Self::Any),
            Some(Format::Object) => Ok(Self::Object),
            Some(format) if target.facts.json_schema => Ok(Self::Native(format)),
            Some(format) if target.facts.forced_tools => Ok(Self::Tool(format)),
            Some(Format::Schema { .. }) => {
                let rule = "`response_format`: the model cannot be held to a JSON Schema";
                Err(Error::field("response_format", rule))
            }
        }
    }
}

/// What is written of tools.
#[derive(Debug)]
pub struct Tools<'r, 'a> {
    request: &'r Request<'a>,
    tools: Vec<&'r Tool<'a>>,
    format: Option<&'r Format<'a>>,
    choice: Option<ToolChoice<'r>>,
    /// Whether tools can be held to their schemas.
    exact: bool,
}

impl<'r, 'a> Tools<'r, 'a> {
    /// Decides which tools are told of and how their use is asked for. `may_force` is false where the
    /// model takes no such demand.
    pub fn new(
        request: &'r Request<'a>,
        shape: &Shape<'r, 'a>,
        target: &Target<'_>,
        may_force: bool,
        losses: &mut Losses,
    ) -> Self {
        let wish = request.tool_choice.as_ref();
        let allowed = |tool: &&Tool<'_>| match wish {
            Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.name),
            Some(
                ToolChoice::Auto | ToolChoice::None | ToolChoice::Required | ToolChoice::Named(_),
            )
            | None => true,
        };
        let tools: Vec<_> = request.tools.iter().filter(allowed).collect();
        let format = match shape {
            Shape::Tool(format) => Some(*format),
            Shape::Any | Shape::Object | Shape::Native(_) => None,
        };
        let alone = tools.is_empty() || matches!(wish, Some(ToolChoice::None));
        let choice = match wish {
            _ if format.is_some() && alone => Some(ToolChoice::Named(Text::plain(FORMAT_TOOL))),
            Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => {
                Some(ToolChoice::Required)
            }
            Some(ToolChoice::Named(name)) => Some(ToolChoice::Named(name.borrowed())),
            _ if format.is_some() => Some(ToolChoice::Required),
            Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => {
                Some(ToolChoice::Auto)
            }
            Some(ToolChoice::None) => Some(ToolChoice::None),
            None => None,
        };
        let exact = target.facts.json_schema;
        let mut made = Self { request, tools, format, choice, exact };
        let forced = matches!(made.choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
        if made.is_empty() {
            losses.drop_if(forced, "tool_choice");
            made.choice = None;
        } else if forced && !may_force {
            losses.drop("tool_choice");
            made.choice = Some(ToolChoice::Auto);
        }
        made
    }

    fn is_empty(&self) -> bool {
        self.tools.is_empty() && self.format.is_none()
    }

    /// Marks that will be written.
    pub fn marks(&self) -> usize {
        let marked = |tool: &&&Tool<'_>| match &tool.kind {
            ToolKind::Own(own) => own.value.value().get("cache_control").is_some(),
            ToolKind::Function(_) | ToolKind::Custom(_) => tool.cache.is_some(),
        };
        self.tools.iter().filter(marked).count()
    }

    /// Writes `tools` and `tool_choice`, if there is anything to say.
    ///
    /// # Errors
    /// A 400 that names `tools`.
    pub fn write(
        &self,
        body: &mut Object<'_>,
        marks: &mut Marks,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let out = body.key("tools");
        let mut list = List::open(out);
        let mut strict = 0;
        for tool in &self.tools {
            list.next(out);
            strict += usize::from(tool.strict == Some(true));
            let exact = self.exact && strict <= MAX_STRICT;
            write_tool(tool, exact, marks, losses, out)?;
        }
        if let Some(format) = self.format {
            list.next(out);
            write_format_tool(format, out);
        }
        out.push(b']');
        self.write_choice(body);
        Ok(())
    }

    fn write_choice(&self, body: &mut Object<'_>) {
        let parallel = self.request.parallel_tools;
        let choice = match (&self.choice, parallel) {
            (Some(choice), _) => choice,
            (None, Some(false)) => &ToolChoice::Auto,
            (None, Some(true) | None) => return,
        };
        body.section("tool_choice", |object| {
            match choice {
                ToolChoice::Auto | ToolChoice::Allowed { .. } => object.word("type", "auto"),
                ToolChoice::None => object.word("type", "none"),
                ToolChoice::Required => object.word("type", "any"),
                ToolChoice::Named(name) => {
                    object.word("type", "tool");
                    object.string("name", &names::legal(name));
                }
            }
            if let Some(parallel) = parallel.filter(|_| *choice != ToolChoice::None) {
                object.truth("disable_parallel_tool_use", !parallel);
            }
            rest::write_own(self.request, "tool_choice", object);
        });
    }
}

fn write_tool(
    tool: &Tool<'_>,
    exact: bool,
    marks: &mut Marks,
    losses: &mut Losses,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    if let ToolKind::Own(own) = &tool.kind {
        if !is_own(own) {
            let rule = format!("`tools`: Anthropic has no tool of the kind `{}`", own.name);
            return Err(Error::field("tools", rule));
        }
        if own.value.value().get("cache_control").is_some() {
            // It is written as a whole; that it counts is all that can be told.
            marks.take();
        }
        own.value.write(out);
        return Ok(());
    }
    let strict = tool.strict.filter(|_| exact);
    losses.drop_if(tool.strict == Some(true) && strict.is_none(), "strict");
    let mut object = Object::open(out);
    object.string("name", &names::legal(&tool.name));
    if let Some(description) = &tool.description {
        object.text("description", description);
    }
    let out = object.key("input_schema");
    match &tool.kind {
        ToolKind::Function(Some(schema)) => {
            losses.drop_if(!schema::is_input(schema.value()), "parameters");
            schema::write_input(schema.value(), strict == Some(true), out);
        }
        ToolKind::Function(None) | ToolKind::Own(_) => out.extend_from_slice(NOTHING),
        ToolKind::Custom(format) => {
            losses.drop_if(format.is_some(), "format");
            out.extend_from_slice(TEXT);
        }
    }
    if let Some(strict) = strict {
        object.truth("strict", strict);
    }
    marks.write(tool.cache, &mut object, losses);
    for extra in &tool.extra {
        if is_own(extra) {
            extra.value.write(object.any_key(&extra.name));
        } else {
            losses.drop_extra(extra);
        }
    }
    object.close();
    Ok(())
}

/// Appends the tool whose input is the answer.
fn write_format_tool(format: &Format<'_>, out: &mut Vec<u8>) {
    let Format::Schema { description, schema, .. } = format else { return };
    let mut object = Object::open(out);
    object.word("name", FORMAT_TOOL);
    match description {
        Some(description) => object.text("description", description),
        None => object.word("description", "Call this tool with your answer."),
    }
    schema::write_input(schema.value(), false, object.key("input_schema"));
    object.close();
}
