//! Which parts of the server work: set by the parts themselves, read by `/readyz`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// A part of the server whose state is worth knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// A way to reach us: `twilio`, `websocket`.
    Channel(&'static str),
    /// Who delivers a voice model: `openai_realtime`, `local`.
    Provider(&'static str),
    /// Something the server stands on: `database`. Without it no call can be taken.
    Foundation(&'static str),
}

/// What a component is doing. Reasons are fixed texts, so that no name or number can get into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ComponentState {
    /// The word for programs.
    pub state: Condition,
    /// Why, for people; only `active` needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

/// The word for what a component is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It works.
    Active,
    /// It is being set up, here or at a carrier.
    Pending,
    /// Nobody configured it.
    Off,
    /// It should work and does not.
    Failing,
}

impl ComponentState {
    /// It works.
    pub const ACTIVE: Self = Self {
        state: Condition::Active,
        reason: None,
    };

    /// It is being set up.
    pub fn pending(reason: &'static str) -> Self {
        Self {
            state: Condition::Pending,
            reason: Some(reason),
        }
    }

    /// Nobody configured it.
    pub fn off(reason: &'static str) -> Self {
        Self {
            state: Condition::Off,
            reason: Some(reason),
        }
    }

    /// It should work and does not.
    pub fn failing(reason: &'static str) -> Self {
        Self {
            state: Condition::Failing,
            reason: Some(reason),
        }
    }
}

/// The registry. Cheap to clone; every part that has a state holds one.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    components: Mutex<BTreeMap<Component, ComponentState>>,
    is_draining: AtomicBool,
}

/// The document of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    /// A call can be taken: not draining, every foundation active, and a channel and a provider active.
    pub ready: bool,
    /// The server stops and takes no more calls.
    pub draining: bool,
    /// By name.
    pub channels: BTreeMap<&'static str, ComponentState>,
    /// By name.
    pub providers: BTreeMap<&'static str, ComponentState>,
    /// By name.
    pub foundations: BTreeMap<&'static str, ComponentState>,
}

impl Health {
    /// A registry without components, which is not ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what `component` is doing; a change is logged.
    pub fn set(&self, component: Component, state: ComponentState) {
        let mut components = self
            .0
            .components
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if components.insert(component, state) != Some(state) {
            let reason = state.reason.unwrap_or("");
            tracing::info!(?component, state = ?state.state, reason, "component changed its state");
        }
    }

    /// Not ready from now on: the server stops.
    pub fn start_draining(&self) {
        self.0.is_draining.store(true, Ordering::Relaxed);
    }

    /// True once the server stops.
    pub fn is_draining(&self) -> bool {
        self.0.is_draining.load(Ordering::Relaxed)
    }

    /// The state of everything, now.
    pub fn report(&self) -> HealthReport {
        let mut report = HealthReport {
            ready: false,
            draining: self.is_draining(),
            channels: BTreeMap::new(),
            providers: BTreeMap::new(),
            foundations: BTreeMap::new(),
        };
        let components = self
            .0
            .components
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (component, state) in components.iter() {
            match component {
                Component::Channel(name) => report.channels.insert(name, *state),
                Component::Provider(name) => report.providers.insert(name, *state),
                Component::Foundation(name) => report.foundations.insert(name, *state),
            };
        }
        report.ready = !report.draining
            && report.foundations.values().all(is_active)
            && report.channels.values().any(is_active)
            && report.providers.values().any(is_active);
        report
    }
}

fn is_active(state: &ComponentState) -> bool {
    state.state == Condition::Active
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Health {
        let health = Health::new();
        health.set(Component::Foundation("database"), ComponentState::ACTIVE);
        health.set(
            Component::Channel("twilio"),
            ComponentState::off("no account is set"),
        );
        health.set(Component::Channel("websocket"), ComponentState::ACTIVE);
        health.set(Component::Provider("local"), ComponentState::ACTIVE);
        health
    }

    #[test]
    fn a_server_with_one_channel_and_one_provider_is_ready() {
        assert!(ready().report().ready);
        assert!(!Health::new().report().ready);
    }

    #[test]
    fn a_failing_database_or_a_drain_makes_it_not_ready() {
        let health = ready();
        health.set(
            Component::Foundation("database"),
            ComponentState::failing("does not answer"),
        );
        assert!(!health.report().ready);
        health.set(Component::Foundation("database"), ComponentState::ACTIVE);
        assert!(health.report().ready);
        health.start_draining();
        assert!(!health.report().ready);
    }

    #[test]
    fn the_document_names_state_and_reason() {
        let document = serde_json::to_value(ready().report()).expect("writes");
        assert_eq!(document["channels"]["twilio"]["state"], "off");
        assert_eq!(
            document["channels"]["twilio"]["reason"],
            "no account is set"
        );
        assert_eq!(document["providers"]["local"]["state"], "active");
    }
}
