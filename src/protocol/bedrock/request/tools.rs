//! Tools, and whether one must be called.

use crate::chat::Format;
use crate::chat::Json;
use crate::chat::Losses;
use crate::chat::Protocol;
use crate::chat::Request;
use crate::chat::Text;
use crate::chat::Tool;
use crate::chat::ToolChoice;
use crate::chat::ToolKind;
use crate::codec::json::Kind as JsonKind;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::error::Error;
use crate::protocol::Target;
use crate::protocol::bedrock::FORMAT_TOOL;
use crate::protocol::bedrock::names;
use crate::protocol::bedrock::request::options;
use crate::protocol::bedrock::request::parts::Marks;
use crate::protocol::bedrock::request::turns::Plan;
use crate::protocol::bedrock::request::turns::is_own;

/// The schema of a tool that takes nothing.
const NOTHING: &str = r#"{"type":"object","properties":{}}"#;
/// The schema of a tool that takes text.
const TEXT: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// How the answer's form is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'r, 'a> {
    /// Not at all.
    Any,
    /// By an instruction.
    Object,
    /// By Converse's own words.
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
                let message = "the model cannot be held to a JSON Schema";
                Err(Error::field("response_format", message))
            }
        }
    }
}

/// Whether a tool must be called, as Converse says it.
#[derive(Clone, Debug)]
enum Choice<'r, 'a> {
    Auto,
    Any,
    Named(&'r Text<'a>),
    Format,
}

/// What is written of tools.
#[derive(Debug)]
pub struct Tools<'r, 'a> {
    request: &'r Request<'a>,
    tools: Vec<&'r Tool<'a>>,
    /// Tools that earlier turns called and the client tells nothing of.
    called: Vec<&'r Text<'a>>,
    format: Option<&'r Format<'a>>,
    choice: Option<Choice<'r, 'a>>,
}

impl<'r, 'a> Tools<'r, 'a> {
    /// Decides which tools are told of and how their use is asked for. `may_force` is false where
    /// the model takes no such demand, or thinks.
    pub fn new(
        request: &'r Request<'a>,
        plan: &Plan<'r, 'a>,
        shape: &Shape<'r, 'a>,
        may_force: bool,
        losses: &mut Losses,
    ) -> Self {
        let allowed = |tool: &&Tool<'_>| match &request.tool_choice {
            Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.name),
            Some(
                ToolChoice::Auto | ToolChoice::None | ToolChoice::Required | ToolChoice::Named(_),
            )
            | None => true,
        };
        let none = matches!(request.tool_choice, Some(ToolChoice::None));
        let uses = plan.uses_tools();
        let mut tools: Vec<_> = request.tools.iter().filter(allowed).collect();
        if none && !uses {
            tools.clear();
        }
        let format = match shape {
            Shape::Tool(format) => Some(*format),
            Shape::Any | Shape::Object | Shape::Native(_) => None,
        };
        let mut called: Vec<&'r Text<'a>> = Vec::new();
        if tools.is_empty() && format.is_none() {
            for name in plan.called() {
                if !called.contains(&name) {
                    called.push(name);
                }
            }
        }
        losses.drop_if(none && uses, "tool_choice");
        let choice = match &request.tool_choice {
            _ if format.is_some() && (tools.is_empty() || none) => Some(Choice::Format),
            Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => {
                Some(Choice::Any)
            }
            Some(ToolChoice::Named(name)) => Some(Choice::Named(name)),
            _ if format.is_some() => Some(Choice::Any),
            Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => {
                Some(Choice::Auto)
            }
            Some(ToolChoice::None) | None => None,
        };
        let mut made = Self { request, tools, called, format, choice };
        if !may_force && matches!(made.choice, Some(Choice::Any | Choice::Named(_))) {
            losses.drop("tool_choice");
            made.choice = Some(Choice::Auto);
        }
        made
    }

    /// Marks that will be written.
    pub fn marks(&self) -> usize {
        self.tools.iter().filter(|tool| tool.cache.is_some()).count()
    }

    /// Writes `toolConfig`, if there is anything to say.
    ///
    /// # Errors
    /// A 400 that names `tools`.
    pub fn write(
        &self,
        body: &mut Object<'_>,
        marks: &mut Marks,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        if self.tools.is_empty() && self.called.is_empty() && self.format.is_none() {
            let forced = matches!(self.choice, Some(Choice::Any | Choice::Named(_)));
            losses.drop_if(forced, "tool_choice");
            return Ok(());
        }
        let mut config = Object::open(body.key("toolConfig"));
        let out = config.key("tools");
        let mut list = List::open(out);
        for tool in &self.tools {
            list.next(out);
            write_tool(tool, out, losses)?;
            if marks.tools {
                marks.write(tool.cache, &mut list, out, losses);
            } else {
                losses.drop_if(tool.cache.is_some(), "cache_control");
            }
        }
        for name in &self.called {
            list.next(out);
            let nothing = Json::fixed(NOTHING);
            let told = Told { name: &names::tool(name), description: None, schema: &nothing };
            told.write(out, |_| {})?;
        }
        if let Some(format) = self.format {
            list.next(out);
            write_format_tool(format, out)?;
        }
        out.push(b']');
        if let Some(choice) = &self.choice {
            write_choice(choice, config.key("toolChoice"));
        }
        options::write_own(self.request, "toolConfig", &mut config);
        config.close();
        Ok(())
    }
}

fn write_choice(choice: &Choice<'_, '_>, out: &mut Vec<u8>) {
    let name = match choice {
        Choice::Auto => return out.extend_from_slice(br#"{"auto":{}}"#),
        Choice::Any => return out.extend_from_slice(br#"{"any":{}}"#),
        Choice::Named(name) => names::tool(name),
        Choice::Format => FORMAT_TOOL.into(),
    };
    let mut choice = Object::open(out);
    let mut tool = Object::open(choice.key("tool"));
    tool.word("name", &name);
    tool.close();
    choice.close();
}

/// What is told of a tool.
struct Told<'t> {
    name: &'t str,
    description: Option<&'t Text<'t>>,
    schema: &'t Json<'t>,
}

impl Told<'_> {
    /// Appends `toolSpec`; `more` adds members to it.
    fn write(&self, out: &mut Vec<u8>, more: impl FnOnce(&mut Object<'_>)) -> Result<(), Error> {
        let mut tool = Object::open(out);
        let mut spec = Object::open(tool.key("toolSpec"));
        spec.word("name", self.name);
        if let Some(description) = self.description.filter(|text| !text.is_empty()) {
            spec.text("description", description);
        }
        let mut schema = Object::open(spec.key("inputSchema"));
        write_schema(self.schema, schema.key("json"))?;
        schema.close();
        more(&mut spec);
        spec.close();
        tool.close();
        Ok(())
    }
}

/// Appends a schema, which must be that of an object and say so.
fn write_schema(schema: &Json<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    let value = schema.value();
    let kind = value.get("type").filter(|kind| !kind.is_null());
    match (value.kind(), kind) {
        (JsonKind::Object, Some(kind)) if kind.as_str().is_some_and(|kind| kind.is("object")) => {
            schema.write(out);
        }
        (JsonKind::Object, None) if value.get("type").is_none() => {
            let mut members = value.members();
            let comma = if members.next().is_some() { "," } else { "" };
            out.extend_from_slice(br#"{"type":"object""#);
            out.extend_from_slice(comma.as_bytes());
            out.extend_from_slice(value.raw().get(1..).unwrap_or_default());
        }
        (_, _) => {
            let message = "`tools`: the parameters of a tool must be a schema of type object";
            return Err(Error::field("tools", message));
        }
    }
    Ok(())
}

fn write_tool(tool: &Tool<'_>, out: &mut Vec<u8>, losses: &mut Losses) -> Result<(), Error> {
    let (nothing, text) = (Json::fixed(NOTHING), Json::fixed(TEXT));
    let schema = match &tool.kind {
        ToolKind::Function(schema) => schema.as_ref().unwrap_or(&nothing),
        ToolKind::Custom(format) => {
            losses.drop_if(format.is_some(), "format");
            &text
        }
        ToolKind::Own(own) if own.by == Protocol::Bedrock => {
            own.value.write(out);
            return Ok(());
        }
        ToolKind::Own(own) => {
            let message = format!("`tools`: Bedrock has no tool of the kind `{}`", own.name);
            return Err(Error::field("tools", message));
        }
    };
    let name = names::tool(&tool.name);
    let told = Told { name: &name, description: tool.description.as_ref(), schema };
    told.write(out, |spec| {
        if let Some(strict) = tool.strict {
            spec.truth("strict", strict);
        }
        for extra in &tool.extra {
            if is_own(extra, losses) {
                extra.value.write(spec.any_key(&extra.name));
            }
        }
    })
}

/// Appends the tool whose input is the answer.
fn write_format_tool(format: &Format<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    let Format::Schema { description, schema, .. } = format else { return Ok(()) };
    let own = Text::plain("Call this tool with your answer.");
    let description = Some(description.as_ref().unwrap_or(&own));
    let told = Told { name: FORMAT_TOOL, description, schema };
    told.write(out, |_| {}).map_err(|error| Error { param: Some("response_format"), ..error })
}
