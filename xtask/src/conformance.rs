//! Software nobody here wrote, on the other end of `/v1/realtime`: the scripts under
//! `conformance/` drive published SDKs against the running server.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::packages;
use crate::postgres::free_port;
use crate::process;
use crate::server::{Lifetime, Place, Server, string_fields};
use crate::ui;
use crate::workspace;

/// The agent that the SDKs talk to.
const AGENT: &str = "medspa";

pub(crate) fn run() -> Result<()> {
    packages::require(&packages::BROWSER)?;
    packages::require(&packages::FIREFOX)?;
    packages::require(&packages::NODE)?;
    let scripts = workspace::root().join("conformance");
    let python = environment(&scripts.join("requirements.txt"))?;
    ui::install_in(&scripts.join("node"))?;
    if !ui::is_built() {
        ui::build()?;
    }
    let server = start()?;
    let key = new_key(&server)?;
    let mut command = Command::new(python);
    command.current_dir(&scripts).arg("run.py");
    // The scripts' folder belongs to the repository and stays as it is.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("AGENTS_JS", agents_js(&scripts.join("agents-js"))?);
    command.args(["--server", &server.url(), "--key", &key, "--agent", AGENT]);
    process::run(&mut command)?;
    drop(server);
    check_after_call()
}

/// Mail and webhooks, against a mail server and a verifier that nobody here wrote. Brings its own server and database.
fn check_after_call() -> Result<()> {
    let scripts = workspace::root().join("conformance");
    let python = environment(&scripts.join("requirements.txt"))?;
    let mut command = Command::new(python);
    command
        .current_dir(&scripts)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["after_call.py", "--switchboard"])
        .arg(workspace::server_binary());
    process::run(&mut command)
}

/// The fakes themselves, held by the vendors' own software: what they accept and refuse must not only suit our client.
pub(crate) fn check_fakes() -> Result<()> {
    let scripts = workspace::root().join("conformance");
    let python = environment(&scripts.join("requirements.txt"))?;
    process::run(workspace::cargo().args(["build", "-p", "switchboard-sim", "--examples"]))?;
    for (script, example) in [
        ("twilio_fake.py", "fake_twilio"),
        ("realtime_fake.py", "fake_realtime"),
    ] {
        let fake = workspace::target().join("debug/examples").join(example);
        let mut command = Command::new(&python);
        command
            .current_dir(&scripts)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(script)
            .arg("--fake")
            .arg(fake);
        process::run(&mut command)?;
    }
    Ok(())
}

/// A Python environment with the pinned SDKs, made once per list of requirements.
fn environment(requirements: &Path) -> Result<PathBuf> {
    let folder = workspace::target().join("conformance-venv");
    let python = folder.join("bin").join("python");
    let stamp = folder.join("installed-requirements.txt");
    let wanted = std::fs::read(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    process::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )?;
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    process::run(install.arg("--requirement").arg(requirements))?;
    std::fs::write(&stamp, wanted)?;
    Ok(python)
}

/// The pinned agents SDK for JavaScript, installed once per lock file; what it brings is a bundle that a page loads.
fn agents_js(wanted: &Path) -> Result<PathBuf> {
    let folder = workspace::target().join("conformance-agents-js");
    std::fs::create_dir_all(&folder)?;
    let lock = "package-lock.json";
    let package = folder.join("node_modules/@openai/agents-realtime");
    let is_installed =
        std::fs::read(folder.join(lock)).ok() == Some(std::fs::read(wanted.join(lock))?);
    if is_installed && package.is_dir() {
        return Ok(package);
    }
    for file in ["package.json", ".npmrc", lock] {
        std::fs::copy(wanted.join(file), folder.join(file))
            .with_context(|| format!("cannot copy {file} of conformance/agents-js"))?;
    }
    process::run(Command::new("npm").current_dir(&folder).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]))?;
    Ok(package)
}

/// A server on an empty database of its own.
fn start() -> Result<Server> {
    let folder = workspace::target().join("conformance-data");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let place = Place {
        port: free_port()?,
        database_url: format!("sqlite://{}", folder.join("switchboard.db").display()),
        log: folder.join("server.log"),
        // Firefox sends no media to loopback.
        hears_the_network: true,
    };
    Server::start(place, Lifetime::Ours)
}

fn new_key(server: &Server) -> Result<String> {
    let mut command = server.command();
    command.args([
        "key",
        "create",
        "--tenant",
        AGENT,
        "--name",
        "conformance",
        "--json",
    ]);
    let json = process::read(&mut command)?;
    let key = string_fields(&json, "key")
        .first()
        .map(|key| (*key).to_owned());
    key.context("`switchboard key create --json` printed no key")
}
