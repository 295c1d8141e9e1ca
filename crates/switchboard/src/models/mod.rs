//! Voice models behind the one contract of [`crate::model`].

pub mod breaker;
pub mod local;
pub mod openai_realtime;
