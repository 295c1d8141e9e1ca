//! `switch`: what is switched without a restart, for the installation, a tenant or a number.

use anyhow::{Context, Result};
use chrono::{TimeDelta, Utc};
use switchboard_store::{Actor, NewSwitch, PhoneNumber, Purpose, Store, StoreError, TenantStore};

use super::arguments::{SwitchCommand, SwitchScopeArguments};
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::scope_of;
use crate::config::Settings;
use crate::switches::{ImpossibleSwitch, parse_switch, parse_value};

const COLUMNS: [&str; 6] = ["switch", "scope", "number", "value", "set_at", "expires_at"];

pub(super) async fn switch(
    settings: &Settings,
    command: &SwitchCommand,
    output: &Output,
) -> Result<()> {
    let store_settings = settings.database.store_settings();
    match command {
        SwitchCommand::List { tenant } => {
            let store = Store::open_read_only(&store_settings).await?;
            let rows = match tenant {
                Some(tenant) => {
                    let scope = scope_of(&store, tenant, Actor::Operator, Purpose::List).await?;
                    store.tenant(scope).list_switches().await?
                }
                None => store.installation().list_switches().await?,
            };
            output.rows("switches", &COLUMNS, &rows)
        }
        SwitchCommand::Set {
            switch,
            value,
            scope,
            hours,
        } => {
            let switch = parse_switch(switch).map_err(refused)?;
            let expires_at = hours.map(|hours| Utc::now() + TimeDelta::hours(i64::from(hours)));
            let new = NewSwitch {
                switch,
                value: parse_value(switch, value).map_err(refused)?,
                expires_at,
            };
            let store = Store::open(&store_settings).await?;
            match Reach::of(&store, scope).await? {
                Reach::Installation => store.installation().put_switch(&new).await?,
                Reach::Tenant(rows, number) => rows
                    .put_switch(number, &new)
                    .await
                    .map_err(unknown_number)?,
            }
            output.note("set; the next call obeys it");
            show(&store, scope, output).await
        }
        SwitchCommand::Clear { switch, scope } => {
            let switch = parse_switch(switch).map_err(refused)?;
            let store = Store::open(&store_settings).await?;
            let cleared = match Reach::of(&store, scope).await? {
                Reach::Installation => store.installation().clear_switch(switch).await?,
                Reach::Tenant(rows, number) => rows
                    .clear_switch(number, switch)
                    .await
                    .map_err(unknown_number)?,
            };
            output.note(if cleared {
                "cleared; the next call obeys it"
            } else {
                "it was not set"
            });
            show(&store, scope, output).await
        }
    }
}

/// What a command is about.
enum Reach<'a> {
    Installation,
    Tenant(TenantStore, Option<&'a PhoneNumber>),
}

impl<'a> Reach<'a> {
    async fn of(store: &Store, scope: &'a SwitchScopeArguments) -> Result<Self> {
        let Some(tenant) = &scope.tenant else {
            return Ok(Self::Installation);
        };
        let found = scope_of(store, tenant, Actor::Operator, Purpose::Configure).await?;
        Ok(Self::Tenant(store.tenant(found), scope.number.as_ref()))
    }
}

async fn show(store: &Store, scope: &SwitchScopeArguments, output: &Output) -> Result<()> {
    let rows = match Reach::of(store, scope).await? {
        Reach::Installation => store.installation().list_switches().await,
        Reach::Tenant(rows, _) => rows.list_switches().await,
    };
    output.rows(
        "switches",
        &COLUMNS,
        &rows.context("cannot list the switches")?,
    )
}

fn refused(impossible: ImpossibleSwitch) -> Failure {
    let help = match impossible.nearest {
        Some(word) => format!("{}; did you mean `{word}`?", impossible.allowed),
        None => impossible.allowed,
    };
    Failure::new(Exit::WrongUse, impossible.problem).with_help(help)
}

fn unknown_number(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::NotFound { .. } => {
            Failure::new(Exit::WrongUse, "this tenant has no such number")
                .with_help("`switchboard tenant number list --tenant NAME` shows its numbers")
                .into()
        }
        other => other.into(),
    }
}
