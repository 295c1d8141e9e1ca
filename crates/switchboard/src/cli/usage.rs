//! `usage`: what a tenant spent, by day, agent, component, model or user.

use anyhow::Result;
use serde_json::{Value, json};
use switchboard_store::{Actor, Purpose, Store};

use super::arguments::UsageArguments;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::scope_of;
use crate::config::Settings;
use crate::usage::{UsageAsk, report};

pub(super) async fn usage(
    settings: &Settings,
    arguments: &UsageArguments,
    output: &Output,
) -> Result<()> {
    let now = chrono::Utc::now();
    let ask = UsageAsk {
        by: arguments.by,
        from: arguments.from,
        to: arguments.to,
    };
    let range = ask
        .range(now)
        .map_err(|error| Failure::new(Exit::WrongUse, error.to_string()))?;
    let store = Store::open(&settings.database.store_settings()).await?;
    let scope = scope_of(&store, &arguments.tenant, Actor::Operator, Purpose::List).await?;
    let report = report(&store.tenant(scope), ask.by, range, now).await?;
    if output.is_json() {
        return output.document(&report);
    }
    let rows: Vec<Value> = report
        .items
        .iter()
        .map(|sum| {
            json!({
                ask.by.as_str(): sum.name.as_deref().unwrap_or("(no call)"),
                "cost": money(sum.cost_micros.0), "currency": sum.currency, "calls": sum.calls,
            })
        })
        .collect();
    output.rows(
        "rows",
        &[ask.by.as_str(), "cost", "currency", "calls"],
        &rows,
    )?;
    for total in &report.totals {
        output.note(&format!(
            "total {} {}",
            money(total.cost_micros.0),
            total.currency
        ));
    }
    for forecast in &report.forecast {
        let month = money(forecast.next_30_days_micros.0);
        output.note(&format!(
            "like the last 7 days, 30 days cost {month} {}",
            forecast.currency
        ));
    }
    Ok(())
}

/// Units with four digits, rounded down: enough for the cheapest call.
pub(super) fn money(micros: i64) -> String {
    format!("{}.{:04}", micros / 1_000_000, micros % 1_000_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn micro_units_are_written_as_units() {
        assert_eq!(money(5_041_299), "5.0412");
        assert_eq!(money(900), "0.0009");
    }
}
