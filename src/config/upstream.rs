//! The types of `[providers.NAME]`.

use super::BaseUrl;
use crate::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// One upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its name in the file: letters, digits, `_`, `.` and `-`, at most 64.
    pub name: String,
    /// Which protocol and address rules it follows.
    pub kind: Kind,
    /// Keys sent to it, visible ASCII each; none when it needs none.
    pub api_keys: Vec<Secret>,
    /// Its address; always there for [`Kind::Openai`], else `None` = the kind's own.
    pub base_url: Option<BaseUrl>,
    /// The models it serves. With none listed it is reachable as `provider/model` only, with any
    /// model.
    pub models: Vec<Model>,
    /// Its share among the providers of a model; 1, and 0 = only when the others failed.
    pub weight: u32,
    /// Attempts after the first; 2.
    pub max_retries: u32,
    /// Requests at a time for each model and key; 0 = as many as come.
    pub max_parallel: u32,
    /// Requests that may wait for one of those; 100.
    pub max_queue: u32,
    /// How long they may; 10 s.
    pub queue_timeout: Duration,
    /// For a whole exchange; 600 s.
    pub timeout: Duration,
    /// For a connection, TLS included; 5 s.
    pub connect_timeout: Duration,
    /// From the request's last byte to the answer's first; 120 s.
    pub first_byte_timeout: Duration,
    /// Without a byte in a stream; 120 s.
    pub stream_idle_timeout: Duration,
    /// Idle connections each shard keeps; 512.
    pub max_idle_connections: usize,
    /// How long an idle connection is kept; 55 s.
    pub idle_timeout: Duration,
    /// The API's version, for azure.
    pub api_version: Option<String>,
    /// The region, for bedrock.
    pub region: Option<String>,
    /// The access key id, for bedrock.
    pub access_key: Option<Secret>,
    /// The secret access key, for bedrock.
    pub secret_key: Option<Secret>,
    /// The session token, for bedrock.
    pub session_token: Option<Secret>,
    /// Certificates to trust in place of the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// An HTTP proxy's address, without credentials.
    pub proxy: Option<String>,
    /// Header lines added to each request: valid names, values without control characters.
    pub headers: Vec<(String, Secret)>,
    /// Whether streams are asked for their usage, for openai; by the host where it is not said.
    pub stream_usage: Option<bool>,
    /// Whether it is told who a request is for, for openai; by the host where it is not said.
    pub end_user: Option<bool>,
    /// The pace of the demo provider; 50, and 0 = as fast as possible.
    pub tokens_per_second: u32,
}

impl Provider {
    /// A provider with every setting at its default and no key, address or model.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            api_keys: Vec::new(),
            base_url: None,
            models: Vec::new(),
            weight: 1,
            max_retries: 2,
            max_parallel: 0,
            max_queue: 100,
            queue_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(600),
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(120),
            stream_idle_timeout: Duration::from_secs(120),
            max_idle_connections: 512,
            idle_timeout: Duration::from_secs(55),
            api_version: None,
            region: None,
            access_key: None,
            secret_key: None,
            session_token: None,
            ca_file: None,
            proxy: None,
            headers: Vec::new(),
            stream_usage: None,
            end_user: None,
            tokens_per_second: 50,
        }
    }
}

/// Gives `$then` a line for each kind of provider that has a server: what it is, the variant of
/// [`Kind`], its name in a configuration, and its file in `src/provider`.
macro_rules! kinds {
    ($then:ident) => {
        $then! {
            /// OpenAI and everything that looks like it.
            Openai = "openai" in openai,
            /// Anthropic Messages.
            Anthropic = "anthropic" in anthropic,
            /// Google Gemini.
            Google = "google" in google,
            /// Azure OpenAI.
            Azure = "azure" in azure,
            /// AWS Bedrock Converse.
            Bedrock = "bedrock" in bedrock,
            /// Ollama.
            Ollama = "ollama" in ollama,
        }
    };
}

pub(crate) use kinds;

macro_rules! kind {
    ($($(#[$what:meta])* $kind:ident = $name:literal in $file:ident,)*) => {
        named! {
            /// Which protocol and address rules a provider follows.
            Kind {
                $($(#[$what])* $kind = $name,)*
                /// Built in: answers by itself, without a network.
                Demo = "demo",
            }
        }
    };
}

kinds!(kind);

/// One model of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The name clients use; `*` = any.
    pub name: String,
    /// The name the upstream knows, where it differs.
    pub upstream: Option<String>,
}
