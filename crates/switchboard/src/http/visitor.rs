//! Who asks on `/api/v1`: a program with an API key, or a person of staff with a login cookie. (Threats H7, T4.)
//!
//! A cookie travels by itself, so a page of somebody else could use it: whatever changes something needs a header that
//! such a page cannot send, and our own origin. Keys do not travel by themselves.

use axum::extract::FromRequestParts;
use http::header::{COOKIE, HeaderValue, ORIGIN, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use switchboard_store::{Actor, ApiKeyId, Private, TenantId};
use uuid::Uuid;

use super::auth::KeyIdentity;
use super::problem::Problem;
use crate::config::Settings;
use crate::staff::{Capability, LOGIN_LIFE_MAX, StaffLogin};

/// What every request of ours carries that changes something. Another site's page would have to ask first (CORS).
const OWN_REQUEST: HeaderName = HeaderName::from_static("x-switchboard-request");

/// The cookie where the address is encrypted: browsers take it for this host and path alone.
const SECURE_COOKIE: &str = "__Host-switchboard";
/// The cookie of a server on loopback, where there is no encryption.
const PLAIN_COOKIE: &str = "switchboard";
/// Characters of a token, as the store makes it.
const TOKEN_CHARS: usize = 64;

/// Who asks, and for which tenant. As an extractor it answers 401 where nobody was let in before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The only tenant whose data the request may touch.
    pub tenant_id: TenantId,
    /// The name of the key; people have theirs in the rows.
    pub name: String,
    /// A program or a person.
    pub who: Who,
}

/// A program or a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A program with this key.
    Key(ApiKeyId),
    /// A person who is signed in.
    Login(StaffLogin),
}

impl Visitor {
    /// Whoever acts, for audit entries.
    pub fn actor(&self) -> Actor {
        match &self.who {
            Who::Key(key) => Actor::ApiKey(*key),
            Who::Login(login) => Actor::Staff(login.staff_id),
        }
    }

    /// What repeated requests belong to: the key, or the person.
    pub fn credential(&self) -> Uuid {
        match &self.who {
            Who::Key(key) => key.uuid(),
            Who::Login(login) => login.staff_id.uuid(),
        }
    }

    /// Whether it may do this.
    pub fn may(&self, capability: Capability) -> bool {
        match &self.who {
            Who::Key(_) => capability.allows_key(),
            Who::Login(login) => !login.must_enrol && capability.allows(login.role),
        }
    }

    /// The person, if it is one.
    pub fn login(&self) -> Option<&StaffLogin> {
        match &self.who {
            Who::Key(_) => None,
            Who::Login(login) => Some(login),
        }
    }
}

impl From<KeyIdentity> for Visitor {
    fn from(key: KeyIdentity) -> Self {
        Self {
            tenant_id: key.tenant_id,
            name: key.name,
            who: Who::Key(key.key_id),
        }
    }
}

impl From<StaffLogin> for Visitor {
    fn from(login: StaffLogin) -> Self {
        Self {
            tenant_id: login.tenant_id,
            name: String::new(),
            who: Who::Login(login),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let visitor = parts.extensions.get::<Self>().cloned();
        visitor.ok_or_else(Problem::not_signed_in)
    }
}

/// How the login cookie looks here, and whose pages may use it.
#[derive(Clone, Debug)]
pub struct CookieRules {
    is_secure: bool,
    origins: Vec<String>,
}

impl CookieRules {
    /// As the public address and the listed origins ask for.
    pub fn of(settings: &Settings) -> Self {
        let url = settings.public_url();
        let mut origins = settings.http.cors_origins.clone();
        origins.push(origin_of(url.as_http().as_str()));
        if url.is_loopback() {
            let hosts = ["127.0.0.1", "localhost", "[::1]"].into_iter();
            let port = url.port();
            origins.extend(hosts.map(|host| format!("http://{host}:{port}")));
        }
        Self {
            is_secure: url.is_encrypted(),
            origins,
        }
    }

    /// The token that the browser keeps, if it sent one that can be one.
    pub(super) fn token(&self, headers: &HeaderMap) -> Option<Private<String>> {
        let lines = headers.get_all(COOKIE).into_iter();
        let mut cookies = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'));
        let token = cookies.find_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == self.name()).then_some(value)
        })?;
        let fits = token.len() == TOKEN_CHARS && token.bytes().all(|it| it.is_ascii_hexdigit());
        fits.then(|| token.to_owned().into())
    }

    /// Gives the token to the browser, to be kept from scripts and other sites.
    pub(super) fn keep(&self, token: &Private<String>) -> Option<HeaderValue> {
        self.cookie(token.expose(), LOGIN_LIFE_MAX.as_secs())
    }

    /// Makes the browser forget it.
    pub(super) fn forget(&self) -> Option<HeaderValue> {
        self.cookie("", 0)
    }

    fn cookie(&self, value: &str, age_s: u64) -> Option<HeaderValue> {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let name = self.name();
        let text =
            format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age_s}{secure}");
        HeaderValue::from_str(&text).ok()
    }

    fn name(&self) -> &'static str {
        if self.is_secure {
            SECURE_COOKIE
        } else {
            PLAIN_COOKIE
        }
    }

    /// Refuses a request with a cookie that a foreign page may have made (S6 for sockets).
    ///
    /// # Errors
    /// 403.
    pub(super) fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
        let is_socket = headers.contains_key(UPGRADE);
        let is_safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if is_safe && !is_socket {
            return Ok(());
        }
        // A browser's socket cannot set headers, but always says where it comes from.
        let has_header = is_socket || headers.get(&OWN_REQUEST).is_some_and(|it| it == "1");
        if has_header && self.is_own(headers) {
            return Ok(());
        }
        Err(Problem::foreign_origin())
    }

    /// Refuses a foreign page where there is no cookie yet: it must not sign a browser in either.
    ///
    /// # Errors
    /// 403.
    pub(super) fn check_stranger(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if !headers.contains_key(ORIGIN) || self.is_own(headers) {
            return Ok(());
        }
        Err(Problem::foreign_origin())
    }

    fn is_own(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).into_iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else {
            return false;
        };
        self.origins
            .iter()
            .any(|own| own.as_bytes() == origin.as_bytes())
    }
}

/// Scheme, host and port of an address, without its path; a usual port is not written, as browsers do not.
fn origin_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split('/').next().unwrap_or_default();
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(usual).unwrap_or(authority);
    format!("{scheme}://{}", authority.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(public_url: &str) -> CookieRules {
        let mut settings = Settings::default();
        settings.http.public_url = Some(public_url.parse().expect("an address"));
        CookieRules::of(&settings)
    }

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    const OWN: (HeaderName, &str) = (ORIGIN, "https://voice.example.com");
    const HEADER: (HeaderName, &str) = (OWN_REQUEST, "1");

    #[test]
    fn t4_a_request_of_another_site_changes_nothing_with_our_cookie() {
        let rules = rules("https://voice.example.com:443/");
        let post = |pairs: &[_]| rules.check(&Method::POST, &headers(pairs)).is_ok();
        assert!(post(&[OWN, HEADER]));
        assert!(!post(&[OWN]), "the header is missing");
        assert!(!post(&[HEADER]), "browsers always say where it comes from");
        for origin in [
            "https://evil.example",
            "http://voice.example.com",
            "https://voice.example.com.evil.example",
            "https://voice.example.com:8443",
            "null",
        ] {
            assert!(!post(&[(ORIGIN, origin), HEADER]), "{origin}");
        }
        assert!(!post(&[OWN, (ORIGIN, "https://evil.example"), HEADER]));
        let socket = [(UPGRADE, "websocket"), (ORIGIN, "https://evil.example")];
        assert!(rules.check(&Method::GET, &headers(&socket)).is_err());
        let socket = [(UPGRADE, "websocket"), OWN];
        assert!(rules.check(&Method::GET, &headers(&socket)).is_ok());
        assert!(rules.check(&Method::GET, &headers(&[])).is_ok());
    }

    #[test]
    fn t4_no_foreign_page_signs_a_browser_in_and_programs_may() {
        let rules = rules("https://voice.example.com");
        let stranger = |pairs: &[_]| rules.check_stranger(&headers(pairs)).is_ok();
        assert!(stranger(&[OWN]) && stranger(&[]));
        assert!(!stranger(&[(ORIGIN, "https://evil.example")]));
    }

    #[test]
    fn t4_the_cookie_is_kept_from_scripts_other_sites_and_other_hosts() {
        let token: Private<String> = "ab".repeat(32).into();
        let kept = rules("https://voice.example.com").keep(&token);
        let kept = kept.expect("a header").to_str().expect("text").to_owned();
        assert!(kept.starts_with("__Host-switchboard=abab"), "{kept}");
        for part in [
            "Path=/",
            "HttpOnly",
            "SameSite=Strict",
            "Secure",
            "Max-Age=604800",
        ] {
            assert!(kept.split("; ").any(|it| it == part), "{part} in {kept}");
        }
        let plain = rules("http://127.0.0.1:8080");
        let kept = plain.keep(&token).expect("a header");
        let kept = kept.to_str().expect("text");
        assert!(kept.starts_with("switchboard=") && !kept.contains("Secure"));
        assert!(plain.is_own(&headers(&[(ORIGIN, "http://localhost:8080")])));
        assert!(!plain.is_own(&headers(&[(ORIGIN, "http://localhost:5173")])));
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        let rules = rules("http://127.0.0.1:8080");
        let token = |cookie: String| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, cookie.parse().expect("a header"));
            rules.token(&headers).is_some()
        };
        assert!(token(format!("a=b; switchboard={}; c=d", "ab".repeat(32))));
        assert!(!token(format!("__Host-switchboard={}", "ab".repeat(32))));
        assert!(!token("switchboard=' or 1=1".to_owned()));
        assert!(!token(format!("switchboard={}", "z".repeat(64))));
    }
}
