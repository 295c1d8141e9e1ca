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
        self.find_at(Instant::now(), url, key_id, algorithm).await
    }

    async fn find_at(
        &self,
        now: Instant,
        url: &str,
        key_id: Option<&str>,
        algorithm: &str,
    ) -> Result<VerifyingKey, KeyFault> {
        let address = self.address(url);
        let mut known = address.0.lock().await;
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use axum::Router;
    use axum::extract::State;
    use axum::http::StatusCode;
    use axum::routing::get;
    use jsonwebtoken::{Algorithm, EncodingKey};
    use serde_json::json;

    use super::*;
    use crate::config::OutboundSettings;

    /// An issuer that publishes what it is told to.
    #[derive(Clone, Default)]
    struct Issuer(Arc<Published>);

    #[derive(Default)]
    struct Published {
        asked: AtomicUsize,
        keys: Mutex<Option<Value>>,
    }

    impl Issuer {
        async fn start(self) -> String {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a port");
            let address = listener.local_addr().expect("bound");
            let answer = |State(issuer): State<Self>| async move {
                issuer.0.asked.fetch_add(1, Ordering::Relaxed);
                let keys = issuer.0.keys.lock().expect("not poisoned").clone();
                keys.map(|keys| keys.to_string())
                    .ok_or(StatusCode::BAD_GATEWAY)
            };
            let routes = Router::new().route("/keys", get(answer)).with_state(self);
            tokio::spawn(async move { axum::serve(listener, routes).await });
            format!("http://{address}/keys")
        }

        fn publish(&self, keys: Option<Vec<Value>>) {
            *self.0.keys.lock().expect("not poisoned") = keys.map(|keys| json!({ "keys": keys }));
        }

        fn asked(&self) -> usize {
            self.0.asked.load(Ordering::Relaxed)
        }
    }

    fn public_key(id: &str) -> Value {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let key = EncodingKey::from_ec_der(made.expect("a key").as_ref());
        let key = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("published");
        let mut key = serde_json::to_value(key).expect("JSON");
        key["kid"] = json!(id);
        key
    }

    fn loopback() -> Outbound {
        let settings = OutboundSettings {
            allow_networks: vec!["127.0.0.0/8".parse().expect("a network")],
        };
        Outbound::new(&settings).expect("a client")
    }

    #[tokio::test]
    async fn t2_keys_rotate_are_asked_for_once_a_minute_and_outlive_their_issuer() {
        crate::tls::install_provider();
        let issuer = Issuer::default();
        let url = issuer.clone().start().await;
        let keys = PublicKeys::new(loopback());
        let begin = Instant::now();
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        let find = async |seconds, id: &str| {
            let found = keys.find_at(at(seconds), &url, Some(id), "ES256").await;
            found.map(drop)
        };
        assert_eq!(find(0, "a").await, Err(KeyFault::Unavailable));
        issuer.publish(Some(vec![public_key("a")]));
        assert_eq!(
            find(30, "a").await,
            Err(KeyFault::Unavailable),
            "asked a moment ago"
        );
        assert_eq!(find(60, "a").await, Ok(()));
        // A new key appears, and unknown ones ask no more than once a minute.
        issuer.publish(Some(vec![public_key("a"), public_key("b")]));
        assert_eq!(find(90, "b").await, Err(KeyFault::Unknown));
        assert_eq!(find(120, "b").await, Ok(()));
        for number in 0..50 {
            let unknown = find(121, &format!("x{number}")).await;
            assert_eq!(unknown, Err(KeyFault::Unknown));
        }
        assert_eq!(issuer.asked(), 3);
        // The issuer is down: known keys serve for a day. A key that was taken back does not.
        issuer.publish(None);
        assert_eq!(find(20 * 3600, "b").await, Ok(()));
        assert_eq!(find(24 * 3600 + 120, "b").await, Err(KeyFault::Unavailable));
        issuer.publish(Some(vec![public_key("c")]));
        assert_eq!(find(25 * 3600, "b").await, Err(KeyFault::Unknown));
    }

    #[tokio::test]
    async fn t1_a_key_is_used_for_what_it_is_published_for() {
        crate::tls::install_provider();
        let issuer = Issuer::default();
        let url = issuer.clone().start().await;
        let mut encryption = public_key("e");
        encryption["use"] = json!("enc");
        let shared = json!({"kty": "oct", "kid": "s", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"});
        let strange = json!({"kty": "moon", "kid": "m"});
        let twins = [public_key("t"), public_key("t")];
        let mut all = vec![encryption, shared, strange, public_key("good")];
        all.extend(twins);
        issuer.publish(Some(all));
        let keys = PublicKeys::new(loopback());
        for (id, algorithm) in [
            ("e", "ES256"),
            ("s", "ES256"),
            ("m", "ES256"),
            ("t", "ES256"),
            ("good", "RS256"),
            ("good", "ES384"),
        ] {
            let found = keys.find(&url, Some(id), algorithm).await.map(drop);
            assert_eq!(found, Err(KeyFault::Unknown), "{id} {algorithm}");
        }
        assert!(keys.find(&url, Some("good"), "ES256").await.is_ok());
        assert!(keys.find(&url, None, "ES256").await.is_err(), "several fit");
        let refused =
            PublicKeys::new(Outbound::new(&OutboundSettings::default()).expect("a client"));
        let found = refused.find(&url, Some("good"), "ES256").await.map(drop);
        assert_eq!(
            found,
            Err(KeyFault::Unavailable),
            "a4: loopback is not asked"
        );
    }
}
