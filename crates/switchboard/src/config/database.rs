//! Section `[database]`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use switchboard_store::StoreSettings;

use super::types::blank_is_none;
use crate::journal::SpoolSettings;

/// Bytes of a MiB.
const MIB: u64 = 1024 * 1024;

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// `sqlite://data/switchboard.db`. A SQLite file, or `postgres://user:password@host/name`.
    pub url: DatabaseUrl,
    /// Blank, which means `database.url`. The login that may change the schema.
    #[serde(deserialize_with = "blank_is_none")]
    pub migrate_url: Option<DatabaseUrl>,
    /// 8 connections in the pool.
    pub connections_max: u32,
    /// 5000 ms. Time to wait for a free connection; past it the operation fails and live calls go on without it.
    pub acquire_ms_max: u64,
    /// `data/sealing.key`. File with the key that seals secrets of tenants at rest. Made when it is missing; without it
    /// sealed secrets are lost, so keep a copy apart from the database.
    pub sealing_key_file: String,
    /// `data/erasures.jsonl`. File with the list of people who were erased, as ids and keyed hashes. A restore applies it
    /// again, so keep it with the newest backup.
    pub erasure_list_file: String,
    /// 150 ms in which events are gathered to be written in one group. A group that the database has not taken 50 ms later
    /// goes to the spool, so that with the default nothing older than 200 ms is lost with the process.
    pub flush_ms: u64,
    /// `data/spool`. Directory of this process alone for events the database has not taken; they are sealed, and land when
    /// it is back or at the next start.
    pub spool_directory: String,
    /// 64 MiB of events on the disk; past it they wait in memory, 200,000 at most.
    pub spool_mib_max: u64,
    /// 5 % of the disk. With less room there the server is not ready, so that calls go elsewhere before anything fails.
    pub disk_free_percent_min: u8,
    /// 16 MiB held in the spool's directory and given up when the disk is full, so that events and deletes still have room.
    pub reserve_mib: u64,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: DatabaseUrl("sqlite://data/switchboard.db".to_owned()),
            migrate_url: None,
            connections_max: 8,
            acquire_ms_max: 5_000,
            sealing_key_file: "data/sealing.key".to_owned(),
            erasure_list_file: "data/erasures.jsonl".to_owned(),
            flush_ms: 150,
            spool_directory: "data/spool".to_owned(),
            spool_mib_max: 64,
            disk_free_percent_min: 5,
            reserve_mib: 16,
        }
    }
}

impl DatabaseSettings {
    /// The login that may change the schema: `migrate_url`, or `url` when that is blank.
    pub fn migrate_url(&self) -> &DatabaseUrl {
        self.migrate_url.as_ref().unwrap_or(&self.url)
    }

    /// The file of the key that seals secrets.
    pub fn sealing_key_file(&self) -> PathBuf {
        PathBuf::from(&self.sealing_key_file)
    }

    /// Where events wait for the database, and how many.
    pub fn spool_settings(&self) -> SpoolSettings {
        SpoolSettings {
            directory: PathBuf::from(&self.spool_directory),
            bytes_max: self.spool_mib_max.saturating_mul(MIB),
            reserve_bytes: self.reserve_mib.saturating_mul(MIB),
        }
    }

    /// How the store is to be opened.
    pub fn store_settings(&self) -> StoreSettings {
        let migrate_url = self.migrate_url.as_ref().map(|url| url.expose().into());
        StoreSettings {
            migrate_url,
            connections_max: self.connections_max,
            connect_timeout: Duration::from_millis(self.acquire_ms_max),
            ..StoreSettings::new(self.url.expose())
        }
    }
}

/// The address of a database. It prints without user, password and options; only [`DatabaseUrl::expose`] gives all.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Wraps an address that came from somewhere else than the settings.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole address, for the one place that connects.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return formatter.write_str("***");
        };
        let without_login = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let without_options = without_login.split('?').next().unwrap_or_default();
        write!(formatter, "{scheme}://{without_options}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::DatabaseUrl;

    #[test]
    fn d5_a_database_address_prints_without_its_password() {
        let url =
            DatabaseUrl::new("postgres://app:can@ry@db.example:5432/voice?sslpassword=canary");
        assert_eq!(url.to_string(), "postgres://db.example:5432/voice");
        assert_eq!(format!("{url:?}"), "postgres://db.example:5432/voice");
    }
}
