//! The mail about a message that a caller left: when, who, what was said, and the sound.

use std::fmt::Write;

use bytes::Bytes;
use switchboard_store::{
    CallDetail, JobId, JobKey, NewMail, StoreError, Tenant, TenantStore, VoicemailId,
    VoicemailListing, Word,
};

use super::addresses::MailAddresses;
use super::letter::{Attachment, Letter, MailAddress, escape_html};
use super::mailer::Mailer;
use super::outbox::post_once;
use super::transcript::{local, plain};
use crate::archive::{Archive, ArchiveError};
use crate::jobs::{JobError, JobResult};

/// The largest sound that goes with a mail. Many servers take 10 MB, and base64 makes a third more of it.
const SOUND_BYTES_MAX: usize = 7 * 1024 * 1024;

/// Whether somebody wants a mail about this call's messages.
pub(crate) async fn is_wanted(
    rows: &TenantStore,
    call: Option<CallDetail>,
) -> Result<bool, StoreError> {
    let Some(call) = call else {
        return Ok(false);
    };
    let addresses = MailAddresses::of(rows).await?;
    Ok(addresses.of_agent(&call.agent_name).is_some())
}

/// Sends one message, once.
pub(crate) async fn post(
    mailer: &Mailer,
    rows: &TenantStore,
    archive: &Archive,
    id: VoicemailId,
    job: JobId,
) -> JobResult {
    // Without its row there is nobody to write for, and no call to name.
    let Some(message) = rows.voicemail(id).await? else {
        return Ok(());
    };
    let mail = NewMail {
        kind: Word::new("voicemail"),
        key: JobKey::of(id.uuid()),
        call_id: Some(message.call_id),
        job_id: Some(job),
    };
    post_once(mailer, rows, &mail, || write(rows, archive, id)).await
}

/// Read at the last moment: what was erased or taken back meanwhile is not sent.
async fn write(
    rows: &TenantStore,
    archive: &Archive,
    id: VoicemailId,
) -> Result<Option<Letter>, JobError> {
    let Some(message) = rows.voicemail(id).await? else {
        return Ok(None);
    };
    let Some(call) = rows.call(message.call_id).await? else {
        return Ok(None);
    };
    let addresses = MailAddresses::of(rows).await?;
    let (Some(to), Some(tenant)) = (
        addresses.of_agent(&call.agent_name),
        rows.tenant_profile().await?,
    ) else {
        return Ok(None);
    };
    let contact = match call.contact_id {
        Some(contact) => rows.contact(contact).await?,
        None => None,
    };
    let name = contact.and_then(|contact| contact.name);
    let sound = sound(archive, &message).await?;
    let facts = facts(
        &message,
        &call,
        &tenant,
        name.map(|name| name.into_exposed()),
    );
    Ok(Some(letter(to, &message, &tenant, &facts, sound)))
}

/// What becomes of the audio in the mail.
enum Sound {
    Attached(Bytes),
    TooLarge,
    Gone,
}

async fn sound(archive: &Archive, message: &VoicemailListing) -> Result<Sound, JobError> {
    let key = message.object_key.as_deref();
    let Some(key) = key.and_then(|key| key.parse().ok()) else {
        return Ok(Sound::Gone);
    };
    match archive.get(&key, None).await {
        Ok(part) if part.bytes.len() > SOUND_BYTES_MAX => Ok(Sound::TooLarge),
        Ok(part) => Ok(Sound::Attached(part.bytes)),
        Err(ArchiveError::Missing) => Ok(Sound::Gone),
        Err(_) => Err(JobError::Later(Word::new("archive"))),
    }
}

fn facts(
    message: &VoicemailListing,
    call: &CallDetail,
    tenant: &Tenant,
    contact: Option<String>,
) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let zone = tenant.time_zone.name();
    let left = local(message.recorded_at, tenant, "%A, %-d %B %Y, %H:%M:%S");
    facts.push(("When", format!("{left} ({zone})")));
    if let Some(seconds) = message.length_s {
        facts.push(("Length", format!("{} min {} s", seconds / 60, seconds % 60)));
    }
    let number = call.caller_number.as_ref().map(|number| number.expose());
    let number = number.map_or("withheld".to_owned(), ToString::to_string);
    facts.push(("Caller's number", number));
    facts.extend(contact.map(|name| ("Contact", name)));
    facts.push(("Agent", call.agent_name.clone()));
    facts.push(("Call", call.id.to_string()));
    facts
}

fn letter(
    to: MailAddress,
    message: &VoicemailListing,
    tenant: &Tenant,
    facts: &[(&'static str, String)],
    sound: Sound,
) -> Letter {
    let left = local(message.recorded_at, tenant, "%-d %b %Y, %H:%M");
    let (said, note) = (said(message), about(&sound));
    let mut text = String::new();
    let mut html = String::from("<!doctype html><html><body><table>\n");
    // Writing to a text cannot fail.
    for (name, value) in facts {
        let _ = writeln!(text, "{name}: {}", plain(value));
        let _ = writeln!(
            html,
            "<tr><th align=\"left\">{name}</th><td>{}</td></tr>",
            escape_html(value)
        );
    }
    let _ = writeln!(text, "\n{}\n\n{note}", plain(&said));
    let _ = writeln!(
        html,
        "</table>\n<p>{}</p>\n<p>{note}</p></body></html>",
        escape_html(&said)
    );
    Letter {
        to,
        // No words, names or numbers: subjects show on locked screens.
        subject: format!("Message for {} on {left}", tenant.display_name),
        text,
        html,
        attachment: match sound {
            Sound::Attached(content) => Some(Attachment {
                name: "message.wav",
                content_type: "audio/wav",
                content,
            }),
            Sound::TooLarge | Sound::Gone => None,
        },
        message_id: format!("voicemail.{}", message.id),
    }
}

/// The words, or openly why there are none.
fn said(message: &VoicemailListing) -> String {
    if let Some(words) = &message.transcript {
        return format!("Written down by a machine: {}", words.expose());
    }
    let why = message.transcription.as_ref().map(Word::as_str);
    let why = match why {
        Some("off") => "no transcriber is set up",
        Some("not_disclosed") => "the caller was not told that messages are",
        Some("refused" | "withdrawn") => "the caller did not agree to that",
        Some("switched_off") => "transcription is switched off",
        Some("nothing_said") => "no words could be made out",
        _ => "the transcriber failed",
    };
    format!("Not written down: {why}.")
}

fn about(sound: &Sound) -> &'static str {
    match sound {
        Sound::Attached(_) => "The message is attached.",
        Sound::TooLarge => "The message is too large for a mail; it is kept in the archive.",
        Sound::Gone => "The sound is not kept any more.",
    }
}
