//! Headings and times, so that a long run can be read afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The steps of one command, in the order they ran.
pub(crate) struct Steps {
    command: &'static str,
    started: Instant,
    finished: Vec<(&'static str, Duration)>,
}

impl Steps {
    pub(crate) fn new(command: &'static str) -> Self {
        Self {
            command,
            started: Instant::now(),
            finished: Vec::new(),
        }
    }

    /// Runs one step under its heading. A failure names the step and how long it took.
    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        println!("\n── {name} (at {})", in_words(self.started.elapsed()));
        let began = Instant::now();
        let result = work();
        let took = began.elapsed();
        self.finished.push((name, took));
        result.with_context(|| format!("{}: {name} failed after {}", self.command, in_words(took)))
    }

    /// Prints what ran and for how long.
    pub(crate) fn finish(&self) {
        println!("\n── {} passed", self.command);
        for (name, took) in &self.finished {
            println!("{:>9}  {name}", in_words(*took));
        }
        println!("{:>9}  total", in_words(self.started.elapsed()));
    }
}

fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        return format!("{:.1} s", time.as_secs_f64());
    }
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_keep_a_tenth_and_long_ones_read_as_minutes() {
        assert_eq!(in_words(Duration::from_millis(1_250)), "1.2 s");
        assert_eq!(in_words(Duration::from_secs(605)), "10 min 05 s");
    }

    #[test]
    fn a_failed_step_is_named() {
        let error = Steps::new("cargo xtask test")
            .run("clippy", || -> Result<()> { anyhow::bail!("exit 101") })
            .unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.starts_with("cargo xtask test: clippy failed"),
            "{text}"
        );
        assert!(text.ends_with("exit 101"), "{text}");
    }
}
