//! Why settings or an agent file were refused, in words an operator can act on.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a file; 0 when the line is not known.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
    /// Nowhere: the default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0 } => write!(formatter, "{}", path.display()),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Environment(name) => write!(formatter, "the environment variable {name}"),
            Self::Default => formatter.write_str("the defaults"),
        }
    }
}

/// Why settings or an agent file were refused. Values are never part of the text: one of them may be a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file as it was named.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is not TOML.
    #[error("{place} is not valid TOML")]
    Syntax {
        /// Where the reader gave up.
        place: Place,
        /// What it expected.
        reason: String,
    },
    /// A key nobody knows.
    #[error("unknown key `{key}`")]
    UnknownKey {
        /// The whole key, `calls.handshake_msec`.
        key: String,
        /// The whole key that was probably meant.
        nearest: Option<String>,
        /// Where it was set.
        place: Place,
    },
    /// A value of the wrong type or out of range, or a word that is not on the list.
    #[error("`{key}` cannot be used")]
    Invalid {
        /// The whole key.
        key: String,
        /// What is wrong and what is expected, without the value when it may be secret.
        reason: String,
        /// Where it was set.
        place: Place,
        /// What mends it.
        help: String,
    },
    /// A key without which the rest means nothing.
    #[error("`{key}` is missing")]
    Missing {
        /// The whole key.
        key: String,
        /// Where it should be.
        place: Place,
    },
}

impl SettingsError {
    /// Why, as the `cause:` line of an error.
    pub fn cause(&self) -> String {
        match self {
            Self::Unreadable { reason, .. } | Self::Syntax { reason, .. } => reason.clone(),
            Self::UnknownKey { place, .. } => format!("it is set in {place}"),
            Self::Invalid {
                reason,
                place: Place::Default,
                ..
            } => reason.clone(),
            Self::Invalid { reason, place, .. } => format!("{reason} (set in {place})"),
            Self::Missing { place, .. } => format!("{place} does not set it"),
        }
    }

    /// What mends it, as the `help:` line of an error.
    pub fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "name an existing file with --config, or leave it out to run on defaults".to_owned()
            }
            Self::Syntax { .. } => "compare with switchboard.example.toml".to_owned(),
            Self::UnknownKey {
                nearest: Some(nearest),
                ..
            } => format!("did you mean `{nearest}`?"),
            Self::UnknownKey { nearest: None, .. } => {
                "switchboard.example.toml lists every key".to_owned()
            }
            Self::Invalid { help, .. } => help.clone(),
            Self::Missing { key, .. } => format!("add `{key}`"),
        }
    }
}
