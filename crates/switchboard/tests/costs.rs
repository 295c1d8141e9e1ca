//! What calls cost: the ledger is what the provider reported, and a day's budget holds for all calls together.

#[path = "support/sessions.rs"]
mod sessions;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sessions::{Talker, key_of};
use support::{BOUND, MEDSPA, TestServer, carrier, model, postgres};
use switchboard::config::DatabaseUrl;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_sim::twilio::CarrierEvent;
use switchboard_store::{ListFilter, UsageListing, Word};
use switchboard_wire::openai::Usage;

/// Replies of the test, and so turns of the agent.
const REPLIES: i64 = 8;
/// A day that holds one call of the fake's model at its dearest, and no second one beside it.
const DAY_MICROS: u64 = 500_000;

/// The provider's worked example (openai-realtime.md, 9.1): 7,205.6 micro-USD.
fn check_vector() -> Usage {
    let usage = json!({
        "total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
        "input_token_details": {
            "text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64,
            "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
    });
    serde_json::from_value(usage).expect("usage")
}

fn billed() -> RealtimeScript {
    let mut script = RealtimeScript::default().otherwise(Reply::ladder(200));
    script.every_bill = Some(check_vector());
    script
}

/// One typed turn and its reply.
async fn exchange(talker: &mut Talker) {
    let content = json!([{"type": "input_text", "text": "when are you open"}]);
    let item = json!({"type": "message", "role": "user", "content": content});
    talker
        .send(json!({"type": "conversation.item.create", "item": item}))
        .await;
    talker.send(json!({"type": "response.create"})).await;
    talker.until("response.done").await;
}

async fn ledger(server: &TestServer) -> Vec<UsageListing> {
    assert!(server.reception.journal.flushed(BOUND).await);
    let rows = server.rows("medspa").await;
    rows.list_usage(&ListFilter::default()).await.expect("rows")
}

async fn m1_the_ledger_is_the_providers_usage(database: Option<String>) {
    let (twilio, model) = (carrier().await, model(billed()).await);
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        if let Some(url) = database {
            settings.database.url = DatabaseUrl::new(url);
        }
    })
    .await;
    let key = key_of(&server, "medspa").await;
    let mut talker = Talker::with(&server, "?model=medspa", &key).await;
    talker.until("session.created").await;
    for _ in 0..REPLIES {
        exchange(&mut talker).await;
    }
    talker.leave().await;
    server.idle().await;
    let replies = model.with_log(|log| log.sent_count(1, "response.done"));
    assert_eq!(i64::try_from(replies), Ok(REPLIES));

    let rows = ledger(&server).await;
    let mut quantities: BTreeMap<&str, i64> = BTreeMap::new();
    for row in &rows {
        *quantities.entry(row.component.as_str()).or_default() += row.quantity;
    }
    let reported = [
        ("audio_in", 13),
        ("audio_out", 91),
        ("text_cached", 64),
        ("text_in", 55),
        ("text_out", 30),
    ];
    assert_eq!(
        quantities,
        reported
            .map(|(name, tokens)| (name, tokens * REPLIES))
            .into()
    );
    let cost: i64 = rows.iter().map(|row| row.cost_micros.0).sum();
    assert_eq!(
        cost,
        (REPLIES * 72_056 + 9) / 10,
        "exact, and rounded up once"
    );
    let paid: BTreeSet<_> = rows.iter().map(|row| row.turn).collect();
    let turns = server.turns("medspa").await;
    let spoken = turns.iter().filter(|turn| turn.speaker.as_str() == "agent");
    let spoken: BTreeSet<_> = spoken.map(|turn| Some(turn.seq)).collect();
    assert_eq!(paid, spoken, "each row names the turn it paid for");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m1_the_ledger_is_the_providers_usage_on_sqlite() {
    m1_the_ledger_is_the_providers_usage(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m1_the_ledger_is_the_providers_usage_on_postgres() {
    m1_the_ledger_is_the_providers_usage(Some(postgres::fresh_database())).await;
}

async fn asked(server: &TestServer, key: &str, limits: Option<Value>) -> (u16, Value) {
    let url = format!("{}/api/v1/budgets", server.base);
    let client = reqwest::Client::new();
    let request = match &limits {
        None => client.get(url),
        Some(limits) => client.put(url).json(limits),
    };
    let answer = request.bearer_auth(key).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn m1_a_day_that_is_promised_away_refuses_clients_and_gives_telephone_callers_a_human() {
    let (twilio, model) = (carrier().await, model(billed()).await);
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    let key = key_of(&server, "medspa").await;
    let (status, set) = asked(
        &server,
        &key,
        Some(json!({"tenant_day_micros": DAY_MICROS})),
    )
    .await;
    assert_eq!(status, 200, "{set}");
    assert_eq!(set["limits"]["session_micros"], 5_000_000);

    let mut first = Talker::with(&server, "?model=medspa", &key).await;
    first.until("session.created").await;
    let (_, now) = asked(&server, &key, None).await;
    assert_eq!(now["today"]["held_micros"], DAY_MICROS, "{now}");
    let second = Talker::with(&server, "?model=medspa", &key)
        .await
        .refusal()
        .await;
    assert_eq!(second, ("insufficient_quota".to_owned(), Some(4402)));
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    call.wait_for(BOUND, |event| matches!(event, CarrierEvent::Dialled { .. }))
        .await
        .unwrap_or_else(|error| panic!("{error}: {:?}", call.events()));
    call.wait_for_end(BOUND).await.expect("an end");
    let ended = server.calls("medspa").await.into_iter();
    let by_phone = ended.filter(|row| row.carrier_call_id.as_deref() == Some(call.sid().as_str()));
    let reasons: Vec<_> = by_phone.filter_map(|row| row.end_reason).collect();
    assert_eq!(reasons, [Word::new("budget")]);

    exchange(&mut first).await;
    first.leave().await;
    server.idle().await;
    assert!(server.reception.journal.flushed(BOUND).await);
    let (_, after) = asked(&server, &key, None).await;
    assert_eq!(after["today"]["held_micros"], 0, "the rest came back");
    let spent = after["today"]["spent_micros"].as_i64().expect("a sum");
    assert!((7_206..20_000).contains(&spent), "{spent}");
    let mut third = Talker::with(&server, "?model=medspa", &key).await;
    third.until("session.created").await;
    third.leave().await;
    server.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_cannot_be_are_refused_and_nothing_is_changed() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| {}).await;
    let key = key_of(&server, "medspa").await;
    let too_much = json!({"user_day_micros": 2_000_000_000_000_u64});
    let (status, problem) = asked(&server, &key, Some(too_much)).await;
    assert_eq!(
        (status, &problem["code"]),
        (422, &json!("impossible_budget"))
    );
    for wrong in [
        json!({"tenant_day": 1}),
        json!({"session_micros": -1}),
        json!("none"),
    ] {
        let (status, problem) = asked(&server, &key, Some(wrong)).await;
        assert!((400..500).contains(&status), "{problem}");
    }
    let (_, budgets) = asked(&server, &key, None).await;
    assert_eq!(budgets["own"]["user_day_micros"], Value::Null);
}
