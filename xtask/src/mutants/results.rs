//! What became of each mutation, kept on disk after each one, so that a long run can be done in parts.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::mutation::Mutation;

/// What became of a mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its test failed, as it should.
    Caught,
    /// Its test did not end in time. It was not green, so the promise is held, but slowly.
    Hung,
    /// Its test stayed green: the promise is not held.
    Survived,
    /// The broken text does not compile, so it breaks nothing.
    Unbuilt,
    /// Its test is red or gone without any mutation, so it proves nothing.
    RedBefore,
}

const OUTCOMES: [Outcome; 5] = [
    Outcome::Caught,
    Outcome::Hung,
    Outcome::Survived,
    Outcome::Unbuilt,
    Outcome::RedBefore,
];

impl Outcome {
    /// Whether the test noticed.
    pub(super) fn is_caught(self) -> bool {
        matches!(self, Self::Caught | Self::Hung)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Hung => "hung",
            Self::Survived => "SURVIVED",
            Self::Unbuilt => "UNBUILT",
            Self::RedBefore => "RED BEFORE",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.word())
    }
}

/// The outcomes of this run and of those before it, by the name of the mutation.
pub(super) struct Results {
    file: PathBuf,
    by_name: BTreeMap<String, (Outcome, u64)>,
}

impl Results {
    /// Reads what earlier runs left; nothing if there was none.
    pub(super) fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        let by_name = text.lines().filter_map(parsed).collect();
        Self {
            file: file.to_owned(),
            by_name,
        }
    }

    pub(super) fn outcome(&self, name: &str) -> Option<Outcome> {
        self.by_name.get(name).map(|(outcome, _)| *outcome)
    }

    /// Takes an outcome down, on disk too.
    pub(super) fn take(&mut self, name: &str, outcome: Outcome, seconds: u64) -> Result<()> {
        self.by_name.insert(name.to_owned(), (outcome, seconds));
        let line = |(name, (outcome, seconds)): (&String, &(Outcome, u64))| {
            format!("{name}\t{outcome}\t{seconds}\n")
        };
        let text: String = self.by_name.iter().map(line).collect();
        fs::write(&self.file, text).with_context(|| format!("cannot write {}", self.file.display()))
    }

    /// The closing table: a line for each promise, then the counts.
    pub(super) fn table(&self, mutations: &[Mutation]) -> String {
        let mut text = String::from("\n");
        for mutation in mutations {
            let name = &mutation.name;
            let (outcome, seconds) = match self.by_name.get(name) {
                Some((outcome, seconds)) => (outcome.word(), *seconds),
                None => ("not run", 0),
            };
            text += &format!(
                "{outcome:<10} {seconds:>4} s  {name:<34} {}\n",
                mutation.promise
            );
        }
        let caught = mutations
            .iter()
            .filter(|mutation| self.outcome(&mutation.name).is_some_and(Outcome::is_caught));
        text + &format!("\n{} of {} caught\n", caught.count(), mutations.len())
    }
}

fn parsed(line: &str) -> Option<(String, (Outcome, u64))> {
    let mut fields = line.split('\t');
    let (name, word, seconds) = (fields.next()?, fields.next()?, fields.next()?);
    let outcome = OUTCOMES
        .into_iter()
        .find(|outcome| outcome.word() == word)?;
    Some((name.to_owned(), (outcome, seconds.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_back_as_they_were_taken_and_what_is_no_line_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results");
        fs::write(&file, "nonsense\nkept\tcaught\t7\n").unwrap();
        let mut results = Results::read(&file);
        for (index, outcome) in OUTCOMES.into_iter().enumerate() {
            results.take(&format!("m{index}"), outcome, 3).unwrap();
        }
        let again = Results::read(&file);
        assert_eq!(again.outcome("kept"), Some(Outcome::Caught));
        for (index, outcome) in OUTCOMES.into_iter().enumerate() {
            assert_eq!(again.outcome(&format!("m{index}")), Some(outcome));
        }
        assert_eq!(again.outcome("nonsense"), None);
    }
}
