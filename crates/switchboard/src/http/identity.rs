//! Who wants to talk to an agent: whatever stands in `Authorization`, or in the WebSocket subprotocols of a browser,
//! turned into one [`CallerIdentity`] by one function, [`CallerDoor::identify`].
//!
//! An API key is a tenant's own program. An ephemeral token `ek_…` is the right to start one session with one agent. A
//! JSON Web Token is a user of a tenant's app. What each of them may send later is decided elsewhere (threat S7).

use std::sync::Arc;

use chrono::Utc;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use switchboard_store::{
    Actor, ApiKeyId, CallId, ContactId, NewVoiceSession, Private, Purpose, StaffId, Store,
    StoreError, TenantId, TenantScope, TenantStore, Timestamp, VoiceSessionIdentity,
};
use switchboard_wire::openai::RestError;

use super::api_key::ApiKey;
use super::auth::{KeyIdentity, KeyVerifier, VerifierUnavailable};
use super::problem::Problem;
use super::standing::Standings;
use crate::app_users::{AppUser, AppUsers, TokenFault, looks_like_token};
use crate::config::Secret;

/// How the official SDKs put a credential into a browser's WebSocket, which cannot set headers (openai-realtime.md, 1.2).
const SUBPROTOCOL_KEY_PREFIX: &str = "openai-insecure-api-key.";
/// What every ephemeral token begins with.
const EPHEMERAL_PREFIX: &str = "ek_";
/// Characters behind the prefix, all hexadecimal.
const EPHEMERAL_DIGITS: usize = 64;

/// A credential as a request brought it, in the clear while it is checked. Prints as a placeholder.
#[derive(Clone, Debug)]
pub enum Brought {
    /// None at all.
    Nothing,
    /// Something that cannot be any of the others.
    Other,
    /// What looks like an API key.
    Key(ApiKey),
    /// What looks like an ephemeral token.
    Ephemeral(Secret),
    /// What looks like a JSON Web Token.
    Token(Secret),
}

/// Who asks, and what they are bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The only tenant whose agents may answer.
    pub tenant_id: TenantId,
    /// By what they were known.
    pub credential: CallerCredential,
    /// The agents they may talk to.
    pub agents: AgentsAllowed,
    /// The app's own id of its user.
    pub user_id: Option<Private<String>>,
    /// The contact they are, as the tenant's program said when it asked for the token.
    pub contact_id: Option<ContactId>,
    /// The project the session is about.
    pub project_id: Option<String>,
    /// What the agent is told about the session. Data, not instructions (threat A2).
    pub context: Option<Private<String>>,
}

/// By what somebody was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerCredential {
    /// A key of the tenant's own programs.
    ApiKey(ApiKeyId),
    /// A person of the tenant who is signed in.
    Staff(StaffId),
    /// A user of the tenant's app.
    AppUser,
    /// The right to start one session. The session's id is that of its call.
    Ephemeral {
        /// The session.
        session: CallId,
        /// It was started already.
        is_used: bool,
    },
}

/// Which agents of the tenant may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentsAllowed {
    /// Every one.
    All,
    /// These.
    These(Vec<String>),
}

/// Why somebody is not let in. Says nothing that helps to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerRefusal {
    /// No credential.
    Missing,
    /// No such key, or nothing that is a credential.
    WrongKey,
    /// A token that is altered, foreign or of nobody that is trusted.
    InvalidToken,
    /// Good once.
    ExpiredToken,
    /// An ephemeral token that has started its session.
    UsedToken,
    /// Signed in, but not for this agent.
    AgentNotAllowed,
    /// It cannot be told now.
    Unavailable,
}

/// The one place that knows callers. Cheap to clone.
#[derive(Clone)]
pub struct CallerDoor {
    store: Store,
    keys: Arc<dyn KeyVerifier>,
    users: AppUsers,
    standings: Standings,
}

impl Brought {
    /// The credential of a request: `Authorization: Bearer`, else a subprotocol, which must not be echoed (threat S6).
    pub fn by(headers: &HeaderMap) -> Self {
        if let Some(value) = headers.get(AUTHORIZATION) {
            let Some((scheme, text)) = value.to_str().ok().and_then(|it| it.split_once(' ')) else {
                return Self::Other;
            };
            return if scheme.eq_ignore_ascii_case("bearer") {
                Self::of(text.trim())
            } else {
                Self::Other
            };
        }
        let text = subprotocol(headers, SUBPROTOCOL_KEY_PREFIX);
        text.map_or(Self::Nothing, Self::of)
    }

    fn of(text: &str) -> Self {
        if let Some(key) = ApiKey::parse(text) {
            Self::Key(key)
        } else if is_ephemeral(text) {
            Self::Ephemeral(Secret::new(text))
        } else if looks_like_token(text) {
            Self::Token(Secret::new(text))
        } else {
            Self::Other
        }
    }

    /// The text, to tell clients apart that are refused again and again.
    pub fn expose(&self) -> &str {
        match self {
            Self::Nothing | Self::Other => "",
            Self::Key(key) => key.expose(),
            Self::Ephemeral(token) | Self::Token(token) => token.expose(),
        }
    }
}

/// What stands behind `prefix` in the list of subprotocols.
pub fn subprotocol<'a>(headers: &'a HeaderMap, prefix: &str) -> Option<&'a str> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
    let mut names = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    names.find_map(|name| name.trim().strip_prefix(prefix))
}

fn is_ephemeral(text: &str) -> bool {
    text.strip_prefix(EPHEMERAL_PREFIX).is_some_and(|digits| {
        digits.len() == EPHEMERAL_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

impl CallerDoor {
    /// A door to the tenants of `store`.
    pub fn new(store: Store, users: AppUsers) -> Self {
        Self {
            keys: Arc::new(store.lookup()),
            standings: Standings::new(store.clone()),
            store,
            users,
        }
    }

    /// Who asks for something new. A used or expired token is refused.
    ///
    /// # Errors
    /// Why they are not let in.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<CallerIdentity, CallerRefusal> {
        let identity = self.recognise(&Brought::by(headers)).await?;
        match identity.credential {
            CallerCredential::Ephemeral { is_used: true, .. } => Err(CallerRefusal::UsedToken),
            _ => Ok(identity),
        }
    }

    /// Who this is, whatever it was used for: a token that has started its session still tells whose session it is.
    ///
    /// # Errors
    /// Why they are not let in.
    pub async fn recognise(&self, brought: &Brought) -> Result<CallerIdentity, CallerRefusal> {
        match brought {
            Brought::Nothing => Err(CallerRefusal::Missing),
            Brought::Other => Err(CallerRefusal::WrongKey),
            Brought::Key(key) => {
                let known = self.keys.verify(key).await;
                let known = known.map_err(|VerifierUnavailable| CallerRefusal::Unavailable)?;
                known
                    .map(CallerIdentity::from)
                    .ok_or(CallerRefusal::WrongKey)
            }
            Brought::Ephemeral(token) => {
                let found = self.store.lookup().voice_session(token.expose()).await;
                let session = found.map_err(unavailable)?;
                session
                    .ok_or(CallerRefusal::InvalidToken)
                    .and_then(|session| CallerIdentity::of_session(session, Utc::now()))
            }
            Brought::Token(token) => match self.users.verify(token.expose()).await {
                Ok(user) => Ok(user.into()),
                Err(TokenFault::Invalid) => Err(CallerRefusal::InvalidToken),
                Err(TokenFault::Expired) => Err(CallerRefusal::ExpiredToken),
                Err(TokenFault::KeysUnavailable) => Err(CallerRefusal::Unavailable),
                Err(TokenFault::Store(error)) => Err(unavailable(error)),
            },
        }
    }

    /// What is open, by whom.
    pub fn standings(&self) -> &Standings {
        &self.standings
    }

    /// Uses the credential up for this call, where it is good for one: the last act before the call starts. Of two at the
    /// same time, on any node, one is let in (threat T3).
    ///
    /// # Errors
    /// The token was used or has expired since it was looked at.
    pub async fn begin(
        &self,
        identity: &CallerIdentity,
        call: CallId,
        agent_name: &str,
    ) -> Result<(), CallerRefusal> {
        let rows = self.rows(identity);
        self.standings.of_call(identity, call);
        match identity.credential {
            CallerCredential::ApiKey(_) | CallerCredential::Staff(_) => Ok(()),
            CallerCredential::AppUser => {
                let now = Utc::now();
                let session = NewVoiceSession {
                    id: call,
                    user_id: identity.user_id.clone(),
                    ..NewVoiceSession::of(agent_name, identity.minter(), now)
                };
                rows.add_voice_session(&session).await.map_err(unavailable)
            }
            CallerCredential::Ephemeral { session, .. } => {
                match rows.start_voice_session(session, Utc::now()).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(CallerRefusal::UsedToken),
                    Err(error) => Err(unavailable(error)),
                }
            }
        }
    }

    /// The rows that the identity reaches.
    pub fn rows(&self, identity: &CallerIdentity) -> TenantStore {
        let actor = match identity.credential {
            CallerCredential::ApiKey(key) => Actor::ApiKey(key),
            CallerCredential::Staff(staff) => Actor::Staff(staff),
            CallerCredential::AppUser | CallerCredential::Ephemeral { .. } => Actor::System,
        };
        let scope = TenantScope::new(identity.tenant_id, actor, Purpose::Call);
        self.store.tenant(scope)
    }
}

/// Names a tenant's app user in a technical record without telling who it is.
pub fn user_hash(tenant: TenantId, user: &Private<String>) -> String {
    let digest = Sha256::digest(format!("{tenant}/{}", user.expose()));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unavailable(error: StoreError) -> CallerRefusal {
    tracing::warn!(%error, "a credential cannot be checked");
    CallerRefusal::Unavailable
}

impl CallerIdentity {
    fn of_session(session: VoiceSessionIdentity, now: Timestamp) -> Result<Self, CallerRefusal> {
        let is_used = session.started_at.is_some();
        if !is_used && session.expires_at <= now {
            return Err(CallerRefusal::ExpiredToken);
        }
        Ok(Self {
            tenant_id: session.tenant_id,
            credential: CallerCredential::Ephemeral {
                session: session.id,
                is_used,
            },
            agents: AgentsAllowed::These(vec![session.agent_name]),
            user_id: session.user_id,
            contact_id: session.contact_id,
            project_id: session.project_id,
            context: session.context,
        })
    }

    /// The agent that is asked for, if it may answer. Who is bound to one agent need not name it.
    ///
    /// # Errors
    /// Another agent than those that may answer; `Ok(None)` where none is named and none is bound.
    pub fn agent_name<'a>(
        &'a self,
        asked: Option<&'a str>,
    ) -> Result<Option<&'a str>, CallerRefusal> {
        match (&self.agents, asked) {
            (AgentsAllowed::All, asked) => Ok(asked),
            (AgentsAllowed::These(agents), None) => match agents.as_slice() {
                [only] => Ok(Some(only)),
                _ => Ok(None),
            },
            (AgentsAllowed::These(agents), Some(asked)) => {
                let is_allowed = agents.iter().any(|agent| agent == asked);
                is_allowed
                    .then_some(Some(asked))
                    .ok_or(CallerRefusal::AgentNotAllowed)
            }
        }
    }

    /// The id that a call of this identity gets.
    pub fn call_id(&self) -> CallId {
        match self.credential {
            CallerCredential::Ephemeral { session, .. } => session,
            _ => CallId::new(),
        }
    }

    /// Whom tokens and sessions are counted for: a user where one is named, else the credential. Unique in its tenant.
    pub fn minter(&self) -> String {
        match (self.credential, &self.user_id) {
            (_, Some(user)) => format!("app_user {}", user.expose()),
            (CallerCredential::ApiKey(key), None) => format!("api_key {key}"),
            (CallerCredential::Staff(staff), None) => format!("staff {staff}"),
            (CallerCredential::Ephemeral { session, .. }, None) => format!("session {session}"),
            (CallerCredential::AppUser, None) => "app_user".to_owned(),
        }
    }

    /// Names the user in a technical record without telling who it is; None where no user is known.
    pub fn user_hash(&self) -> Option<String> {
        let user = self.user_id.as_ref()?;
        Some(user_hash(self.tenant_id, user))
    }

    /// Whether the two are the same caller, for a call that one of them began and the other comes back to (threat S9).
    pub fn is_same_caller(&self, other: &Self) -> bool {
        let same_credential = match (self.credential, other.credential) {
            (
                CallerCredential::Ephemeral { session: one, .. },
                CallerCredential::Ephemeral { session: two, .. },
            ) => one == two,
            (one, two) => one == two,
        };
        same_credential && self.tenant_id == other.tenant_id && self.user_id == other.user_id
    }
}

impl From<KeyIdentity> for CallerIdentity {
    fn from(key: KeyIdentity) -> Self {
        Self::of(key.tenant_id, CallerCredential::ApiKey(key.key_id))
    }
}

impl From<AppUser> for CallerIdentity {
    fn from(user: AppUser) -> Self {
        Self {
            agents: AgentsAllowed::These(user.agents),
            user_id: Some(user.subject),
            ..Self::of(user.tenant_id, CallerCredential::AppUser)
        }
    }
}

impl CallerIdentity {
    /// Somebody of this tenant who may talk to all of its agents and is bound to nobody.
    pub fn of(tenant_id: TenantId, credential: CallerCredential) -> Self {
        Self {
            tenant_id,
            credential,
            agents: AgentsAllowed::All,
            user_id: None,
            contact_id: None,
            project_id: None,
            context: None,
        }
    }
}

impl CallerRefusal {
    /// The stable word of it, as it stands in errors of both kinds.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing_credential",
            Self::WrongKey => "invalid_api_key",
            Self::InvalidToken => "invalid_token",
            Self::ExpiredToken => "token_expired",
            Self::UsedToken => "token_used",
            Self::AgentNotAllowed => "agent_not_allowed",
            Self::Unavailable => "unavailable",
        }
    }

    /// A sentence for whoever wrote the client.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Missing => "Missing bearer authentication in header.",
            Self::WrongKey => "Incorrect API key provided.",
            Self::InvalidToken => "The token is not valid here.",
            Self::ExpiredToken => "The token has expired: ask for another one.",
            Self::UsedToken => "The token has started its session already: ask for another one.",
            Self::AgentNotAllowed => "This credential does not reach this agent.",
            Self::Unavailable => "Credentials cannot be checked now; try again.",
        }
    }
}

impl From<CallerRefusal> for Problem {
    fn from(refusal: CallerRefusal) -> Self {
        let problem = match refusal {
            CallerRefusal::Missing | CallerRefusal::WrongKey => Self::not_signed_in(),
            CallerRefusal::InvalidToken
            | CallerRefusal::ExpiredToken
            | CallerRefusal::UsedToken => {
                let title = "The token does not let you in";
                Self::new(StatusCode::UNAUTHORIZED, refusal.code(), title)
            }
            CallerRefusal::AgentNotAllowed => {
                let title = "The credential does not reach this agent";
                Self::new(StatusCode::FORBIDDEN, refusal.code(), title)
            }
            CallerRefusal::Unavailable => Self::unavailable(),
        };
        let kind = match refusal {
            CallerRefusal::Unavailable => "server_error",
            _ => "invalid_request_error",
        };
        problem
            .with_detail(refusal.message())
            .in_vendor_words(RestError {
                message: refusal.message().to_owned(),
                kind: kind.to_owned(),
                param: None,
                code: Some(refusal.code().to_owned()),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(name: &'static str, value: &str) -> Brought {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header"));
        Brought::by(&headers)
    }

    #[test]
    fn each_credential_is_known_by_its_form_wherever_it_stands() {
        let (key, ephemeral) = (
            format!("sk_sb_{}", "a".repeat(64)),
            format!("ek_{}", "0".repeat(64)),
        );
        for prefix in ["Bearer ", "bearer  "] {
            let of = |text: &str| by("authorization", &format!("{prefix}{text}"));
            assert!(matches!(of(&key), Brought::Key(_)));
            assert!(matches!(of(&ephemeral), Brought::Ephemeral(_)));
            assert!(matches!(of("eyJh.eyJp.c2ln"), Brought::Token(_)));
            for text in ["ek_", "ek_xyz", "sk-proj-1", "a.b", "eyJh.eyJp.c2ln.x"] {
                assert!(matches!(of(text), Brought::Other), "{text}");
            }
        }
        let offered = format!("realtime, openai-insecure-api-key.{ephemeral}");
        assert!(matches!(
            by("sec-websocket-protocol", &offered),
            Brought::Ephemeral(_)
        ));
        assert!(matches!(
            by("sec-websocket-protocol", "realtime"),
            Brought::Nothing
        ));
        assert!(matches!(by("authorization", "Basic YTpi"), Brought::Other));
    }

    #[test]
    fn s6_d5_no_credential_is_printed() {
        let ephemeral = format!("ek_{}", "7".repeat(64));
        for text in [ephemeral.as_str(), "eyJh.eyJp.c2ln"] {
            let shown = format!("{:?}", by("authorization", &format!("Bearer {text}")));
            assert!(!shown.contains("777") && !shown.contains("eyJ"), "{shown}");
        }
    }

    #[test]
    fn t3_who_is_bound_to_one_agent_reaches_no_other() {
        let tenant = TenantId::new();
        let mut identity = CallerIdentity::of(tenant, CallerCredential::AppUser);
        assert_eq!(identity.agent_name(Some("trades")), Ok(Some("trades")));
        identity.agents = AgentsAllowed::These(vec!["medspa".to_owned()]);
        assert_eq!(identity.agent_name(None), Ok(Some("medspa")));
        assert_eq!(identity.agent_name(Some("medspa")), Ok(Some("medspa")));
        assert_eq!(
            identity.agent_name(Some("trades")),
            Err(CallerRefusal::AgentNotAllowed)
        );
        identity.agents = AgentsAllowed::These(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(identity.agent_name(None), Ok(None));
    }

    #[test]
    fn s9_a_call_belongs_to_the_caller_who_began_it() {
        let tenant = TenantId::new();
        let session = CallId::new();
        let of = |credential| CallerIdentity::of(tenant, credential);
        let before = of(CallerCredential::Ephemeral {
            session,
            is_used: false,
        });
        let after = of(CallerCredential::Ephemeral {
            session,
            is_used: true,
        });
        assert!(before.is_same_caller(&after));
        let other = of(CallerCredential::Ephemeral {
            session: CallId::new(),
            is_used: true,
        });
        assert!(!before.is_same_caller(&other));
        let user = |name: &str| CallerIdentity {
            user_id: Some(name.into()),
            ..of(CallerCredential::AppUser)
        };
        assert!(user("a").is_same_caller(&user("a")) && !user("a").is_same_caller(&user("b")));
        let elsewhere = CallerIdentity {
            tenant_id: TenantId::new(),
            ..user("a")
        };
        assert!(!user("a").is_same_caller(&elsewhere));
    }
}
