//! `cargo xtask ui`: the dashboard out of `ui/`, as the server embeds it.

pub(crate) mod browser_tests;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::packages;
use crate::process;
use crate::workspace;

/// Oldest Node that builds the pages; Vite refuses older ones.
const NODE_MAJOR_MIN: u32 = 20;

/// Makes the Brotli and gzip forms beside each file, with Node's own zlib.
const COMPRESS: &str = include_str!("ui/compress.mjs");

/// The source file whose macro reads the built files. A release build notices new files only when it is compiled again.
const EMBEDDED_BY: &str = "crates/switchboard/src/http/dashboard.rs";

/// Installs the pinned packages when the lock file has changed, builds `ui/dist` and compresses it.
///
/// # Errors
/// Node is missing or too old, the types or the build fail.
pub(crate) fn build() -> Result<()> {
    let folder = folder();
    if !folder.join("package.json").is_file() {
        println!("there is no ui/ here; the server will say how to build it");
        return Ok(());
    }
    packages::require(&packages::NODE)?;
    require_node()?;
    install()?;
    let page = folder.join("dist/index.html");
    let before = std::fs::read(&page).ok();
    process::run(npm().args(["run", "--silent", "build"]))?;
    let mut compress = Command::new("node");
    compress
        .current_dir(&folder)
        .args(["--input-type=module", "--eval", COMPRESS, "dist"]);
    process::run_quietly(&mut compress, "node (Brotli and gzip forms of ui/dist)")?;
    // The page names every other file by its hash, so it changes with each of them.
    if before == std::fs::read(&page).ok() {
        return Ok(());
    }
    let source = workspace::root().join(EMBEDDED_BY);
    let source = std::fs::File::options().append(true).open(source)?;
    source
        .set_modified(SystemTime::now())
        .context("cannot mark the dashboard as changed")
}

/// Whether there are pages to serve, whatever their age.
pub(crate) fn is_built() -> bool {
    folder().join("dist/index.html").is_file()
}

/// The packages of the lock file, exactly; nothing is downloaded when they are there.
pub(crate) fn install() -> Result<()> {
    install_in(&folder())
}

/// The same for another folder with a lock file.
pub(crate) fn install_in(folder: &Path) -> Result<()> {
    let wanted = std::fs::read(folder.join("package-lock.json")).with_context(|| {
        format!(
            "package-lock.json is missing in {}: packages are pinned by it",
            folder.display()
        )
    })?;
    let stamp = folder.join("node_modules/.installed-package-lock.json");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    process::run(Command::new("npm").current_dir(folder).arg("ci"))?;
    std::fs::write(&stamp, wanted).context("cannot note what is installed")
}

/// Makes the pages' types out of the document of the server that was just built, and sees that the pages fit them.
///
/// # Errors
/// The server cannot say its document, or a page reads what the server does not say.
pub(crate) fn api_types() -> Result<()> {
    let document = process::read(Command::new(workspace::server_binary()).arg("openapi"))?;
    let place = workspace::target().join("openapi.json");
    std::fs::write(&place, document).context("cannot keep the OpenAPI document")?;
    let mut make = Command::new("node");
    make.current_dir(folder())
        .args(["scripts/api-types.mjs", "--check"])
        .stdin(std::fs::File::open(place)?);
    process::run(&mut make)?;
    process::run(npm().args(["run", "--silent", "check"]))
}

/// npm, working in `ui/`.
pub(crate) fn npm() -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder());
    command
}

fn folder() -> PathBuf {
    workspace::root().join("ui")
}

fn require_node() -> Result<()> {
    let version = process::read(Command::new("node").arg("--version"))?;
    match major_of(&version) {
        Some(major) if major >= NODE_MAJOR_MIN => Ok(()),
        _ => bail!(
            "Node {NODE_MAJOR_MIN} or newer builds the pages, this is {}; see https://nodejs.org/en/download",
            version.trim()
        ),
    }
}

fn major_of(version: &str) -> Option<u32> {
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read_from_what_it_says() {
        assert_eq!(major_of("v20.20.2\n"), Some(20));
        assert_eq!(major_of("node"), None);
    }

    #[test]
    fn the_file_that_embeds_the_pages_exists() {
        assert!(workspace::root().join(EMBEDDED_BY).is_file());
    }
}
