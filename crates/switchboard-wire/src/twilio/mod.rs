//! Twilio Programmable Voice: webhooks, signatures, TwiML, Media Streams messages, REST bodies.
//!
//! Evidence for every rule is in the protocol notes of the specification; module docs name the section. Twilio's names
//! (`streamSid`, `DialCallStatus`) stop here. Values that identify people are [`Private`](crate::private::Private).

pub mod form;
pub mod id;
pub mod requests;
pub mod rest;
pub mod signature;
pub mod status;
pub mod stream;
pub mod twiml;

pub use form::Form;
pub use id::{AccountSid, CallSid, StreamSid};
pub use status::CallStatus;
