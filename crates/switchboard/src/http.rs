//! The port: our own accept loop, and what stands around every route.
//!
//! [`Server`] accepts connections within limits and hands requests to a router built by [`router`]. Sockets that were
//! upgraded leave this module for good: [`take_upgraded`] gives the bare TCP stream back. No route knows about limits,
//! forwarded addresses, problem documents or security headers; they get them from here.

mod address;
pub mod api;
mod api_key;
mod auth;
mod body;
mod connection;
mod connection_limit;
mod dashboard;
mod drain;
mod guard;
mod headers;
pub mod identity;
mod problem;
mod rate;
mod router;
pub mod routes;
mod server;
mod standing;
mod visitor;

pub use self::address::{AddressBlock, ClientAddress};
pub use self::api_key::ApiKey;
pub use self::auth::{KeyIdentity, KeyVerifier, Verification, VerifierUnavailable, bearer_key};
pub use self::connection::{PeerStream, take_upgraded};
pub use self::connection_limit::ConnectionPermit;
pub use self::drain::{Drain, DrainTrigger};
pub use self::guard::RequestId;
pub use self::identity::{Brought, CallerCredential, CallerDoor, CallerIdentity, CallerRefusal};
pub use self::problem::Problem;
pub use self::router::{HttpContext, RouteGroups, keyed, router};
pub use self::server::{BindError, OpenConnections, Server};
pub use self::standing::{LOST_WITHIN, Standing, Standings};
pub use self::visitor::{CookieRules, Visitor, Who};

#[cfg(test)]
mod tests;
