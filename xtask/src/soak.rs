//! `cargo xtask soak`: calls with random faults by seed, for as long as one likes.
//!
//! Each round holds thousands of calls in virtual time, and then some hundreds against one real server between a fake
//! carrier and a fake model. The rounds go on from seed to seed. What fails is printed with the command that repeats it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace;

const USAGE: &str = "\
usage: cargo xtask soak [--hours H | --minutes M] [--seed N] [--calls N] [--core]

  --hours, --minutes  how long; one round when left out. The round that has begun is ended
  --seed              the first seed, 1
  --calls             calls of a round in virtual time, 10000; a real server gets a twentieth of them, 20 at least
  --core              only the calls in virtual time";

/// Calls of a round in virtual time.
const CALLS: u64 = 10_000;
/// A call over loopback takes seconds where one in virtual time takes a millisecond.
const SHARE_OVER_LOOPBACK: u64 = 20;
const OVER_LOOPBACK_MIN: u64 = 20;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Options {
    hours: f64,
    seed: u64,
    calls: u64,
    is_core_only: bool,
}

pub(crate) fn run(words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    let began = Instant::now();
    let length = Duration::from_secs_f64(options.hours * 3_600.0);
    let (mut seed, mut rounds) = (options.seed, 0);
    loop {
        round(&options, seed)?;
        rounds += 1;
        let minutes = began.elapsed().as_secs() / 60;
        println!(
            "soak: {} calls from seed {seed} held; round {rounds}, {minutes} min",
            options.calls
        );
        seed += options.calls;
        if began.elapsed() >= length {
            return Ok(());
        }
    }
}

fn round(options: &Options, seed: u64) -> Result<()> {
    let again = |calls: u64| format!("again: cargo xtask soak --seed {seed} --calls {calls}");
    let mut core = workspace::cargo();
    core.args(["test", "--quiet", "--package", "switchboard-call"]);
    core.args(["--test", "promises", "simulated::"]);
    core.env("SWITCHBOARD_SIMULATED_SEED", seed.to_string());
    core.env("SWITCHBOARD_SIMULATED_CALLS", options.calls.to_string());
    process::run(&mut core).with_context(|| format!("{} --core", again(options.calls)))?;
    if options.is_core_only {
        return Ok(());
    }
    let calls = (options.calls / SHARE_OVER_LOOPBACK).max(OVER_LOOPBACK_MIN);
    let mut shell = workspace::cargo();
    shell.args([
        "test",
        "--quiet",
        "--package",
        "switchboard",
        "--test",
        "soak",
    ]);
    shell.args(["--", "--nocapture"]);
    shell.env("SWITCHBOARD_SIMULATED_SEED", seed.to_string());
    shell.env("SWITCHBOARD_SIMULATED_CALLS", calls.to_string());
    process::run(&mut shell).with_context(|| again(options.calls))
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            hours: 0.0,
            seed: 1,
            calls: CALLS,
            is_core_only: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--core" => options.is_core_only = true,
                "--hours" => options.hours = number(words.next())?,
                "--minutes" => options.hours = number::<f64>(words.next())? / 60.0,
                "--seed" => options.seed = number(words.next())?,
                "--calls" => options.calls = number(words.next())?,
                unknown => bail!("no such option: {unknown}\n\n{USAGE}"),
            }
        }
        if !(options.hours.is_finite() && options.hours >= 0.0 && options.calls > 0) {
            bail!("{USAGE}");
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(text: Option<&&str>) -> Result<T> {
    text.and_then(|text| text.parse().ok()).context(USAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_options_one_round_from_the_first_seed() {
        let options = Options::parse(&[]).unwrap();
        assert_eq!((options.seed, options.calls), (1, CALLS));
        assert!(!options.is_core_only);
    }

    #[test]
    fn a_soak_lasts_hours_or_minutes() {
        let of = |words: &[&str]| Options::parse(words).unwrap().hours;
        assert_eq!(
            (of(&["--hours", "2"]), of(&["--minutes", "30"])),
            (2.0, 0.5)
        );
    }

    #[test]
    fn a_failed_seed_is_repeated_alone() {
        let options = Options::parse(&["--core", "--calls", "1", "--seed", "77"]).unwrap();
        assert_eq!((options.seed, options.calls), (77, 1));
        assert!(options.is_core_only);
    }

    #[test]
    fn a_wrong_option_is_refused_with_the_usage() {
        for words in [
            &["--hours", "-1"][..],
            &["--hours"],
            &["--calls", "0"],
            &["--day"],
        ] {
            let error = Options::parse(words).unwrap_err().to_string();
            assert!(error.contains("usage: cargo xtask soak"), "{error}");
        }
    }
}
