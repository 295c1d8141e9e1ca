//! Mails to the operators: one when an alert is raised, one when it is over, and none while it stands.
//!
//! What one look of the watch decides goes into one mail, and at most [`MAILS_PER_HOUR_MAX`] mails go to an address in an
//! hour: what is decided meanwhile gathers in the next one. A mail that the server does not take is tried again for hours.
//! These mails do not go through the outbox: an alert that comes twice is better than one that is missing.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use switchboard_store::{AlertId, Timestamp};
use tokio::sync::Notify;

use super::rules::{Change, RuleName};
use crate::config::Settings;
use crate::mail::{BadAddress, Letter, MailAddress, MailError, Mailer, escape_html};
use crate::ops::metrics::names;
use crate::ops::runbook;

/// Mails to one address in an hour. Rules have hysteresis, so a night of trouble stays far below it.
const MAILS_PER_HOUR_MAX: usize = 20;
const HOUR: Duration = Duration::from_secs(3_600);
/// Decisions that wait for a mail; past it the oldest are only counted.
const WAITING_MAX: usize = 200;
/// Decisions written out in one mail; the rest are counted.
const WRITTEN_MAX: usize = 20;
/// Waits between the tries of one mail: seven hours in all. Then it is given up; the alert itself is stored.
const WAITS: [Duration; 8] = [
    Duration::from_secs(1),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(900),
    Duration::from_secs(1_800),
    Duration::from_secs(7_200),
    Duration::from_secs(14_400),
];

/// One decision of the watch, as operators read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub rule: RuleName,
    pub change: Change,
    /// A tenant's name or a node's.
    pub whose: String,
    pub at: Timestamp,
}

/// The way to the operators. Cheap to clone; dropped with its clones it stops.
#[derive(Clone, Debug, Default)]
pub struct AlertMail {
    boxes: Vec<Arc<LetterBox>>,
}

/// What waits for one address.
#[derive(Debug)]
struct LetterBox {
    to: MailAddress,
    page: String,
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    notices: VecDeque<Notice>,
    /// Decisions that are only counted.
    passed_over: usize,
}

impl AlertMail {
    /// Starts one task per address of `ops.alert_mail`. Without addresses or without a mail server nobody is told.
    ///
    /// # Errors
    /// An address is none.
    pub fn start(settings: &Settings, mailer: Option<&Mailer>) -> Result<Self, BadAddress> {
        let mut boxes = Vec::new();
        for address in &settings.ops.alert_mail {
            let to: MailAddress = address.parse()?;
            let public_url = settings.public_url().as_http();
            boxes.push(Arc::new(LetterBox {
                to,
                page: public_url.join("/ops/voice-health"),
                waiting: Mutex::default(),
                filled: Notify::new(),
            }));
        }
        let Some(mailer) = mailer else {
            if !boxes.is_empty() {
                tracing::warn!(
                    "ops.alert_mail is set, but no mail server is: nobody is told of alerts"
                );
            }
            return Ok(Self::default());
        };
        for letter_box in &boxes {
            let posting = post(Arc::downgrade(letter_box), mailer.clone());
            tokio::spawn(posting);
        }
        Ok(Self { boxes })
    }

    /// Tells every operator. Never waits.
    pub fn tell(&self, notices: &[Notice]) {
        for letter_box in self.boxes.iter().filter(|_| !notices.is_empty()) {
            letter_box.add(notices);
        }
    }
}

impl LetterBox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, notices: &[Notice]) {
        let mut waiting = self.lock();
        for notice in notices {
            if waiting.notices.len() == WAITING_MAX {
                waiting.notices.pop_front();
                waiting.passed_over += 1;
            }
            waiting.notices.push_back(notice.clone());
        }
        drop(waiting);
        self.filled.notify_one();
    }

    fn take(&self) -> Option<Letter> {
        let waiting = std::mem::take(&mut *self.lock());
        let notices: Vec<Notice> = waiting.notices.into();
        let left_out = waiting.passed_over + notices.len().saturating_sub(WRITTEN_MAX);
        (!notices.is_empty()).then(|| self.letter(&notices, left_out))
    }

    fn letter(&self, notices: &[Notice], left_out: usize) -> Letter {
        let mut text = String::new();
        // Writing to a text cannot fail. The newest ones are written out.
        for notice in notices.iter().rev().take(WRITTEN_MAX) {
            let _ = writeln!(text, "{}", notice.written());
        }
        if left_out > 0 {
            let _ = writeln!(text, "{left_out} more are not written out here.\n");
        }
        let _ = writeln!(text, "Voice health: {}", self.page);
        Letter {
            to: self.to.clone(),
            subject: subject(notices),
            html: format!(
                "<!doctype html><html><body><pre>{}</pre></body></html>",
                escape_html(&text)
            ),
            text,
            attachment: None,
            message_id: format!("alert.{}", AlertId::new()),
        }
    }
}

/// Technical words and counts: subjects show on locked screens.
fn subject(notices: &[Notice]) -> String {
    if let [only] = notices {
        return format!("[Switchboard] {}", only.headline());
    }
    let raised = notices.iter().filter(|notice| notice.is_raised()).count();
    let over = notices.len() - raised;
    format!("[Switchboard] {raised} alerts raised, {over} over")
}

impl Notice {
    const fn is_raised(&self) -> bool {
        matches!(self.change, Change::Raise { .. })
    }

    fn headline(&self) -> String {
        let (rule, severity) = (self.rule.as_str(), self.rule.severity().as_str());
        match self.change {
            Change::Raise { .. } => format!("{severity}: {rule}"),
            Change::Clear => format!("over: {rule}"),
        }
    }

    /// What happened, what it means, and the first act.
    fn written(&self) -> String {
        let at = self.at.format("%Y-%m-%d %H:%M:%S UTC");
        let mut text = format!("{} ({}) {at}\n", self.headline(), self.whose);
        if let Change::Raise { figure } = self.change {
            let _ = writeln!(text, "{}", self.rule.means());
            let _ = writeln!(text, "{}", self.rule.written(figure));
            if let Some(section) = runbook::section(self.rule.as_str()) {
                let _ = writeln!(text, "\n{section}");
            }
        }
        text
    }
}

/// Posts what gathers in a box, until nobody can fill it any more.
async fn post(letter_box: std::sync::Weak<LetterBox>, mailer: Mailer) {
    let mut sent: VecDeque<Instant> = VecDeque::new();
    loop {
        let Some(filled) = letter_box.upgrade() else {
            return;
        };
        let Some(letter) = filled.take() else {
            // Looks again after an hour, so that it ends with the box.
            let _ = tokio::time::timeout(HOUR, filled.filled.notified()).await;
            continue;
        };
        drop(filled);
        deliver(&mailer, &letter).await;
        sent.push_back(Instant::now());
        if sent.len() >= MAILS_PER_HOUR_MAX
            && let Some(first) = sent.pop_front()
        {
            tokio::time::sleep(HOUR.saturating_sub(first.elapsed())).await;
        }
    }
}

async fn deliver(mailer: &Mailer, letter: &Letter) {
    for wait in WAITS.into_iter().map(Some).chain([None]) {
        let (outcome, why) = match mailer.send(letter).await {
            Ok(()) => ("sent", None),
            Err(MailError::Never(word)) => ("failed", Some(word)),
            Err(MailError::Later(word)) if wait.is_none() => ("failed", Some(word)),
            Err(error) if wait.is_none() => {
                tracing::error!(%error, "an alert mail was given up");
                ("uncertain", None)
            }
            Err(error) => {
                tracing::warn!(%error, "an alert mail waits");
                tokio::time::sleep(wait.unwrap_or_default()).await;
                continue;
            }
        };
        if let Some(why) = why {
            tracing::error!(%why, "an alert mail was not sent");
        }
        metrics::counter!(names::MAILS_TOTAL, "kind" => "alert", "outcome" => outcome).increment(1);
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(rule: RuleName, change: Change) -> Notice {
        Notice {
            rule,
            change,
            whose: "node-1".to_owned(),
            at: chrono::DateTime::from_timestamp(1_800_000_000, 0).expect("a moment"),
        }
    }

    fn letter_box() -> LetterBox {
        LetterBox {
            to: "ops@example.org".parse().expect("an address"),
            page: "https://voice.example.com/ops/voice-health".to_owned(),
            waiting: Mutex::default(),
            filled: Notify::new(),
        }
    }

    #[test]
    fn a_mail_says_what_it_means_and_what_to_do_first() {
        let letter_box = letter_box();
        let raised = Change::Raise { figure: 1.0 };
        letter_box.add(&[notice(RuleName::BreakerOpen, raised)]);
        let letter = letter_box.take().expect("a letter");
        assert_eq!(letter.subject, "[Switchboard] critical: breaker_open");
        assert!(letter.text.contains(RuleName::BreakerOpen.means()));
        assert!(letter.text.contains("1 open"), "{}", letter.text);
        let first_act = runbook::section("breaker_open").expect("a section");
        assert!(letter.text.contains(first_act));
        assert!(letter_box.take().is_none(), "told once");
    }

    #[test]
    fn what_gathers_is_one_mail_of_bounded_length() {
        let letter_box = letter_box();
        let many = vec![notice(RuleName::DiskLow, Change::Clear); WAITING_MAX + 5];
        letter_box.add(&many);
        let letter = letter_box.take().expect("a letter");
        assert_eq!(letter.subject, "[Switchboard] 0 alerts raised, 200 over");
        assert_eq!(letter.text.matches("over: disk_low").count(), WRITTEN_MAX);
        assert!(letter.text.contains("185 more"), "{}", letter.text);
    }
}
