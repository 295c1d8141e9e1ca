//! The talk as it is printed: time, speaker, words, and the latency at the right.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cli::Output;

/// Width of a terminal that does not say its own.
const WIDTH_CHARS: usize = 100;
/// Narrower terminals get lines that are too long rather than one word per line.
const WIDTH_CHARS_MIN: usize = 50;
/// Columns before the words: time, speaker and the gaps between them.
const MARGIN_CHARS: usize = 16;
/// Column of the latency: `12345 ms` and a gap.
const LATENCY_CHARS: usize = 10;

/// One thing of a talk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scene {
    /// The agent said this. The latency is from the end of the caller's words to the first sound.
    Agent {
        text: String,
        latency_ms: Option<u64>,
    },
    /// Only this much of the agent's words was heard.
    Cut { heard: String },
    /// The caller says this.
    Caller { text: String },
    /// What the server took the caller's words for.
    Understood { text: String },
    /// The caller pressed a key.
    Key(char),
    /// A tool ran.
    Tool {
        name: String,
        status: String,
        took_ms: Option<u64>,
    },
    /// Anything else that happened.
    Notice(String),
}

/// Prints a talk, or keeps silent about it.
#[derive(Debug)]
pub(super) struct Talk {
    output: Option<Output>,
    started_at: Instant,
    width_chars: usize,
    signs: Signs,
}

impl Talk {
    /// A talk that begins now and is printed.
    pub(super) fn printed(output: Output) -> Self {
        Self {
            output: Some(output),
            ..Self::silent()
        }
    }

    /// One of many talks, or one whose data is printed as a document.
    pub(super) fn silent() -> Self {
        let columns = std::env::var("COLUMNS")
            .ok()
            .and_then(|columns| columns.parse().ok());
        Self {
            output: None,
            started_at: Instant::now(),
            width_chars: columns.unwrap_or(WIDTH_CHARS).max(WIDTH_CHARS_MIN),
            signs: Signs::of_locale(),
        }
    }

    /// Whether anybody reads it.
    pub(super) fn is_printed(&self) -> bool {
        self.output.is_some()
    }

    /// Prints what happens now.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub(super) fn show(&self, scene: &Scene) -> Result<()> {
        let Some(output) = self.output else {
            return Ok(());
        };
        let lines = lay_out(
            scene,
            self.started_at.elapsed(),
            self.width_chars,
            self.signs,
        );
        lines.iter().try_for_each(|line| output.line(line))
    }
}

/// The two signs, or what stands for them where a terminal knows only ASCII.
#[derive(Debug, Clone, Copy)]
struct Signs {
    cut: &'static str,
    tool: &'static str,
}

impl Signs {
    const UNICODE: Self = Self {
        cut: "✂",
        tool: "⚙",
    };
    const ASCII: Self = Self {
        cut: "x",
        tool: "*",
    };

    /// A locale that names another character set has no such signs; one that names none is a container's, and has.
    fn of_locale() -> Self {
        let named = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .filter_map(|name| std::env::var(name).ok());
        match named.into_iter().find(|locale| !locale.is_empty()) {
            Some(locale)
                if !locale.to_ascii_lowercase().contains("utf") && locale.contains('.') =>
            {
                Self::ASCII
            }
            _ => Self::UNICODE,
        }
    }
}

fn lay_out(scene: &Scene, at: Duration, width_chars: usize, signs: Signs) -> Vec<String> {
    let (speaker, text, latency_ms) = match scene {
        Scene::Agent { text, latency_ms } => ("agent", text.clone(), *latency_ms),
        Scene::Cut { heard } if heard.trim().is_empty() => {
            (signs.cut, "cut before a word was heard".to_owned(), None)
        }
        Scene::Cut { heard } => (signs.cut, format!("cut; heard: {heard}"), None),
        Scene::Caller { text } => ("caller", text.clone(), None),
        Scene::Understood { text } if text.trim().is_empty() => {
            ("", "(not understood)".to_owned(), None)
        }
        Scene::Understood { text } => ("", format!("(understood: {text})"), None),
        Scene::Key(key) => ("caller", format!("[{key}]"), None),
        Scene::Tool {
            name,
            status,
            took_ms,
        } => (signs.tool, format!("{name}: {status}"), *took_ms),
        Scene::Notice(text) => ("", text.clone(), None),
    };
    let words_chars = width_chars.saturating_sub(MARGIN_CHARS + LATENCY_CHARS);
    let mut lines = wrap(&text, words_chars);
    let first = lines.first().cloned().unwrap_or_default();
    let seconds = at.as_secs();
    let time = format!("{:>3}:{:02}", seconds / 60, seconds % 60);
    let latency =
        latency_ms.map(|ms| format!("{:>width$}", format!("{ms} ms"), width = LATENCY_CHARS));
    let head = match latency {
        Some(latency) => format!("{time}  {speaker:<7} {first:<words_chars$}{latency}"),
        None => format!("{time}  {speaker:<7} {first}"),
    };
    let indent = " ".repeat(MARGIN_CHARS);
    let rest = lines
        .drain(..)
        .skip(1)
        .map(|line| format!("{indent}{line}"));
    std::iter::once(head.trim_end().to_owned())
        .chain(rest)
        .collect()
}

/// Breaks at blanks. What steers terminals becomes a blank: the words come from callers and models (threat H8).
fn wrap(text: &str, chars_max: usize) -> Vec<String> {
    let harmless: String = text
        .chars()
        .map(|sign| if sign.is_control() { ' ' } else { sign })
        .collect();
    let mut lines: Vec<String> = Vec::new();
    for word in harmless.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= chars_max => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The same words, whatever their case and punctuation.
pub(super) fn is_same_words(one: &str, other: &str) -> bool {
    let plain = |text: &str| -> Vec<String> {
        let words = text.split(|sign: char| !sign.is_alphanumeric() && sign != '\'');
        words
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(scene: &Scene) -> Vec<String> {
        lay_out(scene, Duration::from_secs(65), 60, Signs::UNICODE)
    }

    #[test]
    fn a_line_has_time_speaker_words_and_latency_at_the_right() {
        let scene = Scene::Agent {
            text: "How can I help?".to_owned(),
            latency_ms: Some(640),
        };
        assert_eq!(
            lines(&scene),
            ["  1:05  agent   How can I help?                       640 ms"]
        );
    }

    #[test]
    fn long_words_go_on_below_their_beginning() {
        let text = "We are open Monday to Friday from nine to six".to_owned();
        let expected = [
            "  1:05  caller  We are open Monday to Friday from",
            "                nine to six",
        ];
        assert_eq!(lines(&Scene::Caller { text }), expected);
    }

    #[test]
    fn cuts_and_tools_have_their_signs() {
        let cut = Scene::Cut {
            heard: "We are".to_owned(),
        };
        assert_eq!(lines(&cut), ["  1:05  ✂       cut; heard: We are"]);
        let tool = Scene::Tool {
            name: "book_appointment".to_owned(),
            status: "succeeded".to_owned(),
            took_ms: Some(12),
        };
        assert_eq!(
            lines(&tool),
            ["  1:05  ⚙       book_appointment: succeeded            12 ms"]
        );
    }

    #[test]
    fn h8_words_cannot_steer_a_terminal() {
        let scene = Scene::Understood {
            text: "\x1b[2Jgone\r\n\u{9b}31m".to_owned(),
        };
        let printed = lines(&scene).join("");
        assert!(!printed.chars().any(char::is_control), "{printed:?}");
    }

    #[test]
    fn words_are_compared_without_case_and_punctuation() {
        assert!(is_same_words(
            "I'd like a facial, please.",
            "i'd like a facial please"
        ));
        assert!(!is_same_words("a facial", "a face"));
    }
}
