//! `export` and `erase`: everything about one person, to hand over or to remove.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use switchboard_store::{
    Actor, ERASURE_PLAN, ListFilter, PersonRows, Purpose, Store, TenantStore, Treatment,
};

use super::arguments::{EraseArguments, ExportArguments, PersonArguments};
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::scope_of;
use crate::archive::{Archive, ArchiveError};
use crate::config::Settings;
use crate::erasure::{self, ErasureFile};
use crate::ops::seal::SealingKey;

/// Writes one readable document and the person's audio into a folder of its own.
pub(super) async fn export(
    settings: &Settings,
    arguments: &ExportArguments,
    output: &Output,
) -> Result<()> {
    let store = Store::open(&settings.database.store_settings()).await?;
    let scope = scope_of(
        &store,
        &arguments.person.tenant,
        Actor::Operator,
        Purpose::ReadTranscript,
    )
    .await?;
    let rows = store.tenant(scope);
    let person = find(&rows, &arguments.person).await?;
    let document = document(&rows, &person).await?;
    let mut folder = fs::DirBuilder::new();
    if let Err(error) = folder.mode(0o700).create(&arguments.to) {
        let failure = Failure::new(
            Exit::Refused,
            format!("cannot make {}", arguments.to.display()),
        );
        return Err(failure
            .because(error.to_string())
            .with_help("name a folder that does not exist yet")
            .into());
    }
    let archive = Archive::open(&settings.recordings)?;
    let mut missing = Vec::new();
    for object in &person.objects {
        match copy_audio(&archive, object, &arguments.to).await {
            Err(error) if error.downcast_ref::<ArchiveError>().is_some() => {
                missing.push(object.clone())
            }
            copied => copied?,
        }
    }
    write_private(
        &arguments.to.join("person.json"),
        serde_json::to_string_pretty(&document)?.as_bytes(),
    )?;
    rows.note_export(person.contact).await?;
    if !missing.is_empty() {
        output.note(&format!(
            "{} audio files are named and could not be read",
            missing.len()
        ));
    }
    let answer = json!({
        "folder": arguments.to, "calls": person.calls.len(), "conversations": person.conversations.len(),
        "audio": person.objects.len() - missing.len(), "audio_missing": missing,
    });
    if output.is_json() {
        return output.document(&answer);
    }
    output.note("this folder holds personal data: hand it over and delete it");
    output.line(&arguments.to.join("person.json").display().to_string())
}

async fn copy_audio(archive: &Archive, object: &str, to: &Path) -> Result<()> {
    let key: crate::archive::ObjectKey = object.parse().context("a key of audio cannot be read")?;
    let audio = archive.get(&key, None).await?;
    write_private(
        &to.join(format!("{}-{}.audio", key.kind().word(), key.id())),
        &audio.bytes,
    )
}

async fn document(rows: &TenantStore, person: &PersonRows) -> Result<Value> {
    let mut calls = Vec::new();
    for call in &person.calls {
        let filter = ListFilter::of_call(*call);
        calls.push(json!({
            "call": rows.call(*call).await?,
            "turns": rows.list_turns(&filter).await?,
            "tool_calls": rows.list_tool_calls(&filter).await?,
            "events": rows.list_call_events(&filter).await?,
            "consents": rows.list_consents(&filter).await?,
            "transfers": rows.transfers_of(*call).await?,
            "voicemails": rows.list_voicemails(&filter).await?,
            "captured": rows.captured_fields(*call).await?,
            "recordings": rows.list_recordings(&filter).await?,
            "usage": rows.list_usage(&filter).await?,
        }));
    }
    let mut conversations = Vec::new();
    for conversation in &person.conversations {
        let messages = rows.messages(*conversation).await?;
        conversations.push(json!({ "id": conversation, "messages": messages }));
    }
    let mut document = json!({
        "exported_at": chrono::Utc::now(),
        "addresses": person.addresses,
        "calls": calls,
        "conversations": conversations,
    });
    if let Some(contact) = person.contact {
        let filter = ListFilter {
            contact: Some(contact),
            ..ListFilter::default()
        };
        let waitlist = rows.list_waitlist().await?;
        let waitlist: Vec<_> = waitlist
            .into_iter()
            .filter(|it| it.contact_id == contact)
            .collect();
        document["contact"] = json!(rows.contact(contact).await?);
        document["memories"] = json!(rows.memories(contact, chrono::DateTime::UNIX_EPOCH).await?);
        document["appointments"] = json!(rows.list_appointments(&filter).await?);
        document["waitlist"] = json!(waitlist);
        document["consents"] = json!(rows.list_consents(&filter).await?);
    }
    Ok(document)
}

/// Shows what would go, asks, and removes it.
pub(super) async fn erase(
    settings: &Settings,
    arguments: &EraseArguments,
    output: &Output,
) -> Result<()> {
    let store = Store::open(&settings.database.store_settings()).await?;
    let scope = scope_of(
        &store,
        &arguments.person.tenant,
        Actor::Operator,
        Purpose::Maintain,
    )
    .await?;
    let rows = store.tenant(scope);
    let person = find(&rows, &arguments.person).await?;
    let key = SealingKey::load_or_create(&settings.database.sealing_key_file())?;
    let line = erasure::line_for(&key, scope.tenant, &person, chrono::Utc::now());
    let tables = rows.try_erase_person(&person, &line).await?;
    let at_vendors = at_vendors(&rows, &person).await?;
    let mut answer = json!({
        "erasure_id": line.id, "erased": !arguments.dry_run, "tables": tables, "audio": person.objects.len(),
        "kept": kept(), "live_calls": person.live_calls, "at_vendors": at_vendors,
    });
    if !output.is_json() {
        output.rows("tables", &["table", "rows"], &tables)?;
        output.note(&format!("and {} audio files", person.objects.len()));
    }
    if arguments.dry_run {
        answer["erasure_id"] = Value::Null;
        output.note("nothing was erased");
        return if output.is_json() {
            output.document(&answer)
        } else {
            Ok(())
        };
    }
    if !arguments.yes {
        ask()?;
    }
    let archive = Archive::open(&settings.recordings)?;
    // The file first: an erasure that was asked for must outlive a crash between here and the database.
    let file = ErasureFile::at(&settings.database.erasure_list_file);
    file.add(std::slice::from_ref(&line))
        .context("the erasure list cannot be written")?;
    erasure::erase(&rows, &archive, &person, &line).await?;
    if person.live_calls > 0 {
        output.note("a call is still going: what it writes goes with the server's next sweep");
    }
    if !at_vendors.is_empty() {
        output.note(
            "vendors keep copies of their own: delete them there by the ids that --json lists",
        );
    }
    output.note(&format!(
        "keep {}: a restore applies it again",
        file.path().display()
    ));
    if output.is_json() {
        return output.document(&answer);
    }
    output.line(&line.id.to_string())
}

/// Ids by which vendors know this person's calls.
async fn at_vendors(rows: &TenantStore, person: &PersonRows) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for call in &person.calls {
        let found = rows.call(*call).await?;
        ids.extend(found.and_then(|it| it.carrier_call_id));
        let sessions = rows
            .list_model_sessions(&ListFilter::of_call(*call))
            .await?;
        ids.extend(sessions.into_iter().filter_map(|it| it.vendor_session_id));
        let messages = rows.list_voicemails(&ListFilter::of_call(*call)).await?;
        // What was fetched was deleted at the carrier.
        let unfetched = messages.into_iter().filter(|it| it.object_key.is_none());
        ids.extend(unfetched.map(|it| it.recording_id));
    }
    Ok(ids)
}

/// What stays, and why.
fn kept() -> Value {
    let kept = ERASURE_PLAN
        .iter()
        .filter_map(|(table, treatment)| match treatment {
            Treatment::Kept(reason) => Some(((*table).to_owned(), json!(reason))),
            Treatment::Cleared(what) => {
                Some(((*table).to_owned(), json!(format!("without {what}"))))
            }
            Treatment::Erased | Treatment::Technical => None,
        });
    Value::Object(kept.collect())
}

async fn find(rows: &TenantStore, who: &PersonArguments) -> Result<PersonRows> {
    let found = match (&who.contact, &who.phone, &who.email) {
        (Some(contact), _, _) => rows.contact(*contact).await?,
        (_, Some(phone), _) => rows.find_contact_by_phone(phone).await?,
        (_, _, Some(email)) => rows.find_contact_by_email(email).await?,
        _ => None,
    };
    let person = rows
        .person_rows(found.map(|it| it.id), who.phone.as_ref())
        .await?;
    if person.contact.is_none() && person.calls.is_empty() {
        let failure = Failure::new(Exit::No, "nothing is stored about this person");
        return Err(failure
            .with_help("`switchboard list contacts` shows whom the tenant knows")
            .into());
    }
    Ok(person)
}

fn ask() -> Result<()> {
    let refused = || {
        Failure::new(Exit::Refused, "nothing was erased").with_help("answer `erase`, or say --yes")
    };
    if !io::stdin().is_terminal() {
        return Err(refused().into());
    }
    write!(
        io::stderr(),
        "This cannot be undone. Type `erase` to go on: "
    )?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() == "erase" {
        Ok(())
    } else {
        Err(refused().into())
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}
