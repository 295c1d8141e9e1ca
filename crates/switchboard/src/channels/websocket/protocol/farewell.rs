//! How a call that ends here is said goodbye to on the wire.
//!
//! The protocol has no event for "the call is over": clients know errors and close codes. Which of them makes whom do
//! what was measured with the official clients:
//! - most end quietly on close 1000 and may come back after 1001 and 1011;
//! - LiveKit's plugin opens a new connection after every close, 1000 included, replays the history and so begins a
//!   second call that nobody wants, unless an error with one of its final codes came first.
//!
//! So an end that is meant to last is 1000, with a final error only for LiveKit; an end that is our fault is an error
//! and a code that invites a retry.

use switchboard_call::end::{End, EndClass, EndReason};
use switchboard_call::handoff::HandoffReason;
use switchboard_wire::openai::{ErrorBody, close_reason, code};
use switchboard_wire::websocket::close_code;

/// The last words to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::channels) struct Farewell {
    /// Said before the close.
    pub(in crate::channels) error: Option<ErrorBody>,
    /// WebSocket close code.
    pub(in crate::channels) code: u16,
    /// At most 123 bytes, as RFC 6455 asks.
    pub(in crate::channels) reason: String,
}

/// Clients that need words of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::channels) enum ClientKind {
    /// Reconnects after every close unless an error was final.
    LiveKit,
    /// Everybody else.
    Other,
}

impl ClientKind {
    /// By the `User-Agent` of the upgrade: it is only a hint, and only decides how politely we end.
    pub(in crate::channels) fn of(user_agent: &str) -> Self {
        if user_agent.starts_with("LiveKit") {
            Self::LiveKit
        } else {
            Self::Other
        }
    }
}

impl Farewell {
    /// The last words after this end.
    pub(super) fn after(end: End, client: ClientKind) -> Self {
        let word = end.reason.as_str();
        if is_for_a_while(end) {
            return Self::with_error("server_error", word, close_code::INTERNAL);
        }
        match (end.reason, client) {
            (
                EndReason::HandedOff(HandoffReason::ProcessLost | HandoffReason::Drained)
                | EndReason::NobodyToHandOffTo(HandoffReason::ProcessLost | HandoffReason::Drained),
                _,
            ) => Self::plain(word, close_code::GOING_AWAY),
            (
                EndReason::HandedOff(HandoffReason::Budget)
                | EndReason::NobodyToHandOffTo(HandoffReason::Budget),
                _,
            )
            | (_, ClientKind::LiveKit) => Self {
                error: Some(error("server_error", code::INSUFFICIENT_QUOTA, word)),
                ..Self::plain(word, close_code::NORMAL)
            },
            (_, ClientKind::Other) => Self::plain(word, close_code::NORMAL),
        }
    }

    fn plain(word: &str, code: u16) -> Self {
        Self {
            error: None,
            code,
            reason: close_reason("call_ended", Some(word)),
        }
    }

    /// An error and a close with the same words.
    pub(in crate::channels) fn with_error(kind: &str, word: &str, code: u16) -> Self {
        Self {
            error: Some(error(kind, word, word)),
            code,
            reason: close_reason(kind, Some(word)),
        }
    }
}

/// Something broke that may be whole again on the next connection.
fn is_for_a_while(end: End) -> bool {
    let (EndReason::HandedOff(reason) | EndReason::NobodyToHandOffTo(reason)) = end.reason else {
        return false;
    };
    end.class == EndClass::Upstream
        || matches!(
            reason,
            HandoffReason::DatabaseLost | HandoffReason::ToolFailed
        )
}

fn error(kind: &str, code: &str, word: &str) -> ErrorBody {
    ErrorBody {
        kind: kind.to_owned(),
        code: Some(code.to_owned()),
        message: format!("The call is over: {word}."),
        param: None,
        event_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(reason: EndReason, client: ClientKind) -> (Option<String>, u16) {
        let farewell = Farewell::after(
            End {
                reason,
                class: reason.class(),
            },
            client,
        );
        assert!(farewell.reason.len() <= 123, "{}", farewell.reason);
        (farewell.error.and_then(|error| error.code), farewell.code)
    }

    #[test]
    fn an_agents_goodbye_is_no_error_but_final_for_livekit() {
        let quota = Some("insufficient_quota".to_owned());
        assert_eq!(
            after(EndReason::AgentEnded, ClientKind::Other),
            (None, 1000)
        );
        assert_eq!(
            after(EndReason::AgentEnded, ClientKind::of("LiveKit Agents")),
            (quota.clone(), 1000)
        );
        let budget = EndReason::NobodyToHandOffTo(HandoffReason::Budget);
        assert_eq!(after(budget, ClientKind::Other), (quota, 1000));
    }

    #[test]
    fn what_may_work_on_the_next_connection_invites_one() {
        for client in [ClientKind::LiveKit, ClientKind::Other] {
            let failed = EndReason::NobodyToHandOffTo(HandoffReason::ModelFailed);
            assert_eq!(
                after(failed, client),
                (Some("model_failed".to_owned()), 1011)
            );
            assert_eq!(
                after(EndReason::NobodyToHandOffTo(HandoffReason::Drained), client),
                (None, 1001)
            );
        }
    }
}
