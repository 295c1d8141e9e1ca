//! Foreign protocols as typed messages and pure codecs.

pub mod openai;
pub mod twilio;
pub mod websocket;
