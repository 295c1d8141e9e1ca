//! What can go wrong, without a word of what was stored.
//!
//! Database messages and details may quote values, and values are private. So these errors keep codes and the names
//! of constraints and columns, never the driver's own text.

use std::path::PathBuf;

use sqlx::error::ErrorKind;

/// A function of an open store failed. Nothing was changed unless its documentation says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or gave no connection in time. Trying again later may work.
    #[error("the database does not answer ({reason})")]
    Unavailable { reason: String },
    /// Somebody else held the rows or the file for too long. Trying again may work.
    #[error("the database is busy")]
    Busy,
    /// The store was opened read-only, or the database is.
    #[error("the database was opened read-only")]
    ReadOnly,
    /// A row of this name, key or address exists already.
    #[error("it exists already ({constraint})")]
    AlreadyExists { constraint: String },
    /// A row that the write refers to is not there in this tenant.
    #[error("a row it refers to is not there")]
    MissingReference,
    /// A value is outside what the column takes.
    #[error("a value is outside its range ({constraint})")]
    OutOfRange { constraint: String },
    /// The row to be changed is not there in this tenant.
    #[error("no such {noun}")]
    NotFound { noun: &'static str },
    /// A stored value does not fit its type: written by something else, or damaged.
    #[error("the stored value of {column} cannot be read")]
    Unreadable { column: String },
    /// The operating system gave no randomness.
    #[error("the operating system gives no randomness")]
    NoRandomness,
    /// The database refused for another reason; the code is the database's own.
    #[error("the database refused (code {code})")]
    Refused { code: String },
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(refusal) => Self::from_refusal(refusal.as_ref()),
            sqlx::Error::Io(io) => Self::Unavailable {
                reason: io.kind().to_string(),
            },
            sqlx::Error::PoolTimedOut => Self::Unavailable {
                reason: "no free connection in time".to_owned(),
            },
            sqlx::Error::PoolClosed => Self::Unavailable {
                reason: "closed".to_owned(),
            },
            sqlx::Error::WorkerCrashed => Self::Unavailable {
                reason: "the SQLite thread ended".to_owned(),
            },
            sqlx::Error::Tls(_) => Self::Unavailable {
                reason: "TLS failed".to_owned(),
            },
            // The connection is not in the state it should be in; the next one is.
            error @ (sqlx::Error::BeginFailed
            | sqlx::Error::InvalidSavePointStatement
            | sqlx::Error::Protocol(_)) => Self::Unavailable {
                reason: variant_name(&error),
            },
            sqlx::Error::ColumnDecode { index, .. } => Self::Unreadable { column: index },
            sqlx::Error::RowNotFound => Self::NotFound { noun: "row" },
            other => Self::Refused {
                code: variant_name(&other),
            },
        }
    }
}

impl StoreError {
    fn from_refusal(refusal: &dyn sqlx::error::DatabaseError) -> Self {
        let constraint = || refusal.constraint().unwrap_or("unnamed").to_owned();
        match refusal.kind() {
            ErrorKind::UniqueViolation => {
                return Self::AlreadyExists {
                    constraint: constraint(),
                };
            }
            ErrorKind::ForeignKeyViolation => return Self::MissingReference,
            ErrorKind::CheckViolation | ErrorKind::NotNullViolation => {
                return Self::OutOfRange {
                    constraint: constraint(),
                };
            }
            _ => {}
        }
        Self::of_code(&refusal.code().unwrap_or_default())
    }

    /// By SQLite's number or by PostgreSQL's five letters.
    fn of_code(code: &str) -> Self {
        if code.len() == 5 {
            return Self::of_sqlstate(code);
        }
        // SQLite puts details above the lowest byte: 778 is a disk error (10) while writing.
        let kind = code.parse::<u32>().map(|code| code & 0xff);
        match kind {
            // Busy, locked.
            Ok(5 | 6) => Self::Busy,
            Ok(8) => Self::ReadOnly,
            // No memory, disk error, damaged, full, cannot open, lock trouble, not a database.
            Ok(7 | 10 | 11 | 13 | 14 | 15 | 26) => Self::Unavailable {
                reason: format!("SQLite code {code}"),
            },
            _ => Self::Refused {
                code: code.to_owned(),
            },
        }
    }

    fn of_sqlstate(code: &str) -> Self {
        match code {
            // Serialisation failure, deadlock, lock timeout.
            "40001" | "40P01" | "55P03" => Self::Busy,
            // Read-only transaction.
            "25006" => Self::ReadOnly,
            // Connection trouble, out of resources (a full disk is one), shutdown, trouble with files.
            _ if ["08", "53", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class)) =>
            {
                Self::Unavailable {
                    reason: format!("PostgreSQL code {code}"),
                }
            }
            _ => Self::Refused {
                code: code.to_owned(),
            },
        }
    }
}

/// The variant's name alone; the rest of the driver's text may quote a value.
fn variant_name(error: &sqlx::Error) -> String {
    let text = format!("{error:?}");
    text.chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect()
}

/// The store could not be opened or migrated. Each variant names what to do something about; none holds the URL,
/// which may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("database.url is not usable: {reason}")]
    BadUrl { reason: String },
    #[error("another server uses {path} already")]
    AlreadyServed { path: PathBuf },
    #[error("{path} is locked by another program")]
    Locked { path: PathBuf },
    #[error("there is no database at {path}")]
    Missing { path: PathBuf },
    #[error("{path} cannot be opened or written: {reason}")]
    Unwritable { path: PathBuf, reason: String },
    #[error("{path} is not an SQLite database")]
    NotADatabase { path: PathBuf },
    #[error("PostgreSQL at {host} does not answer: {reason}")]
    Unreachable { host: String, reason: String },
    #[error("PostgreSQL refuses the password or the login of {user}")]
    WrongPassword { user: String },
    #[error("PostgreSQL has no database {name}")]
    NoSuchDatabase { name: String },
    #[error("the role {role} does not exist and this login may not create it")]
    RoleMissing { role: &'static str },
    #[error("the login may not act as {role}")]
    RoleRefused { role: &'static str },
    #[error(
        "the database has migration {found}, which this version does not know; its newest is {known}"
    )]
    SchemaTooNew { found: i64, known: i64 },
    #[error("{pending} migrations have not been applied")]
    NotMigrated { pending: usize },
    #[error("migration {version} was applied with another text")]
    MigrationChanged { version: i64 },
    #[error("migration {version} failed and was undone: {reason}")]
    MigrationFailed { version: i64, reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R5: what a disk does passes, and what is wrong with a value does not. Taking one for the other loses events.
    #[test]
    fn r5_trouble_of_the_disk_is_told_from_a_value_that_never_fits() {
        let is_away =
            |code: &str| matches!(StoreError::of_code(code), StoreError::Unavailable { .. });
        // Full; errors while writing, syncing, truncating, growing the shared file; cannot open its directory.
        for code in [
            "13", "10", "778", "1034", "1546", "4874", "1038", "53100", "58030", "57P01",
        ] {
            assert!(is_away(code), "{code}");
        }
        for code in ["5", "517", "6", "262", "40001", "40P01", "55P03"] {
            assert_eq!(StoreError::of_code(code), StoreError::Busy, "{code}");
        }
        for code in ["8", "264", "776", "25006"] {
            assert_eq!(StoreError::of_code(code), StoreError::ReadOnly, "{code}");
        }
        for code in ["1", "20", "42501", "22P02", ""] {
            let refused = StoreError::Refused {
                code: code.to_owned(),
            };
            assert_eq!(StoreError::of_code(code), refused, "{code}");
        }
    }
}
