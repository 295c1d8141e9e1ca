//! Where the database is and how patient to be with it.

use std::time::Duration;

use crate::private::Private;

/// More connections than cores do not make PostgreSQL faster; ten keep short transactions from queueing.
const CONNECTIONS_MAX: u32 = 10;
/// A start that waits longer than this for the database looks like a hang.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite writers of other processes (the command line) hold the file for milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// `sqlite://path` or `postgres://user@host/name`. Private, because it may hold a password.
    pub url: Private<String>,
    /// The login that owns the tables, when it is not the one that serves. Default: `url`.
    pub migrate_url: Option<Private<String>>,
    /// Connections at most; on SQLite these are readers beside one writer. Default 10.
    pub connections_max: u32,
    /// How long to wait for a connection. Default 5 s.
    pub connect_timeout: Duration,
    /// How long SQLite waits for a lock of another process. Default 5 s.
    pub busy_timeout: Duration,
}

impl StoreSettings {
    pub fn new(url: &str) -> Self {
        Self {
            url: url.into(),
            migrate_url: None,
            connections_max: CONNECTIONS_MAX,
            connect_timeout: CONNECT_TIMEOUT,
            busy_timeout: BUSY_TIMEOUT,
        }
    }

    pub(crate) fn migrating_url(&self) -> &str {
        self.migrate_url.as_ref().unwrap_or(&self.url).expose()
    }
}
