//! A Switchboard server of our own: started offline, waited for, asked over plain HTTP.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::{self, Background, POLL_INTERVAL};
use crate::workspace;

/// From start to `/readyz`: migrations and five agents on a debug build take about a second.
const READY_MAX: Duration = Duration::from_secs(60);

/// One answer of a server on loopback.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// How much of the server's log an error repeats, in lines.
const LOG_TAIL_LINES: usize = 15;

/// What the server may keep from our environment. Everything else that begins with one of
/// [`FOREIGN_PREFIXES`] is taken away: no account of the person at the keyboard is used or
/// charged, and a demo is the same on every machine.
const KEPT_VARIABLES: [&str; 2] = ["SWITCHBOARD_LOG__LEVEL", "SWITCHBOARD_NO_PROGRESS"];
const FOREIGN_PREFIXES: [&str; 3] = ["SWITCHBOARD_", "OPENAI_", "TWILIO_"];

/// Where a server listens and keeps its data.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) port: u16,
    pub(crate) database_url: String,
    /// The server's own output goes here, so that it does not cut into ours.
    pub(crate) log: PathBuf,
    /// Takes media on every network of this machine and not only on loopback.
    pub(crate) hears_the_network: bool,
}

/// How long the server lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// It ends with us, whatever ends us.
    Ours,
    /// It outlives us once [`Server::leave_running`] is called.
    Detached,
}

/// A server that has said it can take a call.
pub(crate) struct Server {
    place: Place,
    process: Background,
}

impl Server {
    /// Runs `serve --demo` at the place and waits until it is ready.
    ///
    /// # Errors
    /// If the server ends or stays unready; the message repeats the end of its log.
    pub(crate) fn start(place: Place, lifetime: Lifetime) -> Result<Self> {
        let log = File::create(&place.log)
            .with_context(|| format!("cannot write {}", place.log.display()))?;
        let binary = workspace::server_binary();
        let mut command = match lifetime {
            Lifetime::Ours => process::ends_with_us("TERM", &binary),
            Lifetime::Detached => Command::new(&binary),
        };
        if lifetime == Lifetime::Detached || process::can_end_with_us() {
            // Its own group: Ctrl-C reaches us, and the server hears of it once, by our end. A
            // second signal would cut its drain short.
            command.process_group(0);
        }
        at(&place, &mut command);
        command.args(["serve", "--demo"]).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let process = Background::start(&mut command, "TERM")?;
        let mut server = Self { place, process };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// A command line of the same binary over the same database.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(workspace::server_binary());
        at(&self.place, &mut command);
        command
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.place.port)
    }

    pub(crate) fn log(&self) -> &Path {
        &self.place.log
    }

    /// Waits until the server ends by itself.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        self.process.wait()
    }

    /// Gives the running server away and returns its process id.
    pub(crate) fn leave_running(self) -> u32 {
        let id = self.process.id();
        std::mem::forget(self.process);
        id
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < READY_MAX {
            if let Some(status) = self.process.ended()? {
                bail!("the server ended with {status}\n{}", self.log_tail());
            }
            if status_of(self.place.port, "/readyz").is_ok_and(|status| status == 200) {
                return Ok(());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        bail!(
            "the server was not ready within {READY_MAX:?}\n{}",
            self.log_tail()
        )
    }

    fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.place.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }
}

/// Points a command at the place and takes the person's own settings and keys away.
fn at(place: &Place, command: &mut Command) {
    command.current_dir(workspace::root());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let is_foreign = FOREIGN_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix));
        if is_foreign && !KEPT_VARIABLES.contains(&name.as_ref()) {
            command.env_remove(name.as_ref());
        }
    }
    let address = format!("127.0.0.1:{}", place.port);
    command.env("SWITCHBOARD_HTTP__LISTEN", address);
    command.env("SWITCHBOARD_DATABASE__URL", &place.database_url);
    if place.hears_the_network && has_network() {
        let media = format!("0.0.0.0:{}", place.port);
        command.env("SWITCHBOARD_WEBRTC__LISTEN", media);
    }
}

/// Whether there is a way out of this machine. Nothing is sent: connecting a UDP socket only asks for the route.
fn has_network() -> bool {
    UdpSocket::bind(("0.0.0.0", 0)).is_ok_and(|socket| socket.connect(("192.0.2.1", 9)).is_ok())
}

/// Status code of a GET on loopback.
fn status_of(port: u16, path: &str) -> Result<u16> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(ANSWER_MAX))?;
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    status_in(&answer).context("not an HTTP answer")
}

fn status_in(answer: &str) -> Option<u16> {
    let line = answer.lines().next()?;
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.split(' ').nth(1)?.parse().ok()
}

/// Values of one string field in a JSON text that we wrote ourselves: ids and keys, which need
/// no escapes.
pub(crate) fn string_fields<'a>(json: &'a str, name: &str) -> Vec<&'a str> {
    let label = format!("\"{name}\"");
    let after_label = json.split(label.as_str()).skip(1);
    after_label
        .filter_map(|rest| {
            let value = rest.trim_start().strip_prefix(':')?.trim_start();
            value.strip_prefix('"')?.split('"').next()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(
            status_in("HTTP/1.1 503 Service Unavailable\r\n\r\n"),
            Some(503)
        );
        assert_eq!(status_in("SSH-2.0"), None);
        assert_eq!(status_in(""), None);
    }

    #[test]
    fn string_fields_are_found_with_and_without_blanks() {
        let json = r#"[{"id":"a1","contact_id":"x"},{ "id" : "b2", "note": null }]"#;
        assert_eq!(string_fields(json, "id"), ["a1", "b2"]);
        assert!(string_fields(json, "note").is_empty());
    }
}
