//! The mail after a call: what was said and heard, when, in which language, and where the recording is.

use std::fmt::Write;

use switchboard_store::{
    CallDetail, CallId, CapturedField, ConsentAnswer, JobId, JobKey, ListFilter, NewMail, Private,
    RecordingStatus, Speaker, StoreError, Tenant, TenantStore, Timestamp, TranscriptLine, Word,
};

use super::addresses::MailAddresses;
use super::letter::{Letter, MailAddress, escape_html};
use super::mailer::Mailer;
use super::outbox::post_once;
use crate::config::BaseUrl;
use crate::jobs::{JobError, JobResult};

/// Turns in one mail. A call of eight minutes has some sixty.
const LINES_MAX: u32 = 2_000;
/// Letters of one turn in a mail.
const WORDS_CHARS_MAX: usize = 8_000;
/// The purpose of the consent that lets words be kept.
const PURPOSE: &str = "transcription";

/// Whether a mail about this call is due: somebody wants it, and the caller let the words be kept or told the agent what
/// to take down.
pub(crate) async fn may_be_mailed(
    rows: &TenantStore,
    call: &CallDetail,
) -> Result<bool, StoreError> {
    let addresses = MailAddresses::of(rows).await?;
    if addresses.of_agent(&call.agent_name).is_none() {
        return Ok(false);
    }
    Ok(words_may_leave(rows, call.id).await? || !rows.captured_fields(call.id).await?.is_empty())
}

/// The disclosure was heard and agreed to, and not withdrawn since. Asked when the mail is due and again when it is sent.
async fn words_may_leave(rows: &TenantStore, call: CallId) -> Result<bool, StoreError> {
    let consents = rows.list_consents(&ListFilter::of_call(call)).await?;
    let mut answers = consents
        .iter()
        .filter(|consent| consent.purpose.as_str() == PURPOSE)
        .map(|consent| consent.answer);
    let is_kept = |answer| matches!(answer, ConsentAnswer::Implied | ConsentAnswer::Granted);
    // Every answer counts: one that agreed, and none that refused or withdrew.
    let first = answers.next();
    Ok(first.is_some_and(is_kept) && answers.all(is_kept))
}

/// Sends the transcript of one call, once.
pub(crate) async fn post(
    mailer: &Mailer,
    rows: &TenantStore,
    call: CallId,
    job: JobId,
    public_url: &BaseUrl,
) -> JobResult {
    let mail = NewMail {
        kind: Word::new("transcript"),
        key: JobKey::of(call.uuid()),
        call_id: Some(call),
        job_id: Some(job),
    };
    post_once(mailer, rows, &mail, || write(rows, call, public_url)).await
}

async fn write(
    rows: &TenantStore,
    id: CallId,
    public_url: &BaseUrl,
) -> Result<Option<Letter>, JobError> {
    let Some(call) = rows.call(id).await? else {
        return Ok(None);
    };
    let addresses = MailAddresses::of(rows).await?;
    let Some(to) = addresses.of_agent(&call.agent_name) else {
        return Ok(None);
    };
    // What was taken down stands apart from the words, and may leave without them.
    let lines = match words_may_leave(rows, id).await? {
        true => rows.transcript(id, LINES_MAX).await?,
        false => Vec::new(),
    };
    let captured = rows.captured_fields(id).await?;
    let Some(tenant) = rows.tenant_profile().await? else {
        return Ok(None);
    };
    let contact = match call.contact_id {
        Some(contact) => rows.contact(contact).await?,
        None => None,
    };
    let said: Vec<Said> = lines
        .iter()
        .filter_map(|line| Said::of(line, &tenant))
        .collect();
    if said.is_empty() && captured.is_empty() {
        return Ok(None);
    }
    let mut facts = facts(&call, &tenant, contact.and_then(|contact| contact.name));
    facts.extend(recording(rows, id, public_url).await?);
    let facts = captured
        .iter()
        .map(taken_down)
        .chain(facts)
        .collect::<Vec<_>>();
    Ok(Some(letter(to, &call, &tenant, &facts, &said)))
}

/// One field that the agent took down.
fn taken_down(captured: &CapturedField) -> (&'static str, String) {
    let name = match captured.field.as_str() {
        "name" => "Name",
        "address" => "Address of the job",
        "job" => "Job",
        "urgency" => "Urgency",
        _ => "Also",
    };
    (name, captured.value.expose().replace('_', " "))
}

/// Where the recording is heard, if there is one that is kept. The address opens for who is signed in or has a key: the
/// mail itself opens nothing.
async fn recording(
    rows: &TenantStore,
    call: CallId,
    public_url: &BaseUrl,
) -> Result<Option<(&'static str, String)>, StoreError> {
    let recordings = rows.list_recordings(&ListFilter::of_call(call)).await?;
    let is_kept = |status| matches!(status, RecordingStatus::Recording | RecordingStatus::Stored);
    let is_there = recordings.iter().any(|it| is_kept(it.status));
    let url = || public_url.join(&format!("/api/v1/calls/{call}/recording"));
    Ok(is_there.then(|| ("Recording", url())))
}

/// One turn as it is read.
struct Said {
    at: String,
    who: &'static str,
    language: Option<String>,
    words: String,
}

impl Said {
    fn of(line: &TranscriptLine, tenant: &Tenant) -> Option<Self> {
        let words = line.words.as_ref()?.expose();
        let words: String = words.trim().chars().take(WORDS_CHARS_MAX).collect();
        if words.is_empty() {
            return None;
        }
        let cut = if line.interrupted { " […]" } else { "" };
        Some(Self {
            at: local(line.started_at, tenant, "%H:%M:%S"),
            who: match line.speaker {
                Speaker::Caller => "Caller",
                Speaker::Agent => "Agent",
                Speaker::Human => "Human",
                Speaker::System => "System",
            },
            language: line.language.clone(),
            words: format!("{words}{cut}"),
        })
    }

    fn name(&self) -> String {
        match &self.language {
            Some(language) => format!("{} ({language})", self.who),
            None => self.who.to_owned(),
        }
    }
}

pub(super) fn local(at: Timestamp, tenant: &Tenant, format: &str) -> String {
    at.with_timezone(&tenant.time_zone.0)
        .format(format)
        .to_string()
}

/// What stands above the words.
fn facts(
    call: &CallDetail,
    tenant: &Tenant,
    contact: Option<Private<String>>,
) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let zone = tenant.time_zone.name();
    let began = local(call.offered_at, tenant, "%A, %-d %B %Y, %H:%M:%S");
    facts.push(("When", format!("{began} ({zone})")));
    if let Some(ended) = call.ended_at {
        let seconds = (ended - call.offered_at).num_seconds().max(0);
        facts.push(("Length", format!("{} min {} s", seconds / 60, seconds % 60)));
    }
    let number = call.caller_number.as_ref().map(|number| number.expose());
    let number = number.map_or("withheld".to_owned(), ToString::to_string);
    facts.push(("Caller's number", number));
    if let Some(name) = contact {
        facts.push(("Contact", name.into_exposed()));
    }
    facts.push(("Agent", call.agent_name.clone()));
    if let Some(reason) = &call.end_reason {
        facts.push(("Ended", reason.as_str().replace('_', " ")));
    }
    facts.push(("Call", call.id.to_string()));
    facts
}

fn letter(
    to: MailAddress,
    call: &CallDetail,
    tenant: &Tenant,
    facts: &[(&'static str, String)],
    said: &[Said],
) -> Letter {
    let began = local(call.offered_at, tenant, "%-d %b %Y, %H:%M");
    Letter {
        to,
        // No words, names or numbers: subjects show on locked screens.
        subject: format!("Call to {} on {began}", tenant.display_name),
        text: as_text(facts, said),
        html: as_html(facts, said),
        attachment: None,
        message_id: format!("transcript.{}", call.id),
    }
}

fn as_text(facts: &[(&'static str, String)], said: &[Said]) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    for (name, value) in facts {
        let _ = writeln!(text, "{name}: {}", plain(value));
    }
    text.push('\n');
    for line in said {
        let _ = writeln!(
            text,
            "{}  {}: {}",
            line.at,
            plain(&line.name()),
            plain(&line.words)
        );
    }
    let _ = writeln!(text, "\n{}", about_words(said));
    text
}

fn as_html(facts: &[(&'static str, String)], said: &[Said]) -> String {
    let mut html = String::from("<!doctype html><html><body><table>\n");
    for (name, value) in facts {
        let _ = writeln!(
            html,
            "<tr><th align=\"left\">{name}</th><td>{}</td></tr>",
            escape_html(value)
        );
    }
    html.push_str("</table>\n<table>\n");
    for line in said {
        let (name, words) = (escape_html(&line.name()), escape_html(&line.words));
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{name}</td><td>{words}</td></tr>",
            line.at
        );
    }
    let _ = writeln!(html, "</table>\n<p>{}</p></body></html>", about_words(said));
    html
}

fn about_words(said: &[Said]) -> &'static str {
    if said.is_empty() {
        return "What was said is not kept: the caller did not agree to that.";
    }
    "What the agent said stands here as far as the caller heard it."
}

/// One line without anything that steers a terminal (H8).
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
