//! `docs/coming-from.md`: a name in a row that says "works" exists in the code.

use super::Finding;
use super::files::SourceTree;
use super::links::code_spans;

const PAGE: &str = "docs/coming-from.md";

/// Columns of a row: there, here, difference, how to see it, state.
const HERE: usize = 1;
const HOW_TO_SEE: usize = 3;
const STATE: usize = 4;

const STATES: [&str; 3] = ["works", "stand-in only", "planned"];

pub(super) fn check(tree: &SourceTree) -> Vec<Finding> {
    let Some(page) = tree.find(PAGE) else {
        return vec![Finding::new(PAGE, 0, "is missing")];
    };
    let mut findings = Vec::new();
    for (number, line) in page.numbered_lines() {
        let Some(cells) = cells_of(line) else {
            continue;
        };
        let state = cells[STATE];
        if !STATES.contains(&state) {
            findings.push(Finding::new(
                PAGE,
                number,
                format!("unknown state: {state}"),
            ));
        }
        if state == "planned" {
            continue;
        }
        for cell in [cells[HERE], cells[HOW_TO_SEE]] {
            let is_table = cell.starts_with("table");
            for name in code_spans(cell).filter(|name| !exists(tree, name, is_table)) {
                let message = format!("`{name}` exists nowhere, yet its row says: {state}");
                findings.push(Finding::new(PAGE, number, message));
            }
        }
    }
    findings
}

/// The cells of a table row, if the line is one with five of them and not a heading.
fn cells_of(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
    let is_row =
        cells.len() == STATE + 1 && cells[STATE] != "state" && !cells[STATE].starts_with("--");
    is_row.then_some(cells)
}

/// Whether the code knows the name. Its form says where to look, and a cell that begins with
/// "table" says it of plain words.
fn exists(tree: &SourceTree, name: &str, is_table: bool) -> bool {
    if is_table {
        return is_in(tree, "sql", "crates/", &format!("create table {name} "));
    }
    let first = name.split(' ').next().unwrap_or(name);
    if first == "switchboard" {
        return command_exists(tree, name, "crates/switchboard/src/");
    }
    if name.starts_with("cargo xtask ") {
        return command_exists(tree, &name["cargo ".len()..], "xtask/src/main.rs");
    }
    if name.starts_with('/') {
        return is_in(
            tree,
            "rs",
            "crates/switchboard/src/",
            &format!("\"{name}\""),
        );
    }
    if let Some((section, key)) = setting_of(name) {
        return setting_exists(tree, section, key);
    }
    if name.contains('/') {
        return tree.contains(name.trim_end_matches('*'));
    }
    is_in(tree, "toml", "agents/", name)
        || is_in(tree, "sql", "crates/", name)
        || is_in(tree, "rs", "crates/", name)
}

/// `switchboard list turns` → the words `list` and `turns` both stand in the folder's sources,
/// as literals or as variants of a command enum. Options and values are left out.
fn command_exists(tree: &SourceTree, line: &str, folder: &str) -> bool {
    let words = line.split(' ').skip(1);
    let words = words.take_while(|word| !word.starts_with('-') && !word.starts_with('<'));
    words.into_iter().all(|word| {
        let as_literal = format!("\"{word}\"");
        let as_variant = camel_case(word);
        tree.with_ending("rs")
            .filter(|file| file.path.starts_with(folder))
            .any(|file| file.text.contains(&as_literal) || file.text.contains(&as_variant))
    })
}

fn camel_case(word: &str) -> String {
    let parts = word.split('-').map(|part| {
        let mut letters = part.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    parts.collect()
}

/// `calls.handshake_ms` → (`calls`, `handshake_ms`).
fn setting_of(name: &str) -> Option<(&str, &str)> {
    let (section, key) = name.rsplit_once('.')?;
    let is_word = |text: &str| {
        let is_letter = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'.'
        };
        !text.is_empty() && text.bytes().all(is_letter)
    };
    let is_file = ["rs", "toml", "md", "py", "sql", "json"].contains(&key);
    (is_word(section) && is_word(key) && !is_file).then_some((section, key))
}

/// In the settings' example, or as a key of an agent file.
fn setting_exists(tree: &SourceTree, section: &str, key: &str) -> bool {
    let header = format!("[{section}]");
    let files = tree.with_ending("toml");
    let mut files = files
        .filter(|file| file.path == "switchboard.example.toml" || file.path.starts_with("agents/"));
    files.any(|file| {
        let after = file.text.split(header.as_str()).nth(1).unwrap_or_default();
        let body = after.split("\n[").next().unwrap_or_default();
        body.lines().any(|line| {
            let name = line
                .trim_start_matches(['#', ' '])
                .split('=')
                .next()
                .unwrap_or_default();
            name.trim() == key
        })
    })
}

fn is_in(tree: &SourceTree, ending: &str, folder: &str, text: &str) -> bool {
    let files = tree.with_ending(ending);
    files
        .filter(|file| file.path.starts_with(folder))
        .any(|file| file.text.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(row: &str) -> Vec<String> {
        let tree = SourceTree::of(&[
            (PAGE, row),
            (
                "switchboard.example.toml",
                "[calls]\n# comment\nhandshake_ms = 3000\n\n[log]\nlevel = \"info\"\n",
            ),
            (
                "crates/switchboard/src/cli.rs",
                "enum Noun { Turns, ToolCalls }\nList(Noun),",
            ),
            (
                "crates/switchboard/src/http/router.rs",
                "route(\"/twilio/voice\", post(voice))",
            ),
            (
                "crates/switchboard-store/migrations/sqlite/a.sql",
                "create table turns (id blob);",
            ),
            ("agents/medspa.toml", ""),
        ]);
        let findings = check(&tree);
        findings
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn names_of_working_rows_exist() {
        for cell in [
            "`/twilio/voice`",
            "setting `calls.handshake_ms`",
            "table `turns`",
            "file `agents/medspa.toml`",
        ] {
            let row =
                format!("| a | {cell} | | `switchboard list tool-calls --tenant medspa` | works |");
            assert!(messages(&row).is_empty(), "{:?}", messages(&row));
        }
    }

    #[test]
    fn an_invented_name_in_a_working_row_is_found() {
        for cell in [
            "`/twilio/nothing`",
            "setting `log.handshake_ms`",
            "`switchboard paint`",
            "`wallets`",
            "file `agents/x.toml`",
            "tables `turns`, `List`",
        ] {
            let row = format!("| a | {cell} | | | works |");
            assert_eq!(messages(&row).len(), 1, "{cell}");
        }
    }

    #[test]
    fn planned_rows_may_name_what_does_not_exist_yet() {
        assert!(messages("| a | `/api/v1/calls` | | | planned |").is_empty());
    }

    #[test]
    fn a_state_outside_the_three_is_found() {
        assert_eq!(messages("| a | b | c | d | soon |").len(), 1);
    }
}
