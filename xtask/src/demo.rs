//! `cargo xtask demo`: from a fresh machine to a spoken conversation that books an appointment,
//! with no account anywhere.

use std::net::TcpListener;

use anyhow::{Context, Result, bail};

use crate::packages;
use crate::postgres::free_port;
use crate::process;
use crate::server::{Lifetime, Place, Server, string_fields};
use crate::steps::Steps;
use crate::ui;
use crate::workspace;

/// Where the README says the demo listens. Another port is taken, and named, if it is in use.
const USUAL_PORT: u16 = 8080;

/// The agent that is called; one of the five reference agents.
const AGENT: &str = "medspa";

/// What the simulated caller says, turn by turn, each line spoken by espeak-ng and understood
/// (or not) by pocketsphinx. Together they lead to one booking.
const SPOKEN_LINES: [&str; 6] = [
    "I would like to book a facial",
    "Tuesday afternoon please",
    "the first one please",
    "my name is Mary Smith",
    "yes please",
    "no thank you goodbye",
];

/// What becomes of the server after the call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It serves until Ctrl-C.
    Foreground,
    /// It stays behind and we print its process id.
    Detached,
}

pub(crate) fn run(ending: Ending) -> Result<()> {
    let mut steps = Steps::new("cargo xtask demo");
    steps.run("system packages", || packages::require(&packages::SPEECH))?;
    steps.run("dashboard", ui::build)?;
    steps.run("build", build)?;
    let server = steps.run("start the server on SQLite", || start(ending))?;
    steps.run("one spoken call", || call(&server))?;
    steps.finish();
    match ending {
        Ending::Foreground => serve_until_stopped(server),
        Ending::Detached => {
            let url = server.url();
            let id = server.leave_running();
            println!("\nServing at {url} in the background. Stop it with: kill {id}\npid {id}");
            Ok(())
        }
    }
}

/// Builds the server, and with it the simulated caller, in the debug profile.
pub(crate) fn build() -> Result<()> {
    process::run(workspace::cargo().args(["build", "--package", "switchboard"]))
}

fn start(ending: Ending) -> Result<Server> {
    let data = workspace::root().join("data");
    std::fs::create_dir_all(&data).context("cannot make the folder data/")?;
    let port = usual_or_free_port()?;
    let place = Place {
        port,
        database_url: "sqlite://data/switchboard.db".to_owned(),
        log: data.join("demo.log"),
        hears_the_network: false,
    };
    let lifetime = match ending {
        Ending::Foreground => Lifetime::Ours,
        Ending::Detached => Lifetime::Detached,
    };
    let server = Server::start(place, lifetime)?;
    println!(
        "ready at {}, log in {}",
        server.url(),
        server.log().display()
    );
    Ok(server)
}

fn usual_or_free_port() -> Result<u16> {
    if TcpListener::bind(("127.0.0.1", USUAL_PORT)).is_ok() {
        return Ok(USUAL_PORT);
    }
    let port = free_port()?;
    println!("port {USUAL_PORT} is in use, taking {port}");
    Ok(port)
}

/// Places the call and holds it to its result: a booking that was not there before.
fn call(server: &Server) -> Result<()> {
    let before = appointments(server)?;
    let mut command = server.command();
    command.args(["call", "--server", &server.url(), "--agent", AGENT]);
    for line in SPOKEN_LINES {
        command.args(["--say", line]);
    }
    process::run(&mut command)?;
    let after = appointments(server)?;
    if !after.iter().any(|id| !before.contains(id)) {
        bail!("the call ended, but no appointment was stored");
    }
    println!();
    process::run(
        server
            .command()
            .args(["list", "appointments", "--tenant", AGENT]),
    )
}

fn appointments(server: &Server) -> Result<Vec<String>> {
    let mut command = server.command();
    command.args(["list", "appointments", "--tenant", AGENT, "--json"]);
    let json = process::read(&mut command)?;
    let ids = string_fields(&json, "id");
    Ok(ids.into_iter().map(str::to_owned).collect())
}

fn serve_until_stopped(mut server: Server) -> Result<()> {
    println!(
        "\nServing at {} until Ctrl-C. Try another call from a second terminal:",
        server.url()
    );
    println!(
        "  {} call --server {} --agent {AGENT} --say \"what are your opening hours\"",
        workspace::server_binary().display(),
        server.url(),
    );
    let status = server.wait()?;
    if !status.success() {
        bail!(
            "the server ended with {status}; its log is {}",
            server.log().display()
        );
    }
    Ok(())
}
