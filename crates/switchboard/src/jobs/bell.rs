//! Wakes the runner of this process when work was asked for here. Other nodes find it by looking now and then.

use std::sync::Arc;

use tokio::sync::Notify;

/// Rung by whoever stored a job. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct JobBell(Arc<Notify>);

impl JobBell {
    /// There is work. Ringing while the runner is awake makes it look once more.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    pub(super) async fn rung(&self) {
        self.0.notified().await;
    }
}
