//! `GET /api/v1/calls/{id}/listen`: a WebSocket that tells what both sides of a live call say. It takes no sound in, the caller
//! is not disturbed, and who listens is in the audit trail before the first sound.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde_json::json;
use std::time::Duration;
use switchboard_store::{
    CallAct, CallDetail, ConsentAnswer, ListFilter, Purpose, TenantStore, Word,
};
use switchboard_wire::websocket::{Message as Frame, close_code};

use super::{ApiContext, call_acts, parse_id};
use crate::config::agent::ConsentMode;
use crate::drive::DriveInput;
use crate::http::{Problem, Standing, Visitor};
use crate::live::listening::{LISTEN_RATE_HZ, Mixer, Overhearing, listen};
use crate::socket::{SocketLimits, WebSocket};
use crate::upgrade;

pub(super) fn routes() -> Router<ApiContext> {
    Router::new().route("/api/v1/calls/{id}/listen", get(open))
}

/// Nothing a listener says is of interest.
const ASK_BYTES_MAX: usize = 1024;
/// Two seconds of both sides; who is further behind hears the past.
const UNREAD_BYTES_MAX: usize = 2 * 4 * LISTEN_RATE_HZ as usize;
/// A listener that takes nothing for so long is gone.
const WRITE_TIME_MAX: Duration = Duration::from_secs(5);
/// The key was revoked, or the login has ended, since the socket was opened (design.md section 9).
const CLOSE_NOT_SIGNED_IN: u16 = 4401;
/// What a recording or a transcript may be kept for: the caller agreed to be heard by others than the agent.
const AGREED_TO: [&str; 2] = ["recording", "transcription"];

async fn open(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let rows = context.rows(&identity, Purpose::ReadTranscript);
    let call = rows.call(parse_id(&id)?).await?;
    let call = call.ok_or_else(Problem::not_found)?;
    let live = context
        .reception
        .live
        .find(call.id)
        .ok_or_else(call_acts::not_live_here)?;
    if !may_be_heard(&context, &identity, &rows, &call).await? {
        let title = "The caller has not agreed to be heard";
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "consent_missing",
            title,
        ));
    }
    rows.note_call_act(call.id, CallAct::Listen).await?;
    let standing = context.reception.door.standings().of_socket(&identity);
    let limits = SocketLimits {
        message_bytes_max: ASK_BYTES_MAX,
        outgoing_bytes_max: UNREAD_BYTES_MAX,
        write_time_max: WRITE_TIME_MAX,
    };
    upgrade::accept(request, None, limits, move |socket| async move {
        let (ear, overhearing) = listen();
        let (answer, format) = tokio::sync::oneshot::channel();
        live.send(DriveInput::Listen(Box::new((ear, answer))));
        let mixer = format.await.ok().and_then(|it| Mixer::new(it).ok());
        match mixer {
            Some(mixer) => tell(socket, mixer, overhearing, standing).await,
            None => socket.close(close_code::NORMAL, "").await,
        }
    })
}

/// Whether the caller agreed that something is kept, or nothing has to be asked of whoever talks to this agent.
async fn may_be_heard(
    context: &ApiContext,
    identity: &Visitor,
    rows: &TenantStore,
    call: &CallDetail,
) -> Result<bool, Problem> {
    let reception = &context.reception;
    let agent = reception.agent(identity.tenant_id, &call.agent_name).await;
    let agent = agent.map_err(|_| Problem::unavailable())?;
    if agent.definition.consent.mode == ConsentMode::NotNeeded {
        return Ok(true);
    }
    let consents = rows.list_consents(&ListFilter::of_call(call.id)).await?;
    // The newest answer counts.
    let is_about = |purpose: &Word| AGREED_TO.contains(&purpose.as_str());
    let newest = consents.iter().find(|row| is_about(&row.purpose));
    Ok(newest
        .is_some_and(|row| matches!(row.answer, ConsentAnswer::Granted | ConsentAnswer::Implied)))
}

/// First a text that says what comes, then sound until the call ends, the caller withdraws, or nobody takes it.
async fn tell(
    mut socket: WebSocket,
    mut mixer: Mixer,
    mut overhearing: Overhearing,
    mut standing: Standing,
) {
    let format = json!({ "encoding": "pcm16", "rate_hz": LISTEN_RATE_HZ, "left": "caller", "right": "agent" });
    socket.send_text(&format.to_string());
    loop {
        tokio::select! {
            frame = socket.next() => match frame {
                Ok(Frame::Close { .. }) => break,
                Ok(_) => {}
                Err(_) => return,
            },
            () = standing.lost() => {
                socket.close(CLOSE_NOT_SIGNED_IN, "").await;
                return;
            }
            overheard = overhearing.next() => match overheard {
                Some(overheard) => {
                    let sound = mixer.take(&overheard);
                    if !sound.is_empty() {
                        socket.send_binary(&sound);
                    }
                }
                None => break,
            },
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
    socket.close(close_code::NORMAL, "").await;
}
