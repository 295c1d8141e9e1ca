//! The machine that figures belong to, and how busy it is.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// Two lines: what it is, and what else runs on it.
pub(super) fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = process::read(Command::new("uname").arg("-sr")).unwrap_or_default();
    let rustc = process::read(Command::new("rustc").arg("--version")).unwrap_or_default();
    format!(
        "machine: {model}, {cores} cores, {}, {}\nload average: {}",
        kernel.trim(),
        rustc.trim(),
        load_average()
    )
}

/// Runnable programs over the last 1, 5 and 15 minutes, ours included.
fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Ticks that all cores together have worked and could have worked since the machine's start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    busy: u64,
    all: u64,
}

impl Work {
    pub(super) fn now() -> Result<Self> {
        Self::read().context("/proc/stat cannot be read")
    }

    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line
            .split_ascii_whitespace()
            .filter_map(|number| number.parse().ok())
            .collect();
        // user nice system idle iowait irq softirq steal; guests are inside user (proc(5)).
        let all: u64 = ticks.iter().take(8).sum();
        let idle: u64 = ticks.get(3)? + ticks.get(4)?;
        Some(Self {
            busy: all - idle,
            all,
        })
    }

    /// Share of all cores that was busy since an earlier moment, in percent.
    pub(super) fn busy_percent_since(self, earlier: Self) -> u64 {
        (self.busy - earlier.busy) * 100 / (self.all - earlier.all).max(1)
    }
}
