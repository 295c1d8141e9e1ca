//! Scripted callers, fake carriers and model servers that speak the real protocols.

pub mod caller;
pub mod realtime;
pub mod socket;
pub mod twilio;
