//! `budgets`: what a tenant's calls may cost, and what today has cost.

use anyhow::Result;
use chrono::Utc;
use serde_json::{Value, json};
use switchboard_store::{Actor, Purpose, Store, TenantStore};

use super::arguments::BudgetsCommand;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::scope_of;
use super::usage::money;
use crate::budgets::{self, BudgetLimits, BudgetName, BudgetReport};
use crate::config::Settings;

const COLUMNS: [&str; 4] = ["budget", "limit", "is_own", "spent"];
const MICROS_PER_USD: u64 = 1_000_000;
/// Digits behind the point that a micro-unit has.
const DIGITS: usize = 6;

pub(super) async fn budgets(
    settings: &Settings,
    command: &BudgetsCommand,
    output: &Output,
) -> Result<()> {
    match command {
        BudgetsCommand::Show { tenant } => {
            let store = Store::open_read_only(&settings.database.store_settings()).await?;
            let scope = scope_of(&store, tenant, Actor::Operator, Purpose::List).await?;
            show(settings, &store.tenant(scope), output).await
        }
        BudgetsCommand::Set {
            budget,
            limit,
            tenant,
        } => {
            let name = named(budget)?;
            let limit = parse(name, limit)?;
            change(settings, name, Some(limit), tenant, output).await
        }
        BudgetsCommand::Clear { budget, tenant } => {
            change(settings, named(budget)?, None, tenant, output).await
        }
    }
}

async fn change(
    settings: &Settings,
    name: BudgetName,
    limit: Option<u64>,
    tenant: &str,
    output: &Output,
) -> Result<()> {
    let store = Store::open(&settings.database.store_settings()).await?;
    let scope = scope_of(&store, tenant, Actor::Operator, Purpose::Configure).await?;
    let rows = store.tenant(scope);
    let mut own = budgets::own(&rows).await?;
    *own.of(name) = limit;
    budgets::set_own(&rows, own).await?;
    output.note("set; calls that begin a second later obey it");
    show(settings, &rows, output).await
}

async fn show(settings: &Settings, rows: &TenantStore, output: &Output) -> Result<()> {
    let report = budgets::report(rows, settings, Utc::now()).await?;
    if output.is_json() {
        return output.document(&report);
    }
    output.rows("budgets", &COLUMNS, &rows_of(&report))?;
    let today = &report.today;
    output.note(&format!(
        "{} in {}: spent {}, set aside for calls in progress {}",
        report.day,
        report.time_zone,
        money(today.spent_micros),
        money(today.held_micros)
    ));
    if let Some(forecast) = today.forecast_micros {
        output.note(&format!(
            "like this the whole day costs {}",
            money(forecast)
        ));
    }
    Ok(())
}

fn rows_of(report: &BudgetReport) -> Vec<Value> {
    let row = |name: BudgetName| {
        let limit = |mut limits: BudgetLimits| *limits.of(name);
        let spent = match name {
            BudgetName::TenantDay => money(report.today.spent_micros),
            BudgetName::UserDay => report.users.first().map_or_else(String::new, |user| {
                format!("{} at most", money(user.spent_micros))
            }),
            BudgetName::Session | BudgetName::SessionLength => String::new(),
        };
        json!({
            "budget": name.as_str(), "limit": shown(name, limit(report.limits)),
            "is_own": limit(report.own).is_some(), "spent": spent,
        })
    };
    BudgetName::ALL.into_iter().map(row).collect()
}

fn shown(name: BudgetName, limit: Option<u64>) -> String {
    match (name, limit.unwrap_or(0)) {
        (_, 0) => "none".to_owned(),
        (BudgetName::SessionLength, seconds) => format!("{seconds} s"),
        (_, micros) => money(i64::try_from(micros).unwrap_or(i64::MAX)),
    }
}

fn named(name: &str) -> Result<BudgetName> {
    BudgetName::named(name).map_err(|help| {
        let failure = Failure::new(Exit::WrongUse, "there is no such budget");
        failure.with_help(help).into()
    })
}

fn parse(name: BudgetName, text: &str) -> Result<u64> {
    let limit = match name {
        BudgetName::SessionLength => text.parse().ok(),
        BudgetName::Session | BudgetName::UserDay | BudgetName::TenantDay => micros_of(text),
    };
    limit.filter(|limit| *limit <= name.max()).ok_or_else(|| {
        let failure = Failure::new(Exit::WrongUse, "this cannot be a limit");
        let help = match name {
            BudgetName::SessionLength => "write seconds, 86400 at most; 0 is no limit",
            _ => "write USD with a point, such as 2.50, a million at most; 0 is no limit",
        };
        failure.with_help(help).into()
    })
}

/// USD with a point as micro-units, exactly.
fn micros_of(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > DIGITS || !is_number(whole) || !is_number(part) {
        return None;
    }
    let part: u64 = format!("{part:0<DIGITS$}").parse().ok()?;
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(MICROS_PER_USD)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_become_micro_units_exactly() {
        assert_eq!(micros_of("2.50"), Some(2_500_000));
        assert_eq!(micros_of("0.000001"), Some(1));
        assert_eq!(micros_of("50"), Some(50_000_000));
        for wrong in [
            "",
            ".5",
            "-1",
            "1,50",
            "1.0000001",
            "1e6",
            "99999999999999999999",
        ] {
            assert_eq!(micros_of(wrong), None, "{wrong}");
        }
    }
}
