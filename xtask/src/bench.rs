//! `cargo xtask bench`: what one call costs beside a bare relay of the same messages, in the same run.
//!
//! Rounds alternate between relay and server, so that a machine that grows slower or busier treats both alike; what is
//! printed are medians. The gateway under test is pinned to the first core with one worker thread, carrier and model
//! play on the second. docs/benchmarks.md says how to read it.

use anyhow::{Context, Result, bail};

use crate::process;
use crate::steps::Steps;
use crate::workspace;

mod listeners;
mod machine;
mod report;
mod runs;
mod webhooks;
mod webrtc;

pub(crate) use listeners::run as run_listeners;
use machine::Work;
use report::{Point, Report};
use runs::{Gateway, Profile, Window};
pub(crate) use webhooks::run as run_webhooks;
pub(crate) use webrtc::run as run_webrtc;

/// Numbers of calls for the cost curve; the issue asks for these.
const CALLS: [u32; 5] = [1, 10, 50, 100, 200];
/// The numbers that are measured in every round; the others show the curve and are measured once.
const CALLS_JUDGED: [u32; 2] = [50, 200];
const ROUNDS: u32 = 3;
/// Thirty seconds are nearly four of the caller's cycles of 8 s.
const SECONDS: u32 = 30;
/// Calls of the sequence with cut sockets.
const SEQUENCE_CALLS: u32 = 1_000;

const USAGE: &str = "\
usage: cargo xtask bench [--calls N[,N…]] [--rounds R] [--seconds S] [--no-sequence] [--json]

  --calls        calls at once; 1,10,50,100,200 when left out (then only 50 and 200 are repeated)
  --rounds       alternating rounds, 3
  --seconds      length of each measured window, 30
  --no-sequence  leave out the 1,000 calls with cut sockets
  --json         print the figures as JSON on the last line";

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Options {
    calls: Vec<u32>,
    /// The first round measures all of `calls`, later ones only these.
    repeated: Vec<u32>,
    rounds: u32,
    seconds: u32,
    has_sequence: bool,
    is_json: bool,
}

pub(crate) fn run(words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    let mut steps = Steps::new("cargo xtask bench");
    steps.run("programs", require_programs)?;
    steps.run("build with the release profile", || build(Profile::Release))?;
    println!("\n{}", machine::describe());
    let mut report = Report::default();
    steps.run("calls at once", || measure(&options, &mut report))?;
    if options.has_sequence {
        report.sequence = Some(steps.run("calls in sequence", || runs::sequence(SEQUENCE_CALLS))?);
    }
    steps.finish();
    println!("\n{}\n\n{}", machine::describe(), report.table());
    if options.is_json {
        println!("{}", report.json());
    }
    Ok(())
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            calls: CALLS.to_vec(),
            repeated: CALLS_JUDGED.to_vec(),
            rounds: ROUNDS,
            seconds: SECONDS,
            has_sequence: true,
            is_json: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--no-sequence" => options.has_sequence = false,
                "--json" => options.is_json = true,
                "--calls" => {
                    options.calls = numbers(words.next())?;
                    options.repeated.clone_from(&options.calls);
                }
                "--rounds" => options.rounds = number(words.next())?,
                "--seconds" => options.seconds = number(words.next())?,
                unknown => bail!("no such option: {unknown}\n\n{USAGE}"),
            }
        }
        Ok(options)
    }

    /// Whether a number of calls is measured in a round, counted from 0.
    fn is_due(&self, calls: u32, round: u32) -> bool {
        round == 0 || self.repeated.contains(&calls)
    }
}

fn numbers(list: Option<&&str>) -> Result<Vec<u32>> {
    let list = list.context(USAGE)?;
    list.split(',').map(|text| number(Some(&text))).collect()
}

fn number(text: Option<&&str>) -> Result<u32> {
    let number = text.and_then(|text| text.parse().ok());
    number.filter(|number| *number > 0).context(USAGE)
}

fn require_programs() -> Result<()> {
    if process::is_on_path("taskset") {
        return Ok(());
    }
    bail!(
        "taskset is missing, which keeps gateway and load on cores of their own; install util-linux"
    )
}

fn build(profile: Profile) -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["build", "--package", "switchboard"]);
    command.args(["--package", "switchboard-bench"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    process::run(&mut command)
}

fn measure(options: &Options, report: &mut Report) -> Result<()> {
    for round in 0..options.rounds {
        let due = options
            .calls
            .iter()
            .filter(|calls| options.is_due(**calls, round));
        for &calls in due {
            for gateway in [Gateway::Relay, Gateway::Switchboard] {
                let window = Window {
                    calls,
                    seconds: options.seconds,
                };
                let before = Work::now()?;
                let mut figures = runs::window(gateway, window)?;
                let busy = Work::now()?.busy_percent_since(before);
                figures.insert(report::MACHINE_BUSY.to_owned(), busy as f64);
                let point = Point {
                    gateway,
                    calls,
                    figures,
                };
                println!(
                    "round {}: {}, machine {busy} % busy",
                    round + 1,
                    point.line()
                );
                report.points.push(point);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_options_the_whole_curve_is_measured_once_and_the_judged_numbers_in_every_round() {
        let options = Options::parse(&[]).unwrap();
        assert!(options.is_due(1, 0) && !options.is_due(1, 1));
        assert!(options.is_due(200, 2));
    }

    #[test]
    fn chosen_numbers_are_measured_in_every_round() {
        let options = Options::parse(&["--calls", "20,30", "--rounds", "2", "--json"]).unwrap();
        assert_eq!(options.calls, [20, 30]);
        assert!(options.is_due(30, 1) && options.is_json);
    }

    #[test]
    fn a_wrong_option_is_refused_with_the_usage() {
        for words in [
            &["--calls", "many"][..],
            &["--fast"],
            &["--rounds", "0"],
            &["--seconds"],
        ] {
            let error = Options::parse(words).unwrap_err().to_string();
            assert!(error.contains("usage: cargo xtask bench"), "{error}");
        }
    }
}
