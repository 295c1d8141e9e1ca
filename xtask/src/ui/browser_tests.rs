//! `cargo xtask ui --test`: the pages and their client in a real browser, against the real server.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::demo;
use crate::packages;
use crate::process;
use crate::steps::Steps;
use crate::ui;
use crate::workspace;

/// How long the pages may take after everything that ran before them has ended. They take two to three minutes by themselves.
const BESIDE_MAX: Duration = Duration::from_secs(600);

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
    steps.run("pages fit the API", ui::api_types)?;
    steps.run("build the fake model", model)?;
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

/// What stands for a provider where a page shows what a provider's model may do.
fn model() -> Result<()> {
    process::run(workspace::cargo().args(["build", "-p", "switchboard-sim", "--examples"]))
}

/// The same, of the pages.
pub(crate) fn pages() -> Result<()> {
    process::run(
        Command::new("node")
            .current_dir(workspace::root().join("ui"))
            .arg("tests/run.mjs"),
    )
}

/// The pages in Chromium in the form of every change, behind another step: most of their time is speech, which takes what
/// it takes.
pub(crate) struct Beside {
    tests: process::Background,
    log: PathBuf,
}

impl Beside {
    /// Starts them.
    ///
    /// # Errors
    /// The fake model does not build, Node cannot be started, or there is no place for what it prints.
    pub(crate) fn start() -> Result<Self> {
        model()?;
        let log = workspace::target().join("ui-tests/run.log");
        std::fs::create_dir_all(workspace::target().join("ui-tests"))?;
        let output = File::create(&log).context("cannot keep what the pages' tests print")?;
        let mut command = Command::new("node");
        command.current_dir(workspace::root().join("ui"));
        command.args(["tests/run.mjs", "--bounded"]);
        command.stdout(output.try_clone()?).stderr(output);
        let tests = process::Background::start(&mut command, "TERM")?;
        Ok(Self { tests, log })
    }

    /// Waits for the rest and prints all of it.
    ///
    /// # Errors
    /// A test failed, or they did not end in [`BESIDE_MAX`].
    pub(crate) fn finish(mut self) -> Result<()> {
        let began = Instant::now();
        let ended = loop {
            match self.tests.ended()? {
                Some(status) => break Some(status),
                None if began.elapsed() > BESIDE_MAX => break None,
                None => std::thread::sleep(process::POLL_INTERVAL),
            }
        };
        print!("{}", std::fs::read_to_string(&self.log)?);
        match ended {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the pages' tests ended with {status}"),
            None => bail!("the pages' tests did not end"),
        }
    }
}
