//! Scripted callers, fake carriers and model servers that speak the real protocols and refuse what the real ones refuse.
//!
//! Nothing here knows the server under test: everything goes over loopback sockets, as it would over the internet. Fakes
//! write down what happened in typed logs, so that a test can also assert what did not happen.

pub mod bucket;
pub mod caller;
pub mod realtime;
pub mod smtp;
pub mod socket;
pub mod transcription;
pub mod twilio;
