//! An upstream's address.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A longer host cannot be resolved: RFC 1035, 2.3.4.
const LONGEST_HOST: usize = 253;

/// An `http` or `https` URL that requests are made under, in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Whether it is reached by TLS.
    pub https: bool,
    /// A name in lower case or an address; IPv6 without brackets.
    pub host: String,
    /// The port; 443 or 80 where the URL has none.
    pub port: u16,
    /// The path without a slash at its end; empty when there is none.
    pub path: String,
}

/// Why a base URL is refused. None repeats the URL: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseUrlError {
    /// Neither `http://` nor `https://`.
    Scheme,
    /// A user name or password before the host.
    UserInfo,
    /// A `?`.
    Query,
    /// A `#`.
    Fragment,
    /// A space, a control character, a backslash or a character outside ASCII.
    Character,
    /// No host, or one that is neither a name nor an address.
    Host,
    /// A port that is not 1 to 65535.
    Port,
}

impl fmt::Display for BaseUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "must begin with http:// or https://",
            Self::UserInfo => "must not hold a user name or password",
            Self::Query => "must not hold a query (`?`)",
            Self::Fragment => "must not hold a fragment (`#`)",
            Self::Character => {
                "must not hold spaces, control characters, backslashes or non-ASCII characters"
            }
            Self::Host => "has no valid host",
            Self::Port => "has a port that is not 1 to 65535",
        })
    }
}

impl std::error::Error for BaseUrlError {}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let bad = |byte: u8| !byte.is_ascii_graphic() || byte == b'\\';
        if text.bytes().any(bad) {
            return Err(BaseUrlError::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Scheme)?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(BaseUrlError::Scheme),
        };
        if rest.contains('#') {
            return Err(BaseUrlError::Fragment);
        }
        if rest.contains('?') {
            return Err(BaseUrlError::Query);
        }
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(slash).ok_or(BaseUrlError::Host)?;
        if authority.contains('@') {
            return Err(BaseUrlError::UserInfo);
        }
        let (host, port) = host_and_port(authority)?;
        let port = match port {
            Some(port) => port_of(port)?,
            None if https => 443,
            None => 80,
        };
        Ok(Self { https, host, port, path: path.trim_end_matches('/').to_owned() })
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<&str>), BaseUrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(BaseUrlError::Host)?;
        let address: Ipv6Addr = host.parse().map_err(|_| BaseUrlError::Host)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((address.to_string(), Some(port))),
            None if rest.is_empty() => Ok((address.to_string(), None)),
            None => Err(BaseUrlError::Host),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let dots = host.starts_with('.') || host.contains("..");
    if host.is_empty() || host.len() > LONGEST_HOST || dots || !host.bytes().all(named) {
        return Err(BaseUrlError::Host);
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn port_of(text: &str) -> Result<u16, BaseUrlError> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BaseUrlError::Port);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(BaseUrlError::Port),
        Ok(port) => Ok(port),
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.https { "https://" } else { "http://" })?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        let usual = if self.https { 443 } else { 80 };
        if self.port != usual {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::BaseUrl;
    use super::BaseUrlError;
    use proptest::prelude::*;

    #[test]
    fn parts() {
        for (text, https, host, port, path) in [
            ("https://api.openai.com/v1", true, "api.openai.com", 443, "/v1"),
            ("https://API.openai.com/v1/", true, "api.openai.com", 443, "/v1"),
            ("http://127.0.0.1:9999/v1", false, "127.0.0.1", 9999, "/v1"),
            ("HTTP://localhost", false, "localhost", 80, ""),
            ("http://[::1]:8080/", false, "::1", 8080, ""),
            ("https://[2001:DB8::1]/a/b", true, "2001:db8::1", 443, "/a/b"),
            ("http://my_host:1//", false, "my_host", 1, ""),
        ] {
            let url: BaseUrl = text.parse().expect(text);
            let expected = BaseUrl { https, host: host.to_owned(), port, path: path.to_owned() };
            assert_eq!(url, expected, "{text}");
            assert_eq!(url.to_string().parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (text, error) in [
            ("", BaseUrlError::Scheme),
            ("api.openai.com/v1", BaseUrlError::Scheme),
            ("ftp://host", BaseUrlError::Scheme),
            ("https:/host", BaseUrlError::Scheme),
            ("https://user:pw@host/", BaseUrlError::UserInfo),
            ("https://host/v1?x=1", BaseUrlError::Query),
            ("https://host?x", BaseUrlError::Query),
            ("https://host/#top", BaseUrlError::Fragment),
            ("https://host/a b", BaseUrlError::Character),
            ("https://host/\r\nx: y", BaseUrlError::Character),
            ("https://host\\@evil/", BaseUrlError::Character),
            ("https://h\u{f6}st/", BaseUrlError::Character),
            ("https://", BaseUrlError::Host),
            ("https:///v1", BaseUrlError::Host),
            ("https://:80", BaseUrlError::Host),
            ("https://[::1", BaseUrlError::Host),
            ("https://[host]", BaseUrlError::Host),
            ("https://[::1]x", BaseUrlError::Host),
            ("https://a..b", BaseUrlError::Host),
            ("https://a,b", BaseUrlError::Host),
            ("https://host:0", BaseUrlError::Port),
            ("https://host:", BaseUrlError::Port),
            ("https://host:65536", BaseUrlError::Port),
            ("https://host:+80", BaseUrlError::Port),
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "https?://[a-z\\[\\]:@.0-9/?#]{0,40}") {
            if let Ok(url) = text.parse::<BaseUrl>() {
                prop_assert_eq!(url.to_string().parse(), Ok(url));
            }
        }
    }
}
