//! `<Connect><Stream>`: the caller's audio to us and ours to the caller.

use super::TwimlError;
use super::element::Element;
use std::net::IpAddr;

/// Name and value together must stay below this.
const PARAMETER_CHARACTERS_LIMIT: usize = 500;

/// Hands the call to a stream until its socket closes.
///
/// Without `action` the next verb runs then, which is how a dead process of ours still leads to a human. With `action` the
/// verbs after it never run.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    pub stream: Stream,
    pub action: Option<String>,
}

impl Connect {
    /// The form without `action`.
    pub fn stream(stream: Stream) -> Self {
        Self {
            stream,
            action: None,
        }
    }

    pub(super) fn to_element(&self) -> Result<Element, TwimlError> {
        let mut element = Element::new("Connect").with_if("action", self.action.as_ref());
        element.push(self.stream.to_element()?);
        Ok(element)
    }
}

/// A bidirectional media stream. Values travel as parameters, because a query in the URL is stripped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Stream {
    pub url: String,
    pub name: Option<String>,
    pub parameters: Vec<(String, String)>,
    /// Absolute URL; the only place where Twilio says why an upgrade failed.
    pub status_callback: Option<String>,
}

impl Stream {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn with_status_callback(mut self, url: impl Into<String>) -> Self {
        self.status_callback = Some(url.into());
        self
    }

    fn to_element(&self) -> Result<Element, TwimlError> {
        check_url(&self.url)?;
        let mut element = Element::new("Stream")
            .with_if("name", self.name.as_ref())
            .with("url", &self.url)
            .with_if("statusCallback", self.status_callback.as_ref());
        for (name, value) in &self.parameters {
            if name.chars().count() + value.chars().count() >= PARAMETER_CHARACTERS_LIMIT {
                return Err(TwimlError::ParameterTooLong);
            }
            let parameter = Element::new("Parameter").with("name", name);
            element.push(parameter.with("value", value));
        }
        Ok(element)
    }
}

fn check_url(url: &str) -> Result<(), TwimlError> {
    if url.contains(['?', '#']) {
        return Err(TwimlError::StreamUrlQuery);
    }
    let is_allowed = match url.split_once("://") {
        Some(("wss", rest)) => !rest.is_empty(),
        Some(("ws", rest)) => is_loopback(rest),
        _ => false,
    };
    if is_allowed {
        Ok(())
    } else {
        Err(TwimlError::StreamUrlScheme)
    }
}

/// Our own fakes speak plain `ws`; nobody beyond this machine may.
fn is_loopback(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}
