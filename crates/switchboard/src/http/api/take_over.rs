//! `GET /api/v1/calls/{id}/take-over`: a WebSocket by which a person of staff talks with the caller in the agent's place.
//! Who takes a caller over is in the audit trail before the agent falls silent.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use switchboard_store::{CallAct, CallId, Purpose, TenantStore};
use switchboard_wire::websocket::{Message as Frame, close_code};

use super::{ApiContext, call_acts, parse_id};
use crate::drive::DriveHandle;
use crate::http::{Problem, Standing, Visitor};
use crate::live::staff_line::{NotTaken, STAFF_RATE_HZ, StaffEnd, ToStaff, Voices};
use crate::socket::{SocketLimits, WebSocket};
use crate::upgrade;

pub(super) fn routes() -> Router<ApiContext> {
    Router::new().route("/api/v1/calls/{id}/take-over", get(open))
}

/// More than a second of sound in one message: nobody's microphone waits that long.
const SAID_BYTES_MAX: usize = 64 * 1024;
/// Two seconds of the caller; who is further behind talks with the past.
const UNREAD_BYTES_MAX: usize = 2 * 2 * STAFF_RATE_HZ as usize;
/// A page that takes nothing for so long is gone.
const WRITE_TIME_MAX: Duration = Duration::from_secs(3);
/// How often the page is asked whether it is there. A caller waits for the answer.
const PING_EVERY: Duration = Duration::from_secs(1);
/// A page that has answered nothing for so long is gone, and the grace for its coming back begins.
const SILENT_MAX: Duration = Duration::from_secs(4);
/// Whoever talked may not any more: the grace begins as when a connection breaks.
const SIGNED_OUT: &str = "signed_out";
/// The code that says it.
const CLOSE_NOT_SIGNED_IN: u16 = 4401;
/// The caller cannot be had now.
const CLOSE_CONFLICT: u16 = 4409;

async fn open(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let rows = context.rows(&identity, Purpose::Call);
    let call = rows.call(parse_id(&id)?).await?;
    let call = call.ok_or_else(Problem::not_found)?.id;
    let live = context.reception.live.find(call);
    let live = live.ok_or_else(call_acts::not_live_here)?;
    rows.note_call_act(call, CallAct::TakeOver).await?;
    let standing = context.reception.door.standings().of_socket(&identity);
    let limits = SocketLimits {
        message_bytes_max: SAID_BYTES_MAX,
        outgoing_bytes_max: UNREAD_BYTES_MAX,
        write_time_max: WRITE_TIME_MAX,
    };
    upgrade::accept(request, None, limits, move |socket| {
        talk(socket, live, rows, call, standing)
    })
}

async fn talk(
    mut socket: WebSocket,
    live: DriveHandle,
    rows: TenantStore,
    call: CallId,
    standing: Standing,
) {
    let (end, format) = match StaffEnd::take_over(live).await {
        Ok(taken) => taken,
        Err(None) => return finish(socket, "ended").await,
        Err(Some(why)) => return refuse(socket, why).await,
    };
    let Ok(voices) = Voices::new(format) else {
        return socket.close(close_code::INTERNAL, "").await;
    };
    let began = json!({ "began": { "encoding": "pcm16", "rate_hz": STAFF_RATE_HZ } });
    send(&mut socket, &began);
    let conversation = Conversation { end, voices };
    if let Some(over) = conversation.run(&mut socket, standing).await {
        if over == SIGNED_OUT {
            return socket.close(CLOSE_NOT_SIGNED_IN, "").await;
        }
        if over == "given_back" {
            // The caller has the agent again by now; the trace may be late.
            let _ = rows.note_call_act(call, CallAct::GiveBack).await;
        }
        finish(socket, over).await;
    }
}

async fn refuse(mut socket: WebSocket, why: NotTaken) {
    let (code, detail) = match why {
        NotTaken::Already => ("taken_already", "somebody else talks with the caller"),
        NotTaken::NotNow => (
            "not_now",
            "the agent is not talking with a person, the caller is on the way to a human, or card data is being given",
        ),
    };
    let error = json!({ "error": { "code": code, "detail": detail } });
    send(&mut socket, &error);
    socket.close(CLOSE_CONFLICT, code).await;
}

async fn finish(mut socket: WebSocket, over: &str) {
    send(&mut socket, &json!({ "over": over }));
    socket.close(close_code::NORMAL, "").await;
}

/// What the page says beside sound.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    give_back: bool,
}

struct Conversation {
    end: StaffEnd,
    voices: Voices,
}

impl Conversation {
    /// Until it is over: why, or nothing when the page is gone.
    async fn run(mut self, socket: &mut WebSocket, mut standing: Standing) -> Option<&'static str> {
        let mut heard = Instant::now();
        let mut pings = tokio::time::interval(PING_EVERY);
        loop {
            tokio::select! {
                frame = socket.next() => {
                    heard = Instant::now();
                    match frame {
                        Ok(Frame::Binary(sound)) => {
                            for piece in self.voices.staff(&sound) {
                                self.end.say(piece);
                            }
                        }
                        Ok(Frame::Text(text)) => match serde_json::from_str(text.as_str()) {
                            Ok(Ask { give_back: true }) => self.end.give_back(),
                            _ => send(socket, &json!({ "error": {
                                "code": "bad_request", "detail": "say {\"give_back\": true}, or send sound",
                            }})),
                        },
                        Ok(Frame::Close { .. }) | Err(_) => return None,
                        Ok(_) => {}
                    }
                }
                () = standing.lost() => return Some(SIGNED_OUT),
                coming = self.end.next() => match coming {
                    Some(ToStaff::Caller(payload)) => {
                        let sound = self.voices.caller(&payload);
                        if !sound.is_empty() {
                            socket.send_binary(&sound);
                        }
                    }
                    Some(ToStaff::Over(over)) => return Some(over.as_str()),
                    None => return Some("ended"),
                },
                _ = pings.tick() => {
                    if heard.elapsed() > SILENT_MAX {
                        return None;
                    }
                    socket.send_ping();
                }
            }
            if socket.flush().await.is_err() {
                return None;
            }
        }
    }
}

fn send(socket: &mut WebSocket, message: &Value) {
    socket.send_text(&message.to_string());
}
