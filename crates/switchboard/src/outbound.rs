//! The one way out over HTTP to addresses that tenants name: webhooks, tools, calendars (threat A4).
//!
//! A name is resolved once, by us, and **the addresses that are connected to** are the ones that were checked: a second
//! answer of a hostile name server has nobody to reach. A request has one deadline for everything, follows no redirect,
//! reads [`ANSWER_BYTES_MAX`] at most, and uses no proxy of the environment.
//!
//! The carrier and the models are not reached by this way: their addresses are the operator's settings.

mod address;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use switchboard_store::Word;
use thiserror::Error;

pub use self::address::is_special;
use crate::config::{Network, OutboundSettings};

/// Bytes of an answer that are read; past them the request has failed.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Longest address; longer ones break somewhere on the way.
const URL_BYTES_MAX: usize = 2_048;
/// Time for TCP and TLS, within the deadline of the whole request.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The client. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound {
    client: reqwest::Client,
    rules: Arc<Rules>,
}

#[derive(Debug)]
struct Rules {
    allow: Vec<Network>,
}

/// An address that may be asked: the form is right, and a literal IP address in it is allowed. What a name leads to is
/// checked when it is connected to.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboundUrl(Url);

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UrlRefusal {
    /// No absolute `https` address, or too long.
    #[error("an address must look like https://example.com/path, of 2,048 bytes at most")]
    Form,
    /// User and password belong elsewhere: addresses are shown and logged by others.
    #[error("an address must not hold a user or password")]
    Credentials,
    /// Plain `http`, which is for allowed loopback addresses only.
    #[error("an address must begin with https://")]
    Plain,
    /// A literal address that is not public.
    #[error("the address is not on the public internet and not in outbound.allow_networks")]
    Forbidden,
}

/// One request.
#[derive(Clone, Debug)]
pub struct OutboundRequest {
    /// Usually POST.
    pub method: Method,
    /// Whom to ask.
    pub url: OutboundUrl,
    /// Besides those that every request has.
    pub headers: HeaderMap,
    /// What is sent.
    pub body: Bytes,
    /// For name, connection, request and answer together.
    pub deadline: Duration,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct OutboundAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// What it says.
    pub body: Bytes,
    /// How long it took.
    pub took: Duration,
}

/// Why there is no answer. Words only: what a peer said is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OutboundError {
    /// The name leads to no address, or the name server does not answer.
    #[error("the name cannot be resolved")]
    Unresolved,
    /// The name leads to addresses that must not be reached.
    #[error("the name leads to an address that is not allowed")]
    Forbidden,
    /// No connection, or TLS failed.
    #[error("no connection")]
    Unreachable,
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
    /// More than is read.
    #[error("the answer is too long")]
    TooLong,
    /// The connection broke, or what came is not HTTP.
    #[error("the answer is broken")]
    Broken,
}

impl Outbound {
    /// Prepares the client.
    ///
    /// # Errors
    /// TLS cannot be prepared on this machine.
    pub fn new(settings: &OutboundSettings) -> Result<Self, reqwest::Error> {
        let rules = Arc::new(Rules {
            allow: settings.allow_networks.clone(),
        });
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_MAX)
            .dns_resolver(Arc::new(CheckedNames(Arc::clone(&rules))))
            .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, rules })
    }

    /// Checks an address before it is stored or asked.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, text: &str) -> Result<OutboundUrl, UrlRefusal> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlRefusal::Form);
        }
        let mut url: Url = text.parse().map_err(|_| UrlRefusal::Form)?;
        url.set_fragment(None);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlRefusal::Credentials);
        }
        let literal = literal_address(&url);
        if let Some(address) = literal
            && !self.rules.allows(address)
        {
            return Err(UrlRefusal::Forbidden);
        }
        let is_allowed_loopback =
            literal.is_some_and(|address| address.to_canonical().is_loopback());
        match url.scheme() {
            "https" if url.has_host() => Ok(OutboundUrl(url)),
            "http" if is_allowed_loopback => Ok(OutboundUrl(url)),
            "http" => Err(UrlRefusal::Plain),
            _ => Err(UrlRefusal::Form),
        }
    }

    /// Asks, and reads the answer. A redirect is an answer like any other.
    ///
    /// # Errors
    /// No whole answer came.
    pub async fn send(&self, request: OutboundRequest) -> Result<OutboundAnswer, OutboundError> {
        let began = Instant::now();
        let asked = self
            .client
            .request(request.method, request.url.0)
            .headers(request.headers)
            .body(request.body)
            .timeout(request.deadline)
            .send();
        let mut answer = asked.await.map_err(|error| why(&error))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| why(&error))? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(OutboundError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(OutboundAnswer {
            status,
            headers,
            body: body.freeze(),
            took: began.elapsed(),
        })
    }
}

impl OutboundUrl {
    /// The address as text. It may hold a token of the tenant, so it belongs in no log.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl std::fmt::Debug for OutboundUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

impl OutboundError {
    /// For records and measures.
    pub fn word(self) -> Word {
        Word::new(match self {
            Self::Unresolved => "unresolved",
            Self::Forbidden => "forbidden_address",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::TooLong => "answer_too_long",
            Self::Broken => "broken_answer",
        })
    }
}

impl Rules {
    fn allows(&self, address: IpAddr) -> bool {
        !is_special(address) || self.allow.iter().any(|network| network.contains(address))
    }
}

/// The address when the host is one. The parser has turned every other spelling (`0x7f.1`, `2130706433`) into it.
fn literal_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok()
}

/// Resolves names to addresses that may be reached, or to nothing.
#[derive(Debug)]
struct CheckedNames(Arc<Rules>);

/// Found again in the chain of the client's error.
#[derive(Debug, Error)]
#[error("{0}")]
struct NameRefused(OutboundError);

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found: Vec<SocketAddr> = found
                .map_err(|_| NameRefused(OutboundError::Unresolved))?
                .collect();
            // One address that is not allowed spoils the name: an honest one has none.
            if found.iter().any(|address| !rules.allows(address.ip())) {
                return Err(NameRefused(OutboundError::Forbidden).into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

fn why(error: &reqwest::Error) -> OutboundError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(known) = cause {
        if let Some(NameRefused(refusal)) = known.downcast_ref() {
            return *refusal;
        }
        cause = known.source();
    }
    if error.is_timeout() {
        OutboundError::TimedOut
    } else if error.is_connect() {
        OutboundError::Unreachable
    } else {
        OutboundError::Broken
    }
}

#[cfg(test)]
mod tests;
