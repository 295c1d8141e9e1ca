//! The text files of the repository, read once.

use std::path::Path;

use anyhow::{Context, Result};

/// Folders that hold nothing of ours, or nothing that is kept.
const SKIPPED_FOLDERS: [&str; 5] = [".git", "target", "data", "node_modules", "__pycache__"];

/// Kinds of files whose text is looked at.
const TEXT_ENDINGS: [&str; 5] = ["rs", "md", "toml", "sql", "py"];

/// One file; its path is relative to the root and uses `/`.
#[derive(Debug)]
pub(super) struct SourceFile {
    pub(super) path: String,
    /// Empty for files that are not text of ours.
    pub(super) text: String,
}

impl SourceFile {
    /// Lines with their numbers, counted from 1.
    pub(super) fn numbered_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }
}

/// Every file of the repository.
#[derive(Debug, Default)]
pub(super) struct SourceTree {
    files: Vec<SourceFile>,
}

impl SourceTree {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        tree.files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(tree)
    }

    pub(super) fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// Files with this ending, for instance `rs`.
    pub(super) fn with_ending(&self, ending: &str) -> impl Iterator<Item = &SourceFile> {
        let suffix = format!(".{ending}");
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(&suffix))
    }

    pub(super) fn find(&self, path: &str) -> Option<&SourceFile> {
        let at = self
            .files
            .binary_search_by(|file| file.path.as_str().cmp(path));
        at.ok().map(|at| &self.files[at])
    }

    /// Whether a file or folder of this path exists.
    pub(super) fn contains(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.find(path).is_some() || self.files.iter().any(|file| file.path.starts_with(&folder))
    }

    fn read_folder(&mut self, root: &Path, folder: &str) -> Result<()> {
        let here = root.join(folder);
        let entries =
            std::fs::read_dir(&here).with_context(|| format!("cannot read {}", here.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            if !entry.file_type()?.is_dir() {
                self.files.push(read_file(root, path)?);
            } else if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                self.read_folder(root, &path)?;
            }
        }
        Ok(())
    }
}

fn read_file(root: &Path, path: String) -> Result<SourceFile> {
    let ending = path.rsplit('.').next().unwrap_or_default();
    if !TEXT_ENDINGS.contains(&ending) {
        return Ok(SourceFile {
            path,
            text: String::new(),
        });
    }
    let bytes = std::fs::read(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(SourceFile { path, text })
}

#[cfg(test)]
impl SourceTree {
    /// A tree for tests, from paths and texts.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| SourceFile {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        let mut files: Vec<SourceFile> = files.iter().map(file).collect();
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Self { files }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_exist_through_their_files() {
        let tree = SourceTree::of(&[("docs/decisions/0001-a.md", "")]);
        assert!(tree.contains("docs/decisions"));
        assert!(tree.contains("docs/decisions/"));
        assert!(!tree.contains("docs/deci"));
    }
}
