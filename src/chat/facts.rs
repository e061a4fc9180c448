//! What a model takes, as far as a translation must know. The table itself is data
//! (`config/models.toml`); a model that is not in it takes everything.

/// Facts about one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Tokens of prompt and answer together.
    pub context: Option<u64>,
    /// Most tokens of an answer; what an answer may have where the protocol wants a number and the
    /// client gave none is the smaller of this and 32,000.
    pub max_output: Option<u64>,
    /// Whether temperature, top_p and top_k are taken.
    pub sampling: bool,
    /// Whether temperature and top_p may be given together.
    pub sampling_together: bool,
    /// How thinking is asked for.
    pub thinking: ThinkingRule,
    /// Whether thinking cannot be switched off.
    pub always_thinks: bool,
    /// Whether the model thinks where nothing is said about it.
    pub thinks_by_default: bool,
    /// Whether an effort is taken beside a number of tokens to think for (Claude Opus 4.5).
    pub effort_with_budget: bool,
    /// Whether a call of a tool can be demanded.
    pub forced_tools: bool,
    /// Whether the conversation may end with the beginning of the answer.
    pub prefill: bool,
    /// Whether instructions may stand between turns (Anthropic).
    pub system_between: bool,
    /// Whether an answer can be held to a JSON Schema by the provider itself.
    pub json_schema: bool,
    /// Whether a call must come back with the signature it came with (Gemini 3 and later).
    pub signed_calls: bool,
    /// Whether the model is told again what it thought, as `reasoning_content`, and its calls are
    /// refused without it (look-alikes of OpenAI; OpenAI itself refuses the member).
    pub reasoning_back: bool,
    /// Whether `max_completion_tokens` is the name of the limit (OpenAI); where nothing is known,
    /// it is by the server.
    pub max_completion_tokens: Option<bool>,
    /// Whether images are understood.
    pub images: bool,
    /// Whether documents are.
    pub documents: bool,
    /// Whether sounds are.
    pub audio: bool,
}

/// How thinking is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkingRule {
    /// Not known: what the client says is passed on in the plainest way.
    Unknown,
    /// The model does not think.
    Never,
    /// By a number of tokens (Claude up to 4.5, Gemini 2.5).
    Budget,
    /// By an effort, the model deciding the rest (Claude from 4.6 on; `thinking.type = adaptive`).
    Adaptive,
    /// As before, but `thinking.type` may be `between_tools` and not `disabled` (Sonnet 5.5).
    BetweenTools,
    /// By a level (Gemini 3 and later).
    Level,
    /// By an effort alone (OpenAI).
    Effort,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            context: None,
            max_output: None,
            sampling: true,
            sampling_together: true,
            thinking: ThinkingRule::Unknown,
            always_thinks: false,
            thinks_by_default: false,
            effort_with_budget: false,
            forced_tools: true,
            prefill: true,
            system_between: false,
            json_schema: true,
            signed_calls: false,
            reasoning_back: false,
            max_completion_tokens: None,
            images: true,
            documents: true,
            audio: true,
        }
    }
}
