//! The voice-agent server: sockets, HTTP, models, tools and the command line around the sans-IO call.
//!
//! Inside, the way runs one way: cli → app → http → channels → reception → drive → leg, model, tools, journal. No
//! decision about a conversation is taken here; [`switchboard_call::Call`] takes them all.

pub mod admission;
pub mod app;
pub mod app_users;
pub mod archive;
pub mod budgets;
pub mod calls_live;
pub mod channels;
pub mod cli;
pub mod config;
pub mod demo;
pub mod desk;
pub mod doctor;
pub mod drive;
pub mod erasure;
pub mod handoff;
pub mod http;
pub mod jobs;
pub mod journal;
pub mod leg;
pub mod live;
pub mod mail;
pub mod model;
pub mod models;
pub mod openapi;
pub mod ops;
pub mod outbound;
pub mod phrases;
pub mod reception;
pub mod recorder;
#[cfg(feature = "rehearse")]
pub mod rehearsal;
pub mod retention;
pub mod socket;
pub mod staff;
pub mod switches;
pub mod tls;
pub mod tool_runner;
pub mod tools;
pub mod transcriber;
pub mod upgrade;
pub mod usage;
pub mod webhooks;
