//! The mail server: reached, encrypted and signed in to as for a mail. None is sent.

use super::Finding;
use crate::config::{MailTls, Settings};
use crate::mail::{MailError, Mailer};

const CHECK: &str = "mail";

pub(super) async fn finding(settings: &Settings) -> Finding {
    let mailer = match Mailer::new(&settings.mail) {
        Ok(Some(mailer)) => mailer,
        Ok(None) => {
            return Finding::skipped(CHECK, "mail.host is not set: no mails are sent");
        }
        Err(error) => return Finding::failed(CHECK, error.to_string(), "correct [mail]"),
    };
    match mailer.try_out().await {
        Ok(()) => Finding::passed(CHECK, passed(settings)),
        Err(MailError::Later(step) | MailError::Never(step)) => {
            let says = format!("mails would not leave: {step}");
            Finding::failed(CHECK, says, help(step.as_str()))
        }
        Err(MailError::Uncertain) => {
            Finding::failed(CHECK, "the mail server broke the line", help("connect"))
        }
    }
}

fn passed(settings: &Settings) -> &'static str {
    let is_open = settings.mail.tls == MailTls::None;
    match (&settings.mail.user, is_open) {
        (Some(_), false) => "the mail server takes our login, encrypted",
        (Some(_), true) => "the mail server takes our login, not encrypted",
        (None, _) => "the mail server answers; nobody signs in",
    }
}

/// What mends a step that failed, by the first part of its word.
fn help(step: &str) -> &'static str {
    if step.starts_with("auth") {
        "correct mail.user and mail.password; many providers want a password made for programs"
    } else if step.ends_with("tls") || step.starts_with("starttls") {
        "see mail.tls and mail.port (587 with starttls, 465 with implicit), that the certificate is for mail.host, and mail.ca_file"
    } else {
        "see mail.host and mail.port, and that this machine may reach them"
    }
}
