//! `cargo xtask mutants`: break each promise on purpose, and see its test fail.
//!
//! A mutation is data: `xtask/mutations/<name>.mutation` names a promise, the test that holds it, and the text that is
//! replaced by what would break it. A copy of the repository is changed, never the repository itself. A test that stays
//! green under its mutation proves nothing, and the command fails.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::postgres::URL_VARIABLE;
use crate::test;
use crate::workspace;

mod copy;
mod mutation;
mod results;

use copy::Copy;
use mutation::Mutation;
use results::{Outcome, Results};

const USAGE: &str = "\
usage: cargo xtask mutants [--only WORD[,WORD…]] [--resume] [--list]

  --only    mutations whose name is one of the words, or whose test contains one: switchboard-store, twilio-webhooks
  --resume  leave out what an earlier run saw caught; a run that was stopped goes on
  --list    names, promises and tests, and what became of each, without running anything";

/// How long a broken test may be built and run. A promise that is broken often shows as something that never comes, and each wait of
/// a test has a bound of its own; this one is for loops.
const TEST_MAX: Duration = Duration::from_secs(900);
/// How cargo begins the line that says so.
const NOT_COMPILED: &str = "error: could not compile";
/// What `timeout` exits with when time is up.
const EXIT_TIMED_OUT: i32 = 124;

pub(crate) fn run(words: &[&str]) -> Result<()> {
    let options = Options::parse(words)?;
    let all = mutation::read_all(workspace::root())?;
    let chosen = options.chosen(all)?;
    let place = workspace::target().join("mutants");
    std::fs::create_dir_all(&place)?;
    let results = Results::read(&place.join("results"));
    if options.is_list {
        return list(&chosen, &results);
    }
    let copy = Copy::make(workspace::root(), &place)?;
    let database = test::database()?;
    let mut runner = Runner {
        copy,
        database_url: database.url(),
        results,
    };
    runner.break_all(&chosen, options.is_resumed)?;
    drop(database);
    println!("{}", runner.results.table(&chosen));
    let is_caught = |mutation: &&Mutation| {
        let outcome = runner.results.outcome(&mutation.name);
        outcome.is_some_and(Outcome::is_caught)
    };
    if chosen.iter().all(|mutation| is_caught(&mutation)) {
        println!("every broken promise was noticed by its test");
        return Ok(());
    }
    bail!(
        "not every broken promise was noticed; mend test or mutation, then: cargo xtask mutants --resume"
    );
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    only: Vec<String>,
    is_resumed: bool,
    is_list: bool,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--resume" => options.is_resumed = true,
                "--list" => options.is_list = true,
                "--only" => {
                    let names = words.next().context(USAGE)?;
                    options.only.extend(names.split(',').map(str::to_owned));
                }
                unknown => bail!("no such option: {unknown}\n\n{USAGE}"),
            }
        }
        Ok(options)
    }

    /// The mutations of the words, in order; all without words. A word that finds none is a slip.
    fn chosen(&self, all: Vec<Mutation>) -> Result<Vec<Mutation>> {
        for word in &self.only {
            if !all.iter().any(|mutation| is_meant(mutation, word)) {
                let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
                bail!("no such mutation: {word}; there are {}", names.join(", "));
            }
        }
        let is_chosen = |mutation: &Mutation| {
            self.only.is_empty() || self.only.iter().any(|word| is_meant(mutation, word))
        };
        Ok(all.into_iter().filter(is_chosen).collect())
    }
}

fn is_meant(mutation: &Mutation, word: &str) -> bool {
    let test = &mutation.test;
    [&mutation.name, &test.package, &test.target].contains(&&word.to_owned())
        || test.name.contains(word)
}

fn list(mutations: &[Mutation], results: &Results) -> Result<()> {
    for mutation in mutations {
        println!("{:<34} {}", mutation.name, mutation.promise);
        println!("{:<34} {}", "", mutation.test);
    }
    println!("{}", results.table(mutations));
    Ok(())
}

struct Runner {
    copy: Copy,
    database_url: String,
    results: Results,
}

impl Runner {
    /// Goes from test program to test program, so that each is built unchanged once.
    fn break_all(&mut self, mutations: &[Mutation], is_resumed: bool) -> Result<()> {
        let mut programs: BTreeMap<(&str, &str), Vec<&Mutation>> = BTreeMap::new();
        for mutation in mutations {
            let outcome = self.results.outcome(&mutation.name);
            if is_resumed && outcome.is_some_and(Outcome::is_caught) {
                continue;
            }
            let test = &mutation.test;
            let program = (test.package.as_str(), test.target.as_str());
            programs.entry(program).or_default().push(mutation);
        }
        for ((package, target), mutations) in programs {
            println!("unchanged: {package} {target}");
            let green = self.green(package, target, &mutations)?;
            for mutation in mutations {
                let began = Instant::now();
                let outcome = if green.contains(&mutation.test.name) {
                    let outcome = self.break_one(mutation);
                    outcome.with_context(|| mutation.name.clone())?
                } else {
                    Outcome::RedBefore
                };
                self.note(mutation, outcome, began.elapsed().as_secs())?;
            }
        }
        Ok(())
    }

    /// The tests of these mutations that pass as the code stands. One that is red or gone proves nothing.
    fn green(&self, package: &str, target: &str, mutations: &[&Mutation]) -> Result<Vec<String>> {
        let mut command = self.cargo(package, target);
        let names = mutations.iter().map(|mutation| mutation.test.name.as_str());
        command.args(["--", "--exact"]).args(names);
        let output = command.stderr(Stdio::inherit()).output();
        let output = output.context("cannot start cargo")?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let passed = printed.lines().filter_map(|line| {
            let name = line.strip_prefix("test ")?.strip_suffix(" ... ok")?;
            Some(name.to_owned())
        });
        Ok(passed.collect())
    }

    fn note(&mut self, mutation: &Mutation, outcome: Outcome, seconds: u64) -> Result<()> {
        let (name, test) = (&mutation.name, &mutation.test.name);
        println!("{outcome:<10} {name:<34} {seconds:>4} s  {test}");
        self.results.take(name, outcome, seconds)
    }
    fn break_one(&self, mutation: &Mutation) -> Result<Outcome> {
        let mut broken = Vec::new();
        for edit in &mutation.edits {
            broken.push(self.copy.edit(edit)?);
        }
        let outcome = self.outcome(mutation);
        for file in broken.into_iter().rev() {
            file.mend()?;
        }
        outcome
    }

    fn outcome(&self, mutation: &Mutation) -> Result<Outcome> {
        let test = &mutation.test;
        let mut run = self.bounded(&self.cargo(&test.package, &test.target));
        run.args(["--", "--exact", &test.name]);
        let output = run.output().context("cannot start the test")?;
        let said = String::from_utf8_lossy(&output.stderr);
        Ok(match output.status.code() {
            Some(0) => Outcome::Survived,
            Some(EXIT_TIMED_OUT) => Outcome::Hung,
            _ if said.contains(NOT_COMPILED) => Outcome::Unbuilt,
            _ => Outcome::Caught,
        })
    }

    /// The same command under `timeout`, which ends what the command started too.
    fn bounded(&self, command: &Command) -> Command {
        let mut bounded = Command::new("timeout");
        bounded.arg(TEST_MAX.as_secs().to_string());
        bounded.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            bounded.env(name, value.unwrap_or_default());
        }
        bounded.current_dir(self.copy.folder());
        bounded
    }

    fn cargo(&self, package: &str, target: &str) -> Command {
        let mut command = workspace::cargo();
        command
            .current_dir(self.copy.folder())
            .env("CARGO_TARGET_DIR", self.copy.target())
            .env(URL_VARIABLE, &self.database_url)
            .args(["test", "--package", package]);
        match target {
            "lib" => command.arg("--lib"),
            _ => command.args(["--test", target]),
        };
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Mutation> {
        mutation::read_all(workspace::root()).unwrap()
    }

    #[test]
    fn a_word_chooses_by_name_package_program_or_part_of_the_test() {
        let names = |word: &str| -> Vec<String> {
            let options = Options::parse(&["--only", word]).unwrap();
            let chosen = options.chosen(all()).unwrap();
            chosen.into_iter().map(|mutation| mutation.name).collect()
        };
        assert_eq!(names("permit-kept"), ["permit-kept"]);
        assert!(names("switchboard-store").contains(&"lease-outlived".to_owned()));
        assert!(names("r1_").contains(&"lease-outlived".to_owned()));
        assert!(!names("switchboard").contains(&"lease-outlived".to_owned()));
    }

    #[test]
    fn a_word_that_finds_nothing_and_a_wrong_option_are_refused() {
        let options = Options::parse(&["--only", "permit-kept,nothing-like-it"]).unwrap();
        let error = options.chosen(all()).unwrap_err().to_string();
        assert!(error.starts_with("no such mutation: nothing-like-it"));
        for words in [&["--only"][..], &["--day"]] {
            let error = Options::parse(words).unwrap_err().to_string();
            assert!(error.contains("usage: cargo xtask mutants"), "{error}");
        }
    }
}
