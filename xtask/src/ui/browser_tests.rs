//! `cargo xtask ui --test`: the pages and their client in a real browser, against the real server.

use std::process::Command;

use anyhow::Result;

use crate::demo;
use crate::packages;
use crate::process;
use crate::steps::Steps;
use crate::ui;
use crate::workspace;

/// Tests of the client without a browser, then the pages in Chromium: talks over both transports, failures, every page in
/// both schemes and two widths with axe. Pictures and one sheet of them are left under `target/ui-tests`.
///
/// # Errors
/// A package is missing, something does not build, or a test fails.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new("cargo xtask ui --test");
    steps.run("system packages", || {
        packages::require(&packages::SPEECH)?;
        packages::require(&packages::BROWSER)
    })?;
    steps.run("dashboard", ui::build)?;
    steps.run("client", client)?;
    steps.run("build the server", demo::build)?;
    steps.run("pages in Chromium", pages)?;
    steps.finish();
    Ok(())
}

/// Without the steps around it, for `cargo xtask test`, which has done them already.
pub(crate) fn client() -> Result<()> {
    let folder = workspace::root().join("clients/typescript");
    let npm =
        |arguments: &[&str]| process::run(Command::new("npm").current_dir(&folder).args(arguments));
    npm(&["ci"])?;
    npm(&["test", "--silent"])
}

/// The same, of the pages.
pub(crate) fn pages() -> Result<()> {
    process::run(ui::npm().args(["test", "--silent"]))
}
