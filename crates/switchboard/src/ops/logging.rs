//! Log lines: on stderr, for people or as JSON, our crates at `log.level` and everybody else's at `warn`.
//!
//! Fields hold ids, words from closed lists and measures with their unit. Names, numbers, words of callers and keys are
//! wrapped in types that print a placeholder, so that a line cannot hold them.

use std::io::{self, IsTerminal, Write};

use thiserror::Error;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

pub use super::log_queue::LogWriter;
use super::log_queue::{self, LogQueue};
use crate::config::{LogFormat, LogLevel, LogSettings};

/// Our crates; everything else is a dependency.
const OUR_CRATES: [&str; 6] = [
    "switchboard",
    "switchboard_call",
    "switchboard_media",
    "switchboard_sim",
    "switchboard_store",
    "switchboard_wire",
];

/// Logging cannot start.
#[derive(Debug, Error)]
pub enum LoggingError {
    /// The system cannot start the writer thread.
    #[error("cannot start the log writer")]
    Thread(#[from] io::Error),
    /// This process logs already.
    #[error("logging has been started before")]
    Started(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts logging to stderr for the whole process. Keep the writer until the process ends: it waits for the last lines.
///
/// # Errors
/// A second start, or no thread to be had.
pub fn start(settings: &LogSettings) -> Result<LogWriter, LoggingError> {
    let is_terminal = io::stderr().is_terminal();
    let (subscriber, writer) = subscriber(settings, is_terminal, io::stderr())?;
    subscriber.try_init()?;
    Ok(writer)
}

/// What [`start`] installs, with another target: for tests that read every line.
///
/// # Errors
/// No thread to be had.
pub fn subscriber<W: Write + Send + 'static>(
    settings: &LogSettings,
    is_terminal: bool,
    target: W,
) -> io::Result<(impl Subscriber + Send + Sync + use<W>, LogWriter)> {
    let (queue, writer) = log_queue::start(target)?;
    let human = match settings.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let lines = if human {
        human_lines(queue, is_terminal)
    } else {
        json_lines(queue)
    };
    Ok((
        Registry::default().with(lines.with_filter(filter(settings.level))),
        writer,
    ))
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn human_lines(queue: LogQueue, colour: bool) -> BoxedLayer {
    fmt::layer()
        .with_writer(queue)
        .with_ansi(colour)
        .with_target(false)
        .boxed()
}

fn json_lines(queue: LogQueue) -> BoxedLayer {
    let format = fmt::format()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false);
    fmt::layer()
        .event_format(format)
        .fmt_fields(JsonFields::new())
        .with_writer(queue)
        .boxed()
}

fn filter(level: LogLevel) -> EnvFilter {
    let level = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // Dependencies print addresses and bodies at their lower levels, so they never go below warn.
    let others = level.min(LevelFilter::WARN);
    let ours = OUR_CRATES.iter().map(|name| format!("{name}={level}"));
    let directives: Vec<String> = ours.chain([others.to_string()]).collect();
    EnvFilter::builder().parse_lossy(directives.join(","))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::config::{DatabaseUrl, Secret};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .expect("not poisoned")
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(settings: &LogSettings, act: impl FnOnce()) -> String {
        let lines = Lines::default();
        let (subscriber, writer) = subscriber(settings, false, lines.clone()).expect("a thread");
        tracing::subscriber::with_default(subscriber, act);
        drop(writer);
        String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("text")
    }

    #[test]
    fn our_lines_obey_the_level_and_those_of_dependencies_stay_at_warn() {
        let settings = LogSettings {
            level: LogLevel::Debug,
            format: LogFormat::Auto,
        };
        let text = logged(&settings, || {
            tracing::debug!(call_id = "c1", duration_ms = 7, "call answered");
            tracing::trace!("too fine");
            tracing::info!(target: "hyper::proto", "dependency detail");
            tracing::warn!(target: "hyper::proto", "dependency warning");
        });
        let first: serde_json::Value =
            serde_json::from_str(text.lines().next().expect("a line")).expect("json");
        assert_eq!(first["message"], "call answered");
        assert_eq!(first["duration_ms"], 7);
        assert!(text.contains("dependency warning"));
        assert!(
            !text.contains("too fine") && !text.contains("dependency detail"),
            "{text}"
        );
    }

    #[test]
    fn d5_no_canary_reaches_a_log_line_even_through_a_panic() {
        let text = logged(&LogSettings::default(), || {
            let secret = Secret::new("marker-key");
            let database = DatabaseUrl::new("postgres://marker:marker@db/voice");
            tracing::error!(?secret, ?database, "wrapped values");
            let hook = std::panic::take_hook();
            crate::ops::panics::install_hook();
            let outcome = std::panic::catch_unwind(|| panic!("marker words of a caller"));
            std::panic::set_hook(hook);
            assert!(outcome.is_err());
        });
        assert!(
            text.contains("panic ended one task") && text.contains("logging.rs"),
            "{text}"
        );
        assert!(!text.contains("marker"), "{text}");
    }
}
