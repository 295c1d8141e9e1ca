use serde_json::{Value, json};
use switchboard_store::{CallId, Channel, Direction, TenantId, Timestamp};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::*;

fn row(id: CallId) -> LiveCall {
    LiveCall {
        id,
        agent: "medspa".to_owned(),
        agent_version: 1,
        channel: Channel::Phone,
        direction: Direction::Inbound,
        number: None,
        caller_number: None,
        offered_at: Timestamp::UNIX_EPOCH,
        phase: LivePhase::Connecting,
        phase_since: Timestamp::UNIX_EPOCH,
        length_ms_max: 0,
        cost_micros: 0,
        budget_micros: 0,
        dead_air: 0,
        tools_failed: 0,
        last_line: None,
        seq: 0,
    }
}

fn read(message: &Message) -> Value {
    serde_json::from_str(&message.text).expect("JSON")
}

struct Scene {
    hub: LiveHub,
    tenant: TenantId,
    call: CallId,
    feed: LiveFeed,
}

impl Scene {
    fn with_a_call() -> Self {
        let (hub, tenant, call) = (LiveHub::start(), TenantId::new(), CallId::new());
        hub.began(tenant, row(call));
        let feed = hub.of(tenant, call);
        Self {
            hub,
            tenant,
            call,
            feed,
        }
    }

    fn tell(&self, seq: i64, name: &'static str) {
        self.feed.event(seq, Timestamp::UNIX_EPOCH, name, json!({}));
    }

    async fn follow(&self, topic: Topic, after: Option<i64>) -> Following {
        self.hub
            .follow(self.tenant, topic, after)
            .await
            .expect("it runs")
    }
}

#[tokio::test]
async fn the_list_begins_with_all_calls_and_goes_on_from_any_number() {
    let scene = Scene::with_a_call();
    let mut first = scene.follow(Topic::Calls, None).await;
    let [snapshot] = &first.missed[..] else {
        panic!("{:?}", first.missed)
    };
    let told = read(snapshot);
    assert_eq!(
        (&told["topic"], &told["event"]["name"]),
        (&json!("calls"), &json!("snapshot"))
    );
    assert_eq!(told["event"]["items"][0]["id"], scene.call.to_string());
    scene.tell(1, "handshake_finished");
    scene.tell(2, "digit_pressed");
    scene.feed.cost(700);
    let phase = read(&first.coming.recv().await.expect("told"));
    assert_eq!(phase["event"]["call"]["phase"], "listening");
    let cost = read(&first.coming.recv().await.expect("told"));
    assert_eq!(cost["event"]["call"]["cost_micros"], 700);
    assert_eq!(
        cost["event"]["call"]["seq"], 2,
        "a key changes no row, but its number is known"
    );
    let again = scene.follow(Topic::Calls, Some(snapshot.number)).await;
    let missed: Vec<Value> = again.missed.iter().map(read).collect();
    assert_eq!(missed, [phase, cost]);
    let now = scene.hub.snapshot(scene.tenant).await.expect("it runs");
    assert_eq!(
        scene
            .follow(Topic::Calls, Some(now.number))
            .await
            .missed
            .len(),
        0
    );
}

#[tokio::test]
async fn a_number_that_is_not_known_any_more_begins_with_all_calls() {
    let scene = Scene::with_a_call();
    for _ in 0..600 {
        scene.feed.cost(1);
    }
    for after in [Some(1), Some(i64::MAX)] {
        let following = scene.follow(Topic::Calls, after).await;
        assert_eq!(following.missed.len(), 1, "{after:?}");
        assert_eq!(
            read(&following.missed[0])["event"]["items"][0]["cost_micros"],
            600
        );
    }
}

#[tokio::test]
async fn a_call_is_followed_event_by_event_to_its_end() {
    let scene = Scene::with_a_call();
    scene.tell(1, "leg_readied");
    scene.tell(2, "caller_turn_committed");
    let mut following = scene.follow(Topic::Call(scene.call), Some(1)).await;
    let missed: Vec<i64> = following.missed.iter().map(|it| it.number).collect();
    assert_eq!(
        missed,
        [1, 2],
        "the last one seen may come twice, and none is left out"
    );
    let line = LiveLine {
        speaker: "agent",
        text: "hello".to_owned(),
    };
    scene.feed.said(
        Timestamp::UNIX_EPOCH,
        json!({ "seq": 1 }),
        Some(line.clone()),
    );
    scene.tell(3, "call_ended");
    scene.feed.ended();
    let turn = read(&following.coming.recv().await.expect("told"));
    assert_eq!(
        (&turn["event"]["name"], &turn["number"]),
        (&json!("turn"), &json!(2))
    );
    let end = read(&following.coming.recv().await.expect("told"));
    assert_eq!(end["event"]["name"], "call_ended");
    assert_eq!(following.coming.recv().await.err(), Some(RecvError::Closed));
    assert!(
        scene
            .hub
            .snapshot(scene.tenant)
            .await
            .expect("it runs")
            .items
            .is_empty()
    );
}

/// Threat I5: the hub has the calls of all tenants, and shows each its own.
#[tokio::test]
async fn i5_another_tenant_sees_neither_list_nor_call() {
    let scene = Scene::with_a_call();
    let other = TenantId::new();
    let hub = &scene.hub;
    assert!(hub.snapshot(other).await.expect("it runs").items.is_empty());
    let mut list = hub
        .follow(other, Topic::Calls, None)
        .await
        .expect("it runs");
    let mut call = hub
        .follow(other, Topic::Call(scene.call), None)
        .await
        .expect("it runs");
    scene.tell(1, "handshake_finished");
    scene
        .hub
        .snapshot(scene.tenant)
        .await
        .expect("all before is told");
    assert_eq!(list.coming.try_recv().err(), Some(TryRecvError::Empty));
    assert!(call.missed.is_empty());
    assert_eq!(call.coming.try_recv().err(), Some(TryRecvError::Closed));
}

#[tokio::test]
async fn who_does_not_read_falls_behind_alone() {
    let scene = Scene::with_a_call();
    let mut slow = scene.follow(Topic::Calls, None).await;
    let mut quick = scene.follow(Topic::Calls, None).await;
    for _ in 0..300 {
        scene.feed.cost(1);
        quick.coming.recv().await.expect("in time");
    }
    assert!(matches!(
        slow.coming.recv().await,
        Err(RecvError::Lagged(_))
    ));
}

#[test]
fn phases_follow_the_events() {
    let mut call = row(CallId::new());
    let told = [
        ("handshake_finished", json!({ "reason": null }), "listening"),
        ("greeting_started", json!({}), "speaking"),
        ("caller_speech_started", json!({}), "speaking"),
        ("reply_interrupted", json!({}), "listening"),
        ("caller_turn_committed", json!({}), "thinking"),
        ("tool_started", json!({}), "tool"),
        ("tool_finished", json!({ "status": "failed" }), "thinking"),
        ("reply_started", json!({}), "speaking"),
        ("turn_ended", json!({ "speaker": "agent" }), "listening"),
        ("handoff_started", json!({}), "handing_off"),
        ("caller_speech_started", json!({}), "handing_off"),
        ("caller_returned", json!({}), "listening"),
        ("call_ended", json!({}), "ended"),
        ("transfer_accepted", json!({}), "ended"),
    ];
    for (seq, (name, data, phase)) in (1..).zip(told) {
        call.take(seq, Timestamp::UNIX_EPOCH, name, &data);
        assert_eq!(json!(call.phase), phase, "{name}");
    }
    assert_eq!((call.tools_failed, call.seq), (1, 14));
}
