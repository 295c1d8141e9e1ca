//! `cargo xtask test`: everything that must hold before a change is taken, and all that CI runs.

use anyhow::Result;

use crate::conformance;
use crate::demo;
use crate::packages;
use crate::postgres::{Postgres, URL_VARIABLE};
use crate::process;
use crate::steps::Steps;
use crate::tidy;
use crate::trees;
use crate::ui;
use crate::ui::browser_tests::Beside;
use crate::workspace;

/// Cheap steps come first, so that a small mistake is told in seconds.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new("cargo xtask test");
    steps.run("tidy", tidy::run)?;
    steps.run("format", check_format)?;
    steps.run("system packages", || {
        packages::require(&packages::SPEECH)?;
        packages::require(&packages::BROWSER)?;
        packages::require(&packages::TESTS)
    })?;
    steps.run("dependency rules", trees::check)?;
    steps.run("dashboard", ui::build)?;
    steps.run("client of pages and apps", ui::browser_tests::client)?;
    steps.run("clippy", check_lints)?;
    let database = steps.run("PostgreSQL 15", database)?;
    steps.run("tests", || run_tests(&database))?;
    drop(database);
    steps.run("build the server", demo::build)?;
    steps.run("pages fit the API", ui::api_types)?;
    steps.run("foreign SDKs", conformance::run)?;
    let pages = steps.run("start the pages in Chromium", Beside::start)?;
    steps.run("fakes against the vendors' SDKs", conformance::check_fakes)?;
    steps.run("pages in Chromium", || pages.finish())?;
    steps.finish();
    Ok(())
}

/// The second database: one that is given, or one that we start and stop.
pub(crate) enum Database {
    Given(String),
    Started(Postgres),
}

impl Database {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Given(url) => url.clone(),
            Self::Started(server) => server.url(),
        }
    }
}

pub(crate) fn database() -> Result<Database> {
    match std::env::var(URL_VARIABLE) {
        Ok(url) => {
            println!("using the server named by {URL_VARIABLE}");
            Ok(Database::Given(url))
        }
        Err(_) => Ok(Database::Started(Postgres::start()?)),
    }
}

fn check_format() -> Result<()> {
    process::run(workspace::cargo().args(["fmt", "--all", "--check"]))
}

fn check_lints() -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["clippy", "--workspace", "--all-targets", "--"]);
    process::run(command.args(["-D", "warnings"]))
}

fn run_tests(database: &Database) -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["test", "--workspace"]);
    process::run(command.env(URL_VARIABLE, database.url()))
}
