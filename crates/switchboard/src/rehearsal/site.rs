//! The server a rehearsal calls: one of its own on free ports over the configured database, or one that runs.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use switchboard_sim::twilio::{FakeTwilio, FakeTwilioSettings};
use switchboard_store::{Actor, OpenError, Purpose, Store, Tenant, TenantScope, TenantStore};
use switchboard_wire::twilio::AccountSid;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::cli::{CallArguments, Channel, Exit, Failure, Output};
use crate::config::{BaseUrl, LogLevel, Secret, Settings, nearest};
use crate::demo;
use crate::ops::{logging, panics};

/// Where calls go.
pub(super) struct Site {
    /// `http://127.0.0.1:40123`.
    pub(super) base: String,
    /// The database behind it; none where only the server's address and a key are known.
    pub(super) store: Option<Store>,
    /// The carrier, when calls come over one.
    pub(super) carrier: Option<FakeTwilio>,
    own: Option<OwnServer>,
}

struct OwnServer {
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
    _logs: Option<logging::LogWriter>,
}

impl Site {
    /// Starts a server, or finds the one that was named.
    ///
    /// # Errors
    /// No database, no carrier, a lock, a program that is missing.
    pub(super) async fn open(
        settings: Settings,
        arguments: &CallArguments,
        output: Output,
    ) -> Result<Self> {
        match &arguments.server {
            Some(server) => Self::running(&settings, arguments, server).await,
            None => Self::own(settings, arguments, output).await,
        }
    }

    async fn running(
        settings: &Settings,
        arguments: &CallArguments,
        server: &BaseUrl,
    ) -> Result<Self> {
        if server.is_encrypted() {
            let failure = Failure::new(Exit::WrongUse, "simulated callers speak no TLS");
            return Err(failure
                .with_help("name the server by its address behind the proxy, http://127.0.0.1:8080")
                .into());
        }
        let carrier = match arguments.over {
            Channel::Twilio => Some(carrier_of_running(settings).await?),
            Channel::Websocket => None,
        };
        let has_key = arguments.key_file.is_some() || super::api_key::from_environment().is_some();
        let store = match Store::open(&settings.database.store_settings()).await {
            Ok(store) => Some(store),
            // The server may be another machine's: then only the talk itself can be shown.
            Err(_) if has_key && arguments.over == Channel::Websocket => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            base: server.as_http().join(""),
            store,
            carrier,
            own: None,
        })
    }

    async fn own(
        mut settings: Settings,
        arguments: &CallArguments,
        output: Output,
    ) -> Result<Self> {
        settings.log.level = at_most_warn(settings.log.level);
        let logs = logging::start(&settings.log).ok();
        panics::install_hook();
        if settings.openai.api_key.is_none() {
            demo::check_programs(&settings)?;
        }
        let carrier = match arguments.over {
            Channel::Twilio => Some(carrier_of_own(&mut settings).await?),
            Channel::Websocket => None,
        };
        let configured = settings.http.listen;
        settings.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        settings.http.public_url = None;
        // Every simulated caller has this machine's address: limits per address would measure the simulation.
        settings.http.connections_per_address_max = settings.http.connections_max;
        settings.http.requests_per_s_max = u32::MAX;
        settings.http.requests_burst_max = u32::MAX;
        // And they share one telephone number.
        settings.calls.caller_concurrent_max = 0;
        settings.calls.caller_hour_max = 0;
        let app = App::start(settings, false)
            .await
            .map_err(|error| explain_lock(error, configured))?;
        let (base, store) = (
            format!("http://{}", app.address),
            app.reception.store.clone(),
        );
        if store.installation().list_tenants().await?.is_empty() {
            demo::load(&store).await.context("cannot load the demo")?;
            output.note("the database was empty; the demo agents were loaded");
        }
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(app.run(async move {
            let _ = stopped.await;
        }));
        let own = OwnServer {
            stop,
            running,
            _logs: logs,
        };
        Ok(Self {
            base,
            store: Some(store),
            carrier,
            own: Some(own),
        })
    }

    /// The tenant that is called, and its rows.
    ///
    /// # Errors
    /// There is no such tenant, or no agent of the name.
    pub(super) async fn tenant(
        &self,
        arguments: &CallArguments,
    ) -> Result<Option<(Tenant, TenantStore)>> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let name = arguments.tenant.as_ref().unwrap_or(&arguments.agent);
        let Some(tenant) = store.installation().find_tenant(name).await? else {
            return Err(no_tenant(store, name).await?.into());
        };
        let rows = store.tenant(TenantScope::new(
            tenant.id,
            Actor::Operator,
            Purpose::ReadTranscript,
        ));
        if rows.agent(&arguments.agent).await?.is_none() {
            return Err(no_agent(&rows, name, &arguments.agent).await?.into());
        }
        Ok(Some((tenant, rows)))
    }

    /// Stops what was started, and waits until its last events are stored.
    pub(super) async fn close(self) {
        if let Some(own) = self.own {
            let _ = own.stop.send(());
            if own.running.await.is_err() {
                tracing::error!("the server of the rehearsal did not stop properly");
            }
        }
    }
}

/// The talk is what is printed; what happens to calls in detail stays out of it unless it was asked for.
fn at_most_warn(level: LogLevel) -> LogLevel {
    match level {
        LogLevel::Info => LogLevel::Warn,
        other => other,
    }
}

/// A carrier for a server that is about to start: its account becomes the server's.
async fn carrier_of_own(settings: &mut Settings) -> Result<FakeTwilio> {
    let carrier = FakeTwilio::start(FakeTwilioSettings::default())
        .await
        .context("the carrier cannot start")?;
    settings.twilio.account_sid = Some(carrier.account_sid().to_string());
    settings.twilio.auth_token = Some(Secret::new(carrier.auth_token()));
    settings.twilio.api_base_url = carrier.base_url().parse().map_err(anyhow::Error::msg)?;
    Ok(carrier)
}

/// A carrier where a running server expects one: the same settings file names its address and its account.
async fn carrier_of_running(settings: &Settings) -> Result<FakeTwilio> {
    let twilio = &settings.twilio;
    let refuse = |cause: &str| {
        Failure::new(Exit::WrongUse, "the running server does not work with a simulated carrier")
            .because(cause)
            .with_help("leave out --server; or give both the same settings, with twilio.api_base_url = http://127.0.0.1:PORT, twilio.account_sid and twilio.auth_token")
    };
    let base = &twilio.api_base_url;
    if !base.is_loopback() || base.is_encrypted() {
        return Err(refuse("twilio.api_base_url leads to a real carrier, which would be asked about calls it does not know").into());
    }
    let listen = base
        .as_str()
        .split_once("://")
        .and_then(|(_, address)| address.parse().ok());
    let listen: SocketAddr =
        listen.ok_or_else(|| refuse("twilio.api_base_url names no address with a port"))?;
    let (Some(sid), Some(token)) = (&twilio.account_sid, &twilio.auth_token) else {
        return Err(refuse(
            "twilio.account_sid and twilio.auth_token are not set, so no webhook can be signed",
        )
        .into());
    };
    let account_sid = AccountSid::parse(sid).map_err(|_| refuse("twilio.account_sid is none"))?;
    let auth_token = token.expose().to_owned();
    let settings = FakeTwilioSettings {
        account_sid,
        auth_token,
        listen,
        ..FakeTwilioSettings::default()
    };
    FakeTwilio::start(settings)
        .await
        .with_context(|| format!("the carrier cannot listen on {listen}"))
}

fn explain_lock(error: anyhow::Error, configured: SocketAddr) -> anyhow::Error {
    let is_served = error
        .chain()
        .any(|cause| matches!(cause.downcast_ref(), Some(OpenError::AlreadyServed { .. })));
    if !is_served {
        return error;
    }
    Failure::new(Exit::Refused, "another server uses this database")
        .because(format!("{:#}", error.root_cause()))
        .with_help(format!("call that server: --server http://{configured}"))
        .into()
}

async fn no_tenant(store: &Store, name: &str) -> Result<Failure> {
    let tenants = store.installation().list_tenants().await?;
    let failure = Failure::new(Exit::WrongUse, format!("there is no tenant `{name}`"));
    Ok(
        match nearest(name, tenants.iter().map(|tenant| tenant.name.as_str())) {
            Some(known) => failure.with_help(format!(
                "did you mean --tenant {known}? `switchboard tenant list` shows all"
            )),
            None => failure.with_help("`switchboard serve --demo` loads agents to call"),
        },
    )
}

async fn no_agent(rows: &TenantStore, tenant: &str, name: &str) -> Result<Failure> {
    let agents = rows.list_agents().await?;
    let failure = Failure::new(
        Exit::WrongUse,
        format!("tenant `{tenant}` has no agent `{name}`"),
    );
    Ok(
        match nearest(name, agents.iter().map(|agent| agent.name.as_str())) {
            Some(known) => failure.with_help(format!("did you mean --agent {known}?")),
            None => failure.with_help(format!(
                "publish one: `switchboard agent import FILE --tenant {tenant}`"
            )),
        },
    )
}
