//! Users of a tenant's app: the tokens of its own issuer on the socket and on token requests.

#[path = "support/sessions.rs"]
mod sessions;
mod support;

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use sessions::{Talker, post};
use support::{TestServer, carrier, model, wait_for};
use switchboard::app_users::secret_context;
use switchboard::config::Secret;
use switchboard::ops::seal::SealingKey;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_store::{AppIssuerKey, NewAppIssuer};

const ISSUER: &str = "https://id.example.org";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const SESSIONS: &str = "/api/v1/voice/sessions";

/// A server whose tenant `companion` trusts an issuer for its agent.
async fn served() -> (TestServer, impl Sized) {
    let (twilio, script) = (
        carrier().await,
        RealtimeScript::default().otherwise(Reply::ladder(400)),
    );
    let model = model(script).await;
    let mut key_file = String::new();
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        key_file.clone_from(&settings.database.sealing_key_file);
        settings.calls.concurrent_max = 20;
    })
    .await;
    let rows = server.rows("companion").await;
    let sealing = SealingKey::load_or_create(key_file.as_ref()).expect("the server's key");
    let context = secret_context(rows.scope().tenant, ISSUER);
    let sealed = sealing
        .seal(&Secret::new(SECRET), &context)
        .expect("sealed");
    let issuer = NewAppIssuer {
        issuer: ISSUER.to_owned(),
        audience: "switchboard".to_owned(),
        algorithm: "HS256".to_owned(),
        key: AppIssuerKey::Secret(sealed.into()),
        agents: vec!["companion".to_owned()],
    };
    rows.put_app_issuer(&issuer).await.expect("trusted");
    (server, (twilio, model))
}

fn claims(user: &str) -> Value {
    let now_s = chrono::Utc::now().timestamp();
    json!({"iss": ISSUER, "aud": "switchboard", "sub": user, "exp": now_s + 600, "iat": now_s})
}

fn signed(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::default(), claims, &key).expect("a token")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_user_talks_with_three_sessions_at_once_and_no_fourth() {
    let (server, _fakes) = served().await;
    let token = signed(&claims("user-1"), SECRET);
    let mut talkers = Vec::new();
    for _ in 0..3 {
        let mut talker = Talker::with(&server, "", &token).await;
        let created = talker.until("session.created").await;
        assert_eq!(created["session"]["model"], "companion");
        talkers.push(talker);
    }
    let fourth = Talker::with(&server, "", &token).await.refusal().await;
    assert_eq!(fourth, ("rate_limit_exceeded".to_owned(), Some(4429)));
    let mut other = Talker::with(&server, "", &signed(&claims("user-2"), SECRET)).await;
    other.until("session.created").await;
    for talker in talkers {
        talker.leave().await;
    }
    other.leave().await;
    server.idle().await;
    let mut again = Talker::with(&server, "?model=companion", &token).await;
    again.until("session.created").await;
    again.leave().await;
    server.idle().await;
}

/// M5: per key, on the socket. Users of the app have a cap of their own, and another key is another one.
#[tokio::test(flavor = "multi_thread")]
async fn m5_a_key_holds_no_more_sessions_than_it_may() {
    let (twilio, model) = (carrier().await, model(RealtimeScript::default()).await);
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.calls.concurrent_max = 20;
        settings.sessions.key_sessions_max = 2;
    })
    .await;
    let rows = server.rows("companion").await;
    let key = rows.create_api_key("app").await.expect("a key").key;
    let other = rows.create_api_key("other").await.expect("a key").key;
    let query = "?model=companion";
    let mut talkers = Vec::new();
    for _ in 0..2 {
        let mut talker = Talker::with(&server, query, key.expose()).await;
        talker.until("session.created").await;
        talkers.push(talker);
    }
    let third = Talker::with(&server, query, key.expose())
        .await
        .refusal()
        .await;
    assert_eq!(third, ("rate_limit_exceeded".to_owned(), Some(4429)));
    let mut beside = Talker::with(&server, query, other.expose()).await;
    beside.until("session.created").await;
    beside.leave().await;
    // One that ends makes room.
    talkers.pop().expect("two").leave().await;
    wait_for("its permit came back", || {
        server.reception.admission.held() == 1
    })
    .await;
    let mut again = Talker::with(&server, query, key.expose()).await;
    again.until("session.created").await;
    again.leave().await;
    for talker in talkers {
        talker.leave().await;
    }
    server.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t1_a_token_that_is_not_quite_right_opens_nothing() {
    let (server, _fakes) = served().await;
    let with = |field: &str, value: Value| {
        let mut claims = claims("user-1");
        claims[field] = value;
        signed(&claims, SECRET)
    };
    let good = signed(&claims("user-1"), SECRET);
    let body = good.split('.').nth(1).expect("claims");
    let late = chrono::Utc::now().timestamp() - 60;
    let cases = [
        (
            signed(&claims("user-1"), &SECRET.replace('0', "1")),
            "invalid_token",
        ),
        (with("aud", json!("another")), "invalid_token"),
        (
            with("iss", json!("https://id.example.com")),
            "invalid_token",
        ),
        (with("exp", json!(late)), "token_expired"),
        // {"alg":"none"}
        (format!("eyJhbGciOiJub25lIn0.{body}.AA"), "invalid_token"),
    ];
    for (token, code) in cases {
        let refused = Talker::with(&server, "?model=companion", &token)
            .await
            .refusal()
            .await;
        assert_eq!(refused, (code.to_owned(), Some(4401)), "{token}");
        let (status, problem) = post(&server, SESSIONS, Some(&token), &json!({})).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (401, Some(code)),
            "{problem}"
        );
    }
    let elsewhere = Talker::with(&server, "?model=medspa", &good)
        .await
        .refusal()
        .await;
    assert_eq!(elsewhere, ("agent_not_allowed".to_owned(), Some(4403)));
    server.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_an_app_user_asks_for_tokens_of_their_own_alone() {
    let (server, _fakes) = served().await;
    let token = signed(&claims("user-1"), SECRET);
    let (status, answer) = post(&server, SESSIONS, Some(&token), &json!({})).await;
    assert_eq!(status, 201, "{answer}");
    for body in [
        json!({"user": "user-2"}),
        json!({"context": "I am the owner"}),
        json!({"project_id": "roof-7"}),
        json!({"contact_id": "0199f5f0-0000-7000-8000-000000000000"}),
    ] {
        let (status, problem) = post(&server, SESSIONS, Some(&token), &body).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (403, Some("not_allowed")),
            "{body}"
        );
    }
    let mut last = (201, Value::Null);
    for _ in 0..10 {
        last = post(&server, SESSIONS, Some(&token), &json!({})).await;
    }
    assert_eq!(last.0, 429, "ten are outstanding: {}", last.1);
    // What a token of theirs starts counts among their sessions.
    let ephemeral = answer["ephemeral_token"].as_str().expect("a token");
    let mut talkers = vec![Talker::with(&server, "", ephemeral).await];
    for _ in 0..2 {
        talkers.push(Talker::with(&server, "", &token).await);
    }
    for talker in &mut talkers {
        talker.until("session.created").await;
    }
    let fourth = Talker::with(&server, "", &token).await.refusal().await;
    assert_eq!(fourth.1, Some(4429));
    for talker in talkers {
        talker.leave().await;
    }
    server.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_companions_16_khz_are_taken_and_another_agent_refuses_them() {
    let (server, _fakes) = served().await;
    let mut talker = Talker::with(&server, "", &signed(&claims("user-1"), SECRET)).await;
    talker.until("session.created").await;
    let session = json!({"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}});
    talker
        .send(json!({"type": "session.update", "session": session}))
        .await;
    let updated = talker.until("session.updated").await;
    assert_eq!(
        updated["session"]["audio"]["input"]["format"]["rate"],
        16_000
    );
    talker.leave().await;
    let key = sessions::key_of(&server, "medspa").await;
    let mut talker = Talker::with(&server, "?model=medspa", &key).await;
    talker.until("session.created").await;
    talker
        .send(json!({"type": "session.update", "session": session}))
        .await;
    let error = talker.until("error").await;
    assert_eq!(error["error"]["code"], "integer_below_min_value");
    talker.leave().await;
    server.idle().await;
}
