//! `list`: what is stored about a tenant, newest first. Reads the database directly and never migrates.

use anyhow::Result;
use switchboard_store::{Actor, ListFilter, Purpose, Store, TenantScope};

use super::arguments::{ListArguments, Noun};
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::{scope_of, tenants_of};
use crate::config::Settings;
use crate::ops::voice_health::ShownAlert;

pub(super) async fn list(
    settings: &Settings,
    arguments: &ListArguments,
    output: &Output,
) -> Result<()> {
    let store = Store::open_read_only(&settings.database.store_settings()).await?;
    if arguments.noun == Noun::Alerts {
        return list_alerts(&store, arguments, output).await;
    }
    let Some(tenant) = &arguments.tenant else {
        let failure = Failure::new(Exit::WrongUse, "whose rows is not said")
            .with_help("add `--tenant NAME`; `switchboard tenant list` shows the names");
        return Err(failure.into());
    };
    let purpose = match arguments.noun {
        Noun::Turns | Noun::ToolCalls | Noun::Conversations | Noun::Captured | Noun::Voicemails => {
            Purpose::ReadTranscript
        }
        _ => Purpose::List,
    };
    let scope = scope_of(&store, tenant, Actor::Operator, purpose).await?;
    let tenant = store.tenant(scope);
    let filter = ListFilter {
        limit: arguments.limit,
        call: arguments.call,
        contact: None,
    };
    match arguments.noun {
        Noun::Calls => output.rows(
            "calls",
            &[
                "id",
                "agent",
                "channel",
                "status",
                "offered_at",
                "answered_at",
                "ended_at",
                "end_reason",
                "end_class",
            ],
            &tenant.list_calls(&filter).await?,
        ),
        Noun::Conversations => output.rows(
            "conversations",
            &[
                "id",
                "contact",
                "channel",
                "status",
                "calls",
                "messages",
                "outcome",
                "updated_at",
            ],
            &tenant.list_conversations(&filter).await?,
        ),
        Noun::Turns => output.rows(
            "turns",
            &[
                "call_id",
                "seq",
                "speaker",
                "heard_text",
                "language",
                "interrupted",
                "response_ms",
                "heard_ms",
            ],
            &tenant.list_turns(&filter).await?,
        ),
        Noun::ToolCalls => output.rows(
            "tool calls",
            &[
                "call_id",
                "seq",
                "tool",
                "status",
                "arguments",
                "result",
                "duration_ms",
                "started_at",
            ],
            &tenant.list_tool_calls(&filter).await?,
        ),
        Noun::Contacts => output.rows(
            "contacts",
            &["id", "name", "phone", "email", "language", "created_at"],
            &tenant.list_contacts(&filter).await?,
        ),
        Noun::Appointments => output.rows(
            "appointments",
            &[
                "id",
                "service",
                "practitioner",
                "contact",
                "starts_at",
                "ends_at",
                "status",
                "created_at",
            ],
            &tenant.list_appointments(&filter).await?,
        ),
        Noun::Consents => output.rows(
            "consents",
            &[
                "id",
                "call_id",
                "purpose",
                "answer",
                "language",
                "heard_ms",
                "disclosed_at",
            ],
            &tenant.list_consents(&filter).await?,
        ),
        Noun::Recordings => output.rows(
            "recordings",
            &[
                "id",
                "call_id",
                "status",
                "started_at",
                "length_ms",
                "bytes",
                "retained_until",
            ],
            &tenant.list_recordings(&filter).await?,
        ),
        Noun::Handshakes => output.rows(
            "handshakes",
            &["call_id", "started_at", "elapsed_ms", "fell_back", "reason"],
            &tenant.list_handshakes(&filter).await?,
        ),
        Noun::OutgoingCalls => super::outgoing::list(&tenant, &filter, output).await,
        Noun::Events => output.rows(
            "events",
            &["call_id", "seq", "at", "name", "technical"],
            &tenant.list_call_events(&filter).await?,
        ),
        Noun::Usage => output.rows(
            "usage entries",
            &[
                "call_id",
                "component",
                "provider",
                "model",
                "unit",
                "quantity",
                "cost_micros",
                "currency",
                "at",
            ],
            &tenant.list_usage(&filter).await?,
        ),
        Noun::Transfers => output.rows(
            "transfers",
            &[
                "call_id",
                "ordinal",
                "reason",
                "target",
                "kind",
                "status",
                "started_at",
                "talked_s",
            ],
            &tenant.list_transfers(&filter).await?,
        ),
        Noun::Voicemails => output.rows(
            "voicemails",
            &[
                "id",
                "call_id",
                "length_s",
                "recorded_at",
                "heard_at",
                "transcription",
                "transcript",
                "object_key",
            ],
            &tenant.list_voicemails(&filter).await?,
        ),
        Noun::Captured => output.rows(
            "captured fields",
            &["call_id", "field", "value", "updated_at"],
            &tenant.list_captured_fields(&filter).await?,
        ),
        Noun::Mails => output.rows(
            "mails",
            &[
                "id",
                "kind",
                "call_id",
                "state",
                "attempts",
                "last_error",
                "created_at",
                "updated_at",
            ],
            &tenant.list_mails(&filter).await?,
        ),
        Noun::Jobs => output.rows(
            "jobs",
            &[
                "id",
                "kind",
                "state",
                "attempts",
                "run_at",
                "last_error",
                "created_at",
                "updated_at",
            ],
            &tenant.list_jobs(&filter).await?,
        ),
        Noun::Alerts => list_alerts(&store, arguments, output).await,
    }
}

/// Alerts of one tenant; without one, of all tenants and of the installation under them.
async fn list_alerts(store: &Store, arguments: &ListArguments, output: &Output) -> Result<()> {
    let filter = ListFilter {
        limit: arguments.limit,
        ..ListFilter::default()
    };
    let mut shown = Vec::new();
    if arguments.tenant.is_none() {
        let under = store.installation().list_alerts(None, &filter).await?;
        shown.extend(under.into_iter().map(|alert| ShownAlert {
            tenant: None,
            alert,
        }));
    }
    for tenant in tenants_of(store, arguments.tenant.as_deref()).await? {
        let scope = TenantScope::new(tenant.id, Actor::Operator, Purpose::List);
        let own = store.tenant(scope).list_alerts(None, &filter).await?;
        shown.extend(own.into_iter().map(|alert| ShownAlert {
            tenant: Some(tenant.name.clone()),
            alert,
        }));
    }
    shown.sort_by_key(|shown| std::cmp::Reverse(shown.alert.raised_at));
    let rows_max = arguments.limit.map_or(usize::MAX, |limit| limit as usize);
    shown.truncate(rows_max);
    output.rows(
        "alerts",
        &[
            "rule",
            "severity",
            "tenant",
            "subject",
            "figure",
            "raised_at",
            "cleared_at",
        ],
        &shown,
    )
}
