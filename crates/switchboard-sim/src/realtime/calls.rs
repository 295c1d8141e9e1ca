//! Calls whose media goes beside the sockets: each is a task that owns its session and tells it to every sideband.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::engine::{Engine, Output};
use super::reply::Reply;
use super::server::Shared;

/// What became of one offer.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// `rtc_…`.
    pub id: String,
    /// The offer.
    pub sdp: String,
    /// The session asked for.
    pub session: Value,
    /// Hang-ups asked for over REST, those of an ended call included.
    pub hang_ups: usize,
    /// Whether it goes on.
    pub is_live: bool,
}

/// Something that happens on the media leg of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// The caller begins to speak.
    CallerBegins,
    /// The caller has finished: the script's next turn.
    CallerEnds,
    /// The browser writes this on its data channel. Nothing where its offer had none.
    Writes(String),
    /// The browser is gone.
    Leaves,
}

/// What a call's task is told.
#[derive(Debug)]
pub(super) enum ToCall {
    Attach(UnboundedSender<Output>),
    /// A text frame of a sideband.
    Text(String),
    Respond(Box<Reply>),
    Emit(Box<switchboard_wire::openai::ServerEvent>),
    Media(MediaEvent),
    HangUp,
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    records: Mutex<Vec<CallRecord>>,
    live: Mutex<HashMap<String, UnboundedSender<ToCall>>>,
}

impl Calls {
    pub(super) fn records(&self) -> Vec<CallRecord> {
        lock(&self.records).clone()
    }

    pub(super) fn find(&self, id: &str) -> Option<UnboundedSender<ToCall>> {
        lock(&self.live).get(id).cloned()
    }

    pub(super) fn on_media(&self, id: &str, event: MediaEvent) -> bool {
        let call = self.find(id);
        call.is_some_and(|call| call.send(ToCall::Media(event)).is_ok())
    }

    /// Ends a call; false if there was none.
    pub(super) fn hang_up(&self, id: &str) -> bool {
        if let Some(record) = lock(&self.records).iter_mut().find(|call| call.id == id) {
            record.hang_ups += 1;
        }
        let call = lock(&self.live).remove(id);
        call.is_some_and(|call| call.send(ToCall::HangUp).is_ok())
    }

    fn end(&self, id: &str) {
        lock(&self.live).remove(id);
        if let Some(record) = lock(&self.records).iter_mut().find(|call| call.id == id) {
            record.is_live = false;
        }
    }
}

/// Begins a call.
pub(super) fn begin(shared: &Arc<Shared>, record: CallRecord, engine: Engine) {
    let (sender, inbox) = unbounded_channel();
    let call = Call {
        has_channel: record.sdp.contains("m=application"),
        id: record.id.clone(),
        shared: Arc::clone(shared),
        engine,
        inbox,
        sidebands: Vec::new(),
    };
    lock(&shared.calls.live).insert(record.id.clone(), sender);
    lock(&shared.calls.records).push(record);
    shared.changed();
    tokio::spawn(call.run());
}

struct Call {
    id: String,
    has_channel: bool,
    shared: Arc<Shared>,
    engine: Engine,
    inbox: UnboundedReceiver<ToCall>,
    sidebands: Vec<UnboundedSender<Output>>,
}

impl Call {
    async fn run(mut self) {
        loop {
            self.engine.wake(Instant::now());
            let outputs: VecDeque<Output> = std::iter::from_fn(|| self.engine.poll()).collect();
            if outputs.into_iter().any(|output| self.tell(output)) {
                break;
            }
            let wake = self
                .engine
                .next_wake()
                .unwrap_or_else(|| Instant::now() + FAR);
            tokio::select! {
                told = self.inbox.recv() => match told {
                    Some(told) => if self.obey(told) { break },
                    None => break,
                },
                () = tokio::time::sleep_until(wake.into()) => {}
            }
        }
        for sideband in &self.sidebands {
            let _ = sideband.send(Output::Close(1000, String::new()));
        }
        self.shared.calls.end(&self.id);
        self.shared.changed();
    }

    /// Tells every sideband; true when the call is over.
    fn tell(&mut self, output: Output) -> bool {
        let Output::Text(text) = output else {
            return true;
        };
        self.sidebands
            .retain(|sideband| sideband.send(Output::Text(text.clone())).is_ok());
        false
    }

    /// Does one thing; true when the call is over.
    fn obey(&mut self, told: ToCall) -> bool {
        let now = Instant::now();
        match told {
            ToCall::Attach(sideband) => {
                let greeting = self.engine.greeting();
                if sideband.send(Output::Text(greeting)).is_ok() {
                    self.sidebands.push(sideband);
                }
            }
            ToCall::Text(text) => self.engine.handle_text(now, &text),
            ToCall::Respond(reply) => self.engine.respond_with(now, &reply),
            ToCall::Emit(event) => self.engine.emit(*event),
            ToCall::Media(MediaEvent::CallerBegins) => self.engine.caller_begins(now),
            ToCall::Media(MediaEvent::CallerEnds) => self.engine.caller_ends(now),
            ToCall::Media(MediaEvent::Writes(text)) => {
                if self.has_channel {
                    self.engine.handle_text(now, &text);
                }
            }
            ToCall::Media(MediaEvent::Leaves) | ToCall::HangUp => return true,
        }
        false
    }
}

/// A call that waits for nothing looks up this often.
const FAR: std::time::Duration = std::time::Duration::from_secs(3_600);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
