//! `staff`: who may sign in, for whoever runs the installation. What it does leaves the same audit entries as the API.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{TimeDelta, Utc};
use serde::Serialize;
use switchboard_store::{
    Actor, NewStaff, Private, Purpose, StaffId, Store, StoreError, TenantStore,
};

use super::arguments::{NewStaffArguments, StaffArguments, StaffCommand};
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::scope_of;
use crate::config::Settings;
use crate::staff::{PasswordPool, check_strength};

/// Longest password file that is read.
const PASSWORD_BYTES_MAX: u64 = 4_096;
/// How long a link can be used.
const LINK_LIFE: TimeDelta = TimeDelta::days(3);

/// What `create` and `invite` print as JSON.
#[derive(Serialize)]
struct Added {
    id: StaffId,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<Private<String>>,
}

pub(super) async fn staff(
    settings: &Settings,
    command: &StaffCommand,
    output: &Output,
) -> Result<()> {
    match command {
        StaffCommand::List { tenant } => list(settings, tenant, output).await,
        StaffCommand::Create {
            person,
            password_file,
        } => create(settings, person, password_file, output).await,
        StaffCommand::Invite { person } => invite(settings, person, output).await,
        StaffCommand::Disable { person } => {
            let rows = rows_of(settings, &person.tenant).await?;
            let id = find(&rows, person).await?;
            rows.disable_staff(id, Utc::now()).await?;
            output.note("they are signed out everywhere and cannot sign in any more");
            output.line(&id.to_string())
        }
        StaffCommand::Reset {
            person,
            second_factor,
        } => {
            let rows = rows_of(settings, &person.tenant).await?;
            let id = find(&rows, person).await?;
            if *second_factor {
                rows.remove_second_factor(id, Utc::now()).await?;
            }
            rows.end_logins_of(id, Utc::now()).await?;
            print_link(settings, &rows, id, output).await
        }
    }
}

async fn list(settings: &Settings, tenant: &str, output: &Output) -> Result<()> {
    let store = Store::open_read_only(&settings.database.store_settings()).await?;
    let scope = scope_of(&store, tenant, Actor::Operator, Purpose::List).await?;
    let columns = [
        "id",
        "name",
        "email",
        "role",
        "second_factor",
        "last_signed_in_at",
        "disabled_at",
    ];
    output.rows("people", &columns, &store.tenant(scope).list_staff().await?)
}

async fn create(
    settings: &Settings,
    person: &NewStaffArguments,
    password_file: &Path,
    output: &Output,
) -> Result<()> {
    let password = read_password(password_file)?;
    check_strength(
        password.expose(),
        &[&person.name, &person.person.email, &person.person.tenant],
    )
    .map_err(|weak| {
        Failure::new(Exit::WrongUse, "the password is too easy to guess").because(weak.to_string())
    })?;
    let rows = rows_of(settings, &person.person.tenant).await?;
    let hash = PasswordPool::start()?.hash(password).await?;
    let id = rows
        .create_staff(&new_staff(person, Some(hash)))
        .await
        .map_err(|error| address_taken(error, &person.person))?;
    if output.is_json() {
        return output.document(&Added { id, link: None });
    }
    output.line(&id.to_string())
}

async fn invite(settings: &Settings, person: &NewStaffArguments, output: &Output) -> Result<()> {
    let rows = rows_of(settings, &person.person.tenant).await?;
    let id = match rows.find_staff(&person.person.email).await? {
        Some(id) => id,
        None => rows.create_staff(&new_staff(person, None)).await?,
    };
    print_link(settings, &rows, id, output).await
}

async fn print_link(
    settings: &Settings,
    rows: &TenantStore,
    id: StaffId,
    output: &Output,
) -> Result<()> {
    let now = Utc::now();
    let token = rows.invite_staff(id, now, now + LINK_LIFE).await?;
    // Behind the number sign, so that the token is in no log of any server.
    let page = settings.public_url().as_http().join("/invitation");
    let link = format!("{page}#token={}", token.expose());
    if output.is_json() {
        let link = Some(link.into());
        return output.document(&Added { id, link });
    }
    output.note("this is the only time the link is shown; it works once, for three days");
    output.line(&link)
}

async fn rows_of(settings: &Settings, tenant: &str) -> Result<TenantStore> {
    let store = Store::open(&settings.database.store_settings()).await?;
    let scope = scope_of(&store, tenant, Actor::Operator, Purpose::Configure).await?;
    Ok(store.tenant(scope))
}

async fn find(rows: &TenantStore, person: &StaffArguments) -> Result<StaffId> {
    let found = rows.find_staff(&person.email).await?;
    found.ok_or_else(|| {
        Failure::new(Exit::WrongUse, "nobody there has this e-mail address")
            .with_help(format!(
                "`switchboard staff list --tenant {}` shows all",
                person.tenant
            ))
            .into()
    })
}

fn new_staff(person: &NewStaffArguments, password_hash: Option<Private<String>>) -> NewStaff {
    NewStaff {
        name: person.name.clone().into(),
        email: person.person.email.clone().into(),
        role: person.role,
        password_hash,
        location: None,
        is_demo: false,
    }
}

fn address_taken(error: StoreError, person: &StaffArguments) -> anyhow::Error {
    match error {
        StoreError::AlreadyExists { .. } => Failure::new(
            Exit::Refused,
            "somebody there has this e-mail address already",
        )
        .with_help(format!(
            "`switchboard staff reset --tenant {} --email …` gives them a new password",
            person.tenant
        ))
        .into(),
        other => other.into(),
    }
}

fn read_password(file: &Path) -> Result<Private<String>> {
    let mut text = String::new();
    let reader: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(
            std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?,
        )
    };
    reader
        .take(PASSWORD_BYTES_MAX)
        .read_to_string(&mut text)
        .context("cannot read the password")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}
