//! Requirements of the threat model: each id that is claimed is named by a test.
//!
//! A test names an id in its own name (`h1_wrong_signature_is_refused`) or in the comment
//! directly above it (`/// S3: …`).

use super::Finding;
use super::files::{SourceFile, SourceTree};
use super::links::code_spans;

const PAGE: &str = "SECURITY.md";

/// What stands under it is honest about what is missing, and claims nothing.
const NOT_CLAIMED: &str = "### Not claimed yet";

pub(super) fn check(tree: &SourceTree) -> Vec<Finding> {
    let Some(page) = tree.find(PAGE) else {
        return vec![Finding::new(PAGE, 0, "is missing")];
    };
    let mut findings = Vec::new();
    for (id, tests) in tests_by_id(tree) {
        if tests.is_empty() {
            findings.push(Finding::new(PAGE, 0, format!("no test names {id}")));
        }
    }
    let claimed = claimed_ids(page);
    let after = page.numbered_lines();
    for (number, line) in after.skip_while(|(_, line)| !line.starts_with(NOT_CLAIMED)) {
        for id in ids_of_row(line).filter(|id| claimed.contains(id)) {
            let message = format!("{id} is claimed above, and here it is not");
            findings.push(Finding::new(PAGE, number, message));
        }
    }
    for (number, line) in page.numbered_lines() {
        let Some(id) = ids_of_row(line).next() else {
            continue;
        };
        let names = code_spans(line).filter(|span| is_test_name(span));
        for name in names.filter(|name| !function_exists(tree, name)) {
            findings.push(Finding::new(
                PAGE,
                number,
                format!("{id}: no such test: {name}"),
            ));
        }
    }
    findings
}

/// Each id that the page claims to meet, with the tests that name it, as `path::name`.
pub(super) fn tests_by_id(tree: &SourceTree) -> Vec<(String, Vec<String>)> {
    let tests: Vec<Test<'_>> = tree.with_ending("rs").flat_map(tests_in).collect();
    let claimed = tree.find(PAGE).map(claimed_ids).unwrap_or_default();
    let naming = |id: &str| {
        let naming = tests.iter().filter(|test| test.names(id));
        naming
            .map(|test| format!("{}::{}", test.path, test.name))
            .collect()
    };
    claimed
        .into_iter()
        .map(|id| (id.to_owned(), naming(id)))
        .collect()
}

fn claimed_ids(page: &SourceFile) -> Vec<&str> {
    let lines = page.numbered_lines().map(|(_, line)| line);
    let table = lines.take_while(|line| !line.starts_with(NOT_CLAIMED));
    table.flat_map(ids_of_row).collect()
}

struct Test<'a> {
    path: &'a str,
    name: &'a str,
    /// The comment and attribute lines directly above the function.
    above: Vec<&'a str>,
}

impl Test<'_> {
    fn names(&self, id: &str) -> bool {
        let lower = id.to_ascii_lowercase();
        let in_name = self.name.split('_').any(|word| word == lower);
        let comments = self.above.iter().filter(|line| line.starts_with("//"));
        let mut words =
            comments.flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric()));
        in_name || words.any(|word| word.eq_ignore_ascii_case(id))
    }
}

/// Functions of a file that carry a test attribute. In folders of tests every function counts,
/// because a macro that runs a case on both databases adds the attribute itself.
fn tests_in(file: &SourceFile) -> Vec<Test<'_>> {
    let mut tests = Vec::new();
    let mut above: Vec<&str> = Vec::new();
    for line in file.text.lines().map(str::trim) {
        if line.starts_with("//") || line.starts_with("#[") {
            above.push(line);
            continue;
        }
        let has_attribute = above
            .iter()
            .any(|line| line.starts_with("#[") && line.contains("test"));
        let is_test = has_attribute || file.path.contains("/tests/");
        let name = function_name(line).or_else(|| macro_case(line));
        if let Some(name) = name.filter(|_| is_test) {
            let above = std::mem::take(&mut above);
            tests.push(Test {
                path: &file.path,
                name,
                above,
            });
        }
        above.clear();
    }
    tests
}

/// `fact_about_something(test) {`: a case that a macro runs on both databases.
fn macro_case(line: &str) -> Option<&str> {
    let (name, _) = line.strip_suffix('{')?.trim().split_once("(test)")?;
    is_test_name(name).then_some(name)
}

fn function_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "fn");
    words.next()?;
    words.next()?.split(['(', '<']).next()
}

/// `| H1, S2 | …` → `H1`, `S2`.
fn ids_of_row(line: &str) -> impl Iterator<Item = &str> {
    let cells = line.trim().strip_prefix('|').unwrap_or_default();
    let cell = cells.split('|').next().unwrap_or_default();
    cell.split(',').map(str::trim).filter(|id| is_id(id))
}

fn is_id(text: &str) -> bool {
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
    text.len() == digits.len() + 1 && digits.parse::<u8>().is_ok()
}

/// Names of three words and more; shorter code on the page is something else.
fn is_test_name(span: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    span.bytes().all(is_word) && span.matches('_').count() >= 2
}

fn function_exists(tree: &SourceTree, name: &str) -> bool {
    let declarations = [format!("fn {name}("), format!("{name}(test) {{")];
    tree.with_ending("rs").any(|file| {
        declarations
            .iter()
            .any(|declared| file.text.contains(declared))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
/// S3: a stream that never starts is closed.
#[tokio::test]
async fn silence_before_start_closes() {}

#[test]
fn h1_wrong_signature_is_refused() {}

/// H2 is only mentioned here.
fn no_test_at_all() {}
";

    fn tests_of(id: &str) -> Vec<String> {
        let page = format!("| {id} | what must hold | by whom |");
        let tree = SourceTree::of(&[("a.rs", SOURCE), (PAGE, page.as_str())]);
        let found = tests_by_id(&tree)
            .into_iter()
            .find(|(known, _)| *known == id);
        found.expect("a claimed id").1
    }

    #[test]
    fn an_id_is_named_by_a_tests_name_or_comment() {
        assert_eq!(tests_of("S3"), ["a.rs::silence_before_start_closes"]);
        assert_eq!(tests_of("H1"), ["a.rs::h1_wrong_signature_is_refused"]);
    }

    #[test]
    fn a_comment_on_another_function_names_nothing() {
        assert!(tests_of("H2").is_empty());
    }

    fn is_found(page: &str, words: &str) -> bool {
        let tree = SourceTree::of(&[("a.rs", SOURCE), (PAGE, page)]);
        let findings = check(&tree);
        findings
            .iter()
            .any(|finding| finding.message.contains(words))
    }

    #[test]
    fn what_the_page_claims_needs_a_test_and_what_it_does_not_claim_needs_none() {
        let missing = "no test names S9";
        assert!(is_found("| S9 | resuming | tests |", missing));
        let honest = format!("{NOT_CLAIMED}\n| S8, S9 | direct mode | nothing |");
        assert!(!is_found(&honest, missing));
    }

    #[test]
    fn an_id_is_claimed_or_not_and_never_both() {
        let both = format!("| H1 | x | y |\n{NOT_CLAIMED}\n| S8, H1 | x | y |");
        assert!(is_found(&both, "H1 is claimed above"));
        assert!(!is_found(&both, "S8 is claimed above"));
    }

    #[test]
    fn a_test_named_in_the_table_must_exist() {
        let row = "| H1 | signature | `h1_right_signature_is_taken` | met |";
        assert!(is_found(row, "no such test"));
    }
}
