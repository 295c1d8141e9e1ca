//! `cargo xtask bench --listeners`: what open pages of the dashboard cost while a few calls go on. The same calls are
//! measured without and with listeners; the difference is theirs.

use anyhow::{Context, Result, bail};

use super::runs::{self, Figures, Profile, Window};
use super::{build, machine, number, require_programs};
use crate::steps::Steps;

/// So many pages are a large business with every page left open.
const LISTENERS: u32 = 1_000;
/// A few calls.
const CALLS: u32 = 3;
const SECONDS: u32 = 60;
/// Of one core, in percent.
const CORE_PERCENT_MAX: f64 = 5.0;

const USAGE: &str = "\
usage: cargo xtask bench --listeners [--count N] [--calls N] [--seconds S]

  --count     pages that follow the list of live calls, 1000
  --calls     calls that go on meanwhile, 3
  --seconds   length of each measured window, 60
";

pub(crate) fn run(words: &[&str]) -> Result<()> {
    let (count, window) = parse(words)?;
    let mut steps = Steps::new("cargo xtask bench --listeners");
    steps.run("programs", require_programs)?;
    steps.run("build", || build(Profile::Release))?;
    println!("\n{}", machine::describe());
    let alone = steps.run("calls alone", || runs::listeners(window, 0))?;
    let watched = steps.run("calls and listeners", || runs::listeners(window, count))?;
    steps.finish();
    println!("\n{}\n", machine::describe());
    let open = figure(&watched, "listeners_open")?;
    let messages = figure(&watched, "listener_messages")?;
    let (before, after) = (percent(&alone)?, percent(&watched)?);
    let cost = after - before;
    println!(
        "{} calls cost {before:.2} % of a core, with {open} listeners {after:.2} %: {cost:.2} % for them \
         (at most {CORE_PERCENT_MAX} %), {messages} messages told in {} s",
        window.calls, window.seconds
    );
    if open < f64::from(count) {
        bail!("{open} of {count} listeners were open at the end");
    }
    if cost >= CORE_PERCENT_MAX {
        bail!("missed < {CORE_PERCENT_MAX} % of a core");
    }
    Ok(())
}

fn parse(words: &[&str]) -> Result<(u32, Window)> {
    let mut count = LISTENERS;
    let mut window = Window {
        calls: CALLS,
        seconds: SECONDS,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = number(words.next());
        match *word {
            "--count" => count = value?,
            "--calls" => window.calls = value?,
            "--seconds" => window.seconds = value?,
            unknown => bail!("no such option: {unknown}\n\n{USAGE}"),
        }
    }
    Ok((count, window))
}

/// CPU of the gateway in the window, in percent of one core.
fn percent(figures: &Figures) -> Result<f64> {
    let cpu_ms = figure(figures, "cpu_window_ms")?;
    let seconds = figure(figures, "window_s")?;
    Ok(cpu_ms / (seconds * 10.0))
}

fn figure(figures: &Figures, name: &str) -> Result<f64> {
    let value = figures.get(name).copied();
    value.with_context(|| format!("the load printed no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_say_how_many_and_how_long() {
        let (count, window) = parse(&["--count", "20", "--seconds", "5"]).unwrap();
        assert_eq!((count, window.calls, window.seconds), (20, CALLS, 5));
        let error = parse(&["--fast"]).unwrap_err().to_string();
        assert!(
            error.contains("usage: cargo xtask bench --listeners"),
            "{error}"
        );
    }

    #[test]
    fn half_a_second_of_cpu_in_ten_is_five_percent() {
        let figures = Figures::from([
            ("cpu_window_ms".to_owned(), 500.0),
            ("window_s".to_owned(), 10.0),
        ]);
        assert!((percent(&figures).unwrap() - 5.0).abs() < 1e-9);
    }
}
