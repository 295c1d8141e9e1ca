//! A fresh database on the test server that `cargo xtask test` starts.

use std::process::Command;

/// Names the server, by its superuser.
const SERVER: &str = "SWITCHBOARD_TEST_POSTGRES_URL";

/// The URL of a fresh, empty database.
pub fn fresh_database() -> String {
    let server = std::env::var(SERVER).unwrap_or_else(|_| {
        panic!("{SERVER} is not set: run `cargo xtask test`, which starts PostgreSQL")
    });
    let name = format!("shell_{:x}", getrandom::u64().expect("random bytes"));
    let made = Command::new("psql")
        .arg(&server)
        .args(["-qc", &format!("create database {name}")])
        .status();
    assert!(
        made.is_ok_and(|status| status.success()),
        "psql makes a database on the test server"
    );
    with_database(&server, &name)
}

fn with_database(url: &str, name: &str) -> String {
    let (base, options) = url
        .split_once('?')
        .map_or((url, None), |(base, options)| (base, Some(options)));
    let (scheme, rest) = base.split_once("://").expect("a URL");
    let authority = rest.split('/').next().unwrap_or_default();
    let options = options
        .map(|options| format!("?{options}"))
        .unwrap_or_default();
    format!("{scheme}://{authority}/{name}{options}")
}
