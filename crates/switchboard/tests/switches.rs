//! Switches act on the next call, without a restart.

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use by_hand::{Answer, Carrier, call_sid};
use support::{MEDSPA, TRADES, TestServer, carrier, model};
use switchboard_sim::realtime::RealtimeScript;
use switchboard_store::{NewSwitch, PhoneNumber, Switch};

fn set(switch: Switch, value: &str) -> NewSwitch {
    NewSwitch {
        switch,
        value: value.to_owned(),
        expires_at: None,
    }
}

/// Who answers: the agent by a stream, or a human at once; past the humans who may be rung together (M4), voicemail.
fn who(answer: &Answer) -> &'static str {
    let has_help = answer.has_dial() || answer.body.contains("<Record");
    match (answer.has_stream(), has_help) {
        (true, _) => "agent",
        (false, true) => "human",
        (false, false) => "nobody",
    }
}

#[tokio::test]
async fn each_switch_sends_the_next_caller_to_the_human_and_its_end_says_which() {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default()).await;
    let server = TestServer::start(&twilio, Some(&model), |_| ()).await;
    let hand = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    let rows = server.rows("trades").await;
    let number = PhoneNumber::parse(TRADES).expect("a number");
    let call = async |to: &str| {
        let sid = call_sid();
        (hand.voice(&sid, to).await, sid)
    };
    assert_eq!(who(&call(TRADES).await.0), "agent");
    for (switch, value, reason) in [
        (Switch::Streaming, "off", "streaming_off"),
        (Switch::BridgeOnly, "on", "bridge_only"),
        (Switch::PickUp, "bridge", "bridge_only"),
    ] {
        rows.put_switch(Some(&number), &set(switch, value))
            .await
            .expect("set");
        let (answer, sid) = call(TRADES).await;
        assert_eq!(who(&answer), "human", "{switch}");
        let again = hand.voice(&sid, TRADES).await;
        assert_eq!(again, answer, "a repeated webhook gets the same document");
        assert_eq!(
            who(&call(MEDSPA).await.0),
            "agent",
            "other tenants do not notice"
        );
        let stored = server.calls("trades").await;
        let ended = stored
            .iter()
            .find(|it| it.carrier_call_id.as_deref() == Some(sid.as_str()));
        let ended = ended.expect("the call is stored").end_reason.as_ref();
        assert_eq!(ended.map(|it| it.as_str()), Some(reason));
        rows.clear_switch(Some(&number), switch)
            .await
            .expect("cleared");
        assert_eq!(who(&call(TRADES).await.0), "agent", "{switch} is cleared");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_most_specific_switch_wins_and_the_installation_reaches_everybody() {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default()).await;
    let server = TestServer::start(&twilio, Some(&model), |_| ()).await;
    let hand = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    let installation = server.reception.store.installation();
    installation
        .put_switch(&set(Switch::BridgeOnly, "on"))
        .await
        .expect("set");
    for to in [TRADES, MEDSPA] {
        assert_eq!(who(&hand.voice(&call_sid(), to).await), "human");
    }
    let rows = server.rows("trades").await;
    rows.put_switch(None, &set(Switch::BridgeOnly, "off"))
        .await
        .expect("set");
    assert_eq!(who(&hand.voice(&call_sid(), TRADES).await), "agent");
    assert_eq!(who(&hand.voice(&call_sid(), MEDSPA).await), "human");
    server.stop().await;
}
