//! A panic is logged by where it happened, never by what it said: the text may quote a caller (threat D5).

use std::panic::{Location, PanicHookInfo};

use crate::ops::metrics::names;

/// Logs and counts panics instead of printing their text. The panic itself goes on to end its task (threat R4).
pub fn install_hook() {
    std::panic::set_hook(Box::new(report));
}

fn report(info: &PanicHookInfo<'_>) {
    metrics::counter!(names::PANICS_TOTAL).increment(1);
    let location = info.location();
    let file = location.map_or("unknown", Location::file);
    let line = location.map_or(0, Location::line);
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    tracing::error!(file, line, thread, "panic ended one task");
}
