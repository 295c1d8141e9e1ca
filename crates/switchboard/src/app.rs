//! The server of one process, from settings to the last flushed event.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::middleware::from_fn_with_state;
use switchboard_call::input::Control;
use switchboard_store::Store;

use crate::admission::Admission;
use crate::app_users::AppUsers;
use crate::archive::Archive;
use crate::calls_live::LiveCalls;
use crate::channels::twilio::{self, TwilioChannel};
use crate::channels::webrtc::{self, WebRtcPorts};
use crate::channels::websocket;
use crate::cli::ServeOptions;
use crate::config::Settings;
use crate::demo;
use crate::erasure;
use crate::handoff::RecentLines;
use crate::http::api::{self, ApiContext};
use crate::http::routes::voice_health;
use crate::http::{
    CallerDoor, CookieRules, Drain, DrainTrigger, HttpContext, KeyVerifier, RouteGroups, Server,
    router,
};
use crate::jobs::{JobBell, JobRunner, JobShell, RunnerLimits};
use crate::journal::{Journal, Spool, SpoolError};
use crate::live::LiveHub;
use crate::mail::Mailer;
use crate::models::breaker::{Breaker, BreakerRules};
use crate::models::local::check_programs;
use crate::ops::alerts::{AlertMail, AlertWatch, WebhookAnswers, node_name};
use crate::ops::health::{Component, ComponentState, Health};
use crate::ops::seal::SealingKey;
use crate::ops::traces::{Traces, trace_webhook};
use crate::ops::{disk, logging, metrics, panics};
use crate::outbound::Outbound;
use crate::phrases::PhraseCache;
use crate::reception::{Reach, Reception, local_programs};
use crate::recorder::Recorder;
use crate::retention::{self, Retention};
use crate::staff::{DemoLogin, Doorkeeper, FirstRun};
use crate::switches::Switches;
use crate::transcriber::Transcriber;

/// How long the last events may take to be stored: those of the calls, and then those of the last requests.
const FLUSH_MAX: Duration = Duration::from_secs(5);
/// How long the start waits for the spool of an earlier process. 64 MiB land in seconds; a server that is late answers
/// nobody, so it opens all the same.
const RECOVERY_MAX: Duration = Duration::from_secs(30);
/// How long calls may take to end after the carrier took or refused their transfer: it has five seconds to close the
/// stream, and one more is for us.
const AFTER_TRANSFER_MAX: Duration = Duration::from_secs(6);

/// How long jobs in progress may take to end. Those that do not are run again by the next process.
const JOBS_STOP_MAX: Duration = Duration::from_secs(10);

/// A server that listens. Its parts are shared with whoever started it.
pub struct App {
    /// Where it listens, with the real port.
    pub address: SocketAddr,
    /// The front door, for those who look inside.
    pub reception: Reception,
    /// Telephone calls, those that we place among them.
    pub carrier: Arc<TwilioChannel>,
    /// Who signs people in.
    pub doorkeeper: Doorkeeper,
    server: Server,
    ports: WebRtcPorts,
    routes: Router,
    drain: Drain,
    trigger: DrainTrigger,
    metrics: metrics::MetricsHandle,
    health: Health,
    shell: JobShell,
    webhooks: WebhookAnswers,
    alert_mail: AlertMail,
}

/// Serves until Ctrl-C or SIGTERM, then drains.
///
/// # Errors
/// Everything that keeps a server from starting, with what mends it.
pub async fn serve(mut settings: Settings, options: ServeOptions) -> Result<()> {
    let _logs = logging::start(&settings.log);
    panics::install_hook();
    if options.demo {
        demo::check_programs(&settings)?;
        demo::mint_twilio_token(&mut settings)?;
        demo::lift_caller_caps(&mut settings);
    }
    let app = App::start(settings, options.demo).await?;
    let reception = &app.reception;
    let programs = local_programs(&reception.settings);
    reception
        .phrases
        .fill_in_background(reception.store.clone(), programs);
    if options.with_history {
        let added = demo::history::fill(&reception.store, chrono::Utc::now()).await?;
        tracing::info!(calls = added, "weeks of demo data are there");
    }
    app.announce(options.demo).await?;
    app.run(stop_asked_for()).await;
    Ok(())
}

impl App {
    /// Opens database and port and prepares everything a call needs. Nothing is answered before [`App::run`].
    ///
    /// # Errors
    /// The database cannot be opened, the port is taken, the sealing key cannot be read.
    pub async fn start(settings: Settings, is_demo: bool) -> Result<Self> {
        crate::tls::install_provider();
        let metrics = metrics::install();
        let store = Store::open_exclusive(&settings.database.store_settings())
            .await
            .context("cannot open the database")?;
        if is_demo {
            demo::load(&store).await.context("cannot load the demo")?;
        }
        let sealing = Arc::new(SealingKey::load_or_create(Path::new(
            &settings.database.sealing_key_file,
        ))?);
        let archive = Archive::open(&settings.recordings).context("cannot keep recordings")?;
        let spool = open_spool(&settings, &sealing)?;
        let server = Server::bind(&settings.http).await?;
        let address = server.local_address()?;
        let ports = WebRtcPorts::open(&settings.http, &settings.webrtc).await?;
        let mut settings = settings;
        settings.http.listen = address;
        let gather_time = Duration::from_millis(settings.database.flush_ms);
        let (trigger, drain) = Drain::new();
        let health = Health::default();
        let jobs = JobBell::default();
        let journal = Journal::start(store.clone(), gather_time, spool, jobs.clone());
        let recorder = Recorder::start(
            &settings.recordings,
            archive.clone(),
            journal.clone(),
            store.clone(),
        );
        let handshake = Duration::from_millis(settings.calls.handshake_ms);
        let rules = BreakerRules::of(&settings.openai, handshake);
        let lease = Duration::from_secs(settings.calls.permit_lease_s);
        let admission = Admission::open(&store, lease, health.clone())
            .await
            .context("cannot share permits with the other nodes")?;
        let outbound = Outbound::new(&settings.outbound)
            .context("cannot prepare requests to addresses of tenants")?;
        let node = node_name(settings.ops.node_name.as_deref());
        let traces = Traces::start(&settings.telemetry, &node)?;
        let users = AppUsers::new(store.lookup(), Arc::clone(&sealing), outbound.clone());
        let reception = Reception {
            journal,
            recorder,
            jobs,
            admission,
            breaker: Breaker::new(rules, health.clone()),
            live: LiveCalls::default(),
            hub: LiveHub::start(),
            phrases: Arc::new(PhraseCache::default()),
            agents: Arc::default(),
            archive,
            reach: Reach::default(),
            lines: RecentLines::default(),
            switches: Switches::new(store.clone()),
            door: CallerDoor::new(store.clone(), users),
            traces,
            settings: Arc::new(settings),
            store,
        };
        // What an earlier process could not store comes before anything new.
        if !reception.journal.flushed(RECOVERY_MAX).await {
            tracing::warn!(
                waiting = reception.journal.waiting(),
                "the spool still lands"
            );
        }
        reception.end_lost_calls().await?;
        let carrier = carrier(&reception, Arc::clone(&sealing))?;
        let shell = JobShell {
            carrier: Arc::clone(&carrier),
            store: reception.store.clone(),
            bell: reception.jobs.clone(),
            outbound,
            sealing: Arc::clone(&sealing),
            mailer: Mailer::new(&reception.settings.mail)?,
            transcriber: Transcriber::new(&reception.settings.transcription)?,
            reception: reception.clone(),
            retention: Retention {
                settings: reception.settings.retention.clone(),
                archive: reception.archive.clone(),
            },
        };
        let alert_mail = AlertMail::start(&reception.settings, shell.mailer.as_ref())
            .context("ops.alert_mail holds no e-mail address")?;
        let webhooks = WebhookAnswers::default();
        let api = ApiContext {
            doorkeeper: doorkeeper(&reception, &sealing, is_demo).await?,
            cookies: CookieRules::of(&reception.settings),
            reception: reception.clone(),
            sealing,
            outbound: shell.outbound.clone(),
        };
        let doorkeeper = api.doorkeeper.clone();
        let routes = routes(
            &reception, &carrier, api, &ports, &health, &metrics, &webhooks,
        )?;
        report_health(&reception.settings, &health);
        Ok(Self {
            address,
            reception,
            carrier,
            server,
            ports,
            routes,
            drain,
            trigger,
            metrics,
            health,
            shell,
            webhooks,
            alert_mail,
            doorkeeper,
        })
    }

    /// Tells whoever started it where it is and what will answer, the things that will hurt callers first.
    async fn announce(&self, is_demo: bool) -> Result<()> {
        demo::announce(&self.reception, &self.doorkeeper, self.address, is_demo).await
    }

    /// Answers until `stop` resolves, then drains: no new calls, live ones end within `http.drain_ms_max` or go to a human, the
    /// journal is flushed. Until the calls have ended it still answers the carrier: their streams open late, their
    /// dialled humans end, and whoever calls meanwhile goes to the human.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        tokio::spawn(self.metrics.keep_up(self.drain.clone()));
        let jobs = start_jobs(&self.reception, self.shell);
        let watch = AlertWatch::new(self.reception.clone(), self.webhooks).telling(self.alert_mail);
        tokio::spawn(watch.run(self.drain.clone()));
        let database = &self.reception.settings.database;
        tokio::spawn(disk::watch(
            database.spool_directory.clone().into(),
            database.disk_free_percent_min,
            self.health.clone(),
            self.drain.clone(),
        ));
        tokio::spawn(websocket::keep_sessions_up(
            self.reception.store.clone(),
            self.drain.clone(),
        ));
        tokio::spawn(erasure::keep_up(
            self.reception.store.clone(),
            self.reception.archive.clone(),
            self.drain.clone(),
        ));
        let standings = self.reception.door.standings().clone();
        tokio::spawn(standings.keep_up(self.reception.live.clone(), self.drain.clone()));
        tokio::spawn(self.ports.run(self.drain.clone()));
        tokio::spawn(retention::keep_up(
            self.reception.store.clone(),
            self.reception.jobs.clone(),
            self.drain.clone(),
        ));
        let serving = tokio::spawn(self.server.serve(self.routes, self.drain));
        stop.await;
        self.health.start_draining();
        self.reception.admission.close();
        let settings = &self.reception.settings;
        let transfer_max = Duration::from_millis(settings.twilio.transfer_ms_max);
        let live = &self.reception.live;
        let drain_max = Duration::from_millis(settings.http.drain_ms_max);
        if !wait_until(drain_max, || live.is_idle()).await {
            live.control_all(&Control::Drain);
            wait_until(transfer_max + AFTER_TRANSFER_MAX, || live.is_idle()).await;
        }
        // The last recordings are closed and shelved before their rows are flushed.
        self.reception.recorder.finished(FLUSH_MAX).await;
        self.trigger.begin();
        flush(&self.reception.journal).await;
        jobs.stop(JOBS_STOP_MAX).await;
        // Requests in progress have a limit of their own inside the server. What they wrote is stored too.
        let _ = serving.await;
        flush(&self.reception.journal).await;
        self.reception.traces.finished(FLUSH_MAX).await;
        self.reception.admission.leave(FLUSH_MAX).await;
    }
}

/// Who signs people in. A demo shows its logins; a server that nobody has used yet has a link for its first owner.
async fn doorkeeper(
    reception: &Reception,
    sealing: &Arc<SealingKey>,
    is_demo: bool,
) -> Result<Doorkeeper> {
    let store = &reception.store;
    let demo_logins = if is_demo {
        let names = demo::tenant_names()?;
        DemoLogin::of_tenants(&reception.settings, store, sealing, &names)
            .await
            .context("cannot make the demo logins")?
    } else {
        Vec::new()
    };
    let first_run = FirstRun::of(store).await?;
    Doorkeeper::new(store.clone(), Arc::clone(sealing), demo_logins, first_run)
        .context("cannot start the threads that check passwords")
}

fn start_jobs(reception: &Reception, shell: JobShell) -> JobRunner {
    let settings = &reception.settings.jobs;
    let limits = RunnerLimits {
        concurrent_max: settings.concurrent_max,
        poll: Duration::from_millis(settings.poll_ms),
    };
    JobRunner::start(
        reception.store.clone(),
        shell,
        reception.jobs.clone(),
        limits,
    )
}

async fn flush(journal: &Journal) {
    if !journal.flushed(FLUSH_MAX).await {
        tracing::error!(
            waiting = journal.waiting(),
            spooled = journal.spooled(),
            "events could not be stored before the stop"
        );
    }
}

/// The spool. Without one the server answers too: a second server in the same directory has events in memory alone.
fn open_spool(settings: &Settings, key: &Arc<SealingKey>) -> Result<Option<Spool>> {
    match Spool::open(&settings.database.spool_settings(), Arc::clone(key)) {
        Ok(spool) => Ok(Some(spool)),
        Err(error @ SpoolError::InUse { .. }) => {
            tracing::warn!(%error, "events will not outlive this process: set database.spool_directory");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

async fn wait_until(limit: Duration, is_done: impl Fn() -> bool) -> bool {
    let waited = async {
        while !is_done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(limit, waited).await.is_ok()
}

fn carrier(reception: &Reception, sealing: Arc<SealingKey>) -> Result<Arc<TwilioChannel>> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .context("cannot prepare requests to the carrier")?;
    Ok(Arc::new(TwilioChannel::new(
        reception.clone(),
        client,
        sealing,
    )))
}

fn routes(
    reception: &Reception,
    carrier: &Arc<TwilioChannel>,
    api: ApiContext,
    ports: &WebRtcPorts,
    health: &Health,
    metrics: &metrics::MetricsHandle,
    webhooks: &WebhookAnswers,
) -> Result<Router> {
    let verifier: Arc<dyn KeyVerifier> = Arc::new(reception.store.lookup());
    let context = HttpContext::new(
        &reception.settings,
        health.clone(),
        metrics.clone(),
        verifier,
    );
    let mut signed = twilio::routes(Arc::clone(carrier)).layer(from_fn_with_state(
        webhooks.clone(),
        voice_health::count_answer,
    ));
    if reception.traces.is_on() {
        signed = signed.layer(from_fn_with_state(reception.traces.clone(), trace_webhook));
    }
    let groups = RouteGroups {
        signed,
        limited: websocket::routes(reception.clone(), api.clone())
            .merge(webrtc::routes(reception.clone(), ports)?)
            .merge(api::routes(api.clone()))
            .merge(voice_health::routes(api, metrics.clone())),
    };
    Ok(router(groups, &context))
}

fn report_health(settings: &Settings, health: &Health) {
    health.set(Component::Foundation("database"), ComponentState::ACTIVE);
    health.set(Component::Channel("websocket"), ComponentState::ACTIVE);
    health.set(Component::Channel("webrtc"), ComponentState::ACTIVE);
    let twilio = match &settings.twilio.auth_token {
        Some(_) => ComponentState::ACTIVE,
        None => ComponentState::pending("no account in the settings; tenants may have their own"),
    };
    health.set(Component::Channel("twilio"), twilio);
    let openai = match &settings.openai.api_key {
        Some(_) => ComponentState::ACTIVE,
        None => ComponentState::off("openai.api_key is not set"),
    };
    health.set(Component::Provider("openai"), openai);
    let local = match check_programs(&local_programs(settings)) {
        Ok(()) => ComponentState::ACTIVE,
        Err(_) => ComponentState::off("espeak-ng, pocketsphinx or its model is not installed"),
    };
    health.set(Component::Provider("local"), local);
}

async fn stop_asked_for() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
