//! The command line: what can be asked, and how answers and errors look.
//!
//! Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 ran and the answer is no, 2 wrong use,
//! 3 cannot reach something, 4 refused, 130 interrupted.

use std::process::ExitCode;

use clap::Parser;

mod agent;
mod app_users;
pub mod arguments;
mod backup;
mod budgets;
mod doctor;
mod failure;
mod job;
mod list;
mod mail;
mod migrate;
mod outgoing;
mod output;
mod person;
mod retention;
mod run;
mod staff;
mod switch;
mod tenant;
mod usage;
mod webhook;

pub use self::arguments::{CallArguments, Channel, CommandLine, ServeOptions};
pub use self::failure::{Exit, Failure};
pub use self::output::Output;

/// Reads the process's arguments, does what they ask, and prints what went wrong.
pub fn main() -> ExitCode {
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => return failure::wrong_use(&error),
    };
    let output = Output::new(&command_line);
    match run::run(command_line, &output) {
        Ok(()) => ExitCode::from(Exit::Done.code()),
        Err(error) => output.fail(&error),
    }
}
