//! The fake Twilio against a small application over loopback.

mod call;
mod stream;
mod support;
