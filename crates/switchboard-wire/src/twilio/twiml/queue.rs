//! `<Enqueue>`: the caller waits at the carrier until somebody takes the call from the queue.

use super::element::Element;

/// Puts the caller into a queue of the account. `action` is asked when the caller leaves it, however that happens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enqueue {
    /// Name of the queue; the carrier makes it when it is new.
    pub queue: String,
    pub action: Option<String>,
    /// Document that is run while the caller waits. `<Leave>` in it takes the caller out.
    pub wait_url: Option<String>,
}

impl Enqueue {
    pub(super) fn to_element(&self) -> Element {
        Element::new("Enqueue")
            .with_if("action", self.action.as_ref())
            .with_if("waitUrl", self.wait_url.as_ref())
            .with_text(&self.queue)
    }
}
