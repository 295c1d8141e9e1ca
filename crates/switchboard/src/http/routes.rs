//! Routes of the server itself.

pub(super) mod health;
pub(super) mod metrics;
pub mod voice_health;
