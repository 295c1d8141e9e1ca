//! A call in virtual time: a script of inputs, a carrier that plays in real time, a model that can be scripted.

mod carrier;
mod invariants;
mod model;
mod scenario;
mod voice;

pub(crate) use carrier::MarkMode;
pub(crate) use invariants::Invariants;
pub(crate) use model::{Answer, AnswerKind, Readiness};
pub(crate) use scenario::{Scenario, Transfer};
pub(crate) use voice::{Echo, VOICE_DBFS, words_length_ms};
