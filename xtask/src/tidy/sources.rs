//! Rust files: size, module names, leftovers.

use super::Finding;
use super::files::{SourceFile, SourceTree};

/// Longest file, in lines. Nine in ten stay far below; past this a file is two things.
const FILE_LINES_MAX: usize = 700;

/// Module names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 10] = [
    "util", "utils", "common", "misc", "manager", "managers", "helper", "helpers", "shared",
    "stuff",
];

/// Marks of unfinished work. Put together here so that this file does not find itself.
const LEFTOVERS: [&str; 6] = [
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("#[ig", "nore"),
    concat!("db", "g!("),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
];

/// Comment lines drawn to be seen instead of read, or that number what the code does.
const BANNERS: [&str; 6] = ["// ---", "// ===", "// ***", "// ###", "// Step ", "// 1."];

pub(super) fn check(tree: &SourceTree) -> Vec<Finding> {
    tree.with_ending("rs").flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = file.text.lines().count();
    if lines > FILE_LINES_MAX {
        let message = format!("{lines} lines, {FILE_LINES_MAX} is the limit: split it by decision");
        findings.push(Finding::new(&file.path, lines, message));
    }
    if let Some(name) = empty_name_in(&file.path) {
        findings.push(Finding::new(
            &file.path,
            0,
            format!("`{name}` says nothing: name what it holds"),
        ));
    }
    for (number, line) in file.numbered_lines() {
        if let Some(mark) = LEFTOVERS.iter().find(|mark| line.contains(*mark)) {
            findings.push(Finding::new(
                &file.path,
                number,
                format!("unfinished: {mark}"),
            ));
        }
        if BANNERS
            .iter()
            .any(|banner| line.trim_start().starts_with(banner))
        {
            findings.push(Finding::new(
                &file.path,
                number,
                "a banner or a step: say why, or name a function",
            ));
        }
        if let Some(name) = inline_module(line).filter(|name| EMPTY_NAMES.contains(name)) {
            findings.push(Finding::new(
                &file.path,
                number,
                format!("`mod {name}` says nothing"),
            ));
        }
    }
    findings
}

fn empty_name_in(path: &str) -> Option<&str> {
    let parts = path.split('/').map(|part| part.trim_end_matches(".rs"));
    parts.into_iter().find(|part| EMPTY_NAMES.contains(part))
}

fn inline_module(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "mod");
    words.next()?;
    words.next().map(|name| name.trim_end_matches([';', '{']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        let findings = check(&SourceTree::of(&[(path, text)]));
        findings
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn a_file_may_have_700_lines_and_no_more() {
        assert!(messages("a.rs", &"fn a() {}\n".repeat(700)).is_empty());
        assert_eq!(messages("a.rs", &"fn a() {}\n".repeat(701)).len(), 1);
    }

    #[test]
    fn modules_with_empty_names_are_found_as_file_folder_and_line() {
        assert_eq!(messages("crates/a/src/util.rs", "").len(), 1);
        assert_eq!(messages("crates/a/src/common/dates.rs", "").len(), 1);
        assert_eq!(messages("a.rs", "pub(crate) mod helpers;\n").len(), 1);
        assert!(messages("crates/a/src/utility_bill.rs", "mod commons;\n").is_empty());
    }

    #[test]
    fn unfinished_work_is_found() {
        for mark in LEFTOVERS {
            assert_eq!(messages("a.rs", mark).len(), 1, "{mark}");
        }
    }
}
