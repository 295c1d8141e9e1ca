//! `tenant app-users`: who vouches for the users of a tenant's app.

use anyhow::Result;
use switchboard_store::{
    Actor, AppIssuerKey, NewAppIssuer, Private, Purpose, Store, TenantId, TenantStore,
};

use super::arguments::AppUsersCommand;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::{read_secret, scope_of};
use crate::app_users::{ALGORITHMS, is_shared_secret_algorithm, is_strong, secret_context};
use crate::config::{Settings, nearest};
use crate::ops::seal::SealingKey;
use crate::outbound::Outbound;

/// Longest issuer and audience.
const NAME_BYTES_MAX: usize = 255;

pub(super) async fn app_users(
    settings: &Settings,
    command: &AppUsersCommand,
    output: &Output,
) -> Result<()> {
    let store = Store::open(&settings.database.store_settings()).await?;
    let purpose = match command {
        AppUsersCommand::List { .. } => Purpose::List,
        _ => Purpose::Configure,
    };
    let scope = scope_of(&store, command.tenant(), Actor::Operator, purpose).await?;
    let rows = store.tenant(scope);
    match command {
        AppUsersCommand::List { .. } => {
            let columns = [
                "issuer",
                "audience",
                "algorithm",
                "jwks_url",
                "agents",
                "updated_at",
            ];
            output.rows("issuers", &columns, &rows.list_app_issuers().await?)
        }
        AppUsersCommand::Set { .. } => {
            let issuer = read_issuer(settings, scope.tenant, command)?;
            check_agents(&rows, &issuer.agents).await?;
            rows.put_app_issuer(&issuer).await?;
            output.note(&format!(
                "users of {} may talk to {}",
                issuer.issuer,
                issuer.agents.join(", ")
            ));
            Ok(())
        }
        AppUsersCommand::Remove { issuer, .. } => {
            if !rows.remove_app_issuer(issuer).await? {
                let failure = Failure::new(Exit::No, format!("{issuer} is not trusted"));
                let help = "`switchboard tenant app-users list --tenant NAME` shows who is";
                return Err(failure.with_help(help).into());
            }
            output.note(&format!("{issuer} is trusted no more"));
            Ok(())
        }
    }
}

fn read_issuer(
    settings: &Settings,
    tenant: TenantId,
    command: &AppUsersCommand,
) -> Result<NewAppIssuer> {
    let AppUsersCommand::Set {
        issuer,
        audience,
        agents,
        algorithm,
        secret_file,
        jwks_url,
        ..
    } = command
    else {
        return Err(Failure::new(Exit::WrongUse, "there is no issuer to set").into());
    };
    for (name, text) in [("--issuer", issuer), ("--audience", audience)] {
        if text.is_empty() || text.len() > NAME_BYTES_MAX {
            let failure = Failure::new(Exit::WrongUse, format!("{name} has 1 to 255 bytes"));
            return Err(failure.into());
        }
    }
    let usual = if jwks_url.is_some() { "RS256" } else { "HS256" };
    let algorithm = algorithm.as_deref().unwrap_or(usual);
    check_algorithm(algorithm, jwks_url.is_none())?;
    let key = match (secret_file, jwks_url) {
        (Some(file), _) => {
            let secret = read_secret(file, "secret")?;
            if !is_strong(&secret) {
                let failure = Failure::new(Exit::WrongUse, "the secret is too short");
                let help = "a shared secret has 32 bytes or more: `openssl rand -hex 32` makes one";
                return Err(failure.with_help(help).into());
            }
            let key = SealingKey::load_or_create(&settings.database.sealing_key_file())?;
            let sealed = key.seal(&secret, &secret_context(tenant, issuer))?;
            AppIssuerKey::Secret(Private::new(sealed))
        }
        (None, Some(url)) => {
            let outbound = Outbound::new(&settings.outbound)?;
            let checked = outbound.check(url);
            let checked =
                checked.map_err(|refusal| Failure::new(Exit::WrongUse, refusal.to_string()))?;
            AppIssuerKey::Jwks(checked.expose().to_owned())
        }
        (None, None) => {
            let failure = Failure::new(Exit::WrongUse, "neither secret nor keys are given");
            return Err(failure.with_help("use --secret-file or --jwks-url").into());
        }
    };
    Ok(NewAppIssuer {
        issuer: issuer.clone(),
        audience: audience.clone(),
        algorithm: algorithm.to_owned(),
        key,
        agents: agents.clone(),
    })
}

/// A public key is no shared secret, and a shared secret is not published (threat T1).
fn check_algorithm(algorithm: &str, has_secret: bool) -> Result<()> {
    if !ALGORITHMS.contains(&algorithm) {
        let failure = Failure::new(Exit::WrongUse, format!("{algorithm} is not taken"));
        let help = format!("use one of {}", ALGORITHMS.join(", "));
        return Err(failure.with_help(help).into());
    }
    if is_shared_secret_algorithm(algorithm) != has_secret {
        let what = format!("{algorithm} does not go with this kind of key");
        let help = "HS… needs --secret-file, all others need --jwks-url";
        return Err(Failure::new(Exit::WrongUse, what).with_help(help).into());
    }
    Ok(())
}

async fn check_agents(rows: &TenantStore, agents: &[String]) -> Result<()> {
    let known = rows.list_agents().await?;
    let known: Vec<&str> = known.iter().map(|agent| agent.name.as_str()).collect();
    let Some(unknown) = agents.iter().find(|name| !known.contains(&name.as_str())) else {
        return Ok(());
    };
    let help = nearest(unknown, known).map_or_else(
        || "`switchboard agent list --tenant NAME` shows them".to_owned(),
        |name| format!("did you mean `{name}`?"),
    );
    let failure = Failure::new(Exit::WrongUse, format!("there is no agent `{unknown}`"));
    Err(failure.with_help(help).into())
}
