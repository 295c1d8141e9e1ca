//! A PostgreSQL 15 of our own for the length of one test run.
//!
//! It listens on a free loopback port, keeps its files in the system's temporary folder and
//! trades durability for speed. It stops when it is dropped, and by a signal from the kernel
//! when we are killed.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process::{self, Background, POLL_INTERVAL};

/// The tests read a superuser's URL from this variable.
pub(crate) const URL_VARIABLE: &str = "SWITCHBOARD_TEST_POSTGRES_URL";

/// The version that is promised to work, and therefore the one that is tested.
const MAJOR_VERSION: &str = "15";

/// An empty cluster is ready in about 0.2 s; a loaded two-core machine may need longer.
const READY_MAX: Duration = Duration::from_secs(60);

/// Settings of a server whose data nobody will miss. Every test has its own database and pool,
/// hence the many connections. Tests provoke errors on purpose, hence the silent log.
const THROWAWAY_SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=300",
    "log_min_messages=panic",
];

/// Settings of a server that is measured: it waits for its disk, as one in use does.
const DURABLE_SETTINGS: [&str; 2] = ["listen_addresses=127.0.0.1", "log_min_messages=panic"];

/// A running server; dropping it stops it and removes its files.
pub(crate) struct Postgres {
    /// Taken on drop, so that the server is gone before its files are.
    process: Option<Background>,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes an empty cluster and waits until it answers.
    pub(crate) fn start() -> Result<Self> {
        Self::start_with(&THROWAWAY_SETTINGS)
    }

    /// The same with every transaction on its disk before it counts.
    pub(crate) fn start_durable() -> Result<Self> {
        Self::start_with(&DURABLE_SETTINGS)
    }

    fn start_with(settings: &[&str]) -> Result<Self> {
        let binaries = binaries().context("PostgreSQL 15 is not installed")?;
        let folder =
            std::env::temp_dir().join(format!("switchboard-postgres-{}", std::process::id()));
        make_folder(&folder)?;
        let port = free_port()?;
        let mut server = Self {
            process: None,
            folder,
            port,
        };
        let data = server.folder.join("data");
        process::run(
            as_unprivileged(&binaries.join("initdb"))
                .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
                .args(["--locale=C.UTF-8", "--no-sync", "--pgdata"])
                .arg(&data)
                .stdout(Stdio::null()),
        )?;
        let mut command = as_unprivileged(&binaries.join("postgres"));
        command.arg("-D").arg(&data).arg("-k").arg(&server.folder);
        command.args(["-p", &port.to_string()]);
        for setting in settings {
            command.args(["-c", setting]);
        }
        // SIGINT is the server's fast shutdown: it does not wait for clients.
        server.process = Some(Background::start(&mut command, "INT")?);
        server.wait_until_ready(&binaries)?;
        println!("PostgreSQL {MAJOR_VERSION} answers on port {port}");
        Ok(server)
    }

    /// Superuser URL; the cluster trusts local connections, so it holds no password.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn wait_until_ready(&mut self, binaries: &Path) -> Result<()> {
        let began = Instant::now();
        let port = self.port.to_string();
        while began.elapsed() < READY_MAX {
            let process = self
                .process
                .as_mut()
                .expect("started before it is waited for");
            if let Some(status) = process.ended()? {
                bail!("PostgreSQL ended with {status} while starting");
            }
            let mut ask = Command::new(binaries.join("pg_isready"));
            if process::succeeds(ask.args(["-q", "-U", "postgres", "-h", "127.0.0.1", "-p", &port]))
            {
                return Ok(());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        bail!("PostgreSQL did not answer within {READY_MAX:?}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.process.take());
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("warning: {} stays behind: {error}", self.folder.display());
        }
    }
}

/// The folder with `initdb` and `postgres` of the promised version.
///
/// Debian keeps them out of the search path, so its folder is looked at first.
pub(crate) fn binaries() -> Option<PathBuf> {
    let packaged = PathBuf::from(format!("/usr/lib/postgresql/{MAJOR_VERSION}/bin"));
    let configured = process::is_on_path("pg_config")
        .then(|| process::read(Command::new("pg_config").arg("--bindir")).ok())
        .flatten()
        .map(|folder| PathBuf::from(folder.trim()));
    std::iter::once(packaged)
        .chain(configured)
        .find(|folder| folder.join("initdb").is_file() && is_promised_version(folder))
}

fn is_promised_version(folder: &Path) -> bool {
    let answer = process::read(Command::new(folder.join("postgres")).arg("--version"));
    answer.is_ok_and(|answer| major_version(&answer) == Some(MAJOR_VERSION))
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` → `15`.
fn major_version(answer: &str) -> Option<&str> {
    let version = answer.split_whitespace().nth(2)?;
    version.split('.').next()
}

/// PostgreSQL refuses to run as root, so root hands it to the package's own user.
fn as_unprivileged(program: &Path) -> Command {
    if !process::is_root() {
        return process::ends_with_us("INT", program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    command.args(["--pdeathsig", "INT", "--"]).arg(program);
    // The server must not inherit a working folder its user may not enter.
    command.current_dir("/");
    command
}

/// Makes the folder new. One of our process id can only be left over from somebody who was killed.
fn make_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if process::is_root() {
        process::run(Command::new("chown").arg("postgres").arg(folder))?;
    }
    Ok(())
}

/// A port that is free now. Somebody may take it before the server does; then the start fails
/// with the server's own message.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_the_servers_answer() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)";
        assert_eq!(major_version(debian), Some("15"));
        assert_eq!(
            major_version("postgres (PostgreSQL) 17beta1"),
            Some("17beta1")
        );
        assert_eq!(major_version("garbage"), None);
    }
}
