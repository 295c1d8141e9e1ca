//! `switchboard doctor`: looks at everything a call needs, from where a caller's carrier would look, and says what is
//! wrong and how to mend it.
//!
//! It changes nothing but, when asked to, where the carrier sends the calls of our numbers. When asked to, it places one
//! call. What it prints holds numbers
//! of the installation, which their operator knows, and no keys.

mod carrier;
mod certificate;
mod database;
mod live_call;
mod machine;
mod mail;
mod model;
mod public_address;

use std::time::Duration;

use serde::Serialize;

use crate::config::{BaseUrl, PhoneNumber, Settings};
pub use certificate::certificate_days;

/// Longest wait for any one answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Seconds between two clocks that are no trouble yet.
const CLOCK_SECONDS_MAX: i64 = 5;

/// What to do besides looking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoctorOptions {
    /// Set the voice and status URLs of our numbers at the carrier.
    pub sets_urls: bool,
    /// Set this address as the fallback of our numbers: a static document, on a host that does not fall with ours.
    pub fallback_url: Option<BaseUrl>,
    /// Ring this telephone, cut the stream of whoever picks up, and see whether the carrier dials the human.
    pub live_call: Option<PhoneNumber>,
}

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Passed,
    /// Not looked at, because nothing asks for it.
    Skipped,
    /// Calls are served; something is worth mending.
    Warning,
    /// Calls are not served, or would not be when something breaks.
    Failed,
}

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable word for programs.
    pub check: &'static str,
    pub health: Health,
    pub says: String,
    /// The command, key or document that mends it.
    pub help: Option<String>,
}

impl Finding {
    fn new(check: &'static str, health: Health, says: impl Into<String>) -> Self {
        Self {
            check,
            health,
            says: says.into(),
            help: None,
        }
    }

    fn passed(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Health::Passed, says)
    }

    fn skipped(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Health::Skipped, says)
    }

    fn warning(check: &'static str, says: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(check, Health::Warning, says).with_help(help)
    }

    fn failed(check: &'static str, says: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(check, Health::Failed, says).with_help(help)
    }

    fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// Looks at everything, in the order in which it has to be mended.
///
/// # Errors
/// No client for requests can be made.
pub async fn examine(settings: &Settings, options: &DoctorOptions) -> anyhow::Result<Vec<Finding>> {
    crate::tls::install_provider();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(ANSWER_MAX)
        .build()?;
    let mut findings = machine::findings(settings);
    let (found, store) = database::findings(settings).await;
    findings.extend(found);
    findings.extend(public_address::findings(settings, &client).await);
    findings.extend(carrier::findings(settings, &client, store.as_ref(), options).await);
    findings.extend(model::findings(settings, &client).await);
    findings.push(mail::finding(settings).await);
    if let Some(store) = store {
        store.close().await;
    }
    Ok(findings)
}

/// Compares the `Date` of a vendor's answer with our clock.
fn clock_of(check: &'static str, whose: &str, headers: &http::HeaderMap) -> Option<Finding> {
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    let theirs = chrono::DateTime::parse_from_rfc2822(date).ok()?;
    let apart = (chrono::Utc::now() - theirs.to_utc()).num_seconds().abs();
    Some(clock_finding(check, whose, apart))
}

fn clock_finding(check: &'static str, whose: &str, apart_s: i64) -> Finding {
    // A date has whole seconds, and the answer took its time.
    if apart_s <= CLOCK_SECONDS_MAX {
        return Finding::passed(check, format!("our clock and that of {whose} agree"));
    }
    let says = format!("our clock and that of {whose} are {apart_s} s apart");
    let help = "let this machine follow a time server: `timedatectl set-ntp true`";
    Finding::warning(check, says, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_told_and_a_few_seconds_are_not() {
        let at = |seconds: i64| {
            let date = chrono::Utc::now() + chrono::TimeDelta::seconds(seconds);
            let mut headers = http::HeaderMap::new();
            let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            headers.insert(http::header::DATE, date.parse().expect("a value"));
            clock_of("clock", "the carrier", &headers).map(|finding| finding.health)
        };
        assert_eq!(at(-1), Some(Health::Passed));
        assert_eq!(at(3_600), Some(Health::Warning));
        assert_eq!(at(-60), Some(Health::Warning));
        assert_eq!(clock_of("clock", "nobody", &http::HeaderMap::new()), None);
    }
}
