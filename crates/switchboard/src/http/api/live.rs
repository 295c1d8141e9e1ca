//! `GET /api/v1/live` (WebSocket): live calls as they go on. `GET /api/v1/live/calls`: all of them at this moment.
//!
//! A client subscribes to topics and names the last number it saw; it gets what it missed, then what happens. Words of a
//! call are told only to who may read transcripts, and following a call leaves the same trace as reading its turns.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::stream::{self, SelectAll, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use switchboard_store::{CallDetail, Purpose, TenantStore};
use switchboard_wire::websocket::{Message as Frame, close_code};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::ApiContext;
use super::call_parts::ROWS_MAX;
use crate::http::{Problem, Visitor};
use crate::live::{Following, LiveCall, Message, Topic, TurnRow, event_row};
use crate::socket::{SocketLimits, WebSocket};
use crate::upgrade;

pub(super) fn routes() -> Router<ApiContext> {
    Router::new()
        .route("/api/v1/live", get(follow))
        .route("/api/v1/live/calls", get(snapshot))
}

/// Topics of one socket: a page shows the list and some calls.
const TOPICS_MAX: usize = 16;
/// What a client says is a line of JSON.
const ASK_BYTES_MAX: usize = 1024;
/// Room for the history of a long call, which is sent at once. A browser that has fallen further behind comes back with
/// the last number it saw.
const UNREAD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// A peer that takes nothing for so long is gone.
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);
/// How often a quiet connection is tried.
const PING_EVERY: Duration = Duration::from_secs(30);
/// A peer that has answered no ping for so long is gone.
const SILENT_MAX: Duration = Duration::from_secs(75);
/// The key was revoked, or the login has ended, since the socket was opened (design.md section 9).
const CLOSE_NOT_SIGNED_IN: u16 = 4401;
/// RFC 6455 leaves 1013 to "try again later": here, come back and catch up.
const CLOSE_BEHIND: u16 = 1013;

/// Live calls of this server.
#[derive(Serialize)]
struct LiveCalls {
    /// The number of the topic `calls` that this is true at.
    number: i64,
    items: Vec<LiveCall>,
    /// Calls that the installation's limit allows at once.
    calls_max: u32,
}

async fn snapshot(
    State(context): State<ApiContext>,
    identity: Visitor,
) -> Result<Json<LiveCalls>, Problem> {
    let snapshot = context.reception.hub.snapshot(identity.tenant_id).await;
    let snapshot = snapshot.ok_or_else(Problem::unavailable)?;
    Ok(Json(LiveCalls {
        number: snapshot.number,
        items: snapshot.items,
        calls_max: context.reception.settings.calls.concurrent_max,
    }))
}

async fn follow(
    State(context): State<ApiContext>,
    identity: Visitor,
    request: Request,
) -> Result<Response, Problem> {
    let limits = SocketLimits {
        message_bytes_max: ASK_BYTES_MAX,
        outgoing_bytes_max: UNREAD_BYTES_MAX,
        write_time_max: WRITE_TIME_MAX,
    };
    upgrade::accept(request, None, limits, move |socket| async move {
        let listener = Listener {
            context,
            identity,
            topics: Vec::new(),
            subscriptions: 0,
            coming: SelectAll::new(),
        };
        listener.run(socket).await;
    })
}

/// What a client says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
struct Ask {
    subscribe: Option<String>,
    unsubscribe: Option<String>,
    /// The last number the client saw of this topic.
    after: Option<i64>,
}

/// What a topic brings.
enum Coming {
    Message(Arc<str>),
    /// More happened than this listener took.
    Behind,
    /// Nothing more: the call is over.
    Over(Topic),
}

/// What one subscription brings. A topic that is given up and asked for again is another one.
type Comings = Pin<Box<dyn Stream<Item = (u64, Coming)> + Send>>;

/// One open socket and what it follows.
struct Listener {
    context: ApiContext,
    identity: Visitor,
    /// What is followed, each with the number of its subscription.
    topics: Vec<(Topic, u64)>,
    subscriptions: u64,
    coming: SelectAll<Comings>,
}

impl Listener {
    async fn run(mut self, mut socket: WebSocket) {
        let mut heard = Instant::now();
        let standings = self.context.reception.door.standings();
        let mut standing = standings.of_socket(&self.identity);
        let mut pings = tokio::time::interval_at(heard + PING_EVERY, PING_EVERY);
        let code = loop {
            tokio::select! {
                frame = socket.next() => {
                    heard = Instant::now();
                    match frame {
                        Ok(Frame::Text(text)) => self.on_ask(&mut socket, text.as_str()).await,
                        Ok(Frame::Close { .. }) => break close_code::NORMAL,
                        Ok(_) => {}
                        Err(_) => return,
                    }
                }
                Some((number, coming)) = self.coming.next(), if !self.coming.is_empty() => match coming {
                    // One that was given up meanwhile brings what it had under way.
                    _ if !self.topics.iter().any(|it| it.1 == number) => {}
                    Coming::Message(text) => socket.send_text(&text),
                    Coming::Behind => break CLOSE_BEHIND,
                    Coming::Over(topic) => {
                        self.topics.retain(|it| it.1 != number);
                        send(&mut socket, &json!({ "topic": name_of(topic), "over": true }));
                    }
                },
                () = standing.lost() => break CLOSE_NOT_SIGNED_IN,
                _ = pings.tick() => {
                    if heard.elapsed() > SILENT_MAX {
                        return;
                    }
                    socket.send_ping();
                }
            }
            // A peer that does not read is given up here, and nothing is kept for it.
            if socket.flush().await.is_err() {
                return;
            }
        };
        socket.close(code, "").await;
    }

    async fn on_ask(&mut self, socket: &mut WebSocket, text: &str) {
        if let Err(problem) = self.obey(socket, text).await {
            let (code, detail) = problem;
            send(
                socket,
                &json!({ "error": { "code": code, "detail": detail } }),
            );
        }
    }

    async fn obey(
        &mut self,
        socket: &mut WebSocket,
        text: &str,
    ) -> Result<(), (&'static str, String)> {
        let ask: Ask = serde_json::from_str(text)
            .map_err(|_| ("bad_request", "say {\"subscribe\": topic}".to_owned()))?;
        let unknown = |name: &str| {
            let name: String = name.chars().take(64).collect();
            ("not_found", format!("there is no topic {name}"))
        };
        if let Some(name) = ask.unsubscribe {
            let topic = topic_of(&name).ok_or_else(|| unknown(&name))?;
            self.topics.retain(|it| it.0 != topic);
        }
        let Some(name) = ask.subscribe else {
            return Ok(());
        };
        let topic = topic_of(&name).ok_or_else(|| unknown(&name))?;
        if self.topics.iter().any(|it| it.0 == topic) {
            return Ok(());
        }
        if self.topics.len() == TOPICS_MAX {
            let detail = format!("a connection follows {TOPICS_MAX} topics at most");
            return Err(("too_many_topics", detail));
        }
        let away = |_| ("unavailable", "the database does not answer".to_owned());
        let rows = self.context.rows(&self.identity, Purpose::ReadTranscript);
        let call = match topic {
            Topic::Calls => None,
            Topic::Call(call) => match rows.call(call).await.map_err(away)? {
                None => return Err(unknown(&name)),
                found => found,
            },
        };
        let hub = &self.context.reception.hub;
        let following = hub.follow(self.identity.tenant_id, topic, ask.after).await;
        let Some(following) = following else {
            return Err(("unavailable", "the server stops".to_owned()));
        };
        if let Some(call) = &call {
            let told = before(&rows, call, ask.after, &following);
            for message in told.await.map_err(away)? {
                socket.send_text(&message);
            }
        }
        for message in &following.missed {
            socket.send_text(&message.text);
        }
        self.subscriptions += 1;
        self.topics.push((topic, self.subscriptions));
        let coming = comings(topic, self.subscriptions, following);
        self.coming.push(coming);
        Ok(())
    }
}

/// What the database knows of a call before the hub's first message: its turns, and the events after the number.
async fn before(
    rows: &TenantStore,
    call: &CallDetail,
    after: Option<i64>,
    following: &Following,
) -> Result<Vec<String>, switchboard_store::StoreError> {
    let after = after.unwrap_or(0).max(0);
    let topic = name_of(Topic::Call(call.id));
    let turns = rows.read_turns(call.id, 0, ROWS_MAX).await?.into_iter();
    let turns: Vec<TurnRow> = turns
        .map(|turn| TurnRow::of(call.offered_at, turn))
        .collect();
    let events = rows.read_call_events(call.id, after, ROWS_MAX).await?;
    let first_live = following.missed.first().map(|it| it.number);
    let snapshot = json!({ "name": "snapshot", "turns": turns });
    let mut told = vec![json!({ "topic": topic, "number": after, "event": snapshot }).to_string()];
    let stored = events
        .iter()
        .filter(|event| first_live.is_none_or(|first| event.seq < first));
    for event in stored {
        let row = event_row(event.seq, event.at, event.name.as_str(), &event.data);
        let message = json!({ "topic": topic, "number": event.seq, "event": row });
        told.push(message.to_string());
    }
    Ok(told)
}

/// What a topic brings from now on, as a stream that ends when it is over or the listener fell behind.
fn comings(topic: Topic, number: u64, following: Following) -> Comings {
    let receiver = Some(following.coming);
    Box::pin(stream::unfold(receiver, move |receiver| async move {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Ok(Message { text, .. }) => Some(((number, Coming::Message(text)), Some(receiver))),
            Err(RecvError::Lagged(_)) => Some(((number, Coming::Behind), None)),
            Err(RecvError::Closed) => Some(((number, Coming::Over(topic)), None)),
        }
    }))
}

fn topic_of(name: &str) -> Option<Topic> {
    match name.split_once(':') {
        None if name == "calls" => Some(Topic::Calls),
        Some(("call", id)) => id.parse().ok().map(Topic::Call),
        _ => None,
    }
}

fn name_of(topic: Topic) -> String {
    match topic {
        Topic::Calls => "calls".to_owned(),
        Topic::Call(call) => format!("call:{call}"),
    }
}

fn send(socket: &mut WebSocket, message: &Value) {
    socket.send_text(&message.to_string());
}
