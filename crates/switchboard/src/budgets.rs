//! Budgets of money: which count for a call, what a tenant set itself, and what a day has spent so far.
//!
//! The first that is set counts: the agent's file (a session's budget and length), the tenant (`switchboard budgets set`),
//! the settings of the installation. Days begin and end by the tenant's own clock. What calls set aside is in [`purse`].

pub mod day;
pub mod purse;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use switchboard_store::{Private, StoreError, TenantStore, Word};

use crate::config::agent::AgentLimits;
use crate::config::{Settings, nearest};
use crate::reception::LegKind;
use day::Day;

/// What a tenant set itself, as a map of kinds in its settings.
const SETTING: &str = "budgets";
/// The largest budget that can be set, in micro-USD: a million USD. More is a slip of the keyboard.
pub const MICROS_MAX: u64 = 1_000_000_000_000;
/// The longest session that can be set: a day.
pub const SESSION_S_MAX: u64 = 86_400;
/// Users shown beside a tenant's day: those who spent most.
const USERS_SHOWN: i64 = 20;

/// What can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetName {
    /// Money of one call.
    Session,
    /// Seconds of one call from a browser or app.
    SessionLength,
    /// Money of all calls of one app user in a day.
    UserDay,
    /// Money of all calls of a tenant in a day.
    TenantDay,
}

impl BudgetName {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Session,
        Self::SessionLength,
        Self::UserDay,
        Self::TenantDay,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::SessionLength => "session_length",
            Self::UserDay => "user_day",
            Self::TenantDay => "tenant_day",
        }
    }

    /// By its word, dashes allowed.
    ///
    /// # Errors
    /// What to write instead.
    pub fn named(name: &str) -> Result<Self, String> {
        let wanted = name.replace('-', "_");
        let known = Self::ALL.into_iter().find(|it| it.as_str() == wanted);
        known.ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str);
            nearest(&wanted, all).map_or_else(
                || format!("use one of {}", all.join(", ")),
                |near| format!("did you mean `{near}`?"),
            )
        })
    }

    /// The largest value: micro-USD, or seconds.
    pub const fn max(self) -> u64 {
        match self {
            Self::SessionLength => SESSION_S_MAX,
            Self::Session | Self::UserDay | Self::TenantDay => MICROS_MAX,
        }
    }
}

/// Limits as they are set in one place. `None`: not set there; 0: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetLimits {
    /// Micro-USD of one call.
    pub session_micros: Option<u64>,
    /// Seconds of one call from a browser or app.
    pub session_s: Option<u64>,
    /// Micro-USD of one app user's day.
    pub user_day_micros: Option<u64>,
    /// Micro-USD of the tenant's day.
    pub tenant_day_micros: Option<u64>,
}

impl BudgetLimits {
    /// Those of the installation.
    pub fn of_installation(settings: &Settings) -> Self {
        Self {
            session_micros: Some(settings.calls.budget_micros),
            session_s: Some(settings.sessions.length_max_s),
            user_day_micros: Some(settings.budgets.user_day_micros),
            tenant_day_micros: Some(settings.budgets.tenant_day_micros),
        }
    }

    /// The place of one limit.
    pub fn of(&mut self, name: BudgetName) -> &mut Option<u64> {
        match name {
            BudgetName::Session => &mut self.session_micros,
            BudgetName::SessionLength => &mut self.session_s,
            BudgetName::UserDay => &mut self.user_day_micros,
            BudgetName::TenantDay => &mut self.tenant_day_micros,
        }
    }

    /// The first limit that is above what can be set.
    pub fn too_large(mut self) -> Option<BudgetName> {
        let mut names = BudgetName::ALL.into_iter();
        names.find(|name| self.of(*name).is_some_and(|limit| limit > name.max()))
    }

    /// These, and where they say nothing, those.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            session_micros: self.session_micros.or(others.session_micros),
            session_s: self.session_s.or(others.session_s),
            user_day_micros: self.user_day_micros.or(others.user_day_micros),
            tenant_day_micros: self.tenant_day_micros.or(others.tenant_day_micros),
        }
    }
}

/// What a tenant brings along for each of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantBudgets {
    /// What it set itself.
    pub own: BudgetLimits,
    /// By whose clock its days begin.
    pub zone: Tz,
}

impl TenantBudgets {
    /// As they are stored.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn load(rows: &TenantStore) -> Result<Self, StoreError> {
        let profile = rows.tenant_profile().await?;
        Ok(Self {
            own: own(rows).await?,
            zone: profile.map_or(chrono_tz::UTC, |tenant| tenant.time_zone.0),
        })
    }

    /// Micro-USD that one call of this agent may cost; 0 is no limit.
    pub fn session_micros(&self, settings: &Settings, agent: &AgentLimits) -> u64 {
        let own = agent.budget_micros.or(self.own.session_micros);
        own.unwrap_or(settings.calls.budget_micros)
    }

    /// Seconds that one call of this agent may last on such a leg; 0 is no limit.
    pub fn length_max_s(&self, settings: &Settings, agent: &AgentLimits, kind: LegKind) -> u64 {
        let otherwise = match kind {
            LegKind::Carrier => settings.calls.length_max_s,
            LegKind::Client | LegKind::Track | LegKind::Direct => {
                self.own.session_s.unwrap_or(settings.sessions.length_max_s)
            }
        };
        agent.length_max_s.unwrap_or(otherwise)
    }

    /// Micro-USD of a user's day and of the tenant's; 0 is no limit.
    pub fn days(&self, settings: &Settings) -> (u64, u64) {
        let user = self.own.user_day_micros;
        let tenant = self.own.tenant_day_micros;
        (
            user.unwrap_or(settings.budgets.user_day_micros),
            tenant.unwrap_or(settings.budgets.tenant_day_micros),
        )
    }
}

/// What the tenant set itself. What cannot be read counts as not set.
///
/// # Errors
/// The database cannot be asked.
pub async fn own(rows: &TenantStore) -> Result<BudgetLimits, StoreError> {
    let set = rows.setting(&Word::new(SETTING)).await?;
    let own = serde_json::from_value(set.unwrap_or(Value::Null));
    Ok(own.unwrap_or_default())
}

/// Sets what the tenant sets itself; leaves an audit entry. Calls that are offered a second later obey it.
///
/// # Errors
/// The database cannot be asked.
pub async fn set_own(rows: &TenantStore, own: BudgetLimits) -> Result<(), StoreError> {
    rows.put_setting(&Word::new(SETTING), &json!(own)).await
}

/// Budgets as pages and programs read them.
#[derive(Debug, Serialize)]
pub struct BudgetReport {
    /// The zone by whose clock days begin.
    pub time_zone: String,
    /// Today's date there.
    pub day: String,
    /// When today began.
    pub from: DateTime<Utc>,
    /// When today ends.
    pub to: DateTime<Utc>,
    /// Percent of a budget at which it is warned of.
    pub warning_percent: u8,
    /// What counts.
    pub limits: BudgetLimits,
    /// What of it the tenant set itself.
    pub own: BudgetLimits,
    /// What counts where it set nothing.
    pub defaults: BudgetLimits,
    /// The tenant's day.
    pub today: DaySpending,
    /// The users who spent most today.
    pub users: Vec<UserToday>,
}

/// A day that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DaySpending {
    /// By the ledger.
    pub spent_micros: i64,
    /// Set aside for calls in progress, beyond what they have spent.
    pub held_micros: i64,
    /// What the whole day costs if it goes on as it began. None in its first hour, when nobody can tell.
    pub forecast_micros: Option<i64>,
}

/// One user's day.
#[derive(Debug, Serialize)]
pub struct UserToday {
    /// The app's own id of its user.
    pub user: Private<String>,
    /// By the ledger.
    pub spent_micros: i64,
}

/// Everything about the budgets of one tenant at this moment.
///
/// # Errors
/// The database cannot be asked.
pub async fn report(
    rows: &TenantStore,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<BudgetReport, StoreError> {
    let budgets = TenantBudgets::load(rows).await?;
    let today = Day::of(now, budgets.zone);
    let spending = rows
        .budget_spending(today.bounds(), now, USERS_SHOWN)
        .await?;
    let defaults = BudgetLimits::of_installation(settings);
    let users = spending.users.into_iter().map(|user| UserToday {
        user: user.user_id,
        spent_micros: user.spent_micros,
    });
    Ok(BudgetReport {
        time_zone: budgets.zone.name().to_owned(),
        day: today.name(),
        from: today.from,
        to: today.to,
        warning_percent: settings.calls.budget_warning_percent,
        limits: budgets.own.or(defaults),
        own: budgets.own,
        defaults,
        today: DaySpending {
            spent_micros: spending.spent_micros,
            held_micros: spending.held_micros,
            forecast_micros: today.forecast(spending.spent_micros, now),
        },
        users: users.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_comes_before_the_tenant_and_the_tenant_before_the_installation() {
        let settings = Settings::default();
        let tenant = |session_micros, session_s| TenantBudgets {
            own: BudgetLimits {
                session_micros,
                session_s,
                ..BudgetLimits::default()
            },
            zone: chrono_tz::UTC,
        };
        let plain = AgentLimits::default();
        let agent = AgentLimits {
            budget_micros: Some(7),
            length_max_s: Some(8),
            ..AgentLimits::default()
        };
        let (none, own) = (tenant(None, None), tenant(Some(5), Some(6)));
        assert_eq!(none.session_micros(&settings, &plain), 5_000_000);
        assert_eq!(own.session_micros(&settings, &plain), 5);
        assert_eq!(own.session_micros(&settings, &agent), 7);
        assert_eq!(none.length_max_s(&settings, &plain, LegKind::Client), 1_800);
        assert_eq!(own.length_max_s(&settings, &plain, LegKind::Track), 6);
        assert_eq!(own.length_max_s(&settings, &plain, LegKind::Carrier), 480);
        assert_eq!(own.length_max_s(&settings, &agent, LegKind::Client), 8);
    }

    #[test]
    fn a_slip_of_the_keyboard_is_named() {
        assert_eq!(BudgetName::named("tenant-day"), Ok(BudgetName::TenantDay));
        let slip = BudgetName::named("tenant_dya");
        assert_eq!(slip, Err("did you mean `tenant_day`?".to_owned()));
        let absurd = BudgetLimits {
            user_day_micros: Some(MICROS_MAX + 1),
            ..BudgetLimits::default()
        };
        assert_eq!(absurd.too_large(), Some(BudgetName::UserDay));
    }
}
