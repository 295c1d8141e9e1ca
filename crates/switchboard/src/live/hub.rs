//! The one task that knows all live calls: takes what they tell, writes it once, hands it to whoever follows.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchboard_store::{CallId, TenantId, Timestamp};
use tokio::sync::{broadcast, mpsc};

use super::{Following, LiveCall, Message, Snapshot, Told, Topic, event_row};

/// Messages a listener may be behind. Some ten seconds of a busy server; a page that is slower is of no use to anybody.
const BEHIND_MAX: usize = 256;
/// Messages of the list kept for those who come back: a lost connection is noticed and mended within them.
const RECENT_MAX: usize = 512;
/// What a live call told is kept this long for those who come to it. Older events are in the database by then: the journal
/// writes several times a second.
const EVENTS_FOR: Duration = Duration::from_secs(5);
/// No call tells more within that time and is worth following whole.
const EVENTS_MAX: usize = 128;

#[derive(Default)]
pub(super) struct Hub {
    tenants: HashMap<TenantId, Tenant>,
}

struct Tenant {
    /// The last number of the list.
    number: i64,
    /// In the order they came.
    calls: Vec<Live>,
    recent: VecDeque<Message>,
    sender: broadcast::Sender<Message>,
    was_followed: bool,
}

struct Live {
    row: LiveCall,
    /// Written as JSON for those who follow, and for nobody else.
    recent: VecDeque<Recent>,
    /// Made for the first who follows.
    sender: Option<broadcast::Sender<Message>>,
}

struct Recent {
    told_at: Instant,
    number: i64,
    event: Value,
}

impl Hub {
    pub(super) async fn run(mut self, mut told: mpsc::UnboundedReceiver<Told>) {
        while let Some(told) = told.recv().await {
            self.take(told);
        }
    }

    fn tenant(&mut self, tenant: TenantId) -> &mut Tenant {
        self.tenants.entry(tenant).or_insert_with(Tenant::new)
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Began(tenant, row) => self.tenant(tenant).begin(*row),
            Told::Event {
                tenant,
                call,
                seq,
                at,
                name,
                data,
            } => self.tenant(tenant).event(call, seq, at, name, &data),
            Told::Said {
                tenant,
                call,
                at,
                turn,
                line,
            } => self.tenant(tenant).change(call, |live| {
                let event = json!({ "name": "turn", "at": at, "turn": turn });
                live.publish(live.row.seq, event);
                let is_new = line.is_some() && live.row.last_line != line;
                live.row.last_line = line.or_else(|| live.row.last_line.take());
                is_new
            }),
            Told::Cost {
                tenant,
                call,
                cost_micros,
            } => self.tenant(tenant).change(call, |live| {
                live.row.cost_micros += cost_micros;
                let event = json!({ "name": "cost", "cost_micros": live.row.cost_micros });
                live.publish(live.row.seq, event);
                cost_micros != 0
            }),
            Told::Ended(tenant, call) => self.tenant(tenant).end(call),
            Told::Snapshot(tenant, answer) => {
                let _ = answer.send(self.tenant(tenant).snapshot());
            }
            Told::Follow {
                tenant,
                topic,
                after,
                answer,
            } => {
                let _ = answer.send(self.tenant(tenant).follow(topic, after));
            }
        }
    }
}

impl Tenant {
    fn new() -> Self {
        Self {
            // Larger than any number of a process before, so that a listener who comes back after a restart is known to
            // have missed something.
            number: chrono::Utc::now().timestamp_micros(),
            calls: Vec::new(),
            recent: VecDeque::new(),
            sender: broadcast::Sender::new(BEHIND_MAX),
            was_followed: false,
        }
    }

    fn begin(&mut self, row: LiveCall) {
        let live = Live {
            row,
            recent: VecDeque::new(),
            sender: None,
        };
        self.publish(|| json!({ "name": "call", "call": live.row }));
        self.calls.push(live);
    }

    fn event(&mut self, call: CallId, seq: i64, at: Timestamp, name: &str, data: &Value) {
        self.change(call, |live| {
            let is_new = live.row.take(seq, at, name, data);
            live.publish(seq, event_row(seq, at, name, data));
            is_new
        });
    }

    /// Changes a call, and tells those who follow the list if it looks different now.
    fn change(&mut self, call: CallId, change: impl FnOnce(&mut Live) -> bool) {
        let Some(place) = self.calls.iter().position(|live| live.row.id == call) else {
            return;
        };
        if change(&mut self.calls[place]) {
            self.publish_row(place);
        }
    }

    fn end(&mut self, call: CallId) {
        let Some(place) = self.calls.iter().position(|live| live.row.id == call) else {
            return;
        };
        let live = self.calls.remove(place);
        self.publish(|| json!({ "name": "ended", "id": live.row.id }));
    }

    fn publish_row(&mut self, place: usize) {
        if self.is_followed() {
            let event = json!({ "name": "call", "call": self.calls[place].row });
            self.publish(|| event);
        } else {
            self.number += 1;
        }
    }

    /// Somebody follows the list, or did a moment ago and may come back. Nothing is written for nobody: who comes after
    /// that begins with all calls.
    fn is_followed(&mut self) -> bool {
        if self.sender.receiver_count() == 0 && self.recent.len() >= RECENT_MAX {
            self.recent = VecDeque::new();
            self.was_followed = false;
        }
        self.was_followed
    }

    fn publish(&mut self, event: impl FnOnce() -> Value) {
        self.number += 1;
        if !self.is_followed() {
            return;
        }
        let message = Message {
            number: self.number,
            text: text(Topic::Calls, self.number, &event()),
        };
        keep(&mut self.recent, RECENT_MAX, message.clone());
        let _ = self.sender.send(message);
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            number: self.number,
            items: self.calls.iter().map(|live| live.row.clone()).collect(),
        }
    }

    fn follow(&mut self, topic: Topic, after: Option<i64>) -> Following {
        match topic {
            Topic::Calls => {
                let missed = self.missed(after);
                self.was_followed = true;
                Following {
                    missed,
                    coming: self.sender.subscribe(),
                }
            }
            Topic::Call(call) => {
                let live = self.calls.iter_mut().find(|live| live.row.id == call);
                live.map_or_else(Following::over, |live| live.follow(after.unwrap_or(0)))
            }
        }
    }

    /// What the list told since, or all of it when that is not known any more.
    fn missed(&self, after: Option<i64>) -> Vec<Message> {
        let oldest = self.recent.front().map_or(self.number + 1, |it| it.number);
        match after {
            Some(after) if (oldest - 1..=self.number).contains(&after) => {
                let newer = self.recent.iter().filter(|it| it.number > after);
                newer.cloned().collect()
            }
            _ => {
                let all = json!({ "name": "snapshot", "items": self.snapshot().items });
                vec![Message {
                    number: self.number,
                    text: text(Topic::Calls, self.number, &all),
                }]
            }
        }
    }
}

impl Live {
    fn publish(&mut self, number: i64, event: Value) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(self.message(number, &event));
        }
        let told_at = Instant::now();
        let is_old = |recent: &Recent| told_at.duration_since(recent.told_at) > EVENTS_FOR;
        while self.recent.front().is_some_and(is_old) {
            self.recent.pop_front();
        }
        let recent = Recent {
            told_at,
            number,
            event,
        };
        keep(&mut self.recent, EVENTS_MAX, recent);
    }

    fn message(&self, number: i64, event: &Value) -> Message {
        let text = text(Topic::Call(self.row.id), number, event);
        Message { number, text }
    }

    fn follow(&mut self, after: i64) -> Following {
        let sender = self
            .sender
            .get_or_insert_with(|| broadcast::Sender::new(BEHIND_MAX));
        let coming = sender.subscribe();
        // Words and costs carry the number of the event before them, so that one may come twice and none is lost.
        let missed = self.recent.iter().filter(|it| it.number >= after);
        Following {
            missed: missed
                .map(|it| self.message(it.number, &it.event))
                .collect(),
            coming,
        }
    }
}

impl Following {
    /// A call that is not live here: nothing comes any more.
    fn over() -> Self {
        Self {
            missed: Vec::new(),
            coming: broadcast::Sender::new(1).subscribe(),
        }
    }
}

fn keep<T>(recent: &mut VecDeque<T>, max: usize, message: T) {
    if recent.len() == max {
        recent.pop_front();
    }
    recent.push_back(message);
}

fn text(topic: Topic, number: i64, event: &Value) -> Arc<str> {
    let topic = match topic {
        Topic::Calls => "calls".to_owned(),
        Topic::Call(call) => format!("call:{call}"),
    };
    let message = json!({ "topic": topic, "number": number, "event": event });
    message.to_string().into()
}
