//! `agent`: definitions as files say them and as tenants run them.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use switchboard_store::{Actor, Purpose, Store};

use super::arguments::AgentCommand;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::scope_of;
use crate::config::agent::reference_agents;
use crate::config::{AgentDefinition, Settings, check_agent, nearest};

pub(super) async fn agent(
    settings: &Settings,
    command: &AgentCommand,
    output: &Output,
) -> Result<()> {
    match command {
        AgentCommand::List {
            tenant: Some(tenant),
        } => {
            let store = Store::open_read_only(&settings.database.store_settings()).await?;
            let scope = scope_of(&store, tenant, Actor::Operator, Purpose::List).await?;
            let agents = store.tenant(scope).list_agents().await?;
            output.rows(
                "agents",
                &["name", "version", "source", "created_at"],
                &agents,
            )
        }
        AgentCommand::List { tenant: None } => {
            let agents: Vec<Value> = files(settings)?.iter().map(summary).collect();
            let columns = [
                "name",
                "display_name",
                "model",
                "voice",
                "languages",
                "tools",
            ];
            output.rows("agents", &columns, &agents)
        }
        AgentCommand::Show {
            name,
            tenant: Some(tenant),
        } => {
            let store = Store::open_read_only(&settings.database.store_settings()).await?;
            let scope = scope_of(&store, tenant, Actor::Operator, Purpose::List).await?;
            let tenant = store.tenant(scope);
            match tenant.agent(name).await? {
                Some(version) => output.document(&version.definition),
                None => {
                    let names: Vec<String> = tenant
                        .list_agents()
                        .await?
                        .into_iter()
                        .map(|it| it.name)
                        .collect();
                    Err(no_agent(name, &names))
                }
            }
        }
        AgentCommand::Show { name, tenant: None } => {
            let agents = files(settings)?;
            match agents.iter().find(|agent| agent.name == *name) {
                Some(agent) => output.document(agent),
                None => Err(no_agent(
                    name,
                    &agents.into_iter().map(|it| it.name).collect::<Vec<_>>(),
                )),
            }
        }
        AgentCommand::Import {
            file,
            tenant,
            with_business,
        } => {
            let wanted = Import {
                file,
                tenant,
                with_business: *with_business,
            };
            import(settings, &wanted, output).await
        }
    }
}

/// What to publish, and for whom.
struct Import<'a> {
    file: &'a Path,
    tenant: &'a str,
    with_business: bool,
}

async fn import(settings: &Settings, wanted: &Import<'_>, output: &Output) -> Result<()> {
    let file = wanted.file;
    let definition = AgentDefinition::load(file)?;
    check_agent(settings, &definition)?;
    let store = Store::open(&settings.database.store_settings()).await?;
    let scope = scope_of(&store, wanted.tenant, Actor::Operator, Purpose::Configure).await?;
    let source = file.display().to_string();
    let document = serde_json::to_value(&definition)?;
    let rows = store.tenant(scope);
    let published = rows
        .publish_agent(&definition.name, &document, &source)
        .await?;
    if wanted.with_business {
        crate::demo::store_business(&rows, &definition).await?;
    }
    let (name, version) = (&definition.name, published.version);
    if output.is_json() {
        return output
            .document(&json!({ "name": name, "version": version, "is_new": published.is_new }));
    }
    let what = if published.is_new {
        "published as"
    } else {
        "unchanged, still"
    };
    output.line(&format!("{name} {what} version {version}"))
}

/// The files of `agents.directory`; the built-in reference agents when there are none.
fn files(settings: &Settings) -> Result<Vec<AgentDefinition>> {
    let agents = AgentDefinition::load_directory(Path::new(&settings.agents.directory))?;
    if agents.is_empty() {
        Ok(reference_agents()?)
    } else {
        Ok(agents)
    }
}

fn summary(agent: &AgentDefinition) -> Value {
    let languages: Vec<&str> = agent
        .languages
        .iter()
        .map(|language| language.code())
        .collect();
    json!({
        "name": agent.name,
        "display_name": agent.display_name,
        "model": agent.model,
        "voice": agent.voice,
        "languages": languages.join(" "),
        "tools": agent.tools.join(" "),
    })
}

fn no_agent(name: &str, known: &[String]) -> anyhow::Error {
    let help = nearest(name, known.iter().map(String::as_str)).map_or_else(
        || "`switchboard agent list` shows all".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Failure::new(Exit::WrongUse, format!("there is no agent `{name}`"))
        .with_help(help)
        .into()
}
