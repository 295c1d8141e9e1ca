//! The calls of this process as they go on, for the pages of staff.
//!
//! A call tells of itself in one send and never waits. One task, the [hub], keeps what is known of every live call, writes
//! each change as JSON once, and hands the same text to everybody who follows. Nothing is told per frame of audio, and a
//! listener to whom nothing happens costs nothing. Whoever reads too slowly is cut off and comes back with the last
//! number they saw; nothing is kept waiting for them.
//!
//! It knows the calls of its own process. Calls of other nodes are in the lists of the API.

mod hub;
pub mod listening;
mod row;
pub mod staff_line;
mod turn;

use std::sync::Arc;

use serde_json::{Value, json};
use switchboard_store::{CallId, TenantId, Timestamp};
use tokio::sync::{broadcast, mpsc, oneshot};

pub use row::{LiveCall, LiveLine, LivePhase};
pub use turn::TurnRow;

/// The way to the hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LiveHub(mpsc::UnboundedSender<Told>);

/// What somebody follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The list of live calls: a call that comes, changes or ends.
    Calls,
    /// One call, event by event.
    Call(CallId),
}

/// One thing that happened, written once for everybody. `text` is `{"topic": …, "number": …, "event": …}`.
#[derive(Clone, Debug)]
pub struct Message {
    /// Of a call the number of its event; of the list a number of its own that only grows.
    pub number: i64,
    /// The JSON.
    pub text: Arc<str>,
}

/// A technical event as followers get it: number, time and name, and beside them what it tells.
pub fn event_row(seq: i64, at: Timestamp, name: &str, data: &Value) -> Value {
    let mut row = data.clone();
    if !row.is_object() {
        row = json!({});
    }
    row["number"] = json!(seq);
    row["at"] = json!(at);
    row["name"] = json!(name);
    row
}

/// A topic from one number on: what was missed, and what comes.
#[derive(Debug)]
pub struct Following {
    /// What happened since the number asked for, as far as it is still known here, oldest first.
    pub missed: Vec<Message>,
    /// What happens from now on.
    pub coming: broadcast::Receiver<Message>,
}

/// The live calls of a tenant at one moment.
#[derive(Debug, serde::Serialize)]
pub struct Snapshot {
    /// The number of the list that this is true at.
    pub number: i64,
    /// In the order they came.
    pub items: Vec<LiveCall>,
}

/// What calls tell, and what is asked.
enum Told {
    Began(TenantId, Box<LiveCall>),
    Event {
        tenant: TenantId,
        call: CallId,
        seq: i64,
        at: Timestamp,
        name: &'static str,
        data: Value,
    },
    Said {
        tenant: TenantId,
        call: CallId,
        at: Timestamp,
        turn: Box<TurnRow>,
        line: Option<LiveLine>,
    },
    Cost {
        tenant: TenantId,
        call: CallId,
        cost_micros: i64,
    },
    Ended(TenantId, CallId),
    Snapshot(TenantId, oneshot::Sender<Snapshot>),
    Follow {
        tenant: TenantId,
        topic: Topic,
        after: Option<i64>,
        answer: oneshot::Sender<Following>,
    },
}

impl LiveHub {
    /// Starts the hub. It works as long as somebody holds a way to it.
    pub fn start() -> Self {
        let (sender, told) = mpsc::unbounded_channel();
        tokio::spawn(hub::Hub::default().run(told));
        Self(sender)
    }

    fn tell(&self, told: Told) {
        // The task lives as long as any sender, so a failure means that the process is ending.
        let _ = self.0.send(told);
    }

    /// A call begins.
    pub fn began(&self, tenant: TenantId, call: LiveCall) {
        self.tell(Told::Began(tenant, Box::new(call)));
    }

    /// The call's way to tell of itself.
    pub fn of(&self, tenant: TenantId, call: CallId) -> LiveFeed {
        LiveFeed {
            hub: self.clone(),
            tenant,
            call,
        }
    }

    /// The live calls of a tenant. None while the process ends.
    pub async fn snapshot(&self, tenant: TenantId) -> Option<Snapshot> {
        let (answer, answered) = oneshot::channel();
        self.tell(Told::Snapshot(tenant, answer));
        answered.await.ok()
    }

    /// Follows a topic from behind a number, or from now. A list that has forgotten what came after the number begins
    /// with all its calls. None while the process ends.
    pub async fn follow(
        &self,
        tenant: TenantId,
        topic: Topic,
        after: Option<i64>,
    ) -> Option<Following> {
        let (answer, answered) = oneshot::channel();
        self.tell(Told::Follow {
            tenant,
            topic,
            after,
            answer,
        });
        answered.await.ok()
    }
}

/// One call's way into the hub.
#[derive(Clone, Debug)]
pub struct LiveFeed {
    hub: LiveHub,
    tenant: TenantId,
    call: CallId,
}

impl LiveFeed {
    /// A technical event of the call.
    pub fn event(&self, seq: i64, at: Timestamp, name: &'static str, data: Value) {
        self.hub.tell(Told::Event {
            tenant: self.tenant,
            call: self.call,
            seq,
            at,
            name,
            data,
        });
    }

    /// A turn as far as it is known, with the words that may be kept; `line` is what of it a list shows.
    pub fn said(&self, at: Timestamp, turn: TurnRow, line: Option<LiveLine>) {
        self.hub.tell(Told::Said {
            tenant: self.tenant,
            call: self.call,
            at,
            turn: Box::new(turn),
            line,
        });
    }

    /// So much more was spent.
    pub fn cost(&self, cost_micros: i64) {
        self.hub.tell(Told::Cost {
            tenant: self.tenant,
            call: self.call,
            cost_micros,
        });
    }

    /// The call is over.
    pub fn ended(&self) {
        self.hub.tell(Told::Ended(self.tenant, self.call));
    }
}

#[cfg(test)]
mod tests;
