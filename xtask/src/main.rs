//! Automation for Switchboard, started as `cargo xtask <command>`.
//!
//! It installs nothing silently, builds with the debug profile except for `bench`, and needs no
//! program beyond the Rust toolchain and the system packages that it names.
#![expect(clippy::print_stdout, reason = "a command line tool talks on stdout")]

use std::process::ExitCode;

use anyhow::Result;

mod bench;
mod conformance;
mod demo;
mod mutants;
mod packages;
mod postgres;
mod process;
mod server;
mod soak;
mod steps;
mod test;
mod tidy;
mod trees;
mod ui;
mod workspace;

const USAGE: &str = "\
Automation for Switchboard.

usage: cargo xtask <command>

  demo [--detach]    build, serve the reference agents offline, hold one spoken call that books,
                     then keep serving until Ctrl-C (--detach leaves the server running, prints its pid)
  test               everything CI runs: tidy, format, clippy, all tests on SQLite and PostgreSQL 15,
                     dependency rules, foreign SDKs against the running server, pages in Chromium
  mutants [--only WORD] [--resume] [--list]
                     break each promise on purpose in a copy, and see that its test fails
  soak [--hours H | --minutes M] [--seed N] [--calls N] [--core]
                     calls with random faults by seed, in virtual time and against a real server
  bench [--calls N] [--seconds S] [--rounds R] [--no-sequence] [--json]
                     what a call costs beside a bare relay, in CPU, memory and latency
  bench --listeners [--count N] [--calls N] [--seconds S]
                    what open pages of the dashboard cost
  bench --webhooks [--seconds S] [--debug]
                     webhook to document at 20 calls per second, on SQLite and on PostgreSQL
  bench --webrtc [--calls N] [--seconds S] [--rounds R]
                     a call over WebRTC beside its codec's work alone, and from offer to first sound
  conformance        the part of `test` that needs foreign SDKs: the fakes, then the server
  ui [--test]        the dashboard out of ui/, as the server embeds it (needs Node 20); with --test
                     also its client, and every page in Chromium, with pictures under target/ui-tests
  tidy [--threats]   what a machine can check of our habits, in a second
                     (--threats lists which tests name which requirement)
";

/// Exit code for a command line that nobody can carry out.
const WRONG_USE: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["demo"] => demo::run(demo::Ending::Foreground),
        ["demo", "--detach"] => demo::run(demo::Ending::Detached),
        ["test"] => test::run(),
        ["mutants", options @ ..] => mutants::run(options),
        ["soak", options @ ..] => soak::run(options),
        ["bench", "--webhooks", options @ ..] => bench::run_webhooks(options),
        ["bench", "--webrtc", options @ ..] => bench::run_webrtc(options),
        ["bench", "--listeners", options @ ..] => bench::run_listeners(options),
        ["bench", options @ ..] => bench::run(options),
        ["conformance"] => conformance::check_fakes().and_then(|()| conformance::run()),
        ["ui"] => ui::build(),
        ["ui", "--test"] => ui::browser_tests::run(),
        ["tidy"] => tidy::run(),
        ["tidy", "--threats"] => tidy::print_threats(),
        [] | ["help" | "-h" | "--help"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        unknown => {
            eprintln!("error: no such command: {}\n\n{USAGE}", unknown.join(" "));
            return ExitCode::from(WRONG_USE);
        }
    };
    report(result)
}

fn report(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
