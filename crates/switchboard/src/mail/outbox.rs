//! Never twice: a mail is marked before its words leave us, and what is found marked is not sent again by itself.

use std::future::Future;
use std::time::Duration;

use metrics::counter;
use switchboard_store::{MailListing, MailState, NewMail, TenantStore, Word};

use super::letter::Letter;
use super::mailer::{MailError, Mailer};
use crate::jobs::{JobError, JobResult};
use crate::ops::metrics::names;

/// A tenant at its cap of mails is looked at again after this long.
const CAP_WAIT: Duration = Duration::from_secs(10 * 60);

/// Sends the mail of this kind and key, once for ever. For jobs: every ending is one of theirs, and a run that comes again
/// goes on where the last one stopped.
///
/// `write` makes the letter from what is stored now; `None` means that there is nothing to send any more. What each
/// stop in between leaves behind:
///
/// | the process dies | the row says | the next run |
/// |---|---|---|
/// | before the server agreed to take the mail | `waiting` | sends it |
/// | while the words are on their way, or after the server's 250 and before our commit | `sending` | marks it `uncertain` and does not send it |
/// | after our commit | `sent` | does nothing |
///
/// So an uncertain mail may not have been sent at all. It is listed, counted, and sent again only when a person says so:
/// `switchboard mail resend ID`.
///
/// # Errors
/// As jobs have them: later, never, or `uncertain`.
pub async fn post_once<F>(
    mailer: &Mailer,
    rows: &TenantStore,
    mail: &NewMail,
    write: impl FnOnce() -> F,
) -> JobResult
where
    F: Future<Output = Result<Option<Letter>, JobError>>,
{
    let found = rows.ensure_mail(mail).await?;
    match found.state {
        MailState::Sent => return Ok(()),
        MailState::Failed => return Err(JobError::Never(Word::new("failed_before"))),
        MailState::Sending | MailState::Uncertain => return leave_uncertain(rows, &found).await,
        MailState::Waiting => {}
    }
    let hour = chrono::Utc::now() - chrono::Duration::hours(1);
    if rows.mails_sent_since(hour).await? >= mailer.tenant_hour_max() {
        return Err(JobError::After(Word::new("mails_of_the_hour"), CAP_WAIT));
    }
    let Some(letter) = write().await? else {
        settle(rows, &found, MailState::Failed, Some(&Word::new("gone"))).await?;
        return Ok(());
    };
    let sent = match mailer.open(&letter).await {
        Ok(delivery) => {
            if !rows.take_mail(found.id).await? {
                // Somebody else took it meanwhile, and will say how it went.
                return Ok(());
            }
            delivery.transmit().await
        }
        Err(error) => Err(error),
    };
    match sent {
        Ok(()) => settle(rows, &found, MailState::Sent, None).await,
        Err(MailError::Uncertain) => leave_uncertain(rows, &found).await,
        Err(MailError::Later(word)) => {
            settle(rows, &found, MailState::Waiting, Some(&word)).await?;
            Err(JobError::Later(word))
        }
        Err(MailError::Never(word)) => {
            settle(rows, &found, MailState::Failed, Some(&word)).await?;
            Err(JobError::Never(word))
        }
    }
}

async fn leave_uncertain(rows: &TenantStore, mail: &MailListing) -> JobResult {
    let word = Word::new("uncertain");
    settle(rows, mail, MailState::Uncertain, Some(&word)).await?;
    tracing::error!(mail_id = %mail.id, kind = %mail.kind, "nobody can know whether a mail was sent; it is not sent again");
    Err(JobError::Never(word))
}

async fn settle(
    rows: &TenantStore,
    mail: &MailListing,
    state: MailState,
    error: Option<&Word>,
) -> JobResult {
    rows.settle_mail(mail.id, state, error).await?;
    let kind = mail.kind.to_string();
    let outcome = match state {
        MailState::Waiting | MailState::Sending => "postponed",
        settled => settled.as_str(),
    };
    counter!(names::MAILS_TOTAL, "kind" => kind, "outcome" => outcome).increment(1);
    Ok(())
}
