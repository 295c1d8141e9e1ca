//! Agents that answered a moment ago: calls that come together share one definition, one catalogue and one prepared
//! model configuration, instead of loading and keeping them each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use switchboard_media::frame::AudioFormat;
use switchboard_store::TenantId;

use super::agent_models::AgentModels;
use super::{LegKind, ReadyAgent};

/// A published agent takes effect for calls that come this much later.
const FRESH: Duration = Duration::from_secs(1);
/// Agents remembered; far more than an installation has in use at once.
const KEPT_MAX: usize = 1_000;

/// The agents of this process that answered lately.
#[derive(Default)]
pub struct ReadyAgents(Mutex<HashMap<(TenantId, String), (Instant, ReadyAgent)>>);

impl ReadyAgents {
    /// The agent, if it was made ready within the last second.
    pub(super) fn fresh(&self, tenant: TenantId, name: &str) -> Option<ReadyAgent> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, agent) = kept.get(&(tenant, name.to_owned()))?;
        (since.elapsed() < FRESH).then(|| agent.clone())
    }

    /// The agent as it was made ready last, however long ago.
    pub(super) fn last(&self, tenant: TenantId, name: &str) -> Option<ReadyAgent> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, agent) = kept.get(&(tenant, name.to_owned()))?;
        Some(agent.clone())
    }

    pub(super) fn keep(&self, agent: &ReadyAgent) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let key = (agent.tenant, agent.definition.name.clone());
        kept.insert(key, (Instant::now(), agent.clone()));
    }
}

type ModelsByLeg = HashMap<(AudioFormat, LegKind), Arc<AgentModels>>;

/// The models of one agent by leg, prepared once for all calls that share it.
#[derive(Clone, Default)]
pub struct PreparedModels(Arc<Mutex<ModelsByLeg>>);

impl PreparedModels {
    pub(super) fn of(
        &self,
        format: AudioFormat,
        kind: LegKind,
        prepare: impl FnOnce() -> AgentModels,
    ) -> Arc<AgentModels> {
        let mut prepared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let models = prepared.entry((format, kind));
        Arc::clone(models.or_insert_with(|| Arc::new(prepare())))
    }
}
