//! The task that looks every minute, keeps what the rules decide, and tells whoever is to know.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use switchboard_store::{
    Actor, JobState, ListFilter, NewAlert, Purpose, StoreError, TenantId, TenantScope, TenantStore,
    Timestamp, Word,
};

use super::readings::{NodeSignals, WebhookAnswers, tenant_readings};
use super::rules::{Change, Phase, Reading, RuleName, Thresholds};
use super::telling::{AlertMail, Notice};
use crate::http::Drain;
use crate::ops::metrics::names;
use crate::reception::Reception;

/// How often everything is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// An open alert that nobody saw for this long has lost its watcher, and is cleared.
const UNSEEN_MAX: TimeDelta = TimeDelta::minutes(15);
/// Decisions kept while the database is away; more than every rule of a node, twice.
const WAITING_MAX: usize = 64;
/// Longest wait for the database to answer a ping.
const PING_MAX: Duration = Duration::from_secs(5);
/// A certificate is looked at this often, in looks.
const CERTIFICATE_EVERY: u64 = 60;

/// Whose rule: a tenant's, or this node's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Tenant(TenantId),
    Node,
}

/// A decision on its way into the database.
struct Decision {
    subject: Subject,
    rule: RuleName,
    change: Change,
    at: Timestamp,
}

/// Watches one process and the calls of all tenants.
pub struct AlertWatch {
    reception: Reception,
    node: String,
    disk: PathBuf,
    thresholds: Thresholds,
    webhooks: WebhookAnswers,
    mail: AlertMail,
    /// Names of tenants, for the mails.
    names: HashMap<TenantId, String>,
    phases: HashMap<(Subject, RuleName), Phase>,
    waiting: VecDeque<Decision>,
    has_loaded: bool,
    looks: u64,
    certificate_days: Reading,
    /// Both clocks at the last look: if they went apart since, somebody set the wall clock.
    clocks: (Instant, Timestamp),
}

impl AlertWatch {
    /// A watch that has not looked yet.
    pub fn new(reception: Reception, webhooks: WebhookAnswers) -> Self {
        let settings = &reception.settings;
        let key_file = Path::new(&settings.database.sealing_key_file);
        let disk = key_file.parent().map_or_else(PathBuf::new, Path::to_owned);
        Self {
            node: node_name(settings.ops.node_name.as_deref()),
            disk,
            thresholds: Thresholds::of(&settings.ops),
            webhooks,
            mail: AlertMail::default(),
            names: HashMap::new(),
            phases: HashMap::new(),
            waiting: VecDeque::new(),
            has_loaded: false,
            looks: 0,
            certificate_days: None,
            clocks: (Instant::now(), chrono::Utc::now()),
            reception,
        }
    }

    /// The same, telling operators by mail.
    #[must_use]
    pub fn telling(self, mail: AlertMail) -> Self {
        Self { mail, ..self }
    }

    /// Looks every minute until the server stops.
    pub async fn run(mut self, mut drain: Drain) {
        let began = Instant::now();
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.look(began.elapsed(), chrono::Utc::now()).await,
                () = drain.begun() => return,
            }
        }
    }

    /// One look. `now` never jumps, `at` is what is written down.
    pub async fn look(&mut self, now: Duration, at: Timestamp) {
        let signals = self.signals(at).await;
        self.look_with(signals, now, at).await;
    }

    /// One look at these signals of the node, and at the calls of all tenants.
    pub async fn look_with(&mut self, signals: NodeSignals, now: Duration, at: Timestamp) {
        self.looks += 1;
        if signals.database != Some(false)
            && let Err(error) = self.load_once().await
        {
            tracing::warn!(%error, "open alerts cannot be read");
        }
        self.decide(Subject::Node, &signals.readings(), now, at);
        self.tell_of_database(at);
        if signals.database != Some(false) {
            if let Err(error) = self.look_at_tenants(now, at).await {
                tracing::warn!(%error, "calls cannot be looked at for alerts");
            }
            self.keep(at).await;
        }
        self.show();
    }

    /// What was raised before this process started goes on being raised.
    async fn load_once(&mut self) -> Result<(), StoreError> {
        if self.has_loaded {
            return Ok(());
        }
        let installation = self.reception.store.installation();
        let open = |alerts: Vec<switchboard_store::AlertListing>| {
            let open = alerts
                .into_iter()
                .filter(|alert| alert.cleared_at.is_none());
            open.filter_map(|alert| Some((RuleName::parse(alert.rule.as_str())?, alert.subject)))
        };
        let all = ListFilter::default();
        // Those that are over do not matter.
        let far = Some(chrono::Utc::now());
        for (rule, subject) in open(installation.list_alerts(far, &all).await?) {
            if subject == self.node {
                self.phases.insert((Subject::Node, rule), Phase::Raised);
            }
        }
        for tenant in installation.list_tenants().await? {
            for (rule, _) in open(self.rows(tenant.id).list_alerts(far, &all).await?) {
                self.phases
                    .insert((Subject::Tenant(tenant.id), rule), Phase::Raised);
            }
        }
        self.has_loaded = true;
        Ok(())
    }

    fn rows(&self, tenant: TenantId) -> TenantStore {
        let scope = TenantScope::new(tenant, Actor::System, Purpose::Maintain);
        self.reception.store.tenant(scope)
    }

    async fn look_at_tenants(&mut self, now: Duration, at: Timestamp) -> Result<(), StoreError> {
        let tenants = self.reception.store.installation().list_tenants().await?;
        let known: HashSet<TenantId> = tenants.iter().map(|tenant| tenant.id).collect();
        let name = |tenant: &switchboard_store::Tenant| (tenant.id, tenant.name.clone());
        self.names = tenants.iter().map(name).collect();
        self.phases.retain(|(subject, _), _| match subject {
            Subject::Tenant(tenant) => known.contains(tenant),
            Subject::Node => true,
        });
        for tenant in tenants {
            let recent = self.rows(tenant.id).recent_health(at).await?;
            self.decide(
                Subject::Tenant(tenant.id),
                &tenant_readings(&recent),
                now,
                at,
            );
            // Many tenants may raise the same at once: none of it is dropped for the next.
            if self.waiting.len() > WAITING_MAX / 2 {
                self.keep(at).await;
            }
        }
        Ok(())
    }

    fn decide(
        &mut self,
        subject: Subject,
        readings: &[(RuleName, Reading)],
        now: Duration,
        at: Timestamp,
    ) {
        for (rule, reading) in readings {
            let phase = self.phases.entry((subject.clone(), *rule)).or_default();
            let (next, change) = rule.rule(&self.thresholds).look(*phase, now, *reading);
            *phase = next;
            let Some(change) = change else { continue };
            if self.waiting.len() == WAITING_MAX {
                self.waiting.pop_front();
            }
            let (subject, rule) = (subject.clone(), *rule);
            self.waiting.push_back(Decision {
                subject,
                rule,
                change,
                at,
            });
        }
    }

    /// Stores decisions, oldest first. One that cannot be stored waits for the next look, and those behind it too.
    async fn keep(&mut self, at: Timestamp) {
        let mut told = Vec::new();
        while let Some(decision) = self.waiting.front() {
            match self.store(decision).await {
                Ok(true) => {
                    self.tell(decision);
                    told.extend(self.notice(decision));
                }
                // Another node was first, and has told.
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "an alert cannot be stored yet");
                    self.mail.tell(&told);
                    return;
                }
            }
            self.waiting.pop_front();
        }
        match self.see(at).await {
            Ok(over) => told.extend(over),
            Err(error) => tracing::warn!(%error, "open alerts cannot be marked as seen"),
        }
        self.mail.tell(&told);
    }

    async fn store(&self, decision: &Decision) -> Result<bool, StoreError> {
        let Decision {
            subject,
            rule,
            change,
            at,
        } = decision;
        let word = Word::new(rule.as_str());
        let alert = |figure: f64| NewAlert {
            rule: word.clone(),
            subject: self.node.clone(),
            severity: rule.severity(),
            figure,
            at: *at,
        };
        match (subject, change) {
            (Subject::Tenant(tenant), Change::Raise { figure }) => {
                self.rows(*tenant).raise_alert(&alert(*figure)).await
            }
            (Subject::Tenant(tenant), Change::Clear) => {
                self.rows(*tenant).clear_alert(&word, *at).await
            }
            (Subject::Node, Change::Raise { figure }) => {
                let installation = self.reception.store.installation();
                installation.raise_alert(&alert(*figure)).await
            }
            (Subject::Node, Change::Clear) => {
                let installation = self.reception.store.installation();
                installation.clear_alert(&word, &self.node, *at).await
            }
        }
    }

    /// Marks what this node still finds, and clears what a node that is gone had found: its operators were told that it
    /// began, and are told that it is over.
    async fn see(&self, at: Timestamp) -> Result<Vec<Notice>, StoreError> {
        let installation = self.reception.store.installation();
        for ((subject, rule), phase) in &self.phases {
            if *subject == Subject::Node && is_raised(*phase) {
                let word = Word::new(rule.as_str());
                installation.see_alert(&word, &self.node, at).await?;
            }
        }
        let unseen = installation.clear_unseen_alerts(at - UNSEEN_MAX, at);
        let over = unseen.await?.into_iter().filter_map(|alert| {
            Some(Notice {
                rule: RuleName::parse(alert.rule.as_str())?,
                change: Change::Clear,
                whose: alert.subject,
                at,
            })
        });
        Ok(over.collect())
    }

    fn tell(&self, decision: &Decision) {
        let (rule, severity) = (decision.rule.as_str(), decision.rule.severity().as_str());
        match decision.change {
            Change::Raise { figure } => {
                metrics::counter!(names::ALERTS_RAISED_TOTAL, "rule" => rule, "severity" => severity)
                    .increment(1);
                tracing::warn!(rule, severity, figure, "an alert was raised");
            }
            Change::Clear => tracing::info!(rule, severity, "an alert was cleared"),
        }
    }

    /// A decision for the operators. That the database is away was told when it was found.
    fn notice(&self, decision: &Decision) -> Option<Notice> {
        let is_told = decision.rule == RuleName::DatabaseAway
            && matches!(decision.change, Change::Raise { .. });
        (!is_told).then(|| self.notice_of(decision))
    }

    fn notice_of(&self, decision: &Decision) -> Notice {
        let whose = match &decision.subject {
            Subject::Tenant(tenant) => self.names.get(tenant).cloned().unwrap_or_default(),
            Subject::Node => self.node.clone(),
        };
        Notice {
            rule: decision.rule,
            change: decision.change,
            whose,
            at: decision.at,
        }
    }

    /// The one alert that cannot wait for the database: it is told when it is decided, and stored later.
    fn tell_of_database(&self, at: Timestamp) {
        let just_now = self.waiting.iter().filter(|decision| {
            decision.at == at
                && decision.rule == RuleName::DatabaseAway
                && matches!(decision.change, Change::Raise { .. })
        });
        let told: Vec<Notice> = just_now.map(|decision| self.notice_of(decision)).collect();
        self.mail.tell(&told);
    }

    /// Shows which rules stand raised, at `/metrics`.
    fn show(&self) {
        for rule in RuleName::ALL {
            let raised = self
                .phases
                .iter()
                .filter(|((_, name), phase)| *name == rule && is_raised(**phase));
            let count = raised.count() as f64;
            let severity = rule.severity().as_str();
            metrics::gauge!(names::ALERTS_OPEN, "rule" => rule.as_str(), "severity" => severity)
                .set(count);
        }
    }

    /// What this process knows about itself, now.
    async fn signals(&mut self, at: Timestamp) -> NodeSignals {
        let answers = tokio::time::timeout(PING_MAX, self.reception.store.ping()).await;
        let (failing, slow) = self.webhooks.burns();
        let public_url = self.reception.settings.public_url();
        if self.looks.is_multiple_of(CERTIFICATE_EVERY) && public_url.is_encrypted() {
            self.certificate_days = crate::doctor::certificate_days(&public_url, at).await;
        }
        NodeSignals {
            database: Some(matches!(answers, Ok(Ok(())))),
            spool_percent: Some(self.reception.journal.fill_percent()),
            disk_free_percent: disk_free_percent(&self.disk),
            breakers_open: Some(f64::from(u8::from(self.reception.breaker.is_open()))),
            jobs_failed: self.jobs_failed().await,
            certificate_days: self.certificate_days,
            clock_seconds: Some(self.clock_jump(at).max(self.database_clock().await)),
            webhooks_failing: Some(failing),
            webhooks_slow: Some(slow),
        }
    }

    /// Jobs of the whole installation that were given up and wait for somebody.
    async fn jobs_failed(&self) -> Reading {
        let queue = self.reception.store.job_queue();
        let counts = tokio::time::timeout(PING_MAX, queue.counts())
            .await
            .ok()?
            .ok()?;
        let failed = counts
            .iter()
            .filter(|count| count.state == JobState::Failed);
        Some(failed.map(|count| count.jobs).sum::<i64>() as f64)
    }

    /// How far our clock is from a database server's; a file has none.
    async fn database_clock(&self) -> f64 {
        let asked = tokio::time::timeout(PING_MAX, self.reception.store.server_time()).await;
        match asked {
            Ok(Ok(Some(theirs))) => {
                let apart = (chrono::Utc::now() - theirs).num_milliseconds();
                apart.abs() as f64 / 1_000.0
            }
            _ => 0.0,
        }
    }

    /// How far the wall clock went apart from the one that never jumps, since the last look.
    fn clock_jump(&mut self, at: Timestamp) -> f64 {
        let (steady, wall) = self.clocks;
        self.clocks = (Instant::now(), at);
        let jump = (at - wall).num_milliseconds() as f64 / 1_000.0 - steady.elapsed().as_secs_f64();
        jump.abs()
    }
}

const fn is_raised(phase: Phase) -> bool {
    matches!(phase, Phase::Raised | Phase::Falling { .. })
}

/// Free space of the disk that holds `path`, for those who are not root.
pub(crate) fn disk_free_percent(path: &Path) -> Reading {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let disk = rustix::fs::statvfs(path).ok()?;
    (disk.f_blocks > 0).then(|| disk.f_bavail as f64 * 100.0 / disk.f_blocks as f64)
}

pub(crate) fn node_name(configured: Option<&str>) -> String {
    let host = || {
        let name = rustix::system::uname();
        name.nodename().to_string_lossy().into_owned()
    };
    configured.map_or_else(host, str::to_owned)
}
