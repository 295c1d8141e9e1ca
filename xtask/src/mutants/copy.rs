//! A copy of the repository that may be broken. It is kept between runs, so that cargo builds only what changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::mutation::Edit;
use crate::process;

pub(super) struct Copy {
    original: PathBuf,
    folder: PathBuf,
    target: PathBuf,
}

/// A changed file and what stood there. The repository may have moved on since the copy was made.
pub(super) struct Broken {
    path: PathBuf,
    text: String,
}

impl Broken {
    pub(super) fn mend(self) -> Result<()> {
        fs::write(&self.path, self.text)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Copy {
    /// Brings the copy to what the repository is now: every file that git knows or would take.
    pub(super) fn make(original: &Path, place: &Path) -> Result<Self> {
        let copy = Self {
            original: original.to_owned(),
            folder: place.join("tree"),
            target: place.join("target"),
        };
        let files = files_of(original)?;
        for file in &files {
            copy.restore(file)?;
        }
        copy.forget_others(&copy.folder, &files)?;
        Ok(copy)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Replaces the text of an edit in the copy.
    pub(super) fn edit(&self, edit: &Edit) -> Result<Broken> {
        let path = self.folder.join(&edit.file);
        let text = fs::read_to_string(&path).with_context(|| edit.file.clone())?;
        fs::write(&path, edit.apply(&text)?)?;
        Ok(Broken { path, text })
    }

    /// Writes a file as it is in the repository. One that is the same is left alone, and with it what cargo built of it.
    fn restore(&self, file: &str) -> Result<()> {
        let (from, to) = (self.original.join(file), self.folder.join(file));
        let bytes = fs::read(&from).with_context(|| format!("cannot read {file}"))?;
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&to, bytes).with_context(|| format!("cannot write {}", to.display()))
    }

    /// What the repository no longer has would still be built.
    fn forget_others(&self, folder: &Path, files: &BTreeSet<String>) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                self.forget_others(&path, files)?;
                continue;
            }
            let name = path.strip_prefix(&self.folder)?.to_string_lossy();
            if !files.contains(name.as_ref()) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

fn files_of(repository: &Path) -> Result<BTreeSet<String>> {
    let mut git = Command::new("git");
    git.current_dir(repository);
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = process::read(&mut git)?;
    let files = listed.split('\0').filter(|name| !name.is_empty());
    // A file that was removed and not yet committed is still listed.
    let there = files.filter(|name| repository.join(name).is_file());
    Ok(there.map(str::to_owned).collect())
}
