//! A server of ours with fakes around it, all on loopback, for tests of whole calls.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of it"
)]

pub mod browser;
pub mod postgres;
pub mod relay;
pub mod shape;

use std::sync::Arc;
use std::time::Duration;

use switchboard::app::App;
use switchboard::channels::twilio::TwilioChannel;
use switchboard::config::{DatabaseUrl, Secret, Settings};
use switchboard::reception::Reception;
use switchboard::staff::Doorkeeper;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer};
use switchboard_sim::twilio::{CallHandle, FakeTwilio, FakeTwilioSettings, PlaceCall};
use switchboard_store::{
    Actor, CallListing, ListFilter, Purpose, TenantScope, TenantStore, TurnListing,
};
use tokio::sync::oneshot;

/// The numbers of the reference agents.
pub const MEDSPA: &str = "+12025550103";
pub const TRADES: &str = "+12025550104";
pub const HUMAN: &str = "+12025550199";
/// Longest wait for anything in a test.
pub const BOUND: Duration = Duration::from_secs(20);

/// A running server on SQLite with the demo agents.
pub struct TestServer {
    pub base: String,
    pub reception: Reception,
    pub carrier: Arc<TwilioChannel>,
    pub doorkeeper: Doorkeeper,
    stop: Option<oneshot::Sender<()>>,
    running: Option<tokio::task::JoinHandle<()>>,
    _directory: tempfile::TempDir,
}

impl TestServer {
    /// Starts a server. `adjust` changes the settings after the fakes are wired in.
    pub async fn start(
        twilio: &FakeTwilio,
        model: Option<&RealtimeServer>,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::start_as(twilio, model, true, adjust).await
    }

    /// The same without demo agents: a server that nobody has used yet.
    pub async fn start_fresh(twilio: &FakeTwilio, adjust: impl FnOnce(&mut Settings)) -> Self {
        Self::start_as(twilio, None, false, adjust).await
    }

    async fn start_as(
        twilio: &FakeTwilio,
        model: Option<&RealtimeServer>,
        is_demo: bool,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut settings = Settings::default();
        let path = |name: &str| directory.path().join(name).display().to_string();
        settings.http.listen = "127.0.0.1:0".parse().expect("an address");
        settings.database.url = DatabaseUrl::new(format!("sqlite://{}", path("test.db")));
        settings.database.sealing_key_file = path("sealing.key");
        settings.recordings.folder = path("recordings");
        settings.database.spool_directory = path("spool");
        settings.database.reserve_mib = 1;
        settings.database.erasure_list_file = path("erasures.jsonl");
        settings.twilio.account_sid = Some(twilio.account_sid().to_string());
        settings.twilio.auth_token = Some(Secret::new(twilio.auth_token()));
        settings.twilio.api_base_url = twilio.base_url().parse().expect("an address");
        if let Some(model) = model {
            settings.openai.api_key = Some(Secret::new("sk-test"));
            settings.openai.base_url = model.base_url().parse().expect("an address");
        }
        // Callers of the fake carrier share one number.
        settings.calls.caller_concurrent_max = 0;
        settings.calls.caller_hour_max = 0;
        adjust(&mut settings);
        let app = App::start(settings, is_demo)
            .await
            .expect("the server starts");
        let base = format!("http://{}", app.address);
        let reception = app.reception.clone();
        let carrier = Arc::clone(&app.carrier);
        let doorkeeper = app.doorkeeper.clone();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(app.run(async move {
            let _ = stopped.await;
        }));
        Self {
            base,
            reception,
            carrier,
            doorkeeper,
            stop: Some(stop),
            running: Some(running),
            _directory: directory,
        }
    }

    pub fn voice_url(&self) -> String {
        format!("{}/twilio/voice", self.base)
    }

    /// A call from the fake carrier.
    pub fn call(&self, twilio: &FakeTwilio, to: &str, script: CallerScript) -> CallHandle {
        let mut place = PlaceCall::new(self.voice_url(), to, script);
        place.status_callback = Some(format!("{}/twilio/status", self.base));
        twilio.place_call(place)
    }

    /// A tenant's rows, by its name.
    pub async fn rows(&self, tenant: &str) -> TenantStore {
        let found = self
            .reception
            .store
            .installation()
            .find_tenant(tenant)
            .await
            .expect("the database answers");
        let tenant = found.expect("the tenant exists").id;
        self.reception
            .store
            .tenant(TenantScope::new(tenant, Actor::Operator, Purpose::List))
    }

    /// The tenant's calls once all journal entries are stored.
    pub async fn calls(&self, tenant: &str) -> Vec<CallListing> {
        assert!(
            self.reception.journal.flushed(BOUND).await,
            "the journal is flushed"
        );
        self.rows(tenant)
            .await
            .list_calls(&ListFilter::default())
            .await
            .expect("calls")
    }

    /// The tenant's turns in the order they were spoken.
    pub async fn turns(&self, tenant: &str) -> Vec<TurnListing> {
        assert!(
            self.reception.journal.flushed(BOUND).await,
            "the journal is flushed"
        );
        let mut turns = self
            .rows(tenant)
            .await
            .list_turns(&ListFilter::default())
            .await
            .expect("turns");
        turns.sort_by_key(|turn| turn.seq);
        turns
    }

    /// Waits until no call, permit or task of a call is left.
    pub async fn idle(&self) {
        let live = &self.reception.live;
        wait_for("all calls have ended", || {
            live.count() == 0 && self.reception.admission.held() == 0
        })
        .await;
    }

    /// Stops the server and waits for it.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(running) = self.running.take() {
            tokio::time::timeout(BOUND, running)
                .await
                .expect("the server stops in time")
                .expect("without a panic");
        }
    }
}

/// Waits for a condition, with a bound.
pub async fn wait_for(what: &str, is_true: impl Fn() -> bool) {
    let waited = async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(BOUND, waited).await.is_ok(),
        "waited in vain: {what}"
    );
}

/// A fake carrier with the human of the reference agents.
pub async fn carrier() -> FakeTwilio {
    FakeTwilio::start(FakeTwilioSettings::default())
        .await
        .expect("the fake carrier starts")
}

/// A fake model that follows a script.
pub async fn model(script: RealtimeScript) -> RealtimeServer {
    RealtimeServer::start(script)
        .await
        .expect("the fake model starts")
}
