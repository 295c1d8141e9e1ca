//! Who picks up: people before the agent, or whoever a key of the menu names. Through the carrier that refuses what the
//! real one refuses, and by hand for webhooks that come twice.

#[path = "support/by_hand.rs"]
mod by_hand;
#[path = "support/handoff.rs"]
mod handoff;
mod support;

use by_hand::{Answer, Carrier, call_sid};
use handoff::{
    ANNA, BEN, anna_then_ben, dialled, named, no_answer, outcomes, publish, talks, transfers,
    warnings,
};
use serde_json::json;
use support::{BOUND, MEDSPA, TestServer, carrier, model};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, FakeTwilio, HumanLine};
use switchboard_store::{NewSwitch, Switch};
use switchboard_wire::twilio::CallSid;

struct Site {
    twilio: FakeTwilio,
    model: RealtimeServer,
    server: TestServer,
}

impl Site {
    async fn new(pick_up: &str) -> Self {
        let twilio = carrier().await;
        let script = RealtimeScript::default().otherwise(Reply::ladder(3_000));
        let model = model(script).await;
        let server = TestServer::start(&twilio, Some(&model), |_| ()).await;
        publish(&server, anna_then_ben()).await;
        let site = Self {
            twilio,
            model,
            server,
        };
        site.switch(Switch::PickUp, pick_up).await;
        site
    }

    async fn switch(&self, switch: Switch, value: &str) {
        let switch = NewSwitch {
            switch,
            value: value.to_owned(),
            expires_at: None,
        };
        let rows = self.server.rows("medspa").await;
        rows.put_switch(None, &switch).await.expect("set");
    }

    async fn call(&self, script: CallerScript) -> CallHandle {
        let call = self.server.call(&self.twilio, MEDSPA, script);
        call.wait_for_end(BOUND).await.expect("the call ends");
        self.server.idle().await;
        assert_eq!(warnings(&call), Vec::<String>::new());
        call
    }

    /// The one end of each call, as stored.
    async fn ends(&self) -> Vec<String> {
        let calls = self.server.calls("medspa").await.into_iter();
        let reason = calls.map(|call| call.end_reason.expect("it has its end").to_string());
        reason.collect()
    }

    fn hand(&self) -> Carrier {
        let twilio = &self.twilio;
        Carrier::new(&self.server.base, twilio.account_sid(), twilio.auth_token())
    }

    fn model_connections(&self) -> usize {
        self.model.with_log(|log| log.connections())
    }
}

fn had_agent(call: &CallHandle) -> bool {
    call.has(|event| matches!(event, CarrierEvent::StreamStarted { .. }))
}

/// How often the menu was said to the caller.
fn menus(call: &CallHandle) -> usize {
    let events = call.events().into_iter();
    let said = events.filter(
        |timed| matches!(&timed.event, CarrierEvent::Said { text } if text.contains("Press 1")),
    );
    said.count()
}

/// Hangs up once the agent was heard for a moment.
fn hears_agent() -> CallerScript {
    CallerScript::new().wait(2_500).hang_up()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_human_who_takes_the_call_first_leaves_no_work_for_the_agent() {
    let site = Site::new("human_first").await;
    site.twilio.set_human(ANNA, talks());
    let call = site.call(CallerScript::new()).await;
    assert_eq!(dialled(&call), [ANNA]);
    assert!(!had_agent(&call));
    assert_eq!(site.model_connections(), 0, "no model is paid for");
    assert_eq!(outcomes(&site.server).await, named(&[("anna", "accepted")]));
    let reason = transfers(&site.server).await[0].reason.to_string();
    assert_eq!(reason, "human_first");
    assert_eq!(site.ends().await, ["human_first"]);
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_human_answers_the_agent_does_and_may_hand_over_again() {
    let site = Site::new("human_first").await;
    site.twilio.set_human(ANNA, no_answer());
    site.twilio.set_human(BEN, HumanLine::Busy);
    let call = site.call(hears_agent()).await;
    assert_eq!(dialled(&call), [ANNA, BEN]);
    assert!(had_agent(&call), "the agent behind them");
    assert_eq!(
        outcomes(&site.server).await,
        named(&[("anna", "no_answer"), ("ben", "busy")])
    );
    assert_eq!(site.ends().await, ["caller_hung_up"]);
    // Who presses 0 then is handed over as ever.
    site.twilio.set_human(BEN, no_answer());
    let presses_zero = CallerScript::new().wait(2_500).press('0');
    let call = site.server.call(&site.twilio, MEDSPA, presses_zero);
    call.wait_for(BOUND, |event| {
        matches!(event, CarrierEvent::StreamStarted { .. })
    })
    .await
    .expect("the agent");
    site.twilio.set_human(ANNA, talks());
    call.wait_for_end(BOUND).await.expect("the call ends");
    site.server.idle().await;
    assert_eq!(dialled(&call), [ANNA, BEN, ANNA]);
    assert!(site.ends().await.contains(&"dtmf_0".to_owned()));
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_streaming_off_nobody_behind_the_human_is_promised() {
    let site = Site::new("human_first").await;
    site.switch(Switch::Streaming, "off").await;
    site.twilio.set_human(ANNA, no_answer());
    site.twilio.set_human(BEN, no_answer());
    let call = site.server.call(&site.twilio, MEDSPA, CallerScript::new());
    let records =
        |event: &CarrierEvent| matches!(event, CarrierEvent::VerbStarted { verb: "Record" });
    call.wait_for(BOUND, records).await.expect("voicemail");
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert!(!had_agent(&call));
    assert_eq!(site.ends().await, ["streaming_off"]);
    site.server.stop().await;
}

/// The parameters of a dial's end.
fn dial_ended(hand: &Carrier, call: &CallSid, status: &str) -> switchboard_wire::twilio::Form {
    let mut form = hand.form(call, MEDSPA, "in-progress");
    form.push("DialCallStatus", status);
    form.push("DialBridged", "false");
    form
}

/// Where a document asks next: the first `action`, as path and query.
fn action(site: &Site, answer: &Answer) -> String {
    let (_, rest) = answer.body.split_once("action=\"").expect("an action");
    let url = rest.split('"').next().expect("its end");
    let url = url.replace("&amp;", "&");
    url.strip_prefix(&site.server.base)
        .expect("an address of ours")
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_the_end_of_the_last_human_told_twice_starts_one_agent() {
    let site = Site::new("human_first").await;
    let hand = site.hand();
    let call = call_sid();
    let first = hand.voice(&call, MEDSPA).await;
    assert!(first.has_dial() && !first.has_stream(), "{}", first.body);
    assert_eq!(hand.voice(&call, MEDSPA).await, first);
    let after_anna = action(&site, &first);
    let no_answer = dial_ended(&hand, &call, "no-answer");
    let second = hand.post(&after_anna, &no_answer).await;
    assert_eq!(hand.post(&after_anna, &no_answer).await, second);
    let after_ben = action(&site, &second);
    let third = hand.post(&after_ben, &no_answer).await;
    assert!(third.has_stream(), "{}", third.body);
    assert_eq!(hand.post(&after_ben, &no_answer).await, third);
    assert_eq!(site.server.reception.live.count(), 1);
    assert_eq!(site.server.reception.admission.held(), 1);
    // The stream's token is good, and for this call.
    let token = third.token();
    let _stream = hand.stream(&call, Some(&token)).await;
    hand.status(&call, MEDSPA, "completed", 3).await;
    site.server.idle().await;
    assert_eq!(site.ends().await, ["caller_hung_up"]);
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_1_of_the_menu_is_the_agent_and_key_0_a_person() {
    let site = Site::new("menu").await;
    site.twilio.set_human(ANNA, talks());
    let to_agent = CallerScript::new()
        .wait(300)
        .press('1')
        .wait(2_500)
        .hang_up();
    let call = site.call(to_agent).await;
    assert!(had_agent(&call) && dialled(&call).is_empty());
    assert_eq!(menus(&call), 1);
    let to_person = CallerScript::new().wait(300).press('0');
    let call = site.call(to_person).await;
    assert!(!had_agent(&call));
    assert_eq!(dialled(&call), [ANNA]);
    assert_eq!(site.model_connections(), 1, "of the first call only");
    assert_eq!(site.ends().await, ["dtmf_0", "caller_hung_up"]);
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_lead_to_a_named_party_or_to_voicemail_in_the_agents_own_words() {
    let site = Site::new("menu").await;
    let rows = site.server.rows("medspa").await;
    let agent = rows.agent("medspa").await.expect("an answer");
    let mut definition = agent.expect("the agent").definition;
    let languages = definition["languages"].as_array().expect("a list").clone();
    let words = |text: &str| -> serde_json::Value {
        let pairs = languages.iter().filter_map(|it| it.as_str());
        pairs.map(|code| (code.to_owned(), json!(text))).collect()
    };
    definition["menu"] = json!({
        "keys": { "1": "agent", "2": "ben", "3": "voicemail" },
        "words": words("Press 1 for Ava, 2 for Ben, 3 for a message."),
        "rounds_max": 1,
    });
    let checked: switchboard::config::AgentDefinition =
        serde_json::from_value(definition.clone()).expect("a definition");
    assert_eq!(checked.menu.rounds_max, 1);
    rows.publish_agent("medspa", &definition, "test")
        .await
        .expect("published");
    site.twilio.set_human(BEN, talks());
    let call = site.call(CallerScript::new().wait(300).press('2')).await;
    assert_eq!(dialled(&call), [BEN]);
    let call = site.server.call(
        &site.twilio,
        MEDSPA,
        CallerScript::new().wait(300).press('3'),
    );
    let records =
        |event: &CarrierEvent| matches!(event, CarrierEvent::VerbStarted { verb: "Record" });
    call.wait_for(BOUND, records).await.expect("voicemail");
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert!(dialled(&call).is_empty());
    assert_eq!(site.ends().await, ["voicemail", "asked"]);
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_silence_is_asked_once_more_and_then_a_person_takes_over_whatever_comes_twice() {
    let site = Site::new("menu").await;
    let hand = site.hand();
    let call = call_sid();
    let first = hand.voice(&call, MEDSPA).await;
    assert!(first.body.contains("<Gather") && !first.has_stream());
    assert_eq!(hand.voice(&call, MEDSPA).await, first);
    let pressed = |digits: &str| {
        let mut form = hand.form(&call, MEDSPA, "in-progress");
        form.push("Digits", digits);
        form
    };
    let round_1 = action(&site, &first);
    let second = hand.post(&round_1, &pressed("")).await;
    assert!(second.body.contains("<Gather"), "{}", second.body);
    assert_eq!(hand.post(&round_1, &pressed("")).await, second);
    let round_2 = action(&site, &second);
    // 9 leads nowhere.
    let third = hand.post(&round_2, &pressed("9")).await;
    assert!(third.has_dial() && third.body.contains(ANNA));
    // A key that arrives late changes nothing any more.
    assert_eq!(hand.post(&round_2, &pressed("1")).await, third);
    assert_eq!(hand.post(&round_1, &pressed("1")).await, second);
    assert_eq!(site.server.reception.live.count(), 0);
    assert_eq!(transfers(&site.server).await.len(), 1);
    assert_eq!(site.ends().await, ["silence"]);
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_whose_agent_is_full_leads_to_a_person_and_forged_keys_to_nobody() {
    let site = Site::new("menu").await;
    let hand = site.hand();
    let call = call_sid();
    let first = hand.voice(&call, MEDSPA).await;
    let round_1 = action(&site, &first);
    let mut form = hand.form(&call, MEDSPA, "in-progress");
    form.push("Digits", "1");
    let forged = hand.post_signed(&round_1, &form, Some("AAAA")).await;
    assert_eq!(forged.status, 403);
    site.switch(Switch::Streaming, "off").await;
    let answer = hand.post(&round_1, &form).await;
    assert!(answer.has_dial() && !answer.has_stream());
    assert_eq!(site.ends().await, ["streaming_off"]);
    site.server.stop().await;
}
