//! `dial`, `consent` and `opt-out`: whom an agent calls, who agreed to it, and who must not be reached any more.

use anyhow::Result;
use chrono::Utc;
use switchboard_store::{
    Actor, CallId, ConsentAnswer, ConsentId, JournalWrite, ListFilter, NewConsent, Private,
    Purpose, Reachable, Store, TenantStore, Word,
};

use super::arguments::{AddressArguments, ConsentCommand, DialArguments, OptOutCommand};
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::scope_of;
use crate::config::{AgentDefinition, Settings};
use crate::desk::dialling::read_number;
use crate::desk::outgoing::{self, CallTarget, OutgoingRefusal, Wish};

async fn rows(settings: &Settings, tenant: &str, purpose: Purpose) -> Result<TenantStore> {
    let store = Store::open(&settings.database.store_settings()).await?;
    let scope = scope_of(&store, tenant, Actor::Operator, purpose).await?;
    Ok(store.tenant(scope))
}

pub(super) async fn dial(
    settings: &Settings,
    arguments: &DialArguments,
    output: &Output,
) -> Result<()> {
    let rows = rows(settings, &arguments.tenant, Purpose::Call).await?;
    let stored = rows.agent(&arguments.agent).await?;
    let stored = stored.ok_or_else(|| refused(&OutgoingRefusal::UnknownAgent))?;
    let agent: AgentDefinition = serde_json::from_value(stored.definition)?;
    let to = match (&arguments.to, arguments.contact) {
        (Some(text), _) => {
            let number = read_number(text);
            CallTarget::Number(number.map_err(|refusal| refused(&refusal.into()))?)
        }
        (None, Some(contact)) => CallTarget::Contact(contact),
        (None, None) => {
            return Err(Failure::new(Exit::WrongUse, "nobody is named to call")
                .with_help("add --to NUMBER or --contact ID")
                .into());
        }
    };
    let wish = Wish {
        id: CallId::new(),
        agent: arguments.agent.clone(),
        to,
        purpose: arguments.purpose,
        from: arguments.from.clone(),
        not_before: arguments.not_before,
        not_after: arguments.not_after,
        context: arguments.context.clone().map(Private::new),
        appointment: None,
    };
    let placed = outgoing::place(&rows, settings, &agent, &wish, Utc::now()).await;
    let placed = placed.map_err(|refusal| refused(&refusal))?;
    if output.is_json() {
        return output.document(&placed);
    }
    output
        .note("a running server dials; `switchboard list outgoing-calls` shows what became of it");
    output.line(&placed.id.to_string())
}

fn refused(refusal: &OutgoingRefusal) -> anyhow::Error {
    let code = refusal.code().unwrap_or("unavailable");
    Failure::new(Exit::Refused, format!("the call is not made ({code})"))
        .because(refusal.to_string())
        .into()
}

pub(super) async fn consent(
    settings: &Settings,
    command: &ConsentCommand,
    output: &Output,
) -> Result<()> {
    let ConsentCommand::Add {
        tenant,
        number,
        purpose,
        wording,
        language,
        refused,
    } = command;
    let rows = rows(settings, tenant, Purpose::Configure).await?;
    let purpose = Word::parse(purpose).map_err(|error| {
        Failure::new(Exit::WrongUse, "this is no purpose").because(error.to_string())
    })?;
    let contact = rows.ensure_contact_by_phone(number).await?;
    let id = ConsentId::new();
    let now = Utc::now();
    let consent = NewConsent {
        id,
        contact_id: Some(contact.id),
        call_id: None,
        purpose,
        wording: wording.clone(),
        language: language.clone(),
        answer: if *refused {
            ConsentAnswer::Refused
        } else {
            ConsentAnswer::Granted
        },
        answer_text: None,
        heard_ms: None,
        complete: Some(true),
        version: None,
        disclosed_at: now,
        answered_at: Some(now),
    };
    rows.apply(&[JournalWrite::Consent(consent)]).await?;
    if output.is_json() {
        return output.document(&serde_json::json!({ "id": id, "contact_id": contact.id }));
    }
    output.line(&id.to_string())
}

pub(super) async fn opt_out(
    settings: &Settings,
    command: &OptOutCommand,
    output: &Output,
) -> Result<()> {
    match command {
        OptOutCommand::Add { address } => {
            let rows = rows(settings, &address.tenant, Purpose::Configure).await?;
            let source = Word::new("operator");
            let is_new = rows.opt_out(&address_of(address)?, &source).await?;
            output.note(if is_new {
                "nobody reaches this person from now on, by any channel"
            } else {
                "it was there already"
            });
            Ok(())
        }
        OptOutCommand::Remove { address } => {
            let rows = rows(settings, &address.tenant, Purpose::Configure).await?;
            if rows.withdraw_opt_out(&address_of(address)?).await? {
                output.note("the person may be reached again");
                return Ok(());
            }
            Err(Failure::new(Exit::No, "there is no opt-out of this address").into())
        }
        OptOutCommand::List { tenant } => {
            let store = Store::open_read_only(&settings.database.store_settings()).await?;
            let scope = scope_of(&store, tenant, Actor::Operator, Purpose::List).await?;
            let columns = ["kind", "address", "source", "created_at"];
            let rows = store.tenant(scope).list_opt_outs().await?;
            output.rows("opt-outs", &columns, &rows)
        }
    }
}

fn address_of(address: &AddressArguments) -> Result<Reachable> {
    match (&address.number, &address.email) {
        (Some(number), None) => Ok(Reachable::Phone(number.clone())),
        (None, Some(email)) if email.contains('@') => {
            Ok(Reachable::Email(Private::new(email.clone())))
        }
        _ => Err(Failure::new(Exit::WrongUse, "an opt-out has one address")
            .with_help("add --number NUMBER or --email ADDRESS")
            .into()),
    }
}

/// Wishes to call somebody, for `switchboard list outgoing-calls`.
pub(super) async fn list(rows: &TenantStore, filter: &ListFilter, output: &Output) -> Result<()> {
    let columns = [
        "id",
        "agent",
        "purpose",
        "state",
        "outcome",
        "attempts",
        "not_before",
        "not_after",
    ];
    output.rows(
        "outgoing calls",
        &columns,
        &rows.list_outgoing_calls(filter).await?,
    )
}
