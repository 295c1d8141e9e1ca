//! Connecting to PostgreSQL: every pooled connection acts as the application role, whoever logged in.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::db::Db;
use crate::error::{OpenError, StoreError};
use crate::open::Mode;
use crate::roles::{ACT_AS_APP, APP_ROLE, READ_ONLY};
use crate::settings::StoreSettings;

pub(crate) async fn connect(
    settings: &StoreSettings,
    options: PgConnectOptions,
    mode: Mode,
) -> Result<Db, OpenError> {
    let options = options
        .application_name("switchboard")
        .disable_statement_logging();
    try_once(settings, &options, mode).await?;
    let pool = PgPoolOptions::new()
        .max_connections(settings.connections_max)
        .acquire_timeout(settings.connect_timeout)
        .after_connect(move |connection, _| Box::pin(prepare(connection, mode)))
        .connect_with(options)
        .await
        .map_err(StoreError::from)?;
    Ok(Db::Postgres(pool))
}

/// Finds out what is wrong. The pool would go on trying until its timeout and then forget why.
async fn try_once(
    settings: &StoreSettings,
    options: &PgConnectOptions,
    mode: Mode,
) -> Result<(), OpenError> {
    let connected = tokio::time::timeout(settings.connect_timeout, options.connect()).await;
    let connected = connected.map_err(|_| OpenError::Unreachable {
        host: options.get_host().to_owned(),
        reason: "timed out".to_owned(),
    })?;
    let mut connection = connected.map_err(|error| explain(error, options))?;
    prepare(&mut connection, mode)
        .await
        .map_err(|error| explain_role(&error))?;
    Ok(connection.close().await.map_err(StoreError::from)?)
}

async fn prepare(connection: &mut PgConnection, mode: Mode) -> Result<(), sqlx::Error> {
    if mode.serves() {
        sqlx::query(ACT_AS_APP).execute(&mut *connection).await?;
    }
    if mode.is_read_only() {
        sqlx::query(READ_ONLY).execute(&mut *connection).await?;
    }
    Ok(())
}

fn explain(error: sqlx::Error, options: &PgConnectOptions) -> OpenError {
    let host = options.get_host().to_owned();
    match &error {
        sqlx::Error::Io(io) => OpenError::Unreachable {
            host,
            reason: io.kind().to_string(),
        },
        sqlx::Error::Tls(_) => OpenError::Unreachable {
            host,
            reason: "TLS failed".to_owned(),
        },
        sqlx::Error::Database(refusal) => match refusal.code().unwrap_or_default().as_ref() {
            "28P01" | "28000" => OpenError::WrongPassword {
                user: options.get_username().to_owned(),
            },
            "3D000" => OpenError::NoSuchDatabase {
                name: options.get_database().unwrap_or_default().to_owned(),
            },
            _ => OpenError::Store(error.into()),
        },
        _ => OpenError::Store(error.into()),
    }
}

fn explain_role(error: &sqlx::Error) -> OpenError {
    match error
        .as_database_error()
        .and_then(|refusal| refusal.code())
        .as_deref()
    {
        Some("42501") => OpenError::RoleRefused { role: APP_ROLE },
        // "invalid_parameter_value" and "undefined_object": there is no such role.
        _ => OpenError::RoleMissing { role: APP_ROLE },
    }
}
