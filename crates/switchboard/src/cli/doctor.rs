//! `doctor`: prints what was found, what is wrong first to last, and says by its code whether calls are served.

use std::fmt::Write as _;

use anyhow::Result;

use super::arguments::DoctorArguments;
use super::failure::{Exit, Failure};
use super::output::Output;
use crate::config::Settings;
use crate::doctor::{DoctorOptions, Finding, Health, examine};

pub(super) async fn doctor(
    settings: &Settings,
    arguments: &DoctorArguments,
    output: &Output,
) -> Result<()> {
    let options = DoctorOptions {
        sets_urls: arguments.set_urls,
        fallback_url: arguments.fallback_url.clone(),
        live_call: arguments.live_call.clone(),
    };
    let findings = examine(settings, &options).await?;
    if output.is_json() {
        output.document(&findings)?;
    } else {
        output.line(written(&findings).trim_end())?;
    }
    let failed = findings
        .iter()
        .filter(|finding| finding.health == Health::Failed)
        .count();
    if failed == 0 {
        return Ok(());
    }
    let failure = Failure::new(
        Exit::No,
        format!("{failed} of {} checks failed", findings.len()),
    );
    Err(failure
        .with_help("mend them from the top: later ones often follow from earlier ones")
        .into())
}

/// One line for each finding, and below it what mends it.
fn written(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = match finding.health {
            Health::Passed => "ok     ",
            Health::Skipped => "skipped",
            Health::Warning => "warning",
            Health::Failed => "FAILED ",
        };
        let _ = writeln!(text, "{word}  {}", finding.says);
        for line in finding.help.iter().flat_map(|help| help.lines()) {
            let _ = writeln!(text, "         {line}");
        }
    }
    text
}
