//! Links and file names in documents lead somewhere.

use super::Finding;
use super::files::{SourceFile, SourceTree};

/// Endings that make a backticked path a promise. Others may be made at run time.
const PROMISED_ENDINGS: [&str; 5] = [".rs", ".toml", ".md", ".sql", ".py"];

pub(super) fn check(tree: &SourceTree) -> Vec<Finding> {
    tree.with_ending("md")
        .flat_map(|file| check_document(tree, file))
        .collect()
}

fn check_document(tree: &SourceTree, file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in prose_lines(file) {
        for target in link_targets(line) {
            if let Some(message) = broken_link(tree, file, target) {
                findings.push(Finding::new(&file.path, number, message));
            }
        }
        for path in code_spans(line).filter(|span| is_promised_path(span)) {
            if !tree.contains(path) && !tree.contains(&beside(file, path)) {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!("no such file: {path}"),
                ));
            }
        }
    }
    findings
}

/// Lines outside fenced code.
fn prose_lines(file: &SourceFile) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    file.numbered_lines().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// What `[text](target)` points at.
fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
}

/// What stands between single backticks.
pub(super) fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_promised_path(span: &str) -> bool {
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    span.contains('/')
        && !span.starts_with('/')
        && span.bytes().all(is_path)
        && PROMISED_ENDINGS.iter().any(|ending| span.ends_with(ending))
}

fn broken_link(tree: &SourceTree, file: &SourceFile, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let document = if path.is_empty() {
        file.path.clone()
    } else {
        beside(file, path)
    };
    if !tree.contains(&document) {
        return Some(format!("broken link: {target}"));
    }
    let headings = tree.find(&document).map(headings).unwrap_or_default();
    let is_found = anchor.is_empty() || headings.iter().any(|heading| heading == anchor);
    (!is_found).then(|| format!("no such heading: {target}"))
}

/// The path that a link in the document means, with `..` taken away.
fn beside(file: &SourceFile, path: &str) -> String {
    let mut parts: Vec<&str> = file.path.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Headings as anchors: lower case, blanks as hyphens, other signs dropped.
fn headings(file: &SourceFile) -> Vec<String> {
    let lines = prose_lines(file).filter(|(_, line)| line.starts_with('#'));
    lines
        .map(|(_, line)| anchor_of(line.trim_start_matches('#').trim()))
        .collect()
}

fn anchor_of(heading: &str) -> String {
    let kept = heading.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        letter if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let tree = SourceTree::of(&[
            ("README.md", "# Switchboard\n\n## The two commands\n"),
            ("docs/page.md", text),
            ("agents/medspa.toml", ""),
        ]);
        let findings = check(&tree);
        findings
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn links_to_files_folders_and_headings_are_followed() {
        let good = "[a](../README.md) [b](../README.md#the-two-commands) [c](../agents/) [d](https://a.example)";
        assert!(messages(good).is_empty());
        assert_eq!(messages("[a](README.md)").len(), 1);
        assert_eq!(messages("[a](../README.md#the-three-commands)").len(), 1);
    }

    #[test]
    fn a_file_named_in_code_must_exist() {
        assert!(messages("see `agents/medspa.toml` and `a/{b,c}.rs`").is_empty());
        assert_eq!(messages("see `agents/dentist.toml`").len(), 1);
    }

    #[test]
    fn fenced_code_is_not_read() {
        assert!(messages("```\n[a](nowhere.md)\n```\n").is_empty());
    }
}
