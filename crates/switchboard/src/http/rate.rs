//! Requests per address and second. Carrier routes are not behind it: a carrier calls from few addresses and signs.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::address::{AddressBlock, ClientAddress};
use super::problem::Problem;
use crate::config::HttpSettings;

/// Addresses remembered before those that are quiet again are forgotten.
const ADDRESSES_MAX: usize = 50_000;

/// Counts requests per address block.
#[derive(Clone)]
pub(super) struct RequestRate(Arc<DefaultKeyedRateLimiter<AddressBlock>>);

impl RequestRate {
    pub(super) fn new(settings: &HttpSettings) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(settings.requests_per_s_max))
            .allow_burst(at_least_one(settings.requests_burst_max));
        Self(Arc::new(RateLimiter::dashmap(quota)))
    }

    /// `Err` holds the whole seconds until the address may ask again.
    fn check(&self, address: IpAddr) -> Result<(), u64> {
        if self.0.len() > ADDRESSES_MAX {
            self.0.retain_recent();
        }
        self.0
            .check_key(&AddressBlock::from(address))
            .map_err(|refused| {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                wait.as_secs().saturating_add(1)
            })
    }
}

/// Answers 429 to an address that asks too often.
pub(super) async fn limit_rate(
    State(rate): State<RequestRate>,
    request: Request,
    next: Next,
) -> Response {
    let address = request.extensions().get::<ClientAddress>().copied();
    match address.map_or(Ok(()), |ClientAddress(ip)| rate.check(ip)) {
        Ok(()) => next.run(request).await,
        Err(seconds) => Problem::too_many_requests(seconds).into_response(),
    }
}
