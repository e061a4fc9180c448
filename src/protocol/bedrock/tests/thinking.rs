//! Options by the facts of the model.

use super::{CLAUDE, at, written};
use crate::chat::*;
use crate::protocol::bedrock::FORMAT_TOOL;
use crate::protocol::bedrock::request;

fn ask() -> Request<'static> {
    let turn = Turn::new(Role::User, vec![Part::text(Text::plain("q"))]);
    Request { turns: vec![turn], ..Request::default() }
}

fn thinks(rule: ThinkingRule) -> Facts {
    Facts { thinking: rule, ..Facts::default() }
}

fn effort(effort: Effort) -> Thinking {
    Thinking { effort: Some(effort), ..Thinking::default() }
}

fn mode(mode: ThinkingMode) -> Thinking {
    Thinking { mode: Some(mode), ..Thinking::default() }
}

/// What is said of thinking: the model's own fields, the effort, and what is lost.
fn said(model: &str, facts: &Facts, thinking: Thinking) -> (String, String, Vec<String>) {
    let (body, losses) = written(&Request { thinking, ..ask() }, model, facts).unwrap();
    (at(&body, "additionalModelRequestFields"), at(&body, "outputConfig.effort"), losses)
}

#[test]
fn thinking_is_asked_for_in_the_models_way() {
    use ThinkingRule as Rule;
    let none: &[&str] = &[];
    let lost: &[&str] = &["reasoning_effort"];
    let on_by_default = |rule| Facts { thinks_by_default: true, ..thinks(rule) };
    let always = |rule| Facts { always_thinks: true, ..on_by_default(rule) };
    let adaptive = r#"{"thinking":{"type":"adaptive"}}"#;
    let off = r#"{"thinking":{"type":"disabled"}}"#;
    let between = r#"{"thinking":{"type":"between_tools"}}"#;
    let enabled =
        |budget: u64| format!(r#"{{"thinking":{{"type":"enabled","budget_tokens":{budget}}}}}"#);
    let budget =
        |n| Thinking { mode: Some(ThinkingMode::On), budget: Some(n), ..Thinking::default() };
    let (low, medium, high) = (effort(Effort::Low), effort(Effort::Medium), effort(Effort::High));
    for (model, facts, wish, fields, level, losses) in [
        (CLAUDE, thinks(Rule::Unknown), medium, "", "medium", none),
        (CLAUDE, thinks(Rule::Unknown), budget(9), &enabled(9), "", none),
        ("meta.x", thinks(Rule::Unknown), budget(9000), "", "high", none),
        (CLAUDE, thinks(Rule::Never), medium, "", "", lost),
        (CLAUDE, thinks(Rule::Never), effort(Effort::None), "", "", none),
        (CLAUDE, thinks(Rule::Budget), low, &enabled(1024), "", none),
        (CLAUDE, thinks(Rule::Budget), high, &enabled(16_384), "", none),
        (CLAUDE, thinks(Rule::Budget), mode(ThinkingMode::Adaptive), &enabled(4096), "", none),
        (CLAUDE, thinks(Rule::Budget), budget(5), &enabled(1024), "", none),
        (CLAUDE, thinks(Rule::Budget), mode(ThinkingMode::Off), "", "", none),
        (CLAUDE, on_by_default(Rule::Budget), effort(Effort::None), off, "", none),
        (CLAUDE, thinks(Rule::Adaptive), effort(Effort::Minimal), adaptive, "low", none),
        (CLAUDE, on_by_default(Rule::Adaptive), high, "", "high", none),
        (CLAUDE, thinks(Rule::Adaptive), budget(5000), adaptive, "medium", none),
        (CLAUDE, on_by_default(Rule::Adaptive), effort(Effort::None), off, "", none),
        (CLAUDE, always(Rule::Adaptive), effort(Effort::None), "", "low", lost),
        (CLAUDE, thinks(Rule::BetweenTools), mode(ThinkingMode::Off), between, "", none),
        (CLAUDE, thinks(Rule::BetweenTools), mode(ThinkingMode::BetweenTools), between, "", none),
        ("x.y", thinks(Rule::Level), low, "", "low", none),
        ("x.y", thinks(Rule::Effort), effort(Effort::None), "", "", none),
        ("x.y", on_by_default(Rule::Effort), effort(Effort::None), "", "", lost),
        ("x.y", thinks(Rule::Unknown), effort(Effort::None), "", "", lost),
        ("x.y", thinks(Rule::Unknown), mode(ThinkingMode::Off), "", "", lost),
        ("x.y", thinks(Rule::Unknown), mode(ThinkingMode::On), "", "medium", none),
        ("x.y", thinks(Rule::Unknown), effort(Effort::Minimal), "", "minimal", none),
    ] {
        let level = if level.is_empty() { String::new() } else { format!("\"{level}\"") };
        let losses: Vec<String> = losses.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            said(model, &facts, wish),
            (fields.to_owned(), level, losses),
            "{model} {:?} {wish:?}",
            facts.thinking
        );
    }
    let shown = Thinking { visible: Some(true), ..high };
    let expected = r#"{"thinking":{"type":"adaptive","display":"summarized"}}"#;
    assert_eq!(said(CLAUDE, &on_by_default(Rule::Adaptive), shown).0, expected);
}

#[test]
fn others_than_claude_have_words_of_their_own() {
    let off = effort(Effort::None);
    let nova = |facts: &str| format!(r#"{{"reasoningConfig":{{"type":{facts}}}}}"#);
    let at_effort = |effort: &str| nova(&format!(r#""enabled","maxReasoningEffort":"{effort}""#));
    let open = |effort: &str| format!(r#"{{"reasoning_effort":"{effort}"}}"#);
    let other = |effort: &str| format!(r#"{{"reasoning":{{"effort":"{effort}"}}}}"#);
    let (lite, oss) = ("us.amazon.nova-2-lite-v1:0", "openai.gpt-oss-120b-1:0");
    let (five, six) = ("us.openai.gpt-5-pro", "global.openai.gpt-6-sol");
    let free = thinks(ThinkingRule::Effort);
    let always = Facts { always_thinks: true, ..free.clone() };
    for (model, wish, fields, lost) in [
        (lite, effort(Effort::Minimal), at_effort("low"), false),
        (lite, mode(ThinkingMode::On), at_effort("medium"), false),
        (lite, effort(Effort::Max), at_effort("high"), false),
        (lite, off, String::new(), false),
        (oss, effort(Effort::Minimal), open("low"), false),
        (oss, mode(ThinkingMode::On), open("medium"), false),
        (oss, effort(Effort::Max), open("high"), false),
        (oss, off, open("low"), true),
        (six, effort(Effort::Minimal), other("low"), false),
        (six, effort(Effort::Max), other("max"), false),
        (six, off, other("none"), false),
        (six, mode(ThinkingMode::Off), other("none"), false),
        (five, off, other("low"), true),
    ] {
        let facts = if model == five { &always } else { &free };
        let losses: &[&str] = if lost { &["reasoning_effort"] } else { &[] };
        let (found, level, told) = said(model, facts, wish);
        assert_eq!((found, level.as_str()), (fields, ""), "{model} {wish:?}");
        assert_eq!(told, losses, "{model} {wish:?}");
    }
    let facts = Facts { thinks_by_default: true, ..thinks(ThinkingRule::Effort) };
    assert_eq!(said(lite, &facts, off).0, nova("\"disabled\""));
}

/// With the highest effort the service refuses a limit and any choice of tokens.
#[test]
fn nova_thinks_its_hardest_only_without_a_limit() {
    let facts = thinks(ThinkingRule::Effort);
    let sampling = Sampling {
        temperature: Some(Json::fixed("0.5")),
        top_p: Some(Json::fixed("0.5")),
        ..Sampling::default()
    };
    let free = Request { thinking: effort(Effort::High), sampling, ..ask() };
    let at_most = Request { max_tokens: Some(9000), ..free.clone() };
    let level = "additionalModelRequestFields.reasoningConfig.maxReasoningEffort";
    for (request, effort, config, lost) in [
        (&free, "\"high\"", "", &["temperature", "top_p"][..]),
        (
            &at_most,
            "\"medium\"",
            r#"{"maxTokens":9000,"temperature":0.5,"topP":0.5}"#,
            &["reasoning_effort"][..],
        ),
    ] {
        let (body, losses) = written(request, "amazon.nova-2-lite-v1:0", &facts).unwrap();
        assert_eq!(
            (at(&body, level).as_str(), at(&body, "inferenceConfig").as_str()),
            (effort, config)
        );
        assert_eq!(losses, lost);
    }
}

#[test]
fn what_the_client_says_in_the_models_words_is_said_once() {
    for name in ["thinking", "reasoningConfig", "reasoning", "reasoning_effort"] {
        let body = format!(
            r#"{{"messages":[],"outputConfig":{{"effort":"low"}},"additionalModelRequestFields":{{"{name}":{{"a":1}}}}}}"#
        );
        let request = request::read(body.as_bytes()).unwrap();
        for model in ["amazon.nova-2-lite-v1:0", "openai.gpt-oss-20b", "openai.gpt-6"] {
            let (body, _) = written(&request, model, &thinks(ThinkingRule::Effort)).unwrap();
            let fields = at(&body, "additionalModelRequestFields");
            assert_eq!(fields, format!(r#"{{"{name}":{{"a":1}}}}"#), "{model}");
        }
    }
}

#[test]
fn an_effort_stands_beside_what_else_is_said() {
    use ThinkingRule as Rule;
    let with = |effort, thinking| Thinking { effort: Some(effort), ..thinking };
    let off = |effort| with(effort, mode(ThinkingMode::Off));
    let for_3000 = |effort| {
        let budget = Thinking { budget: Some(3000), ..mode(ThinkingMode::On) };
        with(effort, budget)
    };
    let between = |effort| with(effort, mode(ThinkingMode::BetweenTools));
    let both = Facts { effort_with_budget: true, ..thinks(Rule::Budget) };
    let always = Facts { always_thinks: true, ..thinks(Rule::Adaptive) };
    for (facts, wish, kind, level, lost) in [
        (&both, for_3000(Effort::Low), "enabled", "low", false),
        (&both, for_3000(Effort::Max), "enabled", "high", false),
        (&both, for_3000(Effort::None), "enabled", "", false),
        (&both, off(Effort::Medium), "", "medium", false),
        // It is spent on the number of tokens.
        (&both, effort(Effort::Medium), "enabled", "", false),
        (&thinks(Rule::Budget), for_3000(Effort::Low), "enabled", "", true),
        (&thinks(Rule::Budget), off(Effort::Medium), "", "", true),
        (&thinks(Rule::Budget), off(Effort::None), "", "", false),
        (&thinks(Rule::Never), off(Effort::Medium), "", "", true),
        (&thinks(Rule::Adaptive), off(Effort::Max), "disabled", "high", false),
        (&thinks(Rule::Adaptive), off(Effort::None), "disabled", "", false),
        (&thinks(Rule::Adaptive), for_3000(Effort::Max), "adaptive", "max", false),
        (&always, off(Effort::Medium), "", "low", true),
        (&thinks(Rule::BetweenTools), off(Effort::Low), "between_tools", "low", false),
        (&thinks(Rule::BetweenTools), between(Effort::Max), "between_tools", "high", false),
        (&thinks(Rule::Unknown), off(Effort::None), "disabled", "", false),
        (&thinks(Rule::Unknown), off(Effort::Minimal), "disabled", "minimal", false),
    ] {
        let (body, losses) = written(&Request { thinking: wish, ..ask() }, CLAUDE, facts).unwrap();
        let quoted = |word: &str| match word {
            "" => String::new(),
            word => format!("\"{word}\""),
        };
        let label = format!("{:?} {wish:?}", facts.thinking);
        assert_eq!(
            at(&body, "additionalModelRequestFields.thinking.type"),
            quoted(kind),
            "{label}"
        );
        assert_eq!(at(&body, "outputConfig.effort"), quoted(level), "{label}");
        assert_eq!(losses == ["reasoning_effort"], lost, "{label} {losses:?}");
        assert_eq!(losses.len(), usize::from(lost), "{label}");
    }
}

#[test]
fn a_thought_leaves_room_for_the_answer() {
    let facts = thinks(ThinkingRule::Budget);
    let with = |max_tokens, thinking| {
        let request = Request { max_tokens: Some(max_tokens), thinking, ..ask() };
        let (body, losses) = written(&request, CLAUDE, &facts).unwrap();
        (at(&body, "additionalModelRequestFields.thinking.budget_tokens"), losses.len())
    };
    assert_eq!(with(8000, effort(Effort::High)), ("3999".into(), 0));
    assert_eq!(with(1025, effort(Effort::High)), ("1024".into(), 0));
    assert_eq!(with(1024, effort(Effort::High)), (String::new(), 1));
    let budget = Thinking { budget: Some(2000), ..mode(ThinkingMode::On) };
    assert_eq!(with(2000, budget), (String::new(), 1));
}

#[test]
fn thinking_binds_what_goes_with_it() {
    let number = |text| Some(Json::fixed(text));
    let request = Request {
        thinking: effort(Effort::Low),
        tool_choice: Some(ToolChoice::Required),
        tools: vec![tool("f")],
        sampling: Sampling {
            temperature: number("0.5"),
            top_p: number("0.9"),
            top_k: number("3"),
            ..Sampling::default()
        },
        ..ask()
    };
    let (body, losses) = written(&request, CLAUDE, &thinks(ThinkingRule::Budget)).unwrap();
    assert_eq!(losses, ["tool_choice", "temperature", "top_p", "top_k"]);
    assert_eq!(at(&body, "toolConfig.toolChoice"), r#"{"auto":{}}"#);
    assert_eq!(at(&body, "inferenceConfig"), "");
    // A thought of another provider cannot be shown, and without it the model may not think on.
    let call = Call {
        id: Text::plain("a"),
        name: Text::plain("f"),
        arguments: Arguments::Value(Json::fixed("{}")),
        custom: false,
    };
    let mut thought = Part::new(Content::Thinking(Text::plain("hm")));
    let signature = |by| Some(Signature { by, data: Text::plain("s") });
    for (by, kept) in [(Protocol::Anthropic, false), (Protocol::Bedrock, true)] {
        thought.signature = signature(by);
        let parts = vec![thought.clone(), Part::new(Content::Call(call.clone()))];
        let mut request = Request { thinking: effort(Effort::Low), ..ask() };
        request.turns.push(Turn::new(Role::Assistant, parts));
        let (body, losses) = written(&request, CLAUDE, &thinks(ThinkingRule::Budget)).unwrap();
        assert_eq!(body.contains("reasoningContent"), kept);
        assert_eq!(body.contains("budget_tokens"), kept);
        assert_eq!(losses.is_empty(), kept);
    }
}

fn tool(name: &str) -> Tool<'static> {
    Tool {
        name: Text::plain(name),
        description: None,
        kind: ToolKind::Function(Some(Json::fixed(r#"{"properties":{}}"#))),
        strict: None,
        cache: None,
        extra: vec![],
    }
}

#[test]
fn sampling_is_what_the_model_takes() {
    let number = |text| Some(Json::fixed(text));
    let sampling = Sampling {
        temperature: number("1.5"),
        top_p: number("0.9"),
        top_k: number("3"),
        min_p: number("0.1"),
        seed: number("1"),
        presence_penalty: number("1"),
        frequency_penalty: number("1"),
    };
    let request = Request {
        sampling,
        choices: Some(1),
        logprobs: Some(true),
        top_logprobs: Some(1),
        user: Some(Text::plain("u")),
        parallel_tools: Some(false),
        tools: vec![tool("f")],
        metadata: Some(Json::fixed(r#"{"a":"b","\u00e9":"c","d":1,"e":"f|"}"#)),
        tier: Some(Text::plain("scale")),
        extra: vec![Extra { by: Protocol::Openai, name: "store".into(), value: Json::fixed("1") }],
        ..ask()
    };
    let rest = ["min_p", "seed", "presence_penalty", "frequency_penalty", "logprobs"];
    let rest = [&rest[..], &["top_logprobs", "user", "parallel_tool_calls", "store"]].concat();
    let (body, losses) = written(&request, CLAUDE, &Facts::default()).unwrap();
    assert_eq!(losses, [&["temperature", "metadata", "service_tier"][..], &rest].concat());
    assert_eq!(at(&body, "inferenceConfig"), r#"{"temperature":1,"topP":0.9}"#);
    assert_eq!(at(&body, "additionalModelRequestFields"), r#"{"top_k":3}"#);
    assert_eq!(at(&body, "requestMetadata"), r#"{"a":"b"}"#);
    let none = Facts { sampling: false, ..Facts::default() };
    let (body, losses) = written(&request, CLAUDE, &none).unwrap();
    assert_eq!(losses[..3], ["temperature", "top_p", "top_k"]);
    assert!(!body.contains("inferenceConfig") && !body.contains("additional"));
    let several = Request { choices: Some(2), ..ask() };
    assert!(written(&several, CLAUDE, &Facts::default()).is_err());
    let one = Facts { sampling_together: false, ..Facts::default() };
    assert_eq!(
        written(&request, "meta.x", &one).unwrap().1[..3],
        ["temperature", "top_p", "top_k"]
    );
    for (tier, said) in [("auto", ""), ("default", "\"default\""), ("fast", "\"priority\"")] {
        let request = Request { tier: Some(Text::plain(tier)), ..ask() };
        let (body, losses) = written(&request, CLAUDE, &Facts::default()).unwrap();
        assert_eq!((at(&body, "serviceTier.type"), losses.len()), (said.to_owned(), 0));
    }
}

#[test]
fn a_stop_sequence_that_is_refused_is_left_out_and_told() {
    let with = |model: &str, words: &[&str]| {
        let stop = words.iter().map(|word| Text::plain(word)).collect();
        let (body, losses) = written(&Request { stop, ..ask() }, model, &Facts::default()).unwrap();
        (at(&body, "inferenceConfig"), losses == ["stop"], losses.len())
    };
    let stops = |words: &str| format!(r#"{{"stopSequences":[{words}]}}"#);
    let both = ["\n\n", "END"];
    assert_eq!(with(CLAUDE, &both), (stops(r#""END""#), true, 1));
    assert_eq!(with(CLAUDE, &["\n"]), (String::new(), true, 1));
    assert_eq!(with("meta.x", &both), (stops(r#""\n\n","END""#), false, 0));
    assert_eq!(with("meta.x", &["", "END"]), (stops(r#""END""#), true, 1));
    assert_eq!(with(CLAUDE, &["END"]), (stops(r#""END""#), false, 0));
}

#[test]
fn a_form_is_asked_for_as_well_as_can_be() {
    let format = Format::Schema {
        name: Some(Text::plain("n")),
        description: None,
        schema: Json::fixed(r#"{"type":"object"}"#),
        strict: Some(true),
    };
    let request = Request { format: Some(format), ..ask() };
    let (body, _) = written(&request, CLAUDE, &Facts::default()).unwrap();
    let schema = at(&body, "outputConfig.textFormat.structure.jsonSchema");
    assert_eq!(schema, r#"{"schema":"{\"type\":\"object\"}","name":"n"}"#);
    let forced = Facts { json_schema: false, ..Facts::default() };
    let (body, _) = written(&request, CLAUDE, &forced).unwrap();
    assert_eq!(at(&body, "toolConfig.toolChoice.tool.name"), format!("\"{FORMAT_TOOL}\""));
    assert_eq!(at(&body, "toolConfig.tools.0.toolSpec.inputSchema.json"), r#"{"type":"object"}"#);
    let more = Request { tools: vec![tool("f")], ..request.clone() };
    let (body, losses) = written(&more, CLAUDE, &forced).unwrap();
    assert_eq!((at(&body, "toolConfig.toolChoice"), losses.len()), (r#"{"any":{}}"#.into(), 0));
    assert!(body.contains(FORMAT_TOOL));
    let neither = Facts { forced_tools: false, ..forced };
    assert_eq!(written(&request, CLAUDE, &neither).unwrap_err().param, Some("response_format"));
    let object = Request { format: Some(Format::Object), ..ask() };
    let (body, losses) = written(&object, CLAUDE, &Facts::default()).unwrap();
    assert!(at(&body, "system.0.text").contains("JSON object") && losses.is_empty());
}

#[test]
fn a_choice_of_tools_is_said_or_told() {
    let with = |choice: ToolChoice<'static>, facts: &Facts| {
        let tools = vec![tool("f"), tool("g")];
        let request = Request { tools, tool_choice: Some(choice), ..ask() };
        let (body, losses) = written(&request, CLAUDE, facts).unwrap();
        let names = body.matches("toolSpec").count();
        (names, at(&body, "toolConfig.toolChoice"), losses.len())
    };
    let name = || Text::plain("g");
    let facts = Facts::default();
    assert_eq!(with(ToolChoice::Auto, &facts), (2, r#"{"auto":{}}"#.into(), 0));
    assert_eq!(with(ToolChoice::Required, &facts), (2, r#"{"any":{}}"#.into(), 0));
    let named = r#"{"tool":{"name":"g"}}"#;
    assert_eq!(with(ToolChoice::Named(name()), &facts), (2, named.into(), 0));
    assert_eq!(with(ToolChoice::None, &facts), (0, String::new(), 0));
    let some = ToolChoice::Allowed { required: true, names: vec![name()] };
    assert_eq!(with(some, &facts), (1, r#"{"any":{}}"#.into(), 0));
    let free = Facts { forced_tools: false, ..Facts::default() };
    assert_eq!(with(ToolChoice::Required, &free), (2, r#"{"auto":{}}"#.into(), 1));

    let mut request = Request { tool_choice: Some(ToolChoice::None), ..ask() };
    let call = Call {
        id: Text::plain("a"),
        name: Text::plain("a b"),
        arguments: Arguments::Quoted(Text::plain("free \"text\"")),
        custom: true,
    };
    let parts = vec![Part::new(Content::Call(call))];
    request.turns.push(Turn::new(Role::Assistant, parts));
    let (body, losses) = written(&request, CLAUDE, &facts).unwrap();
    assert_eq!(losses, ["tool_choice"]);
    assert_eq!(at(&body, "toolConfig.tools.0.toolSpec.name"), "\"a_b\"");
    let input = at(&body, "messages.1.content.0.toolUse.input");
    assert_eq!(input, r#"{"input":"free \"text\""}"#);
    let kind = ToolKind::Custom(Some(Json::fixed("{}")));
    request.tools.push(Tool { kind, ..tool("c") });
    let (body, losses) = written(&request, CLAUDE, &facts).unwrap();
    assert_eq!(losses, ["tool_choice", "format"]);
    let schema = at(&body, "toolConfig.tools.0.toolSpec.inputSchema.json.required");
    assert_eq!(schema, r#"["input"]"#);
}

#[test]
fn marks_are_for_those_who_take_them() {
    let mut request = ask();
    request.turns[0].parts[0].cache = Some(Cache::HalfHour);
    request.cache = Some(Cache::Standard);
    let marked = Tool { cache: Some(Cache::Hour), ..tool("f") };
    request.tools = vec![marked.clone(), marked.clone(), marked.clone(), marked];
    let (body, losses) = written(&request, CLAUDE, &Facts::default()).unwrap();
    assert_eq!((body.matches("cachePoint").count(), losses), (4, vec!["cache_control".into()]));
    assert_eq!(body.matches(r#""ttl":"1h""#).count(), 4);
    assert_eq!(
        at(&body, "toolConfig.tools.1.toolSpec.name"),
        "\"f\"",
        "the first mark is left out"
    );
    let (body, losses) = written(&request, "meta.llama", &Facts::default()).unwrap();
    assert_eq!((body.contains("cachePoint"), losses), (false, vec!["cache_control".into()]));
    request.tools.clear();
    let (body, _) = written(&request, "amazon.nova-x", &Facts::default()).unwrap();
    assert_eq!((body.matches("cachePoint").count(), body.contains("ttl")), (1, false));
}

/// Claude refuses a mark for an hour behind one for five minutes, and Nova keeps nothing for so long.
#[test]
fn a_mark_for_less_than_was_wished_is_told() {
    let with = |model: &str, marks: &[Cache]| {
        let mut request = ask();
        let part = |mark: &Cache| Part { cache: Some(*mark), ..Part::text(Text::plain("a")) };
        request.turns[0].parts = marks.iter().map(part).collect();
        let (body, losses) = written(&request, model, &Facts::default()).unwrap();
        let points = body.split(r#""cachePoint":{"type":"default""#).skip(1);
        let points = points.map(|rest| if rest.starts_with('}') { "5m" } else { "1h" });
        let points = points.collect::<Vec<_>>().join(" ");
        assert!(losses.is_empty() || losses == ["cache_control"], "{losses:?}");
        (points, losses.len())
    };
    use Cache::{HalfDay, HalfHour, Hour, Standard};
    let nova = "amazon.nova-lite-v1:0";
    for (model, marks, points, lost) in [
        (CLAUDE, &[Hour, HalfHour, Standard][..], "1h 1h 5m", 0),
        (CLAUDE, &[Standard, Hour], "5m 5m", 1),
        (CLAUDE, &[HalfDay], "1h", 1),
        (nova, &[Standard], "5m", 0),
        (nova, &[Hour], "5m", 1),
        (nova, &[HalfHour], "5m", 1),
    ] {
        assert_eq!(with(model, marks), (points.to_owned(), lost), "{model} {marks:?}");
    }
    // Marks on tools stand before all others.
    let tools = vec![Tool { cache: Some(Standard), ..tool("f") }];
    let mut request = Request { tools, ..ask() };
    request.turns[0].parts[0].cache = Some(Hour);
    let (body, losses) = written(&request, CLAUDE, &Facts::default()).unwrap();
    assert_eq!((body.contains("1h"), losses), (false, vec!["cache_control".to_owned()]));
}
