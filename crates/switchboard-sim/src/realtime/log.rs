//! Everything that went over the wire, for tests to judge.

use std::time::Duration;

use switchboard_wire::openai::{ClientEvent, ClientMessage, Item, SessionUpdate, WireError};

/// The record of a server.
#[derive(Debug, Default)]
pub struct Log {
    /// Everything clients sent, in order of arrival.
    pub received: Vec<Received>,
    /// Type of every event sent but audio deltas, in order.
    pub sent: Vec<Sent>,
    pub(super) audio: Vec<Vec<u8>>,
    pub(super) open: usize,
    pub(super) connections: usize,
}

/// Something a client did.
#[derive(Debug, Clone)]
pub struct Received {
    /// Connection, counted from 1.
    pub connection: usize,
    /// Since the server started.
    pub at: Duration,
    /// What.
    pub kind: ReceivedKind,
}

/// What a client did.
#[derive(Debug, Clone)]
pub enum ReceivedKind {
    /// Asked for an upgrade.
    Connected(Connected),
    /// Sent a valid event other than audio.
    Event(Box<ClientMessage>),
    /// Appended audio.
    Appended {
        /// Decoded bytes.
        bytes: usize,
    },
    /// Sent something that was refused with an `error`, for its form or for what it asked.
    Refused {
        /// The message.
        text: String,
        /// The answer.
        error: WireError,
    },
    /// Answered a ping.
    Ponged,
    /// Sent a close frame.
    Closed {
        /// Its code.
        code: Option<u16>,
    },
    /// The connection is over, in whatever way.
    Gone,
}

/// How a client introduced itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// Path and query.
    pub target: String,
    /// The bearer token, from header or subprotocol.
    pub api_key: Option<String>,
    /// Header names in lower case.
    pub header_names: Vec<String>,
}

/// An event the server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Connection, counted from 1.
    pub connection: usize,
    /// Since the server started.
    pub at: Duration,
    /// Its type; `close <code>` for a close frame.
    pub kind: String,
}

impl Log {
    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Connections open now.
    pub fn open_connections(&self) -> usize {
        self.open
    }

    /// Events of one connection, in order, without audio.
    pub fn events(&self, connection: usize) -> Vec<&ClientEvent> {
        self.of(connection)
            .filter_map(|received| match &received.kind {
                ReceivedKind::Event(message) => Some(&message.event),
                _ => None,
            })
            .collect()
    }

    /// Refusals of one connection, in order.
    pub fn refusals(&self, connection: usize) -> Vec<&WireError> {
        self.of(connection)
            .filter_map(|received| match &received.kind {
                ReceivedKind::Refused { error, .. } => Some(error),
                _ => None,
            })
            .collect()
    }

    /// Session updates of one connection.
    pub fn session_updates(&self, connection: usize) -> Vec<&SessionUpdate> {
        self.events(connection)
            .into_iter()
            .filter_map(|event| match event {
                ClientEvent::SessionUpdate { session } => Some(&**session),
                _ => None,
            })
            .collect()
    }

    /// Results given to tool calls on one connection, as `(call_id, output)`.
    pub fn tool_results(&self, connection: usize) -> Vec<(&str, &str)> {
        self.events(connection)
            .into_iter()
            .filter_map(|event| match event {
                ClientEvent::ConversationItemCreate {
                    item:
                        Item::FunctionCallOutput {
                            call_id, output, ..
                        },
                    ..
                } => Some((&**call_id, &**output)),
                _ => None,
            })
            .collect()
    }

    /// Truncations of one connection, as `(item_id, audio_end_ms)`.
    pub fn truncations(&self, connection: usize) -> Vec<(&str, u32)> {
        self.events(connection)
            .into_iter()
            .filter_map(|event| match event {
                ClientEvent::ConversationItemTruncate {
                    item_id,
                    audio_end_ms,
                    ..
                } => Some((&**item_id, *audio_end_ms)),
                _ => None,
            })
            .collect()
    }

    /// All audio one connection appended, in the format of the session at the time.
    pub fn appended_audio(&self, connection: usize) -> &[u8] {
        let index = connection.checked_sub(1);
        index
            .and_then(|index| self.audio.get(index))
            .map_or(&[], Vec::as_slice)
    }

    /// How often an event of this type was sent on one connection.
    pub fn sent_count(&self, connection: usize, kind: &str) -> usize {
        self.sent
            .iter()
            .filter(|sent| sent.connection == connection && sent.kind == kind)
            .count()
    }

    /// Types sent on one connection, in order, without audio deltas.
    pub fn sent_kinds(&self, connection: usize) -> Vec<&str> {
        self.sent
            .iter()
            .filter(|sent| sent.connection == connection)
            .map(|sent| &*sent.kind)
            .collect()
    }

    fn of(&self, connection: usize) -> impl Iterator<Item = &Received> {
        self.received
            .iter()
            .filter(move |received| received.connection == connection)
    }
}
