//! `cargo xtask bench --webhooks`: from the webhook to its document at 20 calls per second, on both databases.
//!
//! Each call is offered by a signed webhook and goes on to its stream, so that the calls taken before talk while the
//! next ones are answered. The answer holds the look-ups and the writes of a call.

use anyhow::{Context, Result, bail};

use super::{build, machine, number, require_programs, runs};
use crate::postgres::Postgres;
use crate::steps::Steps;

/// The pace of the load; it is written there too.
const CALLS_PER_SECOND: u32 = 20;
const SECONDS: u32 = 20;
/// P99 at most, in ms, the database included.
const WEBHOOK_MS_MAX: f64 = 50.0;

const USAGE: &str = "\
usage: cargo xtask bench --webhooks [--seconds S]

  --seconds   how long calls come at 20 per second, 20";

pub(crate) fn run(words: &[&str]) -> Result<()> {
    let seconds = match words {
        [] => SECONDS,
        ["--seconds", seconds] => number(Some(seconds))?,
        _ => bail!("{USAGE}"),
    };
    let calls = seconds * CALLS_PER_SECOND;
    let mut steps = Steps::new("cargo xtask bench --webhooks");
    steps.run("programs", require_programs)?;
    steps.run("build with the release profile", build)?;
    println!("\n{}", machine::describe());
    let on_sqlite = steps.run("SQLite", || runs::webhooks(None, calls))?;
    let on_postgres = steps.run("PostgreSQL 15", || {
        let server = Postgres::start_durable()?;
        runs::webhooks(Some(&server.url()), calls)
    })?;
    steps.finish();
    println!("\n{}\n", machine::describe());
    let databases = [("SQLite", &on_sqlite), ("PostgreSQL", &on_postgres)];
    let mut slow = Vec::new();
    for (name, figures) in databases {
        let p99_ms = figure(figures, "webhook_p99_ms")?;
        let p50_ms = figure(figures, "webhook_p50_ms")?;
        let lost = figure(figures, "lost")?;
        println!(
            "{name:<11} {calls} webhooks: p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, {lost} lost"
        );
        if p99_ms >= WEBHOOK_MS_MAX || lost > 0.0 {
            slow.push(name);
        }
    }
    if !slow.is_empty() {
        bail!("missed P99 < {WEBHOOK_MS_MAX} ms: {}", slow.join(", "));
    }
    Ok(())
}

fn figure(figures: &runs::Figures, name: &str) -> Result<f64> {
    let value = figures.get(name).copied();
    value.with_context(|| format!("the load printed no {name}"))
}
