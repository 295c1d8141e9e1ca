//! The routes behind the pages Calls and Call: what was stored is what they answer, to its tenant alone.

mod support;

use serde_json::{Value, json};
use support::{TestServer, carrier, shape};
use switchboard_store::*;

struct Page {
    base: String,
    key: String,
}

impl Page {
    async fn of(server: &TestServer, tenant: &str) -> Self {
        let rows = server.rows(tenant).await;
        let key = rows.create_api_key("page").await.expect("a key").key;
        Self {
            base: server.base.clone(),
            key: key.into_exposed(),
        }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let url = format!("{}/api/v1/{path}", self.base);
        let asked = reqwest::Client::new().get(url).bearer_auth(&self.key);
        let answer = asked.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_timestamp_millis(1_800_000_000_000 + ms).expect("a time")
}

fn event(call_id: CallId, seq: i64, ms: i64, name: &'static str, mut data: Value) -> JournalWrite {
    data["offset_ms"] = json!(ms);
    JournalWrite::Event(CallEventWrite {
        call_id,
        seq,
        at: at(ms),
        name: Word::new(name),
        technical: data,
        private: None,
    })
}

fn turn(call_id: CallId, seq: i64, speaker: Speaker, said: &str, heard: &str) -> JournalWrite {
    JournalWrite::Turn(TurnWrite {
        call_id,
        seq,
        speaker,
        generated_text: Some(said.into()),
        sent_text: Some(said.into()),
        heard_text: Some(heard.into()),
        language: Some("en".to_owned()),
        confidence: None,
        interrupted: said != heard,
        response_ms: None,
        heard_ms: None,
        started_at: at(seq * 1_000),
        ended_at: Some(at(seq * 1_000 + 900)),
    })
}

fn usage(call_id: CallId, unit: &str, quantity: i64, cost: i64) -> JournalWrite {
    JournalWrite::Usage(UsageWrite {
        id: UsageId::new(),
        call_id: Some(call_id),
        component: "model".to_owned(),
        provider: "openai".to_owned(),
        model: "m".to_owned(),
        unit: unit.to_owned(),
        quantity,
        cost_micros: Micros(cost),
        currency: Currency::USD,
        at: at(4_000),
        turn: None,
    })
}

/// A whole call, as its journal wrote it.
async fn stored_call(server: &TestServer) -> CallId {
    let rows = server.rows("medspa").await;
    let call_id = CallId::new();
    let number = |text: &str| Some(PhoneNumber::parse(text).expect("a number"));
    let offered = NewCall {
        id: call_id,
        carrier_call_id: Some("CA1".to_owned()),
        agent_name: "medspa".to_owned(),
        agent_version: Some(1),
        channel: Channel::Phone,
        direction: Direction::Inbound,
        number: number("+12025550103"),
        caller_number: number("+12025550142"),
        contact_id: None,
        conversation_id: None,
        location: None,
        offered_at: at(0),
    };
    let tool = ToolCallWrite {
        call_id,
        seq: 1,
        tool: Word::new("check_availability"),
        server: Word::new("switchboard"),
        vendor_id: None,
        idempotency_key: None,
        status: ToolCallStatus::Succeeded,
        arguments: Private::new(json!({ "service": "facial" })),
        result: Some(Private::new(json!({ "slots": 3 }))),
        started_at: at(3_000),
        finished_at: Some(at(3_080)),
        duration_ms: Some(80),
    };
    let writes = [
        JournalWrite::CallOffered(offered),
        JournalWrite::CallProgressed(CallProgress {
            call_id,
            status: CallStatus::Answered,
            carrier_status: None,
            at: at(200),
        }),
        event(call_id, 1, 2_000, "caller_speech_stopped", json!({})),
        event(call_id, 2, 2_300, "caller_turn_committed", json!({})),
        event(call_id, 3, 2_310, "reply_requested", json!({})),
        turn(
            call_id,
            1,
            Speaker::Caller,
            "tuesday please",
            "tuesday please",
        ),
        turn(
            call_id,
            2,
            Speaker::Agent,
            "I have two or three.",
            "I have two",
        ),
        JournalWrite::ToolCall(tool),
        usage(call_id, "model", 1, 4_100),
        usage(call_id, "audio_output_tokens", 120, 0),
        JournalWrite::CallEnded(CallEnd {
            call_id,
            reason: Word::new("caller_hung_up"),
            class: EndClass::Caller,
            at: at(10_200),
        }),
        event(
            call_id,
            4,
            9_000,
            "turn_ended",
            json!({ "turn": 2, "response_ms": 900, "heard_ms": 960 }),
        ),
    ];
    rows.apply(&writes).await.expect("stored");
    call_id
}

#[tokio::test]
async fn a_call_page_finds_everything_that_was_stored() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let call = stored_call(&server).await;
    let page = Page::of(&server, "medspa").await;
    let (_, list) = page
        .get("calls?q=%2B1202555014&sort=-cost&outcome=hung_up&class=caller")
        .await;
    let listed = &list["items"][0];
    assert_eq!(listed["id"], call.to_string());
    assert_eq!(
        (
            &listed["outcome"],
            &listed["duration_ms"],
            &listed["cost_micros"],
            &listed["currency"],
            &listed["heard_p95_ms"]
        ),
        (
            &json!("hung_up"),
            &json!(10_000),
            &json!(4_100),
            &json!("USD"),
            &json!(960)
        )
    );
    let (_, by_id) = page.get(&format!("calls?q={call}")).await;
    assert_eq!(&by_id["items"][0], listed);
    let (_, shown) = page.get(&format!("calls/{call}")).await;
    assert_eq!(
        shown["counts"],
        json!({ "turns": 2, "events": 4, "tool_calls": 1, "usage": 2, "consents": 0, "transfers": 0, "voicemails": 0 })
    );
    assert_eq!(shown["cost"][0]["cost_micros"], 4_100);
    assert_eq!(
        (&shown["recording"], &shown["is_live"]),
        (&Value::Null, &json!(false))
    );

    let part = async |name: &str| page.get(&format!("calls/{call}/{name}")).await.1;
    let turns = part("turns").await;
    assert_eq!(turns["items"][0]["offset_ms"], 1_000);
    assert_eq!(turns["items"][0]["unheard_text"], Value::Null);
    assert_eq!(turns["items"][1]["heard_text"], "I have two");
    assert_eq!(turns["items"][1]["unheard_text"], "or three.");
    let events = part("events?limit=3").await;
    assert_eq!(events["items"][2]["name"], "reply_requested");
    assert_eq!(events["next_after"], 3);
    let rest = part("events?after=3").await;
    assert_eq!(
        (rest["items"].as_array().map(Vec::len), &rest["next_after"]),
        (Some(1), &Value::Null)
    );
    let tools = part("tool-calls").await;
    assert_eq!(
        (
            &tools["items"][0]["arguments"]["service"],
            &tools["items"][0]["duration_ms"]
        ),
        (&json!("facial"), &json!(80))
    );
    let usage = part("usage").await;
    assert_eq!(
        (
            usage["items"].as_array().map(Vec::len),
            &usage["totals"][0]["cost_micros"]
        ),
        (Some(2), &json!(4_100))
    );
    let waits = part("latencies").await;
    assert_eq!(waits["heard_p95_ms"], 960);
    let stages = waits["items"][0]["stages"].as_array().expect("stages");
    let sum: i64 = stages.iter().filter_map(|stage| stage["ms"].as_i64()).sum();
    assert_eq!(sum, 960, "{stages:?}");
    assert_eq!(
        page.get(&format!("calls/{call}/peaks")).await.0,
        404,
        "there is no recording"
    );
    server.stop().await;
}

/// Threat H7: every part of a call is its tenant's alone.
#[tokio::test]
async fn h7_no_part_of_a_foreign_call_is_shown() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let call = stored_call(&server).await;
    let page = Page::of(&server, "trades").await;
    let parts = [
        "",
        "/turns",
        "/events",
        "/tool-calls",
        "/usage",
        "/consents",
        "/latencies",
        "/peaks",
        "/recording",
    ];
    for part in parts {
        let foreign = page.get(&format!("calls/{call}{part}")).await;
        let unknown = page.get(&format!("calls/{}{part}", CallId::new())).await;
        assert_eq!((foreign.0, unknown.0), (404, 404), "{part}");
        assert_eq!(foreign.1["detail"], unknown.1["detail"], "{part}");
    }
    let (_, found) = page.get(&format!("calls?q={call}")).await;
    assert_eq!(found["items"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn agents_are_listed_with_what_a_person_chooses_by() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let page = Page::of(&server, "medspa").await;
    let (status, agents) = page.get("agents").await;
    assert_eq!(status, 200);
    let agents = agents["items"].as_array().expect("items");
    let medspa = agents
        .iter()
        .find(|it| it["name"] == "medspa")
        .expect("there");
    assert_eq!(medspa["languages"][0], "en");
    assert!(
        medspa["version"].as_i64().is_some_and(|it| it >= 1),
        "{medspa}"
    );
    let tools = medspa["tools"].as_array().expect("tools");
    assert!(tools.contains(&json!("book_appointment")), "{medspa}");
    assert!(
        agents.iter().all(|it| it["instructions"].is_null()),
        "not for a list"
    );
    server.stop().await;
}

/// What the document promises is what is answered, to the last field.
#[tokio::test]
async fn answers_are_as_the_document_says() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let call = stored_call(&server).await;
    let page = Page::of(&server, "medspa").await;
    let open = reqwest::get(format!("{}/api/v1/openapi.json", server.base)).await;
    let document: Value = open.expect("an answer").json().await.expect("JSON");
    let summary = page.get("calls").await.1["items"][0].clone();
    let mut faults = shape::faults(&document, "CallSummary", &summary);
    for (path, name) in [
        ("calls".to_owned(), "CallList"),
        (format!("calls/{call}"), "CallPage"),
        (format!("calls/{call}/turns"), "TurnPart"),
        (format!("calls/{call}/events"), "EventPart"),
        (format!("calls/{call}/tool-calls"), "ToolCallPart"),
        (format!("calls/{call}/usage"), "CallUsage"),
        (format!("calls/{call}/consents"), "Consents"),
        (format!("calls/{call}/latencies"), "CallLatencies"),
        (format!("calls/{}", CallId::new()), "Problem"),
        ("calls?sort=odd".to_owned(), "Problem"),
        ("agents".to_owned(), "Agents"),
        ("live/calls".to_owned(), "LiveCalls"),
        ("switches".to_owned(), "Switches"),
        ("budgets".to_owned(), "Budgets"),
        (
            "usage?by=user&from=2027-01-01T00:00:00Z&to=2027-02-01T00:00:00Z".to_owned(),
            "UsageReport",
        ),
        (
            "usage?by=agent&from=2027-01-01T00:00:00Z&to=2027-02-01T00:00:00Z".to_owned(),
            "UsageReport",
        ),
    ] {
        let (_, answer) = page.get(&path).await;
        assert!(answer.is_object(), "{path}");
        faults.extend(shape::faults(&document, name, &answer));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let (_, sums) = page
        .get("usage?by=agent&from=2027-01-01T00:00:00Z&to=2027-02-01T00:00:00Z")
        .await;
    assert_eq!(
        (&sums["items"][0]["name"], &sums["totals"][0]["cost_micros"]),
        (&json!("medspa"), &json!(4_100))
    );
    server.stop().await;
}

/// The check of shapes finds what it is to find.
#[test]
fn an_answer_that_is_not_as_the_document_says_is_noticed() {
    let document = switchboard::openapi::document();
    let noticed = |value: &Value| !shape::faults(&document, "LatencyStage", value).is_empty();
    assert!(!noticed(&json!({ "stage": "model", "ms": 1 })));
    assert!(
        noticed(&json!({ "stage": "model", "ms": 1, "cost": 1 })),
        "an unknown field"
    );
    assert!(noticed(&json!({ "stage": "model", "ms": "1" })));
    assert!(noticed(&json!({ "stage": "moodel", "ms": 1 })));
    assert!(noticed(&json!({ "stage": "model" })));
}
