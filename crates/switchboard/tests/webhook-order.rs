//! H3: a duplicate, a delayed and a reordered copy of every webhook of a call leave the same rows (promise: no duplicate
//! rows). The voice webhook begins a call; all that follow it come in any order, any of them again, as late as may be.

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use by_hand::{Carrier, call_sid};
use futures_util::future::join_all;
use support::{MEDSPA, TestServer, carrier, model};
use switchboard_sim::realtime::RealtimeScript;
use switchboard_store::{CallListing, ListFilter};
use switchboard_wire::twilio::CallSid;

/// What the carrier tells of one call whose human did not pick up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Webhook {
    Voice,
    Answered,
    DialEnded,
    Completed,
}

const ALL: [Webhook; 4] = [
    Webhook::Voice,
    Webhook::Answered,
    Webhook::DialEnded,
    Webhook::Completed,
];

/// Orders that are tried, and how many of them run at once.
const ORDERS: u64 = 60;
const AT_ONCE: usize = 12;
/// Copies in one order at most.
const COPIES_MAX: u64 = 6;

/// SplitMix64, so that a failing order is found again by its number.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The voice webhook, then the others shuffled, then copies of any of them anywhere behind the first.
fn order(seed: u64) -> Vec<Webhook> {
    let mut state = seed;
    let mut order = ALL.to_vec();
    for last in (2..order.len()).rev() {
        let other = 1 + (random(&mut state) as usize) % last;
        order.swap(last, other);
    }
    for _ in 0..random(&mut state) % (COPIES_MAX + 1) {
        let copy = ALL[(random(&mut state) as usize) % ALL.len()];
        let at = 1 + (random(&mut state) as usize) % order.len();
        order.insert(at, copy);
    }
    order
}

async fn send(carrier: &Carrier, call: &CallSid, webhook: Webhook) {
    let answer = match webhook {
        Webhook::Voice => carrier.voice(call, MEDSPA).await,
        Webhook::Answered => carrier.status(call, MEDSPA, "in-progress", 1).await,
        Webhook::Completed => carrier.status(call, MEDSPA, "completed", 2).await,
        Webhook::DialEnded => {
            let mut form = carrier.form(call, MEDSPA, "in-progress");
            form.push("DialCallStatus", "no-answer");
            carrier.post("/twilio/dial-ended", &form).await
        }
    };
    assert!(
        (200..300).contains(&answer.status),
        "{webhook:?}: {answer:?}"
    );
}

/// What the database says of a call, without ids and times.
type Rows = (
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    bool,
    usize,
);

async fn rows_of(server: &TestServer, calls: &[CallListing], call: &CallSid) -> Rows {
    let mine: Vec<&CallListing> = calls
        .iter()
        .filter(|row| row.carrier_call_id.as_deref() == Some(call.as_str()))
        .collect();
    assert_eq!(mine.len(), 1, "one row for one call");
    let rows = server.rows("medspa").await;
    let detail = rows
        .call(mine[0].id)
        .await
        .expect("an answer")
        .expect("the call");
    let handshakes = rows.list_handshakes(&ListFilter::of_call(mine[0].id)).await;
    (
        format!("{:?}", detail.status),
        detail.carrier_status.map(|word| word.as_str().to_owned()),
        detail.end_reason.map(|word| word.as_str().to_owned()),
        detail.end_class.map(|class| format!("{class:?}")),
        detail.ended_at.is_some(),
        handshakes.expect("rows").len(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_every_webhook_twice_late_and_in_any_order_leaves_the_same_rows() {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default()).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.calls.concurrent_max = 1_000;
    })
    .await;
    let carrier = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    let told = |order: Vec<Webhook>| {
        let carrier = &carrier;
        async move {
            let call = call_sid();
            for webhook in &order {
                send(carrier, &call, *webhook).await;
            }
            (call, order)
        }
    };
    let (plain, _) = told(ALL.to_vec()).await;
    let mut others = Vec::new();
    let seeds: Vec<u64> = (1..=ORDERS).collect();
    for batch in seeds.chunks(AT_ONCE) {
        others.extend(join_all(batch.iter().map(|seed| told(order(*seed)))).await);
    }
    server.idle().await;
    let calls = server.calls("medspa").await;
    assert_eq!(calls.len(), others.len() + 1, "one row for each call");
    let expected = rows_of(&server, &calls, &plain).await;
    for (call, order) in &others {
        assert_eq!(rows_of(&server, &calls, call).await, expected, "{order:?}");
    }
    let again = server.calls("medspa").await;
    for (call, _) in &others {
        for webhook in ALL {
            send(&carrier, call, webhook).await;
        }
    }
    assert_eq!(
        server.calls("medspa").await,
        again,
        "copies of a day later change nothing"
    );
    assert_eq!(server.reception.admission.held(), 0);
    server.stop().await;
}
