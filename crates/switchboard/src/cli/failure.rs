//! What went wrong, in three lines a person can act on, and the exit code a script can act on.

use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use switchboard_store::{OpenError, StoreError};
use thiserror::Error;

use crate::config::SettingsError;
use crate::http::BindError;
use crate::journal::SpoolError;
use crate::mail::MailSettingsError;
use crate::ops::seal::SealError;

/// What the process says to the script that started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// It ran, and the answer is no.
    No,
    /// Wrong arguments or settings.
    WrongUse,
    /// Database, server or provider do not answer.
    CannotReach,
    /// Permission, lock or limit.
    Refused,
}

impl Exit {
    /// The code, a contract of the command line.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::WrongUse => 2,
            Self::CannotReach => 3,
            Self::Refused => 4,
        }
    }
}

/// What went wrong, why, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Failure {
    /// The `error:` line.
    pub message: String,
    /// The `cause:` line.
    pub cause: Option<String>,
    /// The `help:` line: the command or key that mends it.
    pub help: Option<String>,
    /// The exit code.
    pub exit: Exit,
}

impl Failure {
    /// A failure with only its first line.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: None,
            help: None,
            exit,
        }
    }

    /// Adds why.
    #[must_use]
    pub fn because(self, cause: impl Into<String>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..self
        }
    }

    /// Adds what mends it.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// The failure behind any error that reaches the command line.
    pub fn of(error: &anyhow::Error) -> Self {
        let known = error.chain().find_map(|cause| {
            let failure = cause.downcast_ref::<Self>().cloned();
            failure
                .or_else(|| cause.downcast_ref().map(of_settings))
                .or_else(|| cause.downcast_ref().map(of_opening))
                .or_else(|| cause.downcast_ref().map(of_store))
                .or_else(|| cause.downcast_ref().map(of_port))
                .or_else(|| cause.downcast_ref().map(of_sealing))
                .or_else(|| cause.downcast_ref().map(of_mail))
                .or_else(|| cause.downcast_ref().map(of_spool))
        });
        known.unwrap_or_else(|| of_anything(error))
    }
}

fn of_settings(error: &SettingsError) -> Failure {
    Failure::new(Exit::WrongUse, error.to_string())
        .because(error.cause())
        .with_help(error.help())
}

fn of_opening(error: &OpenError) -> Failure {
    let (exit, help) = match error {
        OpenError::AlreadyServed { .. } => (
            Exit::Refused,
            "stop the other server, or give this one its own database.url",
        ),
        OpenError::Locked { .. } => (
            Exit::Refused,
            "close the program that holds the database and try again",
        ),
        OpenError::Missing { .. } | OpenError::NotMigrated { .. } => (
            Exit::CannotReach,
            "create the tables with `switchboard migrate up`; `switchboard serve` does it too",
        ),
        OpenError::BadUrl { .. } => (
            Exit::WrongUse,
            "set database.url to sqlite://path or postgres://user:password@host/name",
        ),
        OpenError::Unwritable { .. } | OpenError::NotADatabase { .. } => (
            Exit::CannotReach,
            "set database.url to a file this user may write",
        ),
        OpenError::Unreachable { .. } => (
            Exit::CannotReach,
            "start PostgreSQL, or correct the host in database.url",
        ),
        OpenError::WrongPassword { .. } => {
            (Exit::Refused, "correct user and password in database.url")
        }
        OpenError::NoSuchDatabase { .. } => (
            Exit::CannotReach,
            "create the database, or correct its name in database.url",
        ),
        OpenError::RoleMissing { .. } | OpenError::RoleRefused { .. } => (
            Exit::Refused,
            "set database.migrate_url to a login that may create roles, and run `switchboard migrate up`",
        ),
        OpenError::SchemaTooNew { .. } | OpenError::MigrationChanged { .. } => (
            Exit::Refused,
            "use the version of switchboard that wrote the database; `switchboard migrate status` shows more",
        ),
        OpenError::MigrationFailed { .. } => (
            Exit::No,
            "nothing was changed; `switchboard migrate status` shows where it stands",
        ),
        OpenError::Store(error) => return of_store(error),
    };
    Failure::new(exit, "cannot open the database")
        .because(error.to_string())
        .with_help(help)
}

fn of_store(error: &StoreError) -> Failure {
    let exit = match error {
        StoreError::Unavailable { .. } | StoreError::Refused { .. } => Exit::CannotReach,
        StoreError::Busy | StoreError::ReadOnly => Exit::Refused,
        _ => Exit::No,
    };
    Failure::new(exit, "the database did not do it").because(error.to_string())
}

fn of_port(error: &BindError) -> Failure {
    let cause = match error.source.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        _ => error.source.to_string(),
    };
    Failure::new(Exit::Refused, error.to_string())
        .because(cause)
        .with_help("set http.listen to another port, or 0 for a free one")
}

fn of_sealing(error: &SealError) -> Failure {
    let failure = Failure::new(Exit::CannotReach, error.to_string());
    let help = "set database.sealing_key_file to the file this installation began with";
    match error {
        SealError::KeyFile { source, .. } => failure.because(source.to_string()).with_help(help),
        _ => failure.with_help(help),
    }
}

fn of_mail(error: &MailSettingsError) -> Failure {
    Failure::new(Exit::WrongUse, "the mail server cannot be used").because(error.to_string())
}

fn of_spool(error: &SpoolError) -> Failure {
    let failure = Failure::new(Exit::CannotReach, error.to_string())
        .with_help("set database.spool_directory to a directory this user may write");
    match error {
        SpoolError::Unusable { source, .. } => failure.because(source.to_string()),
        SpoolError::InUse { .. } => failure,
    }
}

fn of_anything(error: &anyhow::Error) -> Failure {
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    let failure = Failure::new(Exit::No, error.to_string());
    if causes.is_empty() {
        failure
    } else {
        failure.because(causes.join(": "))
    }
}

/// Prints help, version, or what was wrong with the arguments.
pub(super) fn wrong_use(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed pipe is no failure of ours.
            let _ = error.print();
            return ExitCode::from(Exit::Done.code());
        }
        ErrorKind::InvalidSubcommand => {
            let failure = unknown_command(error);
            let help = failure.help.unwrap_or_default();
            let _ = writeln!(
                std::io::stderr(),
                "error: {}\nhelp: {help}",
                failure.message
            );
        }
        _ => drop(error.print()),
    }
    ExitCode::from(Exit::WrongUse.code())
}

/// The nearest command to an unknown word.
fn unknown_command(error: &clap::Error) -> Failure {
    let word = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) => word.clone(),
        _ => String::new(),
    };
    let nearest = match error.get(ContextKind::SuggestedSubcommand) {
        // The likeliest comes last.
        Some(ContextValue::Strings(words)) => words.last().cloned(),
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    };
    let help = nearest.map_or_else(
        || "`switchboard` alone lists every command".to_owned(),
        |word| format!("did you mean `{word}`?"),
    );
    Failure::new(Exit::WrongUse, format!("unknown command `{word}`")).with_help(help)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::Parser;

    use super::*;
    use crate::cli::CommandLine;

    #[test]
    fn a_database_that_is_locked_refuses_and_one_that_is_gone_cannot_be_reached() {
        let path = PathBuf::from("data/switchboard.db");
        let served = anyhow::Error::from(OpenError::AlreadyServed { path: path.clone() });
        assert_eq!(Failure::of(&served.context("starting")).exit, Exit::Refused);
        let missing = Failure::of(&OpenError::Missing { path }.into());
        assert_eq!(missing.exit, Exit::CannotReach);
        assert!(
            missing
                .help
                .is_some_and(|help| help.contains("switchboard migrate up"))
        );
    }

    #[test]
    fn an_unknown_command_names_the_nearest() {
        let error = CommandLine::try_parse_from(["switchboard", "sreve"]).expect_err("refused");
        let failure = unknown_command(&error);
        assert_eq!(failure.message, "unknown command `sreve`");
        assert_eq!(failure.help.as_deref(), Some("did you mean `serve`?"));
        let error =
            CommandLine::try_parse_from(["switchboard", "migrate", "statsu"]).expect_err("refused");
        assert_eq!(
            unknown_command(&error).help.as_deref(),
            Some("did you mean `status`?")
        );
    }

    #[test]
    fn an_error_of_any_kind_keeps_its_causes() {
        let error = anyhow::anyhow!("inner").context("middle").context("outer");
        let failure = Failure::of(&error);
        assert_eq!(
            (failure.message.as_str(), failure.cause.as_deref()),
            ("outer", Some("middle: inner"))
        );
    }
}
