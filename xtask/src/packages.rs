//! System packages: what is missing is installed where we may, and named where we may not.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::postgres;
use crate::process;

/// A program or data set from the system, with the Debian package that brings it.
#[derive(Clone, Copy)]
pub(crate) struct Package {
    /// Name in Debian 12.
    debian: &'static str,
    /// What we use it for, in the words of the message.
    purpose: &'static str,
    is_present: fn() -> bool,
}

/// Speech for the offline model and for simulated callers.
pub(crate) const SPEECH: [Package; 3] = [
    Package {
        debian: "espeak-ng",
        purpose: "speaks",
        is_present: || process::is_on_path("espeak-ng"),
    },
    Package {
        debian: "pocketsphinx",
        purpose: "recognises speech",
        is_present: || process::is_on_path("pocketsphinx_continuous"),
    },
    Package {
        debian: "pocketsphinx-en-us",
        purpose: "the recogniser's English model",
        is_present: || Path::new("/usr/share/pocketsphinx/model/en-us").is_dir(),
    },
];

/// What builds the dashboard.
pub(crate) const NODE: [Package; 2] = [
    Package {
        debian: "nodejs",
        purpose: "builds the dashboard",
        is_present: || process::is_on_path("node"),
    },
    Package {
        debian: "npm",
        purpose: "installs what the dashboard is built from",
        is_present: || process::is_on_path("npm"),
    },
];

/// What the pages are tested in, and what calls an agent as a page does.
pub(crate) const BROWSER: [Package; 2] = [
    Package {
        debian: "chromium",
        purpose: "shows the pages, and calls an agent as they do",
        is_present: || process::is_on_path("chromium"),
    },
    Package {
        debian: "fonts-dejavu-core",
        purpose: "has the letters and signs of the pages",
        is_present: || Path::new("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").is_file(),
    },
];

/// What calls an agent as a page does, beside Chromium.
pub(crate) const FIREFOX: [Package; 1] = [Package {
    debian: "firefox-esr",
    purpose: "calls an agent as a page does",
    is_present: || process::is_on_path("firefox-esr"),
}];

/// What only the tests need.
pub(crate) const TESTS: [Package; 5] = [
    FIREFOX[0],
    Package {
        debian: "postgresql-15",
        purpose: "the second database",
        is_present: || postgres::binaries().is_some(),
    },
    Package {
        debian: "openssl",
        purpose: "makes a certificate for the mail server of a test",
        is_present: || process::is_on_path("openssl"),
    },
    Package {
        debian: "opus-tools",
        purpose: "reads recordings back",
        is_present: || process::is_on_path("opusdec") && process::is_on_path("opusinfo"),
    },
    Package {
        debian: "python3-venv",
        purpose: "runs the foreign SDKs",
        is_present: || process::succeeds(Command::new("python3").args(["-c", "import ensurepip"])),
    },
];

/// Makes sure that every package is there.
///
/// # Errors
/// One line naming what to install, if a package is missing and we are not root on a system
/// with `apt-get`, or if it is still missing after the installation.
pub(crate) fn require(packages: &[Package]) -> Result<()> {
    let missing = missing_of(packages);
    if missing.is_empty() {
        println!("all present: {}", names(packages));
        return Ok(());
    }
    for package in &missing {
        println!("missing: {} ({})", package.debian, package.purpose);
    }
    if !process::is_on_path("apt-get") || !process::is_root() {
        bail!(
            "please install {0}, for instance: sudo apt-get install {0}",
            names(&missing)
        );
    }
    install(&missing)?;
    let missing = missing_of(packages);
    if !missing.is_empty() {
        bail!("installed, but still not found: {}", names(&missing));
    }
    Ok(())
}

fn install(packages: &[Package]) -> Result<()> {
    process::run(apt_get().args(["-qq", "update"]))?;
    let names = packages.iter().map(|package| package.debian);
    process::run(
        apt_get()
            .args(["-qq", "--yes", "--no-install-recommends", "install"])
            .args(names),
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn missing_of(packages: &[Package]) -> Vec<Package> {
    let absent = packages.iter().filter(|package| !(package.is_present)());
    absent.copied().collect()
}

fn names(packages: &[Package]) -> String {
    let names: Vec<&str> = packages.iter().map(|package| package.debian).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absent_packages_count_as_missing() {
        let present = Package {
            debian: "here",
            purpose: "",
            is_present: || true,
        };
        let absent = Package {
            debian: "gone",
            purpose: "",
            is_present: || false,
        };
        assert_eq!(names(&missing_of(&[present, absent])), "gone");
    }
}
