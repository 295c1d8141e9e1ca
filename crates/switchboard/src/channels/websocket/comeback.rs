//! What a client that lost its connection needs to go on in the same call (threat S9).
//!
//! It was given a token when its session started. With the token and the credential it came with, it takes the place of
//! the lost connection: [`Comebacks`] finds the call, the leg sends again what the client missed ([`Kept`]), and the core
//! goes on where it held. A token is used once and replaced, so that one client at a time holds a call.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use sha2::{Digest, Sha256};
use switchboard_store::CallId;

use super::protocol::Outgoing;
use crate::channels::webrtc::ReturningPeer;
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
pub(in crate::channels) struct ResumeAsk {
    pub(in crate::channels) token: Secret,
    /// The last event it is done with.
    pub(in crate::channels) after: Option<String>,
}

/// What a client is told so that it can come back.
#[derive(Clone, Debug)]
pub(in crate::channels) struct ResumeOffer {
    pub(in crate::channels) token: Secret,
    pub(in crate::channels) call: CallId,
    pub(in crate::channels) grace_s: u64,
}

/// A client that is back, on its way to its call.
pub struct ReturningClient {
    pub(in crate::channels) way: WayBack,
    pub(in crate::channels) after: Option<String>,
    pub(in crate::channels) offer: ResumeOffer,
}

/// What a client came back on.
pub(in crate::channels) enum WayBack {
    /// `/v1/realtime`.
    Socket(Box<WebSocket>),
    /// `/v1/realtime/calls`.
    Peer(Box<ReturningPeer>),
}

impl ReturningClient {
    /// Takes its place in the leg it left. A leg of another kind was never left.
    pub fn attach_to(self, leg: &mut Leg) {
        match (leg, self.way) {
            (Leg::Client(leg), WayBack::Socket(socket)) => {
                leg.come_back(*socket, self.after.as_deref(), &self.offer);
            }
            (Leg::WebRtc(leg), WayBack::Peer(peer)) => leg.come_back(*peer, self.after, self.offer),
            _ => {}
        }
    }
}

impl ResumeAsk {
    /// What stands in headers or subprotocols; None for a client that begins.
    pub(in crate::channels) fn of(headers: &HeaderMap) -> Option<Self> {
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
pub(in crate::channels) struct Held {
    pub(in crate::channels) call: CallId,
    pub(in crate::channels) handle: DriveHandle,
    pub(in crate::channels) identity: CallerIdentity,
}

/// Every call of this process whose client may come back, by the hash of its token.
#[derive(Default)]
pub(in crate::channels) struct Comebacks(Mutex<HashMap<[u8; 32], Held>>);

impl Comebacks {
    /// A new token. None: the system gives no random bytes, and then nobody comes back.
    pub(in crate::channels) fn mint() -> Option<Secret> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).ok()?;
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Secret::new(digits))
    }

    /// Whoever brings this token, and is who began it, comes back to this call.
    pub(in crate::channels) fn hold(&self, token: &Secret, held: Held) {
        let mut calls = self.lock();
        if calls.len().is_multiple_of(FORGET_EVERY) {
            calls.retain(|_, held| held.handle.is_open());
        }
        calls.insert(hash(token), held);
    }

    /// The call of this token, which is used up by it. Another caller's attempt changes nothing.
    pub(super) fn take(&self, token: &Secret, identity: &CallerIdentity) -> Option<Held> {
        let held = self.find(token, identity)?;
        // Whoever removes it has it: two may have found it.
        self.lock().remove(&hash(token)).map(|_| held)
    }

    /// The call of this token, for who began it.
    pub(in crate::channels) fn find(
        &self,
        token: &Secret,
        identity: &CallerIdentity,
    ) -> Option<Held> {
        let calls = self.lock();
        let held = calls.get(&hash(token))?;
        let is_theirs = held.identity.is_same_caller(identity) && held.handle.is_open();
        is_theirs.then(|| held.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token that is replaced by another as soon as its client has arrived. Until then both are good: a client whose new
/// connection comes to nothing was never told the new one.
pub(in crate::channels) struct Exchange {
    comebacks: Arc<Comebacks>,
    worthless: [u8; 32],
    old: [u8; 32],
}

impl Exchange {
    /// Makes `new` good for the call that `old` is good for.
    pub(in crate::channels) fn begin(
        comebacks: &Arc<Comebacks>,
        old: &Secret,
        new: &Secret,
        held: Held,
    ) -> Self {
        comebacks.hold(new, held);
        Self {
            comebacks: Arc::clone(comebacks),
            worthless: hash(new),
            old: hash(old),
        }
    }

    /// The client was told the new one.
    pub(in crate::channels) fn complete(mut self) {
        self.worthless = self.old;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.comebacks.lock().remove(&self.worthless);
    }
}

fn hash(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose()).into()
}

/// The last messages to a client, so that those it missed can be sent again.
#[derive(Debug, Default)]
pub(in crate::channels) struct Kept {
    messages: VecDeque<Outgoing>,
    bytes: usize,
    /// Messages before the first one that is kept.
    forgotten: usize,
    /// How many there were when the connection was lost.
    lost_at: Option<usize>,
    /// The last word of welcome, and how many messages there were before what was missed then: it went in front of them.
    welcome: Option<(Outgoing, usize)>,
    missed_from: usize,
}

impl Kept {
    pub(in crate::channels) fn keep(&mut self, message: Outgoing) {
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
    pub(in crate::channels) fn on_lost(&mut self) {
        let said = self.forgotten + self.messages.len();
        self.lost_at.get_or_insert(said);
    }

    /// A client was told that it is back, before what [`Kept::missed`] gave.
    pub(in crate::channels) fn on_resumed(&mut self, welcome: Outgoing) {
        self.welcome = Some((welcome, self.missed_from));
    }

    /// How many messages there were before the first one after this event.
    fn place_after(&self, id: &str) -> Option<usize> {
        if let Some((welcome, from)) = &self.welcome
            && welcome.has_id(id)
        {
            return Some(*from);
        }
        let index = self.messages.iter().rposition(|kept| kept.has_id(id))?;
        Some(self.forgotten + index + 1)
    }

    /// What a client missed that is done with this event, and whether that is all of it. Who names no event gets what
    /// was said since its connection was lost.
    pub(in crate::channels) fn missed(
        &mut self,
        after: Option<&str>,
    ) -> (VecDeque<Outgoing>, bool) {
        let said = self.forgotten + self.messages.len();
        let lost_at = self.lost_at.take().unwrap_or(said);
        let from = match after {
            Some(id) => self.place_after(id),
            None => Some(lost_at),
        };
        let is_complete = from.is_some_and(|from| from >= self.forgotten);
        self.missed_from = from.unwrap_or_default().max(self.forgotten);
        let missed = self.messages.iter().skip(self.missed_from - self.forgotten);
        (missed.cloned().collect(), is_complete)
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
    fn s9_who_is_lost_again_right_after_the_welcome_still_gets_what_it_missed() {
        let mut kept = Kept::default();
        for number in 1..=3 {
            kept.keep(event(number, 0));
        }
        assert_eq!(kept.missed(Some("event_1")).0.len(), 2);
        kept.on_resumed(event(4, 0));
        kept.keep(event(5, 0));
        let (missed, complete) = kept.missed(Some("event_4"));
        let ids = ids(missed);
        assert_eq!(
            (ids.join(" ").as_str(), complete),
            ("event_2 event_3 event_5", true)
        );
        assert_eq!(kept.missed(Some("event_2")).0.len(), 2);
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
