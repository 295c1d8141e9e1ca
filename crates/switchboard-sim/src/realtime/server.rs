//! The listener, the record it keeps, and the handle a test holds.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use switchboard_wire::openai::ServerEvent;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::calls::{CallRecord, Calls, MediaEvent};
use super::connection;
use super::log::{Connected, Log, Received, ReceivedKind, Sent};
use super::reply::Reply;
use super::script::RealtimeScript;

/// A running model server. Dropping it cuts all its connections.
#[derive(Debug)]
pub struct RealtimeServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What a test can make a connection do at any time.
#[derive(Debug)]
pub enum Command {
    /// Send an event.
    Send(Box<ServerEvent>),
    /// Send a text frame as it is.
    SendText(String),
    /// Start a response with this reply.
    Respond(Box<Reply>),
    /// Close with a code and a reason.
    Close(u16, String),
    /// Cut the socket without a close frame.
    Drop,
    /// Read nothing any more.
    StopReading,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) script: Arc<RealtimeScript>,
    log: Mutex<Log>,
    changed: watch::Sender<()>,
    commands: Mutex<HashMap<usize, mpsc::UnboundedSender<Command>>>,
    pub(super) calls: Calls,
    started_at: Instant,
}

impl RealtimeServer {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    /// No port could be bound.
    pub async fn start(script: RealtimeScript) -> io::Result<Self> {
        Self::start_on(script, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Listens on a given address.
    ///
    /// # Errors
    /// The address could not be bound.
    pub async fn start_on(script: RealtimeScript, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Shared::new(script);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Base URL for a client, such as `http://127.0.0.1:40000/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Looks at the record; do not wait inside.
    pub fn with_log<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.shared.log())
    }

    /// Everything received so far.
    pub fn received(&self) -> Vec<Received> {
        self.with_log(|log| log.received.clone())
    }

    /// All audio a connection appended, in the format of its session.
    pub fn appended_audio(&self, connection: usize) -> Vec<u8> {
        self.with_log(|log| log.appended_audio(connection).to_vec())
    }

    /// Waits until a condition of the record holds; false if it does not within `bound`.
    pub async fn wait_until(&self, bound: Duration, condition: impl Fn(&Log) -> bool) -> bool {
        let mut changes = self.shared.changed.subscribe();
        let wait = async {
            while !condition(&self.shared.log()) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(bound, wait).await;
        self.with_log(condition)
    }

    /// Every call that was created, oldest first. What is said in one is recorded under the connection that created it.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.shared.calls.records()
    }

    /// Waits until a condition of the calls holds; false if it does not within `bound`.
    pub async fn wait_for_calls(
        &self,
        bound: Duration,
        condition: impl Fn(&[CallRecord]) -> bool,
    ) -> bool {
        self.wait_until(bound, |_| condition(&self.calls())).await
    }

    /// Something happens on the media leg of a call; false if there is none of this id.
    pub fn on_media(&self, call_id: &str, event: MediaEvent) -> bool {
        self.shared.calls.on_media(call_id, event)
    }

    /// Makes a connection do something; false if it is gone.
    pub fn command(&self, connection: usize, command: Command) -> bool {
        let commands = lock(&self.shared.commands);
        commands
            .get(&connection)
            .is_some_and(|queue| queue.send(command).is_ok())
    }
}

impl Drop for RealtimeServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The set of connections lives in this task, so ending it ends them.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let (recorder, commands) = shared.open();
                connections.spawn(async move {
                    let shared = Arc::clone(&recorder.shared);
                    let number = recorder.connection;
                    if let Err(error) = connection::serve(stream, recorder, commands).await {
                        tracing::debug!(connection = number, %error, "model connection ended");
                    }
                    shared.close(number);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

impl Shared {
    fn new(script: RealtimeScript) -> Arc<Self> {
        Arc::new(Self {
            script: Arc::new(script),
            log: Mutex::default(),
            changed: watch::Sender::default(),
            commands: Mutex::default(),
            calls: Calls::default(),
            started_at: Instant::now(),
        })
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    fn open(self: &Arc<Self>) -> (Recorder, mpsc::UnboundedReceiver<Command>) {
        let (sender, commands) = mpsc::unbounded_channel();
        let mut log = self.log();
        log.connections += 1;
        log.open += 1;
        let connection = log.connections;
        if self.script.keep_log {
            log.audio.push(Vec::new());
        }
        lock(&self.commands).insert(connection, sender);
        (
            Recorder {
                shared: Arc::clone(self),
                connection,
            },
            commands,
        )
    }

    fn close(&self, connection: usize) {
        lock(&self.commands).remove(&connection);
        self.log().open -= 1;
        self.record(connection, ReceivedKind::Gone);
    }

    pub(super) fn changed(&self) {
        self.changed.send_replace(());
    }

    fn record(&self, connection: usize, kind: ReceivedKind) {
        if self.script.keep_log {
            let at = self.started_at.elapsed();
            self.log().received.push(Received {
                connection,
                at,
                kind,
            });
        }
        self.changed.send_replace(());
    }
}

/// Writes one connection's part of the record.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    pub(super) shared: Arc<Shared>,
    connection: usize,
}

impl Recorder {
    /// The record of a session without a socket.
    #[cfg(test)]
    pub(super) fn alone(script: RealtimeScript) -> Self {
        Shared::new(script).open().0
    }

    pub(super) fn connection(&self) -> usize {
        self.connection
    }

    pub(super) fn connected(&self, connected: Connected) {
        self.received(ReceivedKind::Connected(connected));
    }

    pub(super) fn received(&self, kind: ReceivedKind) {
        self.shared.record(self.connection, kind);
    }

    pub(super) fn appended(&self, audio: &[u8]) {
        if self.shared.script.keep_log {
            self.shared.log().audio[self.connection - 1].extend_from_slice(audio);
            self.received(ReceivedKind::Appended { bytes: audio.len() });
        }
    }

    pub(super) fn sent(&self, kind: &str) {
        if self.shared.script.keep_log {
            let at = self.shared.started_at.elapsed();
            let sent = Sent {
                connection: self.connection,
                at,
                kind: kind.to_owned(),
            };
            self.shared.log().sent.push(sent);
            self.shared.changed.send_replace(());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
