//! What a machine can check of our habits: sizes, names, leftovers, dependency rules, pairs of
//! migrations, links and promised names. It reads the text of the repository once, runs no other
//! program and takes well under a second.

use anyhow::{Result, bail};

use self::files::SourceTree;
use crate::workspace;

mod files;
mod links;
mod manifests;
mod mapping;
mod migrations;
mod sources;
mod threats;
mod words;

/// One thing to mend, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1; 0 speaks of the whole file.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

type Check = fn(&SourceTree) -> Vec<Finding>;

const CHECKS: [Check; 7] = [
    sources::check,
    words::check,
    manifests::check,
    migrations::check,
    links::check,
    mapping::check,
    threats::check,
];

/// Runs every check and prints all findings, so that one run is enough to mend them.
pub(crate) fn run() -> Result<()> {
    let tree = SourceTree::read(workspace::root())?;
    let findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    for finding in &findings {
        println!("{}:{}: {}", finding.path, finding.line, finding.message);
    }
    if !findings.is_empty() {
        bail!("{} untidy places", findings.len());
    }
    println!("{} files are tidy", tree.files().len());
    Ok(())
}

/// Prints each requirement with the tests that name it.
pub(crate) fn print_threats() -> Result<()> {
    let tree = SourceTree::read(workspace::root())?;
    for (id, tests) in threats::tests_by_id(&tree) {
        println!(
            "{id:<4} {}",
            if tests.is_empty() {
                "-".to_owned()
            } else {
                tests.join(", ")
            }
        );
    }
    Ok(())
}
