//! Public keys of issuers, fetched from the addresses that tenants name, by the rules of [`Outbound`] (threats A4, T2).
//!
//! Keys are asked for again after an hour, and sooner for a key id that is not known, but never more than once a minute.
//! While the issuer does not answer the keys that are known stay good for a day.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::token::{self, VerifyingKey};
use crate::outbound::{Outbound, OutboundRequest};

/// When keys are asked for again although they serve.
const FRESH_FOR: Duration = Duration::from_secs(3600);
/// How long keys serve while their issuer does not answer.
const GOOD_FOR: Duration = Duration::from_secs(24 * 3600);
/// The pause between two requests to one address, whatever tokens ask for.
const PAUSE: Duration = Duration::from_secs(60);
/// For the whole request. A person waits for it.
const DEADLINE: Duration = Duration::from_secs(3);
/// Keys of one issuer that are looked at.
const KEYS_MAX: usize = 64;
/// Addresses remembered. They are configured, so there are few; past the bound the quiet ones are forgotten.
const ADDRESSES_MAX: usize = 1_024;

/// The keys of all issuers.
pub struct PublicKeys {
    outbound: Outbound,
    addresses: Mutex<HashMap<String, Arc<Address>>>,
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFault {
    /// The issuer has no key of this name and kind.
    Unknown,
    /// The issuer does not answer, and nothing is known of it.
    Unavailable,
}

/// One address. Locked while it is asked, so that a crowd of tokens asks once.
#[derive(Default)]
struct Address(tokio::sync::Mutex<Known>);

#[derive(Default)]
struct Known {
    keys: Arc<Vec<Jwk>>,
    fetched_at: Option<Instant>,
    asked_at: Option<Instant>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl PublicKeys {
    /// Knows no keys yet.
    pub fn new(outbound: Outbound) -> Self {
        Self {
            outbound,
            addresses: Mutex::default(),
        }
    }

    /// The key of this id, or the only one that fits a token without an id.
    ///
    /// # Errors
    /// No such key, or nobody answers.
    pub async fn find(
        &self,
        url: &str,
        key_id: Option<&str>,
        algorithm: &str,
    ) -> Result<VerifyingKey, KeyFault> {
        let address = self.address(url);
        let mut known = address.0.lock().await;
        let now = Instant::now();
        if known.is_older_than(FRESH_FOR, now) {
            self.refresh(url, &mut known, now).await;
        }
        let mut found = known.find(key_id, algorithm, now);
        if found == Err(KeyFault::Unknown) {
            self.refresh(url, &mut known, now).await;
            found = known.find(key_id, algorithm, now);
        }
        let key = found?;
        DecodingKey::from_jwk(&key).map_err(|_| KeyFault::Unknown)
    }

    fn address(&self, url: &str) -> Arc<Address> {
        let mut addresses = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= ADDRESSES_MAX && !addresses.contains_key(url) {
            addresses.retain(|_, address| Arc::strong_count(address) > 1);
        }
        Arc::clone(addresses.entry(url.to_owned()).or_default())
    }

    /// Asks, unless that was done a moment ago.
    async fn refresh(&self, url: &str, known: &mut Known, now: Instant) {
        if known.asked_at.is_some_and(|asked| now < asked + PAUSE) {
            return;
        }
        known.asked_at = Some(now);
        match self.fetch(url).await {
            Ok(keys) => {
                known.keys = Arc::new(keys);
                known.fetched_at = Some(now);
            }
            Err(reason) => tracing::warn!(reason, "the keys of an issuer cannot be fetched"),
        }
    }

    async fn fetch(&self, url: &str) -> Result<Vec<Jwk>, &'static str> {
        let request = OutboundRequest {
            method: Method::GET,
            url: self.outbound.check(url).map_err(|_| "refused_address")?,
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            deadline: DEADLINE,
        };
        let answer = self.outbound.send(request).await;
        let answer = answer.map_err(|_| "no_answer")?;
        if answer.status != 200 {
            return Err("refused");
        }
        let set: KeySet = serde_json::from_slice(&answer.body).map_err(|_| "no_key_set")?;
        // A key of a kind that we do not know is no reason to lose the others.
        let keys = set.keys.into_iter().take(KEYS_MAX);
        Ok(keys
            .filter_map(|key| serde_json::from_value(key).ok())
            .collect())
    }
}

impl Known {
    fn is_older_than(&self, age: Duration, now: Instant) -> bool {
        self.fetched_at.is_none_or(|fetched| now >= fetched + age)
    }

    fn find(&self, key_id: Option<&str>, algorithm: &str, now: Instant) -> Result<Jwk, KeyFault> {
        if self.is_older_than(GOOD_FOR, now) {
            return Err(KeyFault::Unavailable);
        }
        let mut fitting = self.keys.iter().filter(|key| {
            let is_named = key_id.is_none_or(|id| key.common.key_id.as_deref() == Some(id));
            is_named && fits(key, algorithm)
        });
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key.clone()),
            // Two of one name: which of them signed is not for us to try out.
            _ => Err(KeyFault::Unknown),
        }
    }
}

/// Whether a key is meant for signatures of this algorithm.
fn fits(key: &Jwk, algorithm: &str) -> bool {
    let signs = matches!(
        key.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let named = key.common.key_algorithm.as_ref();
    let is_of_algorithm = named.is_none_or(|named| name_of(named) == algorithm);
    let family = token::algorithm(algorithm).and_then(token::family);
    let made = DecodingKey::from_jwk(key).ok();
    signs && is_of_algorithm && made.is_some_and(|made| Some(made.family()) == family)
}

fn name_of(algorithm: &KeyAlgorithm) -> String {
    format!("{algorithm:?}")
}
