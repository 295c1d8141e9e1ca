//! Dependency rules that only the resolved tree can show: what comes in through others.

use anyhow::{Result, bail};

use crate::process;
use crate::workspace;

/// Crates that bring an async runtime or the network.
const RUNTIME_CRATES: [&str; 6] = ["tokio", "mio", "socket2", "hyper", "reqwest", "async-std"];

/// Crates of ours that stay free of them, however indirectly.
const PURE_CRATES: [&str; 3] = ["switchboard-call", "switchboard-media", "switchboard-wire"];

pub(crate) fn check() -> Result<()> {
    for package in PURE_CRATES {
        refuse(&["-p", package, "-e", "normal"], &RUNTIME_CRATES)?;
    }
    let core = tree(&["-p", "switchboard-call", "-e", "normal"])?;
    if core.len() != 1 {
        bail!(
            "switchboard-call has dependencies: {}",
            core[1..].join(", ")
        );
    }
    refuse(
        &["-p", "switchboard", "--no-default-features"],
        &["switchboard-sim"],
    )?;
    println!(
        "the core stands alone, codecs know no sockets, the server can be built without fakes"
    );
    Ok(())
}

fn refuse(arguments: &[&str], unwanted: &[&str]) -> Result<()> {
    let names = tree(arguments)?;
    match unwanted
        .iter()
        .find(|name| names.iter().any(|have| have == *name))
    {
        Some(name) => bail!("`cargo tree {}` names {name}", arguments.join(" ")),
        None => Ok(()),
    }
}

/// Names of the packages in a dependency tree, its root first.
fn tree(arguments: &[&str]) -> Result<Vec<String>> {
    let mut command = workspace::cargo();
    command.args(["tree", "--prefix", "none", "--format", "{p}"]);
    let text = process::read(command.args(arguments))?;
    Ok(names_in(&text))
}

fn names_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in text.lines() {
        // `[dev-dependencies]` headings and repeated packages are of no interest.
        let Some(name) = line.split(' ').next().filter(|name| !name.is_empty()) else {
            continue;
        };
        if !name.starts_with('[') && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_of_a_tree_is_named_once() {
        let text =
            "a v0.1.0 (/somewhere/a)\nb v1.0.0\nb v1.0.0 (*)\n\n[dev-dependencies]\nc v2.0.0\n";
        assert_eq!(names_in(text), ["a", "b", "c"]);
    }
}
