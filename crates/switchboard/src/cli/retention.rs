//! `retention`: how long each kind of data is kept, and deleting what is over.

use anyhow::Result;
use chrono::Utc;
use switchboard_store::{Actor, Purpose, RetentionKind, Store, TenantScope, TenantStore};

use super::arguments::RetentionCommand;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::{scope_of, tenants_of};
use crate::archive::Archive;
use crate::config::{Settings, nearest};
use crate::retention::{self, DAYS_MAX, Overdue};

const PLAN: [&str; 4] = ["kind", "days", "is_own", "before"];
const SWEPT: [&str; 4] = ["tenant", "kind", "days", "rows"];

pub(super) async fn retention(
    settings: &Settings,
    command: &RetentionCommand,
    output: &Output,
) -> Result<()> {
    let database = settings.database.store_settings();
    match command {
        RetentionCommand::List { tenant } => {
            let store = Store::open_read_only(&database).await?;
            let scope = scope_of(&store, tenant, Actor::Operator, Purpose::List).await?;
            show(settings, &store.tenant(scope), output).await
        }
        RetentionCommand::Run { tenant, dry_run } => {
            run(settings, tenant.as_deref(), *dry_run, output).await
        }
        RetentionCommand::Set { kind, days, tenant } => {
            if *days > DAYS_MAX {
                let failure = Failure::new(Exit::WrongUse, "nothing is kept that long by days");
                let help = format!("use 1 to {DAYS_MAX}, or 0 to keep it for ever");
                return Err(failure.with_help(help).into());
            }
            change(settings, kind, tenant, Some(*days), output).await
        }
        RetentionCommand::Clear { kind, tenant } => {
            change(settings, kind, tenant, None, output).await
        }
    }
}

async fn show(settings: &Settings, rows: &TenantStore, output: &Output) -> Result<()> {
    let planned = retention::plan(rows, &settings.retention, Utc::now()).await?;
    output.rows("kinds", &PLAN, &planned)
}

async fn change(
    settings: &Settings,
    kind: &str,
    tenant: &str,
    days: Option<u32>,
    output: &Output,
) -> Result<()> {
    let kind = kind_of(kind)?;
    let store = Store::open(&settings.database.store_settings()).await?;
    let scope = scope_of(&store, tenant, Actor::Operator, Purpose::Configure).await?;
    let rows = store.tenant(scope);
    retention::set_days(&rows, kind, days).await?;
    output.note("set; the next run obeys it");
    show(settings, &rows, output).await
}

fn kind_of(name: &str) -> Result<RetentionKind> {
    if let Some(kind) = RetentionKind::named(name) {
        return Ok(kind);
    }
    let all = RetentionKind::ALL.map(RetentionKind::as_str);
    let help = nearest(name, all).map_or_else(
        || format!("use one of {}", all.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    Err(
        Failure::new(Exit::WrongUse, "there is no such kind of data")
            .with_help(help)
            .into(),
    )
}

async fn run(
    settings: &Settings,
    tenant: Option<&str>,
    is_dry: bool,
    output: &Output,
) -> Result<()> {
    let store = Store::open(&settings.database.store_settings()).await?;
    let archive = Archive::open(&settings.recordings)?;
    let mut all = Vec::new();
    for known in tenants_of(&store, tenant).await? {
        let scope = TenantScope::new(known.id, Actor::Operator, Purpose::Maintain);
        let rows = store.tenant(scope);
        for planned in retention::plan(&rows, &settings.retention, Utc::now()).await? {
            let gone = if is_dry {
                retention::count(&rows, &planned).await?
            } else {
                delete_all(&rows, &archive, &planned).await?
            };
            all.push(Overdue {
                tenant: known.name.clone(),
                kind: planned.kind,
                days: planned.days,
                rows: gone,
            });
        }
    }
    output.note(if is_dry {
        "only counted; nothing was deleted"
    } else {
        "deleted"
    });
    output.rows("kinds", &SWEPT, &all)
}

/// As many runs as it takes: a person waits here.
async fn delete_all(
    rows: &TenantStore,
    archive: &Archive,
    planned: &retention::Planned,
) -> Result<u64> {
    let mut gone = 0;
    loop {
        let swept = retention::sweep(rows, archive, planned).await?;
        gone += swept.rows;
        if !swept.is_cut {
            return Ok(gone);
        }
    }
}
