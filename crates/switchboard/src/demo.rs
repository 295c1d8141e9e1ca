//! The reference agents as a running installation: one tenant each, named like its agent.

pub mod history;

use std::io::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use chrono::Timelike;
use switchboard_store::{
    Actor, Currency, Micros, Money, NewNumber, NewPractitioner, NewService, NewTenant,
    OpeningHours, PhoneNumber, Purpose, Store, TenantId, TenantScope, TenantStore, Zone,
};

use crate::cli::{Exit, Failure};
use crate::config::agent::reference_agents;
use crate::config::{AgentDefinition, CallsSettings, Secret, Settings};
use crate::models::local::check_programs as check_local_programs;
use crate::reception::{Reception, local_programs};
use crate::staff::Doorkeeper;

/// Says which program of the offline model is missing, and how to install it.
///
/// # Errors
/// A program that cannot be run.
pub fn check_programs(settings: &Settings) -> Result<()> {
    check_local_programs(&local_programs(settings)).map_err(|missing| {
        Failure::new(Exit::CannotReach, missing.to_string())
            .because("the offline demo agents speak and listen with it")
            .with_help("as root: apt-get install espeak-ng pocketsphinx pocketsphinx-en-us")
            .into()
    })
}

/// Whoever tries the demo calls from one number, again and again: it is not capped unless the settings say so themselves.
pub fn lift_caller_caps(settings: &mut Settings) {
    let (calls, usual) = (&mut settings.calls, CallsSettings::default());
    if calls.caller_concurrent_max == usual.caller_concurrent_max {
        calls.caller_concurrent_max = 0;
    }
    if calls.caller_hour_max == usual.caller_hour_max {
        calls.caller_hour_max = 0;
    }
}

/// A token that signs webhooks, where none is set: so that a demo's carrier is checked like a real one.
///
/// # Errors
/// The system gives no random bytes.
pub fn mint_twilio_token(settings: &mut Settings) -> Result<()> {
    if settings.twilio.auth_token.is_none() {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        settings.twilio.auth_token = Some(Secret::new(token));
    }
    Ok(())
}

/// Loads the reference agents. Loading again changes nothing that is the same.
///
/// # Errors
/// The database cannot be written.
pub async fn load(store: &Store) -> Result<()> {
    for agent in reference_agents()? {
        let tenant = tenant(store, &agent).await?;
        let rows = store.tenant(TenantScope::new(tenant, Actor::Operator, Purpose::Demo));
        publish(&rows, &agent)
            .await
            .with_context(|| format!("agent {}", agent.name))?;
    }
    Ok(())
}

/// The names of the demo's tenants.
///
/// # Errors
/// A reference agent cannot be read.
pub fn tenant_names() -> Result<Vec<String>> {
    let agents = reference_agents()?;
    Ok(agents.into_iter().map(|agent| agent.name).collect())
}

async fn tenant(store: &Store, agent: &AgentDefinition) -> Result<TenantId> {
    let installation = store.installation();
    if let Some(tenant) = installation.find_tenant(&agent.name).await? {
        return Ok(tenant.id);
    }
    let tenant = NewTenant {
        name: agent.name.clone(),
        display_name: agent.display_name.clone(),
        time_zone: Zone(agent.time_zone),
        currency: Currency::USD,
    };
    Ok(installation.create_tenant(&tenant).await?.id)
}

async fn publish(rows: &TenantStore, agent: &AgentDefinition) -> Result<()> {
    let definition = serde_json::to_value(agent)?;
    rows.publish_agent(&agent.name, &definition, "demo").await?;
    if let Some(number) = &agent.number {
        rows.put_number(&NewNumber {
            number: PhoneNumber::parse(number.expose())?,
            agent_name: agent.name.clone(),
            human_target: None,
            human_number: agent
                .handoff
                .number
                .as_ref()
                .map(|human| PhoneNumber::parse(human.expose()))
                .transpose()?,
            twilio_account: None,
            location: None,
        })
        .await?;
    }
    store_business(rows, agent).await
}

/// Stores what the business sells, who does it and when, as the agent's file lists it. Storing again changes what is
/// different and adds what is new.
///
/// # Errors
/// The database cannot be written, or a value does not fit.
pub async fn store_business(rows: &TenantStore, agent: &AgentDefinition) -> Result<()> {
    let mut services = Vec::new();
    for service in &agent.demo.services {
        let price = Money {
            micros: Micros(i64::try_from(service.price_micros)?),
            currency: Currency::USD,
        };
        let id = rows
            .put_service(&NewService {
                name: service.name.clone(),
                description: None,
                duration_minutes: u16::try_from(service.minutes)?,
                price,
                synonyms: service.synonyms.clone(),
                location: None,
            })
            .await?;
        services.push((service.name.as_str(), id));
    }
    for practitioner in &agent.demo.practitioners {
        let performs = |name: &&str| {
            practitioner
                .services
                .iter()
                .any(|performed| performed == name)
        };
        let performed = services
            .iter()
            .filter(|(name, _)| performs(name))
            .map(|(_, id)| *id)
            .collect();
        rows.put_practitioner(&NewPractitioner {
            name: practitioner.name.clone(),
            location: None,
            services: performed,
        })
        .await?;
    }
    rows.replace_opening_hours(None, &opening_hours(agent))
        .await?;
    Ok(())
}

fn opening_hours(agent: &AgentDefinition) -> Vec<OpeningHours> {
    let days = agent.demo.opening_hours.iter();
    days.flat_map(|(day, stretches)| stretches.iter().map(|hours| (*day, *hours)))
        .map(|(day, hours)| OpeningHours {
            practitioner_id: None,
            weekday: i64::from(day.days_from_monday()) + 1,
            opens_minute: minute(hours.opens),
            closes_minute: minute(hours.closes),
        })
        .collect()
}

fn minute(time: chrono::NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight() / 60)
}

/// Prints where the server is and what will answer, on stderr.
///
/// # Errors
/// The database cannot be read.
pub async fn announce(
    reception: &Reception,
    doorkeeper: &Doorkeeper,
    address: SocketAddr,
    is_demo: bool,
) -> Result<()> {
    let settings = &reception.settings;
    let tenants = reception.store.installation().list_tenants().await?;
    let mut lines = Vec::new();
    if settings.openai.api_key.is_none() {
        lines.push("warning: openai.api_key is not set; agents with model \"auto\" are offline demo agents".to_owned());
    }
    if tenants.is_empty() {
        lines.push(
            "warning: no tenant exists; open the link below, or start with --demo".to_owned(),
        );
    }
    lines.push(format!(
        "listening on http://{address}, public address {}",
        settings.public_url().as_str()
    ));
    lines.push(format!("database {}", settings.database.url));
    for tenant in &tenants {
        lines.push(format!("tenant {} ({})", tenant.name, tenant.display_name));
    }
    if let Some(token) = doorkeeper.first_run().token().await {
        let page = settings.public_url().as_http().join("/first-run");
        lines.push(format!(
            "first use: open {page}#token={} (works once, until the next start)",
            token.expose()
        ));
    }
    for login in doorkeeper.demo_logins() {
        let password = login.password.expose();
        lines.push(format!(
            "sign in at http://{address}/sign-in as {} with {password}",
            login.email
        ));
    }
    if is_demo {
        lines.push("demo data is loaded; talk to an agent: switchboard call --agent medspa --say \"I would like to book a facial\"".to_owned());
    }
    // A start is for people: plain lines on stderr, whatever the format of the log. A closed stderr is nobody reading.
    let mut stderr = std::io::stderr().lock();
    for line in lines {
        let _ = writeln!(stderr, "{line}");
    }
    Ok(())
}
