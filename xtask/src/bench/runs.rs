//! One run: a gateway on its core, the load on the other, and the figures that the load prints.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::postgres::free_port;
use crate::process::{self, Background, POLL_INTERVAL};
use crate::server::string_fields;
use crate::workspace;

/// The reference agent that answers: tools, transcript and consent as shipped.
const AGENT_FILE: &str = "agents/medspa.toml";
const AGENT: &str = "medspa";
const TENANT: &str = "bench";
const NUMBER: &str = "+12025550103";
const ACCOUNT: &str = "AC01010101010101010101010101010101";
/// Signs the webhooks of this run. It opens nothing.
const AUTH_TOKEN: &str = "benchmark-token";
/// More than any run places; the default of ten is a promise to a business, not a measure of the machine.
const CONCURRENT_MAX: &str = "4000";
/// From start to the first answer.
const READY_MAX: Duration = Duration::from_secs(30);
const GATEWAY_CORE: &str = "0";
const LOAD_CORE: &str = "1";

/// Who stands between carrier and model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gateway {
    Relay,
    Switchboard,
}

impl Gateway {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Switchboard => "switchboard",
        }
    }
}

/// How the programs are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// What figures are taken of.
    Release,
    /// To see that the bench works; its figures say nothing.
    Debug,
}

impl Profile {
    fn binary(self, name: &str) -> PathBuf {
        let folder = match self {
            Self::Release => "release",
            Self::Debug => "debug",
        };
        workspace::target().join(folder).join(name)
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) calls: u32,
    pub(super) seconds: u32,
}

/// Figures by name, as the load prints them.
pub(super) type Figures = BTreeMap<String, f64>;

/// Measures one gateway under one load.
pub(super) fn window(gateway: Gateway, window: Window) -> Result<Figures> {
    let running = Running::start(gateway)?;
    let mut load = running.load();
    load.args(["--calls", &window.calls.to_string()]);
    load.args(["--seconds", &window.seconds.to_string()]);
    figures_of(&mut load)
}

/// Places calls at the load's own pace of 20 per second over a database, and holds them.
pub(super) fn webhooks(
    profile: Profile,
    database_url: Option<&str>,
    calls: u32,
) -> Result<Figures> {
    let running = Running::start_on(Gateway::Switchboard, profile, database_url)?;
    let mut load = running.load();
    load.args(["--calls", &calls.to_string(), "--seconds", "1"]);
    figures_of(&mut load)
}

/// The same with open pages of the dashboard beside the calls.
pub(super) fn listeners(window: Window, count: u32) -> Result<Figures> {
    let running = Running::start(Gateway::Switchboard)?;
    let mut load = running.load();
    load.args(["--calls", &window.calls.to_string()]);
    load.args(["--seconds", &window.seconds.to_string()]);
    if count > 0 {
        load.args(["--listeners", &count.to_string(), "--key", &running.key()?]);
    }
    figures_of(&mut load)
}

/// Places calls in two halves and cuts their sockets.
pub(super) fn sequence(calls: u32) -> Result<Figures> {
    let running = Running::start(Gateway::Switchboard)?;
    let mut load = running.load();
    load.args(["--sequence", "--calls", &calls.to_string()]);
    figures_of(&mut load)
}

/// Holds calls over WebRTC, after so many whose beginning is measured.
pub(super) fn browsers(calls: u32, seconds: u32, setups: u32) -> Result<Figures> {
    let running = Running::start(Gateway::Switchboard)?;
    let mut load = pinned(LOAD_CORE);
    load.arg(Profile::Release.binary("browsers"));
    load.args(["--listen", &format!("127.0.0.1:{}", running.model_port)]);
    load.args(["--pid", &running.process.id().to_string()]);
    load.args(["--gateway", &format!("127.0.0.1:{}", running.port)]);
    load.args(["--key", &new_key()?, "--agent", AGENT]);
    load.args(["--calls", &calls.to_string()]);
    load.args(["--seconds", &seconds.to_string()]);
    load.args(["--setups", &setups.to_string()]);
    figures_of(&mut load)
}

/// The codec's part of as many calls, alone on the gateway's core.
pub(super) fn codec(calls: u32, seconds: u32, encoded_per_s: f64) -> Result<Figures> {
    let mut work = pinned(GATEWAY_CORE);
    work.arg(Profile::Release.binary("browsers"))
        .arg("--codec-only");
    work.args(["--calls", &calls.to_string()]);
    work.args(["--seconds", &seconds.to_string()]);
    work.args(["--encoded", &encoded_per_s.to_string()]);
    figures_of(&mut work)
}

/// A key of the bench's tenant, in the database of the server that runs.
fn new_key() -> Result<String> {
    let mut command = Command::new(Profile::Release.binary("switchboard"));
    settings(&mut command, &folder(), 0, 0);
    command.env_remove("SWITCHBOARD_OPENAI__BASE_URL");
    command.env_remove("SWITCHBOARD_TWILIO__API_BASE_URL");
    let words = [
        "key", "create", "--tenant", TENANT, "--name", "bench", "--json",
    ];
    let json = process::read(command.current_dir(workspace::root()).args(words))?;
    let keys = string_fields(&json, "key");
    let key = keys.first().map(|key| (*key).to_owned());
    key.context("`switchboard key create --json` printed no key")
}

fn figures_of(load: &mut Command) -> Result<Figures> {
    let printed = process::read(load)?;
    printed
        .lines()
        .map(|line| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect::<Option<_>>()
        .with_context(|| format!("the load printed something else than figures:\n{printed}"))
}

/// A gateway that answers.
struct Running {
    gateway: Gateway,
    profile: Profile,
    port: u16,
    model_port: u16,
    process: Background,
}

impl Running {
    fn start(gateway: Gateway) -> Result<Self> {
        Self::start_on(gateway, Profile::Release, None)
    }

    /// `database_url` is a PostgreSQL; a SQLite file of the run's own when left out.
    fn start_on(gateway: Gateway, profile: Profile, database_url: Option<&str>) -> Result<Self> {
        let (port, model_port) = (free_port()?, free_port()?);
        let folder = fresh_folder()?;
        let log = File::create(folder.join("gateway.log"))?;
        let mut command = pinned(GATEWAY_CORE);
        match gateway {
            Gateway::Relay => relay(&mut command, profile, port, model_port),
            Gateway::Switchboard => {
                prepare(profile, &folder, database_url)?;
                command.arg(profile.binary("switchboard"));
                settings(&mut command, &folder, port, model_port);
                if let Some(url) = database_url {
                    command.env("SWITCHBOARD_DATABASE__URL", url);
                }
                command.arg("serve");
            }
        }
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let process = Background::start(&mut command, "TERM")?;
        let mut running = Self {
            gateway,
            profile,
            port,
            model_port,
            process,
        };
        running.wait_until_ready(&folder)?;
        Ok(running)
    }

    /// The load of this gateway, without what it shall place.
    fn load(&self) -> Command {
        let mut command = pinned(LOAD_CORE);
        command.arg(self.profile.binary("load"));
        command.args(["--listen", &format!("127.0.0.1:{}", self.model_port)]);
        command.args(["--pid", &self.process.id().to_string()]);
        let address = format!("127.0.0.1:{}", self.port);
        match self.gateway {
            Gateway::Relay => command.args(["--relay", &format!("ws://{address}/")]),
            Gateway::Switchboard => command.args([
                "--gateway",
                &address,
                "--auth-token",
                AUTH_TOKEN,
                "--account",
                ACCOUNT,
                "--number",
                NUMBER,
            ]),
        };
        command
    }

    /// A key of the tenant, as the dashboard's pages would have a login.
    fn key(&self) -> Result<String> {
        let mut command = Command::new(Profile::Release.binary("switchboard"));
        settings(&mut command, &folder(), 0, 0);
        let words = [
            "key", "create", "--tenant", TENANT, "--name", "pages", "--json",
        ];
        let printed = process::read(command.current_dir(workspace::root()).args(words))?;
        let key = string_fields(&printed, "key")
            .first()
            .map(|key| (*key).to_owned());
        key.context("no key was printed")
    }

    fn wait_until_ready(&mut self, folder: &Path) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < READY_MAX && self.process.ended()?.is_none() {
            if is_ready(self.gateway, self.port) {
                return Ok(());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        let log = fs::read_to_string(folder.join("gateway.log")).unwrap_or_default();
        bail!("{} did not become ready:\n{log}", self.gateway.name())
    }
}

/// A program on one core. On a machine with one, both share it.
fn pinned(core: &str) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let core = if cores > 1 { core } else { GATEWAY_CORE };
    let mut command = process::ends_with_us("TERM", Path::new("taskset"));
    command.current_dir(workspace::root()).args(["-c", core]);
    // A thousand pages need more open files than a shell allows by default.
    if process::is_on_path("prlimit") {
        command.args(["prlimit", "--nofile=16384:16384", "--"]);
    }
    command
}

fn relay(command: &mut Command, profile: Profile, port: u16, model_port: u16) {
    command.arg(profile.binary("relay"));
    command.args(["--listen", &format!("127.0.0.1:{port}")]);
    command.args([
        "--model",
        &format!("ws://127.0.0.1:{model_port}/v1/realtime"),
    ]);
}

/// Everything at its defaults but addresses, accounts and the number of calls a tenant may hold.
fn settings(command: &mut Command, folder: &Path, port: u16, model_port: u16) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["SWITCHBOARD_", "OPENAI_", "TWILIO_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(name.as_ref());
        }
    }
    let file = |name: &str| folder.join(name).display().to_string();
    let model = format!("http://127.0.0.1:{model_port}");
    command.envs([
        ("SWITCHBOARD_HTTP__LISTEN", format!("127.0.0.1:{port}")),
        (
            "SWITCHBOARD_DATABASE__URL",
            format!("sqlite://{}", file("bench.db")),
        ),
        (
            "SWITCHBOARD_DATABASE__SEALING_KEY_FILE",
            file("sealing.key"),
        ),
        (
            "SWITCHBOARD_CALLS__CONCURRENT_MAX",
            CONCURRENT_MAX.to_owned(),
        ),
        // Callers of the benchmark share numbers, and say the same in every turn.
        ("SWITCHBOARD_CALLS__CALLER_CONCURRENT_MAX", "0".to_owned()),
        ("SWITCHBOARD_CALLS__CALLER_HOUR_MAX", "0".to_owned()),
        ("SWITCHBOARD_CALLS__AUTOMATIC_S_MAX", "0".to_owned()),
        ("SWITCHBOARD_OPENAI__API_KEY", "sk-benchmark".to_owned()),
        ("SWITCHBOARD_OPENAI__BASE_URL", format!("{model}/v1")),
        ("SWITCHBOARD_TWILIO__ACCOUNT_SID", ACCOUNT.to_owned()),
        ("SWITCHBOARD_TWILIO__AUTH_TOKEN", AUTH_TOKEN.to_owned()),
        // The load answers the carrier's REST requests too, and counts them.
        ("SWITCHBOARD_TWILIO__API_BASE_URL", model),
        ("TOKIO_WORKER_THREADS", "1".to_owned()),
    ]);
}

/// A tenant with the agent on one number, in a database of its own.
fn prepare(profile: Profile, folder: &Path, database_url: Option<&str>) -> Result<()> {
    let agent_file = workspace::root().join(AGENT_FILE).display().to_string();
    let commands: [&[&str]; 4] = [
        &["migrate", "up"],
        &["tenant", "create", TENANT],
        &["agent", "import", &agent_file, "--tenant", TENANT],
        &[
            "tenant", "number", "set", "--tenant", TENANT, "--number", NUMBER, "--agent", AGENT,
        ],
    ];
    for words in commands {
        let mut command = Command::new(profile.binary("switchboard"));
        settings(&mut command, folder, 0, 0);
        command.env_remove("SWITCHBOARD_OPENAI__BASE_URL");
        command.env_remove("SWITCHBOARD_TWILIO__API_BASE_URL");
        if let Some(url) = database_url {
            command.env("SWITCHBOARD_DATABASE__URL", url);
        }
        succeed(command.current_dir(workspace::root()).args(words))?;
    }
    Ok(())
}

/// Runs a command silently; what it wrote to stderr is the error.
fn succeed(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .context("cannot start the server's command line")?;
    if !output.status.success() {
        bail!(
            "the bench could not be prepared: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

fn folder() -> PathBuf {
    workspace::target().join("bench")
}

fn fresh_folder() -> Result<PathBuf> {
    let folder = folder();
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn is_ready(gateway: Gateway, port: u16) -> bool {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    if gateway == Gateway::Relay {
        return true;
    }
    let mut answer = String::new();
    let asked = write!(
        socket,
        "GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
    )
    .and_then(|()| socket.set_read_timeout(Some(READY_MAX)))
    .and_then(|()| socket.read_to_string(&mut answer));
    asked.is_ok() && answer.starts_with("HTTP/1.1 200")
}
