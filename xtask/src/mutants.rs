//! `cargo xtask mutants`: break each promise on purpose, and see its test fail.
//!
//! A mutation is data: `xtask/mutations/<name>.mutation` names a promise, the test that holds it, and the text that is
//! replaced by what would break it. A copy of the repository is changed, never the repository itself. A test that stays
//! green under its mutation proves nothing, and the command fails.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::postgres::URL_VARIABLE;
use crate::process;
use crate::test;
use crate::workspace;

mod copy;
mod mutation;

use copy::Copy;
use mutation::Mutation;

const USAGE: &str = "\
usage: cargo xtask mutants [--only NAME[,NAME…]] [--list]

  --only   these mutations
  --list   names, promises and tests, without running anything";

pub(crate) fn run(words: &[&str]) -> Result<()> {
    let all = mutation::read_all(workspace::root())?;
    let chosen = match words {
        [] => all,
        ["--list"] => return list(&all),
        ["--only", names] => chosen(&all, names)?,
        _ => bail!("{USAGE}"),
    };
    let copy = Copy::make(workspace::root(), &workspace::target().join("mutants"))?;
    let database = test::database()?;
    let runner = Runner {
        copy,
        database_url: database.url(),
    };
    runner.hold_unchanged(&chosen)?;
    let survivors = runner.break_each(&chosen)?;
    drop(database);
    if !survivors.is_empty() {
        bail!("nothing failed under: {}", survivors.join(", "));
    }
    println!("\nevery broken promise was noticed by its test");
    Ok(())
}

fn chosen(all: &[Mutation], names: &str) -> Result<Vec<Mutation>> {
    let one = |name: &str| {
        let found = all.iter().find(|mutation| mutation.name == name).cloned();
        found.with_context(|| {
            let names: Vec<&str> = all.iter().map(|mutation| mutation.name.as_str()).collect();
            format!("no such mutation: {name}; there are {}", names.join(", "))
        })
    };
    names.split(',').map(one).collect()
}

fn list(all: &[Mutation]) -> Result<()> {
    for mutation in all {
        println!("{:<28} {}", mutation.name, mutation.promise);
        println!("{:<28} {}", "", mutation.test);
    }
    Ok(())
}

/// What became of a mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Caught,
    Survived,
}

struct Runner {
    copy: Copy,
    database_url: String,
}

impl Runner {
    /// A test that is red already would prove nothing, and one that is gone even less.
    fn hold_unchanged(&self, mutations: &[Mutation]) -> Result<()> {
        let mut tests: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for mutation in mutations {
            let test = &mutation.test;
            let names = tests.entry((&test.package, &test.target)).or_default();
            if !names.contains(&test.name.as_str()) {
                names.push(&test.name);
            }
        }
        for ((package, target), names) in tests {
            println!("unchanged: {package} {target}, {} tests", names.len());
            let mut command = self.cargo(package, target);
            command.args(["--", "--exact"]).args(&names);
            let printed = process::read(&mut command).context("red without any mutation")?;
            let wanted = format!("{} passed", names.len());
            if !printed.contains(&wanted) {
                bail!("not every test exists: {names:?}\n{printed}");
            }
        }
        Ok(())
    }

    /// Prints one line for each; gives the names of those that no test noticed.
    fn break_each(&self, mutations: &[Mutation]) -> Result<Vec<String>> {
        let mut survivors = Vec::new();
        for mutation in mutations {
            let began = Instant::now();
            let outcome = self.break_one(mutation);
            let outcome = outcome.with_context(|| mutation.name.clone())?;
            let word = match outcome {
                Outcome::Caught => "caught",
                Outcome::Survived => "SURVIVED",
            };
            let seconds = began.elapsed().as_secs();
            println!(
                "{word:<9} {:<28} {seconds:>4} s  {}",
                mutation.name, mutation.test.name
            );
            if outcome == Outcome::Survived {
                survivors.push(mutation.name.clone());
            }
        }
        Ok(survivors)
    }

    fn break_one(&self, mutation: &Mutation) -> Result<Outcome> {
        for edit in &mutation.edits {
            self.copy.edit(edit)?;
        }
        let outcome = self.outcome(mutation);
        for edit in &mutation.edits {
            self.copy.restore(&edit.file)?;
        }
        outcome
    }

    fn outcome(&self, mutation: &Mutation) -> Result<Outcome> {
        let test = &mutation.test;
        let mut build = self.cargo(&test.package, &test.target);
        if !process::succeeds(build.arg("--no-run")) {
            bail!("it does not compile, so it breaks nothing");
        }
        let mut run = self.cargo(&test.package, &test.target);
        run.args(["--", "--exact", &test.name]);
        Ok(if process::succeeds(&mut run) {
            Outcome::Survived
        } else {
            Outcome::Caught
        })
    }

    fn cargo(&self, package: &str, target: &str) -> Command {
        let mut command = workspace::cargo();
        command
            .current_dir(self.copy.folder())
            .env("CARGO_TARGET_DIR", self.copy.target())
            .env(URL_VARIABLE, &self.database_url)
            .args(["test", "--quiet", "--package", package]);
        match target {
            "lib" => command.arg("--lib"),
            _ => command.args(["--test", target]),
        };
        command
    }
}
