//! `GET /api/v1/agents`: who can be talked to, with what a person needs to choose.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use switchboard_store::Purpose;

use super::ApiContext;
use crate::config::AgentDefinition;
use crate::config::agent::{Language, ModelChoice};
use crate::http::{Problem, Visitor};

pub(super) fn routes() -> Router<ApiContext> {
    Router::new().route("/api/v1/agents", get(list))
}

/// Characters of a greeting that are shown.
const SUMMARY_CHARS_MAX: usize = 160;

/// All agents of the tenant. They are few: a page would be an empty promise.
#[derive(Serialize)]
struct Agents {
    items: Vec<AgentSummary>,
}

#[derive(Serialize)]
struct AgentSummary {
    /// The `model` of `/v1/realtime`.
    name: String,
    /// The published version that answers the next call.
    version: i64,
    /// The business's name as callers know it.
    display_name: String,
    /// What it calls itself; blank when it has no name.
    persona: String,
    model: ModelChoice,
    voice: String,
    /// The one it begins in first.
    languages: Vec<Language>,
    /// How it begins to speak on the telephone; empty when it waits for the caller.
    greeting_summary: String,
    tools: Vec<String>,
    published_at: switchboard_store::Timestamp,
}

async fn list(
    State(context): State<ApiContext>,
    identity: Visitor,
) -> Result<Json<Agents>, Problem> {
    let rows = context.rows(&identity, Purpose::List);
    let mut items = Vec::new();
    for listed in rows.list_agents().await? {
        let version = rows.agent_version(&listed.name, listed.version).await?;
        let Some(version) = version else { continue };
        match serde_json::from_value::<AgentDefinition>(version.definition) {
            Ok(definition) => items.push(summary(definition, version.version, version.created_at)),
            // One that cannot answer calls is not offered.
            Err(error) => tracing::warn!(agent_id = %version.id, %error, "an agent cannot be read"),
        }
    }
    Ok(Json(Agents { items }))
}

fn summary(
    agent: AgentDefinition,
    version: i64,
    published_at: switchboard_store::Timestamp,
) -> AgentSummary {
    let greeting = agent.greeting.text.in_language(agent.first_language());
    let greeting_summary = greeting.unwrap_or_default();
    AgentSummary {
        greeting_summary: greeting_summary.chars().take(SUMMARY_CHARS_MAX).collect(),
        name: agent.name,
        version,
        display_name: agent.display_name,
        persona: agent.persona,
        model: agent.model,
        voice: agent.voice,
        languages: agent.languages,
        tools: agent.tools,
        published_at,
    }
}
