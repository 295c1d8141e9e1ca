//! How answers look: a table for people and pipes, one JSON document for programs; everything else on stderr.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::arguments::{ColorChoice, CommandLine};
use super::failure::Failure;

/// Width of a terminal that does not say its own.
const WIDTH_CHARS: usize = 120;

/// Characters of an id that a person sees; its end, because the beginning of a UUIDv7 is the time.
const ID_CHARS: usize = 8;

/// Blanks between columns.
const GAP: &str = "  ";

/// Widest cell on a terminal; longer text is cut with an ellipsis.
const CELL_CHARS_MAX: usize = 48;

/// Where and how to print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
    verbose: bool,
    for_person: bool,
    colour: bool,
    width_chars: usize,
}

impl Output {
    /// As the global options and the terminal ask for.
    pub fn new(command_line: &CommandLine) -> Self {
        let options = &command_line.global;
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        let colour = match options.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => io::stderr().is_terminal() && !no_colour,
        };
        let columns = std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
        Self {
            json: options.json,
            verbose: options.verbose,
            for_person: io::stdout().is_terminal(),
            colour,
            width_chars: columns.unwrap_or(WIDTH_CHARS),
        }
    }

    /// True when data is printed as JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints rows: one JSON array, or a table of `columns` (keys of the rows).
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub fn rows<T: Serialize>(
        &self,
        noun: &str,
        columns: &[&str],
        rows: &[T],
    ) -> anyhow::Result<()> {
        if self.json {
            return self.document(&rows);
        }
        let rows: Vec<Value> = rows
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<_, _>>()?;
        let style = Style {
            for_person: self.for_person,
            width_chars: self.width_chars,
            now: Utc::now(),
        };
        print(&style.table(columns, &rows))?;
        if self.for_person {
            print(&format!("{} {noun}\n", rows.len()))?;
        }
        Ok(())
    }

    /// Prints one JSON document.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub fn document<T: Serialize + ?Sized>(&self, value: &T) -> anyhow::Result<()> {
        print(&format!("{}\n", serde_json::to_string_pretty(value)?))
    }

    /// Prints a line of data.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub fn line(&self, text: &str) -> anyhow::Result<()> {
        print(&format!("{text}\n"))
    }

    /// Tells a person something that is not data.
    pub fn note(&self, text: &str) {
        // Nobody left to tell is no reason to stop.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Prints what went wrong and gives the exit code.
    pub(super) fn fail(&self, error: &anyhow::Error) -> ExitCode {
        if is_closed_pipe(error) {
            return ExitCode::SUCCESS;
        }
        let failure = Failure::of(error);
        let text = if self.json {
            as_json(&failure)
        } else {
            self.as_lines(&failure)
        };
        let _ = writeln!(io::stderr(), "{text}");
        if self.verbose {
            let _ = writeln!(io::stderr(), "{error:?}");
        }
        ExitCode::from(failure.exit.code())
    }

    fn as_lines(&self, failure: &Failure) -> String {
        let lines = [
            ("error:", "\x1b[31m", Some(&failure.message)),
            ("cause:", "\x1b[33m", failure.cause.as_ref()),
            ("help:", "\x1b[36m", failure.help.as_ref()),
        ];
        let lines = lines.into_iter().filter_map(|(word, colour, text)| {
            let text = text?;
            Some(if self.colour {
                format!("{colour}{word}\x1b[0m {text}")
            } else {
                format!("{word} {text}")
            })
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn as_json(failure: &Failure) -> String {
    let code = failure.exit.code();
    json!({ "error": failure.message, "cause": failure.cause, "help": failure.help, "exit": code })
        .to_string()
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// The reader of our output went away, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// How cells look.
struct Style {
    for_person: bool,
    width_chars: usize,
    now: DateTime<Utc>,
}

impl Style {
    /// Aligned columns: numbers to the right, and for a person no wider than the terminal.
    fn table(&self, columns: &[&str], rows: &[Value]) -> String {
        let cell = |row: &Value, column: &&str| {
            self.cell(column, row.get(*column).unwrap_or(&Value::Null))
        };
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| columns.iter().map(|column| cell(row, column)).collect())
            .collect();
        let widths: Vec<usize> = columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let longest = cells
                    .iter()
                    .filter_map(|row| row.get(index))
                    .map(|it| it.chars().count());
                longest.chain([column.len()]).max().unwrap_or(0)
            })
            .collect();
        let is_number = |index: usize| {
            let column = columns.get(index).copied().unwrap_or_default();
            rows.iter()
                .any(|row| row.get(column).is_some_and(Value::is_number))
        };
        let heads = columns.iter().map(|column| (*column).to_owned()).collect();
        let lines = std::iter::once(&heads).chain(&cells);
        lines
            .map(|line: &Vec<String>| self.line(line, &widths, is_number))
            .collect()
    }

    fn line(
        &self,
        cells: &[String],
        widths: &[usize],
        is_number: impl Fn(usize) -> bool,
    ) -> String {
        let padded = cells
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(index, (cell, width))| {
                let blanks = " ".repeat(width.saturating_sub(cell.chars().count()));
                if is_number(index) {
                    format!("{blanks}{cell}")
                } else {
                    format!("{cell}{blanks}")
                }
            });
        let line = padded.collect::<Vec<_>>().join(GAP);
        let line = line.trim_end();
        let line = if self.for_person {
            cut(line, self.width_chars)
        } else {
            line.to_owned()
        };
        format!("{line}\n")
    }

    fn cell(&self, column: &str, value: &Value) -> String {
        let text = match value {
            Value::Null => "-".to_owned(),
            Value::String(text) => harmless(text),
            other => harmless(&other.to_string()),
        };
        if !self.for_person {
            return text;
        }
        match column {
            "id" | "call_id" | "contact_id" if text.len() > ID_CHARS => text
                .get(text.len() - ID_CHARS..)
                .unwrap_or(&text)
                .to_owned(),
            column if column.ends_with("_at") => self.moment(&text),
            _ => cut(&text, CELL_CHARS_MAX),
        }
    }

    /// "3 min ago", "in 2 d"; a text that is no time stays.
    fn moment(&self, text: &str) -> String {
        let Ok(moment) = text.parse::<DateTime<Utc>>() else {
            return text.to_owned();
        };
        let seconds = (self.now - moment).num_seconds();
        let amount = match seconds.abs() {
            seconds @ 0..60 => format!("{seconds} s"),
            seconds @ 60..3_600 => format!("{} min", seconds / 60),
            seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
            seconds => format!("{} d", seconds / 86_400),
        };
        if seconds < 0 {
            format!("in {amount}")
        } else {
            format!("{amount} ago")
        }
    }
}

/// Replaces control characters: a caller's name must not steer somebody's terminal (threat H8).
fn harmless(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars()
        .take(chars_max.saturating_sub(1))
        .chain(['…'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(for_person: bool) -> Style {
        let now = "2026-11-21T12:00:00Z".parse().expect("a time");
        Style {
            for_person,
            width_chars: 60,
            now,
        }
    }

    fn rows() -> Vec<Value> {
        vec![
            json!({"id": "0193-aaaabbbbcccc", "seq": 7, "started_at": "2026-11-21T11:57:00Z", "text": "hello"}),
            json!({"id": "0193-ddddeeeeffff", "seq": 12, "started_at": "2026-11-23T12:00:00Z", "text": null}),
        ]
    }

    #[test]
    fn a_person_sees_short_ids_relative_times_and_numbers_to_the_right() {
        let table = style(true).table(&["id", "seq", "started_at", "text"], &rows());
        let expected = "id        seq  started_at  text\n\
                        bbbbcccc    7  3 min ago   hello\n\
                        eeeeffff   12  in 2 d      -\n";
        assert_eq!(table, expected);
    }

    #[test]
    fn a_pipe_sees_the_same_columns_uncut() {
        let table = style(false).table(&["id", "started_at"], &rows());
        assert!(
            table.contains("0193-aaaabbbbcccc  2026-11-21T11:57:00Z"),
            "{table}"
        );
    }

    #[test]
    fn h8_a_stored_text_cannot_steer_a_terminal() {
        let row = json!({"text": "\x1b[2Jgone\r\n\u{9b}31mred"});
        let table = style(false).table(&["text"], &[row]);
        assert!(!table.contains('\x1b') && !table.contains('\r') && !table.contains('\u{9b}'));
        assert_eq!(table.lines().count(), 2);
    }

    #[test]
    fn a_line_is_cut_to_the_terminal() {
        let row = json!({"text": "x".repeat(200), "more": "y".repeat(200)});
        let table = style(true).table(&["text", "more"], &[row]);
        assert!(table.lines().all(|line| line.chars().count() <= 60) && table.contains('…'));
    }
}
