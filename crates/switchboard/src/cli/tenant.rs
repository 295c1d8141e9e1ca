//! `tenant` and `key`: who is kept apart, by which numbers, accounts and keys they are reached.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use switchboard_store::{
    Actor, NewNumber, NewTenant, PhoneNumberError, Private, Purpose, Store, StoreError, Tenant,
    TenantScope, TenantStore, Word,
};

use super::app_users::app_users;
use super::arguments::{KeyCommand, NumberCommand, TenantCommand, TwilioCommand};
use super::failure::{Exit, Failure};
use super::output::Output;
use crate::config::{
    AgentDefinition, PhoneNumber, Place, Secret, Settings, check_dialled, nearest,
};
use crate::handoff::TargetBook;
use crate::ops::seal::{SealingKey, twilio_context};

/// Longest auth token file that is read; a token has 32 characters.
const TOKEN_BYTES_MAX: u64 = 4_096;

/// Hexadecimal digits behind the `AC` of an account SID.
const SID_DIGITS: usize = 32;

pub(super) async fn tenant(
    settings: &Settings,
    command: &TenantCommand,
    output: &Output,
) -> Result<()> {
    let store_settings = settings.database.store_settings();
    match command {
        TenantCommand::List => {
            let store = Store::open_read_only(&store_settings).await?;
            let columns = [
                "id",
                "name",
                "display_name",
                "time_zone",
                "currency",
                "created_at",
            ];
            output.rows(
                "tenants",
                &columns,
                &store.installation().list_tenants().await?,
            )
        }
        TenantCommand::Create {
            name,
            display_name,
            time_zone,
            currency,
        } => {
            let store = Store::open(&store_settings).await?;
            let display_name = display_name.clone().unwrap_or_else(|| name.clone());
            let new = NewTenant {
                name: name.clone(),
                display_name,
                time_zone: *time_zone,
                currency: *currency,
            };
            let created = store
                .installation()
                .create_tenant(&new)
                .await
                .map_err(|error| name_taken(error, name))?;
            print_tenant(&created, output)
        }
        TenantCommand::Number(NumberCommand::List { tenant }) => {
            let store = Store::open_read_only(&store_settings).await?;
            let scope = scope_of(&store, tenant, Actor::Operator, Purpose::List).await?;
            let columns = [
                "number",
                "agent",
                "human_number",
                "human_target",
                "twilio_account_id",
                "created_at",
            ];
            output.rows(
                "numbers",
                &columns,
                &store.tenant(scope).list_numbers().await?,
            )
        }
        TenantCommand::Number(NumberCommand::Set {
            tenant,
            number,
            agent,
            human,
        }) => {
            let store = Store::open(&store_settings).await?;
            let scope = scope_of(&store, tenant, Actor::Operator, Purpose::Configure).await?;
            let (human_number, human_target) = match human {
                None => (None, None),
                Some(text) if text.starts_with('+') => {
                    let human: PhoneNumber = text.parse().map_err(not_a_number)?;
                    check_human(settings, number, &human)?;
                    (Some(human), None)
                }
                Some(name) => {
                    let rows = store.tenant(scope);
                    (None, Some(party_of(settings, &rows, agent, name).await?))
                }
            };
            let new = NewNumber {
                number: number.clone(),
                agent_name: agent.clone(),
                human_number,
                human_target,
                twilio_account: None,
                location: None,
            };
            let id = store.tenant(scope).put_number(&new).await?;
            output.note(&format!("callers of this number reach {agent}"));
            output.line(&id.to_string())
        }
        TenantCommand::AppUsers(command) => app_users(settings, command, output).await,
        TenantCommand::Twilio(TwilioCommand::Set {
            tenant,
            account_sid,
            auth_token_file,
        }) => {
            check_sid(account_sid)?;
            let token = read_secret(auth_token_file, "auth token")?;
            let key = SealingKey::load_or_create(&settings.database.sealing_key_file())?;
            let store = Store::open(&store_settings).await?;
            let scope = scope_of(&store, tenant, Actor::Operator, Purpose::Configure).await?;
            let sealed = key.seal(&token, &twilio_context(scope.tenant, account_sid))?;
            store
                .tenant(scope)
                .put_twilio_account(account_sid, &Private::new(sealed))
                .await?;
            output.note(&format!(
                "the account of {tenant} is set and its token sealed"
            ));
            Ok(())
        }
    }
}

pub(super) async fn key(settings: &Settings, command: &KeyCommand, output: &Output) -> Result<()> {
    let KeyCommand::Create { tenant, name } = command;
    let store = Store::open(&settings.database.store_settings()).await?;
    let scope = scope_of(&store, tenant, Actor::Operator, Purpose::Configure).await?;
    let created = store.tenant(scope).create_api_key(name).await?;
    if output.is_json() {
        return output.document(&created);
    }
    output.note("this is the only time the key is shown");
    output.line(created.key.expose())
}

/// The scope of the tenant that `wanted` names, by name or id.
///
/// # Errors
/// Nobody of that name; the nearest name is told.
pub(super) async fn scope_of(
    store: &Store,
    wanted: &str,
    actor: Actor,
    purpose: Purpose,
) -> Result<TenantScope> {
    let installation = store.installation();
    if let Some(tenant) = installation.find_tenant(wanted).await? {
        return Ok(TenantScope::new(tenant.id, actor, purpose));
    }
    let all = installation.list_tenants().await?;
    let near = nearest(wanted, all.iter().map(|tenant| tenant.name.as_str()));
    let help = near.map_or_else(
        || "`switchboard tenant list` shows all, `switchboard tenant create` makes one".to_owned(),
        |name| format!("did you mean `{name}`?"),
    );
    Err(
        Failure::new(Exit::WrongUse, format!("there is no tenant `{wanted}`"))
            .with_help(help)
            .into(),
    )
}

/// The tenant that is wanted, or all of them.
pub(super) async fn tenants_of(store: &Store, wanted: Option<&str>) -> Result<Vec<Tenant>> {
    let mut tenants = store.installation().list_tenants().await?;
    if let Some(wanted) = wanted {
        let scope = scope_of(store, wanted, Actor::Operator, Purpose::List).await?;
        tenants.retain(|tenant| tenant.id == scope.tenant);
    }
    Ok(tenants)
}

fn print_tenant(tenant: &Tenant, output: &Output) -> Result<()> {
    if output.is_json() {
        return output.document(tenant);
    }
    output.note(&format!("tenant {} created", tenant.name));
    output.line(&tenant.id.to_string())
}

fn name_taken(error: StoreError, name: &str) -> anyhow::Error {
    match error {
        StoreError::AlreadyExists { .. } => {
            Failure::new(Exit::Refused, format!("there is a tenant `{name}` already")).into()
        }
        other => other.into(),
    }
}

fn not_a_number(error: PhoneNumberError) -> Failure {
    Failure::new(Exit::WrongUse, error.to_string()).with_help(
        "a number begins with + and its country code; anything else is the name of a party",
    )
}

/// A party of the agent's file or of the settings, by name.
async fn party_of(
    settings: &Settings,
    rows: &TenantStore,
    agent: &str,
    name: &str,
) -> Result<Word> {
    let stored = rows.agent(agent).await?;
    let definition: Option<AgentDefinition> = match stored {
        Some(stored) => Some(serde_json::from_value(stored.definition)?),
        None => None,
    };
    let names = match &definition {
        Some(definition) => TargetBook::names(&settings.handoff, definition),
        None => settings.handoff.targets.keys().cloned().collect(),
    };
    if names.iter().any(|known| known == name) {
        return Ok(Word::parse(name)?);
    }
    let near = nearest(name, names.iter().map(String::as_str));
    let help = near.map_or_else(
        || "use a number, +12025550199, or a party of the agent's `[handoff.targets]`".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    let failure = Failure::new(Exit::WrongUse, format!("`{agent}` has no party `{name}`"));
    Err(failure.with_help(help).into())
}

/// The human of a number is dialled from it, so what may be dialled is decided here too (threat M2).
fn check_human(settings: &Settings, number: &PhoneNumber, human: &PhoneNumber) -> Result<()> {
    let key = "--human";
    let (rules, place_of) = (&settings.dialling, |_: &str| Place::Default);
    check_dialled(rules, Some(number), Some(human), key, &place_of)?;
    Ok(())
}

fn check_sid(account_sid: &str) -> Result<()> {
    let digits = account_sid.strip_prefix("AC").unwrap_or_default();
    if digits.len() == SID_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    let failure = Failure::new(Exit::WrongUse, "this is no Twilio account SID");
    Err(failure.with_help("it has AC and 32 hexadecimal digits, and stands on the first page of the Twilio console").into())
}

/// A secret from a file or stdin; `what` names it in complaints.
pub(super) fn read_secret(file: &Path, what: &str) -> Result<Secret> {
    let mut text = String::new();
    let reader: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(
            std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?,
        )
    };
    reader
        .take(TOKEN_BYTES_MAX)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read the {what}"))?;
    match text.trim() {
        "" => Err(Failure::new(Exit::WrongUse, format!("the {what} is empty")).into()),
        token => Ok(Secret::new(token)),
    }
}
