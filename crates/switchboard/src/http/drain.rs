//! The one signal that the server stops: no new connections, live calls end, then everything closes.

use tokio::sync::watch;

/// Starts the drain. Dropping it starts the drain too, so that nothing waits for a trigger that is gone.
#[derive(Debug)]
pub struct DrainTrigger(watch::Sender<bool>);

/// Tells whether the server stops. Cheap to clone; every task that should stop holds one.
#[derive(Clone, Debug)]
pub struct Drain(watch::Receiver<bool>);

impl Drain {
    /// A drain that has not begun, and its trigger.
    pub fn new() -> (DrainTrigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (DrainTrigger(sender), Self(receiver))
    }

    /// True once the server stops.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when the server stops; at once if it already does. Cancel-safe.
    pub async fn begun(&mut self) {
        // An error means that the trigger is gone, which counts as begun.
        let _ = self.0.wait_for(|begun| *begun).await;
    }
}

impl DrainTrigger {
    /// Tells everybody that the server stops.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }
}
