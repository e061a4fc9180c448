//! Which header fields matter. Length and first letter leave one to compare a name with.

/// Request fields that are looked up without scanning again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// `authorization`
    Authorization,
    /// `x-api-key`
    XApiKey,
    /// `api-key`
    ApiKey,
    /// `x-goog-api-key`
    XGoogApiKey,
    /// `x-request-id`
    XRequestId,
    /// `content-type`
    ContentType,
    /// `content-encoding`
    ContentEncoding,
    /// `x-crabllm-strict`
    XCrabllmStrict,
    /// `x-crabllm-cache`
    XCrabllmCache,
    /// `cache-control`, a list: the first of several
    CacheControl,
    /// `openai-beta`, a list: the first of several
    OpenaiBeta,
    /// `anthropic-version`
    AnthropicVersion,
    /// `anthropic-beta`, a list: the first of several
    AnthropicBeta,
    /// `idempotency-key`
    IdempotencyKey,
    /// `traceparent`
    Traceparent,
    /// `tracestate`, a list: the first of several
    Tracestate,
    /// `x-crabllm-failpoint`
    XFailpoint,
}

impl Known {
    /// How many there are.
    pub(super) const COUNT: usize = 17;

    /// Whether the field is a comma list, which may come in several lines (RFC 9110, 5.3).
    pub(super) const fn is_list(self) -> bool {
        match self {
            Self::CacheControl | Self::OpenaiBeta | Self::AnthropicBeta | Self::Tracestate => true,
            Self::Authorization
            | Self::XApiKey
            | Self::ApiKey
            | Self::XGoogApiKey
            | Self::XRequestId
            | Self::ContentType
            | Self::ContentEncoding
            | Self::XCrabllmStrict
            | Self::XCrabllmCache
            | Self::AnthropicVersion
            | Self::IdempotencyKey
            | Self::Traceparent
            | Self::XFailpoint => false,
        }
    }
}

/// What a field name means to the codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// `host`
    Host,
    /// `content-length`
    ContentLength,
    /// `transfer-encoding`
    TransferEncoding,
    /// `connection`
    Connection,
    /// `expect`
    Expect,
    /// `content_length` and the like: CGI and its heirs fold `_`, and some fold more.
    Lookalike,
    /// Kept for look-up.
    Known(Known),
    /// None of these.
    Other,
}

impl Field {
    /// Tells a name, in any case.
    pub fn of(name: &[u8]) -> Self {
        let letter = name.first().map_or(0, |byte| byte | 0x20);
        let (known, field): (&[u8], Self) = match (name.len(), letter) {
            (4, b'h') => (b"host", Self::Host),
            (6, b'e') => (b"expect", Self::Expect),
            (7, b'a') => (b"api-key", Self::Known(Known::ApiKey)),
            (9, b'x') => (b"x-api-key", Self::Known(Known::XApiKey)),
            (10, b'c') => (b"connection", Self::Connection),
            (10, b't') => (b"tracestate", Self::Known(Known::Tracestate)),
            (11, b't') => (b"traceparent", Self::Known(Known::Traceparent)),
            (11, b'o') => (b"openai-beta", Self::Known(Known::OpenaiBeta)),
            (12, b'c') => (b"content-type", Self::Known(Known::ContentType)),
            (12, b'x') => (b"x-request-id", Self::Known(Known::XRequestId)),
            (13, b'a') => (b"authorization", Self::Known(Known::Authorization)),
            (13, b'c') => (b"cache-control", Self::Known(Known::CacheControl)),
            (14, b'c') => (b"content-length", Self::ContentLength),
            (14, b'a') => (b"anthropic-beta", Self::Known(Known::AnthropicBeta)),
            (14, b'x') => (b"x-goog-api-key", Self::Known(Known::XGoogApiKey)),
            (15, b'i') => (b"idempotency-key", Self::Known(Known::IdempotencyKey)),
            (15, b'x') => (b"x-crabllm-cache", Self::Known(Known::XCrabllmCache)),
            (16, b'c') => (b"content-encoding", Self::Known(Known::ContentEncoding)),
            (16, b'x') => (b"x-crabllm-strict", Self::Known(Known::XCrabllmStrict)),
            (17, b't') => (b"transfer-encoding", Self::TransferEncoding),
            (17, b'a') => (b"anthropic-version", Self::Known(Known::AnthropicVersion)),
            (19, b'x') => (b"x-crabllm-failpoint", Self::Known(Known::XFailpoint)),
            _ => return Self::Other,
        };
        if is_same(name, known) {
            field
        } else if is_lookalike(name) {
            Self::Lookalike
        } else {
            Self::Other
        }
    }
}

/// Whether `name`, a token, is `known` in any case. Among the bytes of tokens the lower-case bit
/// makes none but the capital the same as a letter, a digit or a hyphen; both have one length.
fn is_same(name: &[u8], known: &[u8]) -> bool {
    let pairs = name.iter().zip(known);
    pairs.fold(0, |unlike, (byte, wanted)| unlike | ((byte | 0x20) ^ wanted)) == 0
}

/// Whether only the hyphen keeps `name` from being a framing field.
fn is_lookalike(name: &[u8]) -> bool {
    let apart = |left: &[u8], right: &[u8]| {
        name.split_at_checked(left.len()).is_some_and(|(start, end)| {
            start.eq_ignore_ascii_case(left)
                && end.get(1..).is_some_and(|end| end.eq_ignore_ascii_case(right))
        })
    };
    match name.len() {
        14 => apart(b"content", b"length"),
        17 => apart(b"transfer", b"encoding"),
        _ => false,
    }
}
