//! Where things are: the repository, the target folder, the built server.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder that holds the root manifest.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
}

/// The folder cargo builds into. `CARGO_TARGET_DIR` wins, as it does for cargo.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// The server as `cargo build -p switchboard` leaves it.
pub(crate) fn server_binary() -> PathBuf {
    target().join("debug").join("switchboard")
}

/// The cargo that runs us, working in the repository.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}
