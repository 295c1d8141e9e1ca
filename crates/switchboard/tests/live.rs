//! The live socket with real calls: who follows sees them come, change and end; staff ends and hands over.

mod support;

use serde_json::{Value, json};
use support::{BOUND, MEDSPA, TestServer, carrier, model};
use switchboard::config::LimitsSettings;
use switchboard::socket::{SocketLimits, WebSocket, dial};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_store::{ListFilter, Word};
use switchboard_wire::websocket::Message;

/// A page of one tenant.
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

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/api/v1/{path}", self.base);
        let asked = reqwest::Client::new().post(url).bearer_auth(&self.key);
        let answer = asked.json(body).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn follow(&self) -> Follower {
        let url = format!("{}/api/v1/live", self.base).replace("http", "ws");
        let bearer = format!("Bearer {}", self.key);
        let limits = SocketLimits::model(&LimitsSettings::default());
        let headers = [("authorization", bearer.as_str())];
        Follower(dial(&url, &headers, limits).await.expect("a socket"))
    }
}

struct Follower(WebSocket);

impl Follower {
    async fn say(&mut self, ask: &Value) {
        self.0.send_text(&ask.to_string());
        self.0.flush().await.expect("sent");
    }

    /// The next message that is as wanted.
    async fn until(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let wanted = async {
            loop {
                let Message::Text(text) = self.0.next().await.expect("a message") else {
                    continue;
                };
                let message: Value = serde_json::from_str(text.as_str()).expect("JSON");
                if is_wanted(&message) {
                    return message;
                }
            }
        };
        let waited = tokio::time::timeout(BOUND, wanted).await;
        waited.expect("it comes in time")
    }
}

fn named(name: &'static str) -> impl Fn(&Value) -> bool {
    move |message| message["event"]["name"] == name
}

fn talking() -> RealtimeScript {
    RealtimeScript::default()
        .reply(Reply::ladder(400))
        .otherwise(Reply::ladder(400))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_sees_a_call_come_and_staff_end_it() {
    let twilio = carrier().await;
    let model = model(talking()).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    let page = Page::of(&server, "medspa").await;
    let other = Page::of(&server, "trades").await;
    let mut list = page.follow().await;
    list.say(&json!({ "subscribe": "calls" })).await;
    let snapshot = list.until(named("snapshot")).await;
    assert_eq!(snapshot["event"]["items"], json!([]));

    let call = server.call(&twilio, MEDSPA, CallerScript::new().wait(60_000).hang_up());
    let live = |message: &Value| message["event"]["call"]["phase"] == "listening";
    let came = list.until(live).await;
    let id = came["event"]["call"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(came["event"]["call"]["agent"], "medspa");

    let mut one = page.follow().await;
    one.say(&json!({ "subscribe": format!("call:{id}") })).await;
    let begun = one.until(named("greeting_started")).await;
    assert!(begun["number"].as_i64().is_some_and(|number| number > 0));
    let mut stranger = other.follow().await;
    stranger
        .say(&json!({ "subscribe": format!("call:{id}") }))
        .await;
    let refused = stranger.until(|message| message["error"].is_object()).await;
    assert_eq!(refused["error"]["code"], "not_found");
    assert_eq!(
        other.post(&format!("calls/{id}/end"), &json!({})).await.0,
        404
    );

    let ending = json!({ "sentence": "goodbye" });
    let (status, answer) = page.post(&format!("calls/{id}/end"), &ending).await;
    assert_eq!((status, &answer["state"]), (202, &json!("accepted")));
    let ended = one.until(named("call_ended")).await;
    assert_eq!(ended["event"]["data"]["reason"], "ended_by_control");
    one.until(|message| message["over"] == true).await;
    list.until(named("ended")).await;
    call.wait_for_end(BOUND)
        .await
        .expect("the caller is hung up on");
    server.idle().await;
    assert!(server.reception.journal.flushed(BOUND).await, "written");
    let (status, answer) = page.post(&format!("calls/{id}/end"), &json!({})).await;
    assert_eq!(
        (status, &answer["state"]),
        (200, &json!("ended")),
        "asked again"
    );
    let rows = server.rows("medspa").await;
    let entries = rows.list_audit_entries(&ListFilter::default()).await;
    let of_call = |action: &str, noun: &str| {
        let entries = entries.as_ref().expect("entries").iter();
        let same = entries.filter(|it| it.action == action && it.noun == noun);
        same.filter(|it| it.noun_id.as_deref() == Some(&id)).count()
    };
    assert_eq!((of_call("end", "call"), of_call("read", "turns")), (1, 1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_hand_a_live_call_to_a_person() {
    let twilio = carrier().await;
    let model = model(talking()).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    let page = Page::of(&server, "medspa").await;
    let mut list = page.follow().await;
    list.say(&json!({ "subscribe": "calls" })).await;
    let call = server.call(&twilio, MEDSPA, CallerScript::new().wait(60_000).hang_up());
    let live = |message: &Value| message["event"]["call"]["phase"] == "listening";
    let came = list.until(live).await;
    let id = came["event"]["call"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let nobody = json!({ "target": "+12025550123" });
    let (status, problem) = page.post(&format!("calls/{id}/handoff"), &nobody).await;
    assert_eq!((status, &problem["code"]), (422, &json!("unknown_target")));
    let (status, _) = page.post(&format!("calls/{id}/handoff"), &json!({})).await;
    assert_eq!(status, 202);
    list.until(named("ended")).await;
    let calls = server.calls("medspa").await;
    assert_eq!(calls[0].end_reason, Some(Word::new("staff")));
    drop(call);
    server.stop().await;
}

/// What a follower says that cannot be obeyed is answered, and ends nothing.
#[tokio::test]
async fn a_follower_is_told_what_cannot_be_followed() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| {}).await;
    let page = Page::of(&server, "medspa").await;
    let mut follower = page.follow().await;
    for ask in [
        json!({ "subscribe": "everything" }),
        json!({ "subscribe": "call:17" }),
        json!({ "subscribe": 17 }),
        json!({ "follow": "calls" }),
    ] {
        follower.say(&ask).await;
        let answer = follower.until(|message| message["error"].is_object()).await;
        assert!(answer["error"]["detail"].is_string(), "{ask}: {answer}");
    }
    follower.say(&json!({ "subscribe": "calls" })).await;
    follower.until(named("snapshot")).await;
    let stranger = Page {
        base: server.base.clone(),
        key: "sk_sb_0123456789abcdef0123456789abcdef".to_owned(),
    };
    let url = format!("{}/api/v1/live", stranger.base).replace("http", "ws");
    let bearer = format!("Bearer {}", stranger.key);
    let limits = SocketLimits::model(&LimitsSettings::default());
    let refused = dial(&url, &[("authorization", &bearer)], limits).await;
    assert!(refused.is_err(), "a wrong key follows nothing");
    server.stop().await;
}
