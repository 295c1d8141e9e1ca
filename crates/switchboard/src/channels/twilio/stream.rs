//! The media stream's socket: who it is must be proven before anything of the call moves.
//!
//! Order: upgrade, `connected`, `start` within [5 s], then the single-use token, then the upgrade's signature with the
//! secret of the call's account. Only a stream that passed all of it reaches its call; any other is closed and the
//! call it names never hears of it (S1).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use switchboard_store::{CallId, StreamTokenClaim, StreamTokenRefusal};
use switchboard_wire::twilio::stream::{FromTwilio, Start, parse};
use switchboard_wire::websocket::{Message, close_code};

use super::known_calls::{CallName, KnownCall};
use super::{AttachedStream, TwilioChannel};
use crate::drive::DriveInput;
use crate::reception::is_absence;
use crate::socket::{SocketLimits, WebSocket};
use crate::upgrade;

/// The caller hears nothing while the database is asked about the token. Past it the carrier's document goes on.
const ADMIT_TIME_MAX: Duration = Duration::from_secs(3);

/// A parameter of streams that are refused: their socket breaks without a goodbye, as when the process dies. `doctor
/// --live-call` asks for it, to see what the carrier does then.
pub(crate) const CUT_PARAMETER: &str = "cut";

/// Why a stream was closed before it reached a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    NoStart,
    Format,
    Token,
    Signature,
    NoCall,
    TooSlow,
}

impl Refusal {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NoStart => "no_start",
            Self::Format => "format",
            Self::Token => "token",
            Self::Signature => "signature",
            Self::NoCall => "no_call",
            Self::TooSlow => "too_slow",
        }
    }
}

pub(super) async fn open(
    State(channel): State<Arc<TwilioChannel>>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Response {
    if uri.query().is_some() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let headers = request.headers().clone();
    let limits = SocketLimits::carrier(&channel.reception.settings.limits);
    let answer = upgrade::accept(request, None, limits, move |socket| async move {
        channel.greet(socket, &headers).await;
    });
    answer.unwrap_or_else(IntoResponse::into_response)
}

impl TwilioChannel {
    async fn greet(&self, mut socket: WebSocket, headers: &HeaderMap) {
        let limit = Duration::from_millis(self.reception.settings.limits.stream_start_ms_max);
        let start = tokio::time::timeout(limit, read_start(&mut socket)).await;
        let mut is_to_be_cut = false;
        let admitted = match start {
            Ok(Some(start)) => {
                is_to_be_cut = start.parameters.value(CUT_PARAMETER).is_some();
                let admitted = tokio::time::timeout(ADMIT_TIME_MAX, self.admit(&start, headers));
                let admitted = admitted.await.unwrap_or(Err(Refusal::TooSlow));
                admitted.map(|handle| (start, handle))
            }
            Ok(None) | Err(_) => Err(Refusal::NoStart),
        };
        match admitted {
            Ok((start, handle)) => {
                self.calls
                    .pass_ringing(&CallName::new(&start.account_sid, &start.call_sid));
                let stream = AttachedStream {
                    socket,
                    sid: start.stream_sid,
                    sequence: start.sequence,
                };
                handle.send(DriveInput::Attach(Box::new(stream)));
            }
            Err(refusal) => {
                tracing::warn!(reason = refusal.as_str(), "closed a media stream");
                metrics::counter!("switchboard_streams_refused_total", "reason" => refusal.as_str()).increment(1);
                if is_to_be_cut {
                    return;
                }
                socket.close(close_code::POLICY, "").await;
            }
        }
    }

    async fn admit(
        &self,
        start: &Start,
        headers: &HeaderMap,
    ) -> Result<crate::drive::DriveHandle, Refusal> {
        if !start.format.is_ulaw_8k() {
            return Err(Refusal::Format);
        }
        let token = start.parameters.value("t").ok_or(Refusal::Token)?;
        let name = CallName::new(&start.account_sid, &start.call_sid);
        let known = self.calls.find(&name).ok_or(Refusal::NoCall)?;
        // The signature is the second factor. It is checked first, because it costs no token.
        let settings = &self.reception.settings;
        let url = settings.public_url().as_websocket().join("/twilio/stream");
        let signed = known.account.check_upgrade(settings, &url, headers);
        signed.map_err(|_| Refusal::Signature)?;
        let claim = StreamTokenClaim {
            token,
            carrier_call_id: start.call_sid.as_str(),
            carrier_account_id: start.account_sid.as_str(),
            now: chrono::Utc::now(),
        };
        let call = self.use_token(&known, &claim).await?;
        self.reception.live.find(call).ok_or(Refusal::NoCall)
    }
}

impl TwilioChannel {
    /// The database takes the token, because it decides between nodes. While it does not answer, the process that minted
    /// it does: no other one has the call.
    async fn use_token(
        &self,
        known: &KnownCall,
        claim: &StreamTokenClaim<'_>,
    ) -> Result<CallId, Refusal> {
        let lookup = self.reception.store.lookup();
        let asked = async {
            match lookup.use_stream_token(claim).await {
                Ok(used) => Ok(Ok(used.call_id)),
                Err(StreamTokenRefusal::Store(error)) => Err(error),
                Err(_) => Ok(Err(Refusal::Token)),
            }
        };
        match self.reception.reach.ask(asked).await {
            Ok(Ok(call)) => {
                known.use_token(claim.token);
                Ok(call)
            }
            Ok(Err(refusal)) => Err(refusal),
            Err(error) if is_absence(&error) && known.use_token(claim.token) => Ok(known.id),
            Err(_) => Err(Refusal::Token),
        }
    }
}

/// The first two messages of a stream. Anything else in their place is nobody we invited.
async fn read_start(socket: &mut WebSocket) -> Option<Start> {
    let mut connected = false;
    loop {
        let Message::Text(text) = socket.next().await.ok()? else {
            return None;
        };
        match parse(text.as_bytes()).ok()? {
            FromTwilio::Connected if !connected => connected = true,
            FromTwilio::Start(start) if connected => return Some(start),
            _ => return None,
        }
    }
}
