//! A PostgreSQL server for tests: the one named by `SWITCHBOARD_TEST_POSTGRES_URL` (a superuser's URL), else one that
//! this process starts from installed binaries and that dies with it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

const URL_VARIABLE: &str = "SWITCHBOARD_TEST_POSTGRES_URL";
/// Where Debian keeps the binaries; they are not on the PATH.
const BINARIES: &[&str] = &[
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
    "/usr/local/pgsql/bin",
    "/usr/bin",
];
/// A server on a busy machine is up within seconds; a minute means that it never comes.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// The URL of a fresh, empty database on the test server, for its superuser.
pub async fn fresh_database() -> String {
    let server = server_url().await;
    let name = format!("switchboard_test_{}", uuid::Uuid::now_v7().simple());
    let mut admin = PgConnection::connect(&server)
        .await
        .expect("the test server answers");
    let create = AssertSqlSafe(format!("create database {name} template template0"));
    sqlx::query(create)
        .execute(&mut admin)
        .await
        .expect("the test server creates databases");
    with_database(&server, &name)
}

/// The same server, another database.
pub fn with_database(url: &str, database: &str) -> String {
    let (address, query) = url
        .split_once('?')
        .map_or((url, None), |(address, query)| (address, Some(query)));
    let server = address
        .rsplit_once('/')
        .map_or(address, |(server, _)| server);
    match query {
        Some(query) => format!("{server}/{database}?{query}"),
        None => format!("{server}/{database}"),
    }
}

async fn server_url() -> String {
    static OWN_SERVER: OnceLock<String> = OnceLock::new();
    if let Ok(url) = std::env::var(URL_VARIABLE) {
        return url;
    }
    let url = OWN_SERVER.get_or_init(start).clone();
    let started = Instant::now();
    while PgConnection::connect(&url).await.is_err() {
        assert!(
            started.elapsed() < START_TIMEOUT,
            "the test server did not come up"
        );
        tokio::time::sleep(RETRY_PAUSE).await;
    }
    url
}

fn start() -> String {
    let binaries = BINARIES.iter().map(Path::new).find(|path| path.join("initdb").exists()).unwrap_or_else(|| {
        panic!(
            "these tests need PostgreSQL's initdb and postgres. Install them (Debian: apt-get install postgresql-15) \
             or set {URL_VARIABLE} to a superuser's URL."
        )
    });
    let directory = data_directory();
    let initialised = as_postgres(binaries.join("initdb"), None)
        .args([
            "--auth=trust",
            "--username=postgres",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            "-D",
        ])
        .arg(&directory)
        .current_dir(&directory)
        .stdout(Stdio::null())
        .output()
        .expect("initdb can be started");
    assert!(
        initialised.status.success(),
        "initdb failed: {}",
        String::from_utf8_lossy(&initialised.stderr)
    );
    serve(binaries.join("postgres"), directory.clone());
    format!(
        "postgres://postgres@localhost/postgres?host={}",
        directory.display()
    )
}

/// Starts the server from a thread that lives as long as this process: the kernel then ends the server with it,
/// however the process ends. (The signal comes when the starting *thread* dies, and test threads die early.)
fn serve(postgres: PathBuf, directory: PathBuf) {
    std::thread::spawn(move || {
        let mut command = as_postgres(postgres, Some("INT"));
        command.arg("-D").arg(&directory).current_dir(&directory);
        for setting in [
            "listen_addresses=",
            "fsync=off",
            "full_page_writes=off",
            "max_connections=200",
        ] {
            command.arg("-c").arg(setting);
        }
        command
            .arg("-c")
            .arg(format!("unix_socket_directories={}", directory.display()));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let _ended = child.expect("postgres can be started").wait();
    });
}

/// PostgreSQL refuses to run as root, so root becomes `postgres` first.
fn as_postgres(program: PathBuf, parent_death_signal: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    if let Some(signal) = parent_death_signal {
        command.arg(format!("--pdeathsig={signal}"));
    }
    command.arg("--").arg(program);
    command
}

/// A directory of our own for the data and the socket, after clearing those of processes that are gone.
fn data_directory() -> PathBuf {
    let parent = std::env::temp_dir().join("switchboard-test-postgres");
    fs::create_dir_all(&parent).expect("the temporary directory is writable");
    for entry in fs::read_dir(&parent)
        .expect("the directory was just made")
        .flatten()
    {
        let owner = entry.file_name().to_string_lossy().into_owned();
        if !Path::new("/proc").join(owner).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let directory = parent.join(std::process::id().to_string());
    fs::create_dir_all(&directory).expect("the temporary directory is writable");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))
        .expect("the directory is ours");
    if is_root() {
        let id = |flag: &str| {
            let output = Command::new("id")
                .args([flag, "postgres"])
                .output()
                .expect("id can be started");
            String::from_utf8_lossy(&output.stdout)
                .trim()
                .parse::<u32>()
                .expect("the user postgres exists")
        };
        chown(&directory, Some(id("-u")), Some(id("-g"))).expect("root may give a directory away");
    }
    directory
}

fn is_root() -> bool {
    let output = Command::new("id")
        .arg("-u")
        .output()
        .expect("id can be started");
    output.stdout.starts_with(b"0\n")
}
