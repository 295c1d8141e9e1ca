//! Dependency rules of the crates, read from their manifests.

use super::Finding;
use super::files::{SourceFile, SourceTree};

/// Crates that bring an async runtime or the network.
const RUNTIME_CRATES: [&str; 8] = [
    "tokio",
    "async-std",
    "smol",
    "mio",
    "hyper",
    "axum",
    "reqwest",
    "tokio-tungstenite",
];

/// The crate that knows SQL.
const STORE: &str = "switchboard-store";

/// One dependency line.
#[derive(Debug)]
struct Dependency<'a> {
    section: &'a str,
    name: &'a str,
    line: usize,
    /// What stands after the name, or the whole table's first line.
    value: &'a str,
}

impl Dependency<'_> {
    /// Part of the built crate, not only of its tests.
    fn is_shipped(&self) -> bool {
        !self.section.contains("dev-dependencies")
    }
}

pub(super) fn check(tree: &SourceTree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.with_ending("toml") {
        let Some(package) = package_of(&file.path) else {
            continue;
        };
        findings.extend(check_manifest(package, file));
    }
    let bans = tree.find("crates/switchboard-call/clippy.toml");
    if !bans.is_some_and(|file| file.text.contains("std::time::Instant::now")) {
        let message = "must forbid the core to read the clock";
        findings.push(Finding::new(
            "crates/switchboard-call/clippy.toml",
            0,
            message,
        ));
    }
    findings
}

/// `crates/switchboard-wire/Cargo.toml` → `switchboard-wire`.
fn package_of(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("/Cargo.toml")?;
    Some(folder.rsplit('/').next().unwrap_or(folder))
}

fn check_manifest(package: &str, file: &SourceFile) -> Vec<Finding> {
    let dependencies = dependencies(file);
    let mut findings = Vec::new();
    for dependency in &dependencies {
        if let Some(message) = broken_rule(package, dependency) {
            findings.push(Finding::new(&file.path, dependency.line, message));
        }
    }
    if !inherits_lints(&file.text) {
        findings.push(Finding::new(
            &file.path,
            0,
            "[lints] workspace = true is missing",
        ));
    }
    findings
}

fn broken_rule(package: &str, dependency: &Dependency<'_>) -> Option<String> {
    let name = dependency.name;
    let is_shipped = dependency.is_shipped();
    if !dependency.value.contains("workspace") {
        return Some(format!(
            "{name}: versions live in the root manifest (workspace = true)"
        ));
    }
    if name == "sqlx" && package != STORE {
        return Some(format!("only {STORE} knows SQL"));
    }
    match package {
        "switchboard-call" if is_shipped => {
            Some(format!("the core depends on nothing, not on {name}"))
        }
        "switchboard-call" if name.starts_with("switchboard") => {
            Some(format!("the core knows no other crate of ours, not {name}"))
        }
        "switchboard-media" if name.starts_with("switchboard") => {
            Some(format!("samples know nothing of {name}"))
        }
        "switchboard-wire" if name == "switchboard-call" => {
            Some("wire and call do not know each other: the shell translates".to_owned())
        }
        "switchboard-media" | "switchboard-wire"
            if is_shipped && RUNTIME_CRATES.contains(&name) =>
        {
            Some(format!("bytes in, values out: no {name} here"))
        }
        "switchboard-sim" if ["switchboard", "switchboard-call", STORE].contains(&name) => {
            Some(format!("a fake that shares {name} would agree with itself"))
        }
        "switchboard"
            if name == "switchboard-sim" && !dependency.value.contains("optional = true") =>
        {
            Some("fakes come by the feature `rehearse` only: optional = true".to_owned())
        }
        _ => None,
    }
}

fn inherits_lints(manifest: &str) -> bool {
    let after = manifest.split("[lints]").nth(1).unwrap_or_default();
    let line = after.lines().find(|line| !line.trim().is_empty());
    line.is_some_and(|line| line.replace(' ', "") == "workspace=true")
}

/// Dependencies in every form a manifest allows: `a = …`, `a.workspace = …`, `[dependencies.a]`.
fn dependencies(file: &SourceFile) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut section = "";
    for (line, text) in file.numbered_lines() {
        let text = text.split('#').next().unwrap_or_default().trim();
        if let Some(header) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = header;
            if let Some((_, name)) = header.split_once("dependencies.") {
                // The table's own lines say `workspace = true`; its first line stands for them.
                let value = "workspace";
                found.push(Dependency {
                    section,
                    name,
                    line,
                    value,
                });
            }
        } else if section.ends_with("dependencies")
            && let Some((key, _)) = text.split_once('=')
        {
            let name = key.split('.').next().unwrap_or(key).trim();
            found.push(Dependency {
                section,
                name,
                line,
                value: text,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE_BANS: (&str, &str) = (
        "crates/switchboard-call/clippy.toml",
        "disallowed-methods = [\"std::time::Instant::now\"]",
    );

    fn messages(package: &str, dependencies: &str) -> Vec<String> {
        let path = format!("crates/{package}/Cargo.toml");
        let text = format!("[lints]\nworkspace = true\n{dependencies}");
        let findings = check(&SourceTree::of(&[CORE_BANS, (&path, &text)]));
        findings
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    #[test]
    fn the_core_has_no_dependency_but_may_have_test_tools() {
        assert!(
            messages(
                "switchboard-call",
                "[dependencies]\n[dev-dependencies]\ninsta.workspace = true\n"
            )
            .is_empty()
        );
        assert_eq!(
            messages(
                "switchboard-call",
                "[dependencies]\nthiserror.workspace = true\n"
            )
            .len(),
            1
        );
        assert_eq!(
            messages(
                "switchboard-call",
                "[dependencies.serde]\nworkspace = true\n"
            )
            .len(),
            1
        );
        assert_eq!(
            messages(
                "switchboard-call",
                "[target.'cfg(unix)'.dependencies]\nlibc.workspace = true\n"
            )
            .len(),
            1
        );
    }

    #[test]
    fn codecs_have_no_runtime_and_do_not_know_the_core() {
        assert_eq!(
            messages(
                "switchboard-wire",
                "[dependencies]\ntokio.workspace = true\n"
            )
            .len(),
            1
        );
        assert_eq!(
            messages(
                "switchboard-media",
                "[dependencies]\nreqwest = { workspace = true }\n"
            )
            .len(),
            1
        );
        assert_eq!(
            messages(
                "switchboard-wire",
                "[dependencies]\nswitchboard-call.workspace = true\n"
            )
            .len(),
            1
        );
        assert!(
            messages(
                "switchboard-wire",
                "[dependencies]\nswitchboard-media.workspace = true\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn only_the_store_knows_sql() {
        assert!(
            messages(
                "switchboard-store",
                "[dependencies]\nsqlx.workspace = true\n"
            )
            .is_empty()
        );
        assert_eq!(
            messages("switchboard", "[dev-dependencies]\nsqlx.workspace = true\n").len(),
            1
        );
    }

    #[test]
    fn fakes_share_no_decision_with_the_server_and_stay_optional() {
        assert_eq!(
            messages(
                "switchboard-sim",
                "[dependencies]\nswitchboard-call.workspace = true\n"
            )
            .len(),
            1
        );
        assert_eq!(
            messages(
                "switchboard",
                "[dependencies]\nswitchboard-sim.workspace = true\n"
            )
            .len(),
            1
        );
        let optional = "[dependencies]\nswitchboard-sim = { workspace = true, optional = true }\n";
        assert!(messages("switchboard", optional).is_empty());
    }

    #[test]
    fn a_version_outside_the_root_manifest_is_found() {
        assert_eq!(
            messages("switchboard", "[dependencies]\nbytes = \"1\"\n").len(),
            1
        );
    }

    #[test]
    fn a_manifest_without_the_common_lints_is_found() {
        let findings = check(&SourceTree::of(&[
            CORE_BANS,
            ("xtask/Cargo.toml", "[dependencies]\n"),
        ]));
        assert_eq!(findings.len(), 1);
    }
}
