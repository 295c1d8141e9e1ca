//! `cargo xtask bench --webhooks`: from the webhook to its document at 20 calls per second, on both databases.
//!
//! Each call is offered by a signed webhook and goes on to its stream, so that the calls taken before talk while the
//! next ones are answered. The answer holds the look-ups and the writes of a call.

use anyhow::{Context, Result, bail};

use super::runs::Profile;
use super::{build, machine, number, require_programs, runs};
use crate::postgres::Postgres;
use crate::steps::Steps;

/// The pace of the load; it is written there too.
const CALLS_PER_SECOND: u32 = 20;
const SECONDS: u32 = 20;
/// P99 at most, in ms, the database included.
const WEBHOOK_MS_MAX: f64 = 50.0;

const USAGE: &str = "\
usage: cargo xtask bench --webhooks [--seconds S] [--debug]

  --seconds   how long calls come at 20 per second, 20
  --debug     build with the debug profile and judge nothing: shows that the bench works, and no more";

/// How long, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Options {
    seconds: u32,
    profile: Profile,
}

pub(crate) fn run(words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    let calls = options.seconds * CALLS_PER_SECOND;
    let profile = options.profile;
    let mut steps = Steps::new("cargo xtask bench --webhooks");
    steps.run("programs", require_programs)?;
    steps.run("build", || build(profile))?;
    println!("\n{}", machine::describe());
    let on_sqlite = steps.run("SQLite", || runs::webhooks(profile, None, calls))?;
    let on_postgres = steps.run("PostgreSQL 15", || {
        let server = Postgres::start_durable()?;
        runs::webhooks(profile, Some(&server.url()), calls)
    })?;
    steps.finish();
    println!("\n{}\n", machine::describe());
    let databases = [("SQLite", &on_sqlite), ("PostgreSQL", &on_postgres)];
    let mut missed = Vec::new();
    for (name, figures) in databases {
        let p99_ms = figure(figures, "webhook_p99_ms")?;
        let p50_ms = figure(figures, "webhook_p50_ms")?;
        let answered = figure(figures, "webhook_count")?;
        let lost = figure(figures, "lost")?;
        println!(
            "{name:<11} {calls} calls, {answered} webhooks answered: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, {lost} lost"
        );
        if answered < f64::from(calls) || lost > 0.0 {
            missed.push(format!("{name}: calls were lost"));
        }
        if profile == Profile::Release && p99_ms >= WEBHOOK_MS_MAX {
            missed.push(format!("{name}: P99 is not below {WEBHOOK_MS_MAX} ms"));
        }
    }
    if !missed.is_empty() {
        bail!("{}", missed.join("; "));
    }
    Ok(())
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self {
            seconds: SECONDS,
            profile: Profile::Release,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--debug" => options.profile = Profile::Debug,
                "--seconds" => options.seconds = number(words.next()).context(USAGE)?,
                unknown => bail!("no such option: {unknown}\n\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

fn figure(figures: &runs::Figures, name: &str) -> Result<f64> {
    let value = figures.get(name).copied();
    value.with_context(|| format!("the load printed no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_options_it_is_20_s_of_the_release_build() {
        let options = Options::parse(&[]).unwrap();
        assert_eq!(
            (options.seconds, options.profile),
            (SECONDS, Profile::Release)
        );
        let small = Options::parse(&["--debug", "--seconds", "2"]).unwrap();
        assert_eq!((small.seconds, small.profile), (2, Profile::Debug));
    }

    #[test]
    fn a_wrong_option_is_refused_with_the_usage_of_this_bench() {
        for words in [&["--seconds"][..], &["--seconds", "0"], &["--calls", "3"]] {
            let error = format!("{:#}", Options::parse(words).unwrap_err());
            assert!(
                error.contains("usage: cargo xtask bench --webhooks"),
                "{error}"
            );
        }
    }
}
