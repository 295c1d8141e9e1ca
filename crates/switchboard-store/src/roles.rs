//! The roles that act on PostgreSQL. They own nothing and cannot log in.

use sqlx::{Postgres, Transaction};

use crate::error::OpenError;

/// What every pooled connection acts as. Row security holds for it even when the login is a superuser.
pub(crate) const APP_ROLE: &str = "switchboard_app";
/// For workers, which see id-only tables of all tenants and nothing else.
const WORKER_ROLE: &str = "switchboard_worker";

pub(crate) const ACT_AS_APP: &str = "set role switchboard_app";
/// For one transaction only: the connection goes back to the application role by itself.
pub(crate) const ACT_AS_WORKER: &str = "set local role switchboard_worker";
pub(crate) const READ_ONLY: &str = "set default_transaction_read_only = on";

// Two databases of one cluster may be migrated at the same time, so losing the race is as good as winning it.
const CREATE_ROLES: &str = "do $$
begin
    if not exists (select from pg_roles where rolname = 'switchboard_app') then
        begin
            create role switchboard_app nologin;
        exception when duplicate_object or unique_violation then null;
        end;
    end if;
    if not exists (select from pg_roles where rolname = 'switchboard_worker') then
        begin
            create role switchboard_worker nologin;
        exception when duplicate_object or unique_violation then null;
        end;
    end if;
end $$";

const NAME_LOGIN: &str = "select set_config('app.login', $1, true)";
const LET_LOGIN_ACT: &str = "do $$
declare
    r text;
begin
    foreach r in array array['switchboard_app', 'switchboard_worker']
    loop
        if not pg_has_role(current_setting('app.login'), r, 'member') then
            execute format('grant %I to %I', r, current_setting('app.login'));
        end if;
    end loop;
end $$";

/// Creates the roles when they are missing and this login may. Safe to repeat.
pub(crate) async fn create_missing(
    tx: &mut Transaction<'static, Postgres>,
) -> Result<(), OpenError> {
    let created = sqlx::query(CREATE_ROLES).execute(&mut **tx).await;
    created
        .map(drop)
        .map_err(|error| missing_or_other(error, APP_ROLE))
}

/// Lets the login that serves act as the application role and, for single transactions, as that of workers.
pub(crate) async fn let_login_act(
    tx: &mut Transaction<'static, Postgres>,
    login: &str,
) -> Result<(), OpenError> {
    let named = sqlx::query(NAME_LOGIN).bind(login).execute(&mut **tx).await;
    named.map_err(|error| missing_or_other(error, APP_ROLE))?;
    let granted = sqlx::query(LET_LOGIN_ACT).execute(&mut **tx).await;
    granted
        .map(drop)
        .map_err(|error| match code(&error).as_deref() {
            Some("42501") => OpenError::RoleRefused { role: APP_ROLE },
            _ => OpenError::Store(error.into()),
        })
}

fn missing_or_other(error: sqlx::Error, role: &'static str) -> OpenError {
    debug_assert!(role == APP_ROLE || role == WORKER_ROLE);
    match code(&error).as_deref() {
        Some("42501") => OpenError::RoleMissing { role },
        _ => OpenError::Store(error.into()),
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}
