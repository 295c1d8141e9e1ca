//! The circuit breaker of one account at a model's vendor. (Threat R2.)
//!
//! When most of the last attempts to open a session failed, the next callers do not wait for another failure: their
//! attempt fails at once, and the core takes the agent's next model or the human. No caller is used to find out whether
//! the vendor is well again: a probe of ours opens a session now and then, and the first that is ready closes the breaker.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use switchboard_call::input::FromModel;

use crate::config::OpenaiSettings;
use crate::model::ModelEvent;
use crate::models::openai_realtime::{OpenAiRealtime, OpenAiSetup};
use crate::ops::health::{Component, ComponentState, Health};
use crate::ops::metrics::names;

/// A probe that is not ready within this has failed; a caller would have been with the human for seconds.
const PROBE_MAX: Duration = Duration::from_secs(5);
/// How often a probe pushes out what it has to say.
const PROBE_FLUSH: Duration = Duration::from_millis(10);

/// When a breaker opens, and how it looks for better times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// So many failures among the last `window` attempts open it; 0 never does.
    pub failures_max: usize,
    /// Attempts that are remembered.
    pub window: usize,
    /// Between two probes.
    pub probe_every: Duration,
    /// An attempt that was given up after this long has failed; one that was given up earlier says nothing, because the
    /// caller may have hung up.
    pub patience: Duration,
}

/// Counts what came of the attempts at one account. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Breaker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: BreakerRules,
    health: Health,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last attempts, oldest first; true has failed.
    failed: VecDeque<bool>,
    is_open: bool,
}

/// One attempt to open a session, until it is ready, has failed, or is given up.
#[derive(Debug)]
pub struct Attempt {
    breaker: Breaker,
    setup: Arc<OpenAiSetup>,
    began: Instant,
    is_decided: bool,
}

impl BreakerRules {
    /// As the settings say. `handshake` is when the watchdog gives a model up.
    pub fn of(settings: &OpenaiSettings, handshake: Duration) -> Self {
        Self {
            failures_max: settings.breaker_failures_max,
            window: settings.breaker_window,
            probe_every: Duration::from_millis(settings.breaker_probe_ms),
            // The watchdog runs from the webhook, a little before the attempt begins.
            patience: handshake * 9 / 10,
        }
    }
}

impl Breaker {
    /// A closed one.
    pub fn new(rules: BreakerRules, health: Health) -> Self {
        Self(Arc::new(Inner {
            rules,
            health,
            state: Mutex::default(),
        }))
    }

    /// The right to try, or None while the breaker is open.
    pub fn attempt(&self, setup: &Arc<OpenAiSetup>) -> Option<Attempt> {
        (!self.is_open()).then(|| Attempt {
            breaker: self.clone(),
            setup: Arc::clone(setup),
            began: Instant::now(),
            is_decided: false,
        })
    }

    /// True while callers are spared the wait.
    pub fn is_open(&self) -> bool {
        self.lock().is_open
    }

    /// True when this outcome opens the breaker.
    fn note(&self, has_failed: bool) -> bool {
        let rules = self.0.rules;
        let mut state = self.lock();
        if state.is_open || rules.failures_max == 0 {
            return false;
        }
        state.failed.push_back(has_failed);
        while state.failed.len() > rules.window {
            state.failed.pop_front();
        }
        let failures = state.failed.iter().filter(|failed| **failed).count();
        state.is_open = failures >= rules.failures_max;
        state.is_open
    }

    fn open(&self, setup: Arc<OpenAiSetup>) {
        tracing::error!("the model's vendor fails; callers skip it until a probe succeeds");
        self.show("the vendor fails; callers go to the next model or the human");
        // Without a runtime the process is ending.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let breaker = Arc::downgrade(&self.0);
            let every = self.0.rules.probe_every;
            runtime.spawn(async move {
                loop {
                    tokio::time::sleep(every).await;
                    let is_well = is_well(Arc::clone(&setup)).await;
                    let Some(breaker) = breaker.upgrade().map(Self) else {
                        return;
                    };
                    if is_well {
                        return breaker.close();
                    }
                }
            });
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        state.is_open = false;
        state.failed.clear();
        drop(state);
        tracing::info!("the model's vendor is well again");
        self.show("");
    }

    fn show(&self, failing: &'static str) {
        let is_open = !failing.is_empty();
        let state = match is_open {
            true => ComponentState::failing(failing),
            false => ComponentState::ACTIVE,
        };
        self.0.health.set(Component::Provider("openai"), state);
        let value = if is_open { 1.0 } else { 0.0 };
        metrics::gauge!(names::MODEL_BREAKER_OPEN, "provider" => "openai").set(value);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// The session is ready.
    pub fn succeeded(mut self) {
        self.decide(false);
    }

    /// There is no session.
    pub fn failed(mut self) {
        self.decide(true);
    }

    fn decide(&mut self, has_failed: bool) {
        if !self.is_decided {
            self.is_decided = true;
            if self.breaker.note(has_failed) {
                self.breaker.open(Arc::clone(&self.setup));
            }
        }
    }
}

impl Drop for Attempt {
    /// Given up: by the watchdog, which is a failure, or because the caller is gone.
    fn drop(&mut self) {
        if self.began.elapsed() >= self.breaker.0.rules.patience {
            self.decide(true);
        }
    }
}

/// Whether a session becomes ready. Nothing is said in it, so it costs nothing.
async fn is_well(setup: Arc<OpenAiSetup>) -> bool {
    let becomes_ready = async {
        let mut model = OpenAiRealtime::open(setup, Vec::new(), 0).await.ok()?;
        let mut flush = tokio::time::interval(PROBE_FLUSH);
        loop {
            tokio::select! {
                event = poll_fn(|context| model.poll_next(context)) => match event {
                    ModelEvent::Event(FromModel::Ready) => {
                        model.close().await;
                        return Some(());
                    }
                    ModelEvent::Event(FromModel::Failed(_)) => return None,
                    _ => {}
                },
                _ = flush.tick() => model.flush().await,
            }
        }
    };
    matches!(
        tokio::time::timeout(PROBE_MAX, becomes_ready).await,
        Ok(Some(()))
    )
}
