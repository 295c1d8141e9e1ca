//! What a client that lost its connection needs to go on in the same call (threat S9).
//!
//! It was given a token when its session started. With the token and the credential it came with, it takes the place of
//! the lost connection: [`Comebacks`] finds the call, the leg sends again what the client missed ([`Kept`]), and the core
//! goes on where it held. A token is used once and replaced, so that one client at a time holds a call.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use sha2::{Digest, Sha256};
use switchboard_store::CallId;

use super::protocol::Outgoing;
use crate::config::Secret;
use crate::drive::DriveHandle;
use crate::http::CallerIdentity;
use crate::http::identity::subprotocol;
use crate::leg::Leg;
use crate::socket::WebSocket;

/// Header of programs, and the prefix of browsers' subprotocols: a token never stands in an address, which others log.
const RESUME: &str = "switchboard-resume";
const RESUME_PREFIX: &str = "switchboard-resume.";
/// The same for the last event that the client is done with.
const AFTER: &str = "switchboard-after";
const AFTER_PREFIX: &str = "switchboard-after.";
/// Longest token or event id that is looked at.
const WORD_BYTES_MAX: usize = 128;
/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// Bytes kept of what a client was told: 16 s of the largest audio, minutes of words.
const KEPT_BYTES_MAX: usize = 1024 * 1024;
/// Calls that ended are forgotten whenever so many more were added.
const FORGET_EVERY: usize = 64;

/// What a client says about the call it comes back to.
#[derive(Clone, Debug)]
pub(super) struct ResumeAsk {
    pub(super) token: Secret,
    /// The last event it is done with.
    pub(super) after: Option<String>,
}

/// What a client is told so that it can come back.
#[derive(Clone, Debug)]
pub(in crate::channels) struct ResumeOffer {
    pub(super) token: Secret,
    pub(super) call: CallId,
    pub(super) grace_s: u64,
}

/// A client that is back, on its way to its call.
pub struct ReturningClient {
    pub(super) socket: WebSocket,
    pub(super) after: Option<String>,
    pub(super) offer: ResumeOffer,
}

impl ReturningClient {
    /// Takes its place in the leg it left. A leg of another kind was never left.
    pub fn attach_to(self, leg: &mut Leg) {
        if let Leg::Client(leg) = leg {
            leg.come_back(self);
        }
    }
}

impl ResumeAsk {
    /// What stands in headers or subprotocols; None for a client that begins.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let word = |header: &str, prefix: &str| {
            let value = headers.get(header).and_then(|value| value.to_str().ok());
            let text = value.or_else(|| subprotocol(headers, prefix))?.trim();
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            let fits = text.len() <= WORD_BYTES_MAX && text.bytes().all(allowed);
            (fits && !text.is_empty()).then(|| text.to_owned())
        };
        Some(Self {
            token: Secret::new(word(RESUME, RESUME_PREFIX)?),
            after: word(AFTER, AFTER_PREFIX),
        })
    }
}

/// A call that its client may come back to.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) call: CallId,
    pub(super) handle: DriveHandle,
    pub(super) identity: CallerIdentity,
}

/// Every call of this process whose client may come back, by the hash of its token.
#[derive(Default)]
pub(super) struct Comebacks(Mutex<HashMap<[u8; 32], Held>>);

impl Comebacks {
    /// A new token. None: the system gives no random bytes, and then nobody comes back.
    pub(super) fn mint() -> Option<Secret> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).ok()?;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Secret::new(digits))
    }

    /// Whoever brings this token, and is who began it, comes back to this call.
    pub(super) fn hold(&self, token: &Secret, held: Held) {
        let mut calls = self.lock();
        if calls.len().is_multiple_of(FORGET_EVERY) {
            calls.retain(|_, held| held.handle.is_open());
        }
        calls.insert(hash(token), held);
    }

    /// The call of this token, which is used up by it. Another caller's attempt changes nothing.
    pub(super) fn take(&self, token: &Secret, identity: &CallerIdentity) -> Option<Held> {
        let mut calls = self.lock();
        let key = hash(token);
        let held = calls.get(&key)?;
        if !held.identity.is_same_caller(identity) {
            return None;
        }
        calls.remove(&key).filter(|held| held.handle.is_open())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose()).into()
}

/// The last messages to a client, so that those it missed can be sent again.
#[derive(Debug, Default)]
pub(super) struct Kept {
    messages: VecDeque<Outgoing>,
    bytes: usize,
    /// Messages before the first one that is kept.
    forgotten: usize,
    /// How many there were when the connection was lost.
    lost_at: Option<usize>,
}

impl Kept {
    pub(super) fn keep(&mut self, message: Outgoing) {
        self.bytes += message.bytes();
        self.messages.push_back(message);
        while self.bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.messages.pop_front() else {
                return;
            };
            self.bytes -= oldest.bytes();
            self.forgotten += 1;
        }
    }

    /// The connection is gone: what comes from here on nobody reads.
    pub(super) fn on_lost(&mut self) {
        let said = self.forgotten + self.messages.len();
        self.lost_at.get_or_insert(said);
    }

    /// What a client missed that is done with this event, and whether that is all of it. Who names no event gets what
    /// was said since its connection was lost.
    pub(super) fn missed(&mut self, after: Option<&str>) -> (VecDeque<Outgoing>, bool) {
        let lost_at = self.lost_at.take();
        let known = after.map(|id| self.messages.iter().rposition(|message| message.has_id(id)));
        let (from, is_complete) = match known {
            Some(Some(index)) => (index + 1, true),
            Some(None) => (0, false),
            None => {
                let said = self.forgotten + self.messages.len();
                let from = lost_at.unwrap_or(said);
                (from.saturating_sub(self.forgotten), from >= self.forgotten)
            }
        };
        (
            self.messages.iter().skip(from).cloned().collect(),
            is_complete,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: usize, bytes: usize) -> Outgoing {
        let note = "x".repeat(bytes);
        Outgoing::Text(format!(
            r#"{{"event_id":"event_{number}","note":"{note}"}}"#
        ))
    }

    fn ids(messages: VecDeque<Outgoing>) -> Vec<String> {
        let text = |message| match message {
            Outgoing::Text(text) => text,
            Outgoing::Audio { event_id, .. } => event_id,
        };
        let id = |text: String| text.split('"').nth(3).unwrap_or_default().to_owned();
        messages.into_iter().map(text).map(id).collect()
    }

    #[test]
    fn a_client_gets_what_comes_after_the_event_it_is_done_with() {
        let mut kept = Kept::default();
        for number in 1..=5 {
            kept.keep(event(number, 0));
        }
        let (missed, complete) = kept.missed(Some("event_3"));
        assert_eq!(
            (ids(missed), complete),
            (vec!["event_4".to_owned(), "event_5".to_owned()], true)
        );
        let (missed, complete) = kept.missed(Some("event_9"));
        assert_eq!((missed.len(), complete), (5, false));
        let (missed, complete) = kept.missed(None);
        assert_eq!(
            (missed.len(), complete),
            (0, true),
            "nothing was said while it was away"
        );
        kept.on_lost();
        kept.keep(event(6, 0));
        kept.on_lost();
        let (missed, complete) = kept.missed(None);
        assert_eq!((ids(missed), complete), (vec!["event_6".to_owned()], true));
    }

    #[test]
    fn s2_no_more_is_kept_than_the_bound_and_the_client_is_told() {
        let mut kept = Kept::default();
        kept.on_lost();
        for number in 1..=40 {
            kept.keep(event(number, 64 * 1024));
        }
        assert!(kept.bytes <= KEPT_BYTES_MAX && kept.messages.len() > 10);
        let (missed, complete) = kept.missed(None);
        assert!(!complete && missed.len() == kept.messages.len());
    }

    #[test]
    fn s9_d5_a_token_is_read_from_header_or_subprotocol_and_never_printed() {
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header"));
            ResumeAsk::of(&headers)
        };
        let token = Comebacks::mint().expect("random bytes");
        let offered = format!(
            "realtime, switchboard-resume.{0}, switchboard-after.event_7",
            token.expose()
        );
        let ask = of("sec-websocket-protocol", &offered).expect("a token");
        assert_eq!(
            (ask.token.expose(), ask.after.as_deref()),
            (token.expose(), Some("event_7"))
        );
        assert!(!format!("{ask:?}").contains(token.expose()));
        assert!(of("switchboard-resume", token.expose()).is_some());
        for text in ["", "a b", &"a".repeat(129)] {
            assert!(of("switchboard-resume", text).is_none(), "{text}");
        }
    }
}
