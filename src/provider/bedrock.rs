//! `kind = "bedrock"`: the Converse API of AWS Bedrock, signed (SigV4) or with a bearer key.

use std::fmt;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::SignableBody;
use aws_sigv4::http_request::SignableRequest;
use aws_sigv4::http_request::SigningSettings;
use aws_sigv4::http_request::sign;
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;

use crate::chat::Protocol;
use crate::codec::percent;
use crate::config;
use crate::error::Error;
use crate::error::Kind;
use crate::provider::Call;
use crate::provider::Operation;
use crate::provider::Service;
use crate::provider::base::Base;
use crate::provider::base::key_line;
use crate::provider::trust::Trust;

/// The name of the service in signatures; that of the host is another.
const SERVICE: &str = "bedrock";

/// Bedrock in one region.
struct Bedrock {
    region: String,
    /// None with a bearer key.
    identity: Option<Identity>,
}

impl fmt::Debug for Bedrock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bedrock").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Makes a provider of this kind.
///
/// # Errors
/// What is wrong, and with which key.
pub fn build(
    config: &config::Provider,
    env: &config::Env,
    trust: &Trust,
) -> Result<(Base, Box<dyn Service>), String> {
    let name = &config.name;
    // A file or an environment without them was refused in words of its own.
    let missing = |what: &str| format!("providers.{name}: {what} missing");
    let region = config.region.clone().ok_or_else(|| missing("the region is"))?;
    let identity = match (&config.access_key, &config.secret_key) {
        _ if !config.api_keys.is_empty() => None,
        (Some(access), Some(secret)) => {
            let token = config.session_token.as_ref().map(|token| token.expose().to_owned());
            let (access, secret) = (access.expose(), secret.expose());
            Some(Credentials::new(access, secret, token, None, "crabllm").into())
        }
        (None, _) | (_, None) => return Err(missing("credentials are")),
    };
    let url = format!("https://bedrock-runtime.{region}.amazonaws.com");
    let key = key_line(config, "authorization: Bearer ");
    let base = Base::new(config, env, trust, Some(&url), &key)?;
    Ok((base, Box::new(Bedrock { region, identity })))
}

impl Service for Bedrock {
    fn protocol(&self) -> Protocol {
        Protocol::Bedrock
    }

    fn serves(&self, _operation: Operation) -> bool {
        true
    }

    fn head(&self, base: &Base, call: &Call<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut path = Vec::with_capacity(128);
        path.extend_from_slice(b"/model/");
        percent::encode_segment(&mut path, call.model);
        path.extend_from_slice(match (call.operation, call.stream) {
            (Operation::Chat, false) => b"/converse",
            (Operation::Chat, true) => b"/converse-stream",
            (Operation::Count, _) => b"/count-tokens",
            (Operation::Embed, _) => b"/invoke",
        });
        base.head(out, |out| out.extend_from_slice(&path));
        match &self.identity {
            Some(identity) => self.sign(base, identity, &path, call, out),
            None => Ok(()),
        }
    }
}

impl Bedrock {
    /// Appends the headers of a signature over the host, the path and the body. It holds for some
    /// minutes, so each attempt is signed anew.
    fn sign(
        &self,
        base: &Base,
        identity: &Identity,
        path: &[u8],
        call: &Call<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let failed = |what: &dyn fmt::Display| {
            Error::new(Kind::Internal, format!("the request could not be signed: {what}"))
        };
        let params = v4::SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name(SERVICE)
            .time(UNIX_EPOCH + Duration::from_secs(call.now))
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?;
        let scheme = if base.endpoint.tls.is_some() { "https" } else { "http" };
        let path = String::from_utf8_lossy(path);
        let url = format!("{scheme}://{}{}{path}", base.host, base.path);
        let headers = [("host", base.host.as_str()), ("content-type", "application/json")];
        let body = SignableBody::Bytes(call.body);
        let request = SignableRequest::new("POST", url, headers.into_iter(), body)
            .map_err(|error| failed(&error))?;
        let (instructions, _signature) =
            sign(request, &params.into()).map_err(|error| failed(&error))?.into_parts();
        for (name, value) in instructions.headers() {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }
}
