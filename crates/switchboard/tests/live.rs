//! The live socket with real calls: who follows sees them come, change and end; staff ends and hands over.

#[path = "support/sessions.rs"]
mod sessions;
mod support;

use chrono::Utc;
use serde_json::{Value, json};
use sessions::Talker;
use support::browser::{Browser, PASSWORD, person};
use support::{BOUND, MEDSPA, TestServer, carrier, model};
use switchboard::config::LimitsSettings;
use switchboard::socket::{DialError, SocketLimits, WebSocket, dial};
use switchboard_media::g711::decode_ulaw;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_sim::twilio::{CallHandle, FakeTwilio};
use switchboard_store::{ListFilter, StaffRole, Word};
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

    /// The same from a page where somebody is signed in.
    async fn follow_in(&self, browser: &Browser) -> Follower {
        let url = format!("{}/api/v1/live", self.base).replace("http", "ws");
        let cookie = browser.cookie.as_deref().expect("signed in");
        let headers = [("cookie", cookie), ("origin", self.base.as_str())];
        let limits = SocketLimits::model(&LimitsSettings::default());
        Follower(dial(&url, &headers, limits).await.expect("a socket"))
    }

    async fn follow_calls(&self) -> Follower {
        let mut list = self.follow().await;
        list.say(&json!({ "subscribe": "calls" })).await;
        list
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

impl Follower {
    /// The code that the server closes with, whatever it says before.
    async fn closed(&mut self) -> Option<u16> {
        let end = async {
            loop {
                match self.0.next().await {
                    Ok(Message::Close { code, .. }) => return code,
                    Ok(_) => {}
                    Err(error) => panic!("no close: {error}"),
                }
            }
        };
        tokio::time::timeout(BOUND, end)
            .await
            .expect("it closes in time")
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

/// A caller whom the agent listens to by now, and the id of the call as the list tells it.
async fn live_call(
    server: &TestServer,
    twilio: &FakeTwilio,
    list: &mut Follower,
) -> (CallHandle, String) {
    let call = server.call(twilio, MEDSPA, CallerScript::new().wait(60_000).hang_up());
    let live = |message: &Value| message["event"]["call"]["phase"] == "listening";
    let came = list.until(live).await;
    let row = &came["event"]["call"];
    assert_eq!(row["agent"], "medspa");
    (call, row["id"].as_str().expect("an id").to_owned())
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

    let (call, id) = live_call(&server, &twilio, &mut list).await;

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
    assert_eq!(ended["event"]["reason"], "ended_by_control");
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
    let mut list = page.follow_calls().await;
    let (call, id) = live_call(&server, &twilio, &mut list).await;
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

/// Threat I5 and consent: whoever listens in hears both sides of a caller who agreed, and is in the audit trail.
#[tokio::test(flavor = "multi_thread")]
async fn staff_listen_to_a_caller_who_agreed_and_to_no_other() {
    let twilio = carrier().await;
    let model = model(talking()).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    let page = Page::of(&server, "medspa").await;
    let mut list = page.follow_calls().await;
    let (call, id) = live_call(&server, &twilio, &mut list).await;
    let listen = async |key: &str| {
        let url = format!("{}/api/v1/calls/{id}/listen", page.base).replace("http", "ws");
        let bearer = format!("Bearer {key}");
        let limits = SocketLimits::model(&LimitsSettings::default());
        dial(&url, &[("authorization", bearer.as_str())], limits).await
    };
    let stranger = Page::of(&server, "trades").await;
    let refused = listen(&stranger.key).await;
    assert!(
        matches!(refused, Err(DialError::Refused(404))),
        "{refused:?}"
    );
    let mut one = page.follow().await;
    one.say(&json!({ "subscribe": format!("call:{id}") })).await;
    one.until(|message| message["event"]["answer"] == "implied")
        .await;
    assert!(server.reception.journal.flushed(BOUND).await, "written");
    let mut ear = listen(&page.key).await.expect("a socket");
    let Message::Text(format) = ear.next().await.expect("a message") else {
        panic!("the format comes first");
    };
    let format: Value = serde_json::from_str(format.as_str()).expect("JSON");
    assert_eq!(
        (&format["rate_hz"], &format["left"]),
        (&json!(24_000), &json!("caller"))
    );
    let mut bytes = 0;
    while bytes < 24_000 {
        match ear.next().await.expect("a message") {
            Message::Binary(sound) => bytes += sound.len(),
            _ => panic!("sound follows"),
        }
    }
    assert_eq!(
        page.post(&format!("calls/{id}/end"), &json!({})).await.0,
        202
    );
    while !matches!(ear.next().await, Ok(Message::Close { .. }) | Err(_)) {}
    let rows = server.rows("medspa").await;
    let entries = rows.list_audit_entries(&ListFilter::default()).await;
    let listened = entries
        .expect("entries")
        .into_iter()
        .filter(|it| it.action == "listen");
    assert_eq!(listened.count(), 1);
    drop(call);
    server.stop().await;
}

/// Threat H7: what a key opened does not outlive it. Pages, listeners and talks of other credentials go on.
#[tokio::test(flavor = "multi_thread")]
async fn h7_a_revoked_key_or_login_loses_what_it_holds_open_and_nobody_else_does() {
    let twilio = carrier().await;
    let model = model(talking()).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    let rows = server.rows("medspa").await;
    let page = Page::of(&server, "medspa").await;
    let other = Page::of(&server, "medspa").await;
    let (mut list, mut others) = (page.follow_calls().await, other.follow_calls().await);
    let mut talker = Talker::with(&server, "?model=medspa", &page.key).await;
    talker.until("session.created").await;
    let mut neighbour = Talker::with(&server, "?model=medspa", &other.key).await;
    neighbour.until("session.created").await;

    let staff = person(&server, "front@example.org", StaffRole::Staff).await;
    let mut browser = Browser::at(&server);
    let signed_in = browser.sign_in("front@example.org", PASSWORD, None).await;
    assert_eq!(signed_in.0, 200);
    let mut board = page.follow_in(&browser).await;
    board.say(&json!({ "subscribe": "calls" })).await;
    board.until(named("snapshot")).await;

    let keys = rows.list_api_keys().await.expect("keys");
    let of_page = keys
        .iter()
        .filter(|key| key.name == "page")
        .map(|key| key.id);
    let older = of_page.min().expect("the first page's key");
    assert!(rows.revoke_api_key(older, Utc::now()).await.expect("asked"));
    assert_eq!(list.closed().await, Some(4401));
    assert_eq!(talker.refusal().await.1, Some(1000));
    assert!(rows.disable_staff(staff, Utc::now()).await.expect("asked"));
    assert_eq!(board.closed().await, Some(4401));

    neighbour.leave().await;
    others.until(named("ended")).await;
    server.idle().await;
    let ends = server.calls("medspa").await.into_iter();
    let mut ends: Vec<_> = ends.filter_map(|call| call.end_reason).collect();
    ends.sort();
    assert_eq!(
        ends.iter().map(Word::as_str).collect::<Vec<_>>(),
        ["caller_hung_up", "ended_by_control"]
    );
    server.stop().await;
}
/// A page that takes a caller over.
struct Place {
    socket: WebSocket,
}

impl Place {
    async fn at(page: &Page, call: &str) -> Result<Self, DialError> {
        let url = format!("{}/api/v1/calls/{call}/take-over", page.base).replace("http", "ws");
        let bearer = format!("Bearer {}", page.key);
        let limits = SocketLimits::model(&LimitsSettings::default());
        let socket = dial(&url, &[("authorization", bearer.as_str())], limits).await?;
        Ok(Self { socket })
    }

    /// The next text; the bytes of the caller that came before it are counted.
    async fn text(&mut self) -> Option<(Value, usize)> {
        let mut heard = 0;
        let wanted = async {
            loop {
                match self.socket.next().await {
                    Ok(Message::Text(text)) => {
                        let text = serde_json::from_str(text.as_str()).expect("JSON");
                        return Some((text, heard));
                    }
                    Ok(Message::Binary(sound)) => heard += sound.len(),
                    Ok(Message::Close { .. }) | Err(_) => return None,
                    Ok(_) => {}
                }
            }
        };
        let waited = tokio::time::timeout(BOUND, wanted).await;
        waited.expect("it comes in time")
    }

    /// Hears the caller until so many bytes have come.
    async fn hear(&mut self, bytes: usize) {
        let mut heard = 0;
        let wanted = async {
            while heard < bytes {
                if let Message::Binary(sound) = self.socket.next().await.expect("a message") {
                    heard += sound.len();
                }
            }
        };
        let waited = tokio::time::timeout(BOUND, wanted).await;
        waited.expect("the caller is heard");
    }

    /// Says a square wave that is louder than anything of the agent's, for so many ms.
    async fn say(&mut self, ms: usize) {
        for _ in 0..ms / 20 {
            let samples = (0..480).map(|at: i32| if at / 24 % 2 == 0 { LOUD } else { -LOUD });
            let bytes: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
            self.socket.send_binary(&bytes);
        }
        self.socket.flush().await.expect("sent");
    }

    async fn ask(&mut self, ask: &Value) {
        self.socket.send_text(&ask.to_string());
        self.socket.flush().await.expect("sent");
    }
}

/// The person's voice, and from where on a sample at the caller's ear is taken for it.
const LOUD: i16 = 30_000;
const LOUD_MIN: i16 = 24_000;

/// How much of the person's voice the caller has heard.
fn loud_ms(call: &CallHandle) -> usize {
    let mut samples = Vec::new();
    decode_ulaw(&call.ear(), &mut samples);
    let loud = samples
        .iter()
        .filter(|it| it.unsigned_abs() >= LOUD_MIN.unsigned_abs());
    loud.count() / 8
}

/// Issue 4, item 8: over Twilio and from a page, with the caller's line as the witness.
#[tokio::test(flavor = "multi_thread")]
async fn staff_talk_with_a_caller_in_the_agents_place_and_give_them_back() {
    let twilio = carrier().await;
    let model = model(talking()).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    let page = Page::of(&server, "medspa").await;
    let stranger = Page::of(&server, "trades").await;
    let mut list = page.follow().await;
    list.say(&json!({ "subscribe": "calls" })).await;
    let call = server.call(&twilio, MEDSPA, CallerScript::new().wait(60_000).hang_up());
    let live = |message: &Value| message["event"]["call"]["phase"] == "listening";
    let came = list.until(live).await;
    let id = came["event"]["call"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let refused = Place::at(&stranger, &id).await.map(|_| ());
    assert!(
        matches!(refused, Err(DialError::Refused(404))),
        "{refused:?}"
    );

    let mut place = Place::at(&page, &id).await.expect("a socket");
    let (began, _) = place.text().await.expect("a text");
    assert_eq!(began["began"]["rate_hz"], 24_000, "{began}");
    list.until(|message| message["event"]["call"]["phase"] == "with_staff")
        .await;
    let mut second = Place::at(&page, &id).await.expect("a socket");
    let (refused, _) = second.text().await.expect("a text");
    assert_eq!(refused["error"]["code"], "taken_already");

    place.say(200).await;
    place.hear(24_000).await;
    support::wait_for("the caller hears the person", || loud_ms(&call) >= 100).await;

    place.ask(&json!({ "give_back": true })).await;
    let (over, _) = place.text().await.expect("a text");
    assert_eq!(over["over"], "given_back");
    list.until(live).await;

    // Again, and the page goes without a word: the agent has the caller after the grace.
    let place = Place::at(&page, &id).await.expect("a socket");
    list.until(|message| message["event"]["call"]["phase"] == "with_staff")
        .await;
    drop(place);
    list.until(live).await;

    // And once more to the end.
    let mut place = Place::at(&page, &id).await.expect("a socket");
    list.until(|message| message["event"]["call"]["phase"] == "with_staff")
        .await;
    assert!(place.text().await.expect("a text").0["began"].is_object());
    call.hang_up();
    let (over, _) = place.text().await.expect("a text");
    assert_eq!(over["over"], "ended");
    list.until(named("ended")).await;
    server.idle().await;
    assert!(server.reception.journal.flushed(BOUND).await, "written");
    let calls = server.calls("medspa").await;
    assert_eq!(calls[0].end_reason, Some(Word::new("staff")));
    let rows = server.rows("medspa").await;
    let entries = rows.list_audit_entries(&ListFilter::default()).await;
    let entries = entries.expect("entries");
    let of = |action: &str| entries.iter().filter(|it| it.action == action).count();
    assert_eq!(
        (of("take_over"), of("give_back")),
        (4, 1),
        "every try is noted"
    );
    server.stop().await;
}

/// The same with a client of `/v1/realtime`: the person is a response of its own, and the agent none.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_hears_the_person_who_took_over_as_a_response() {
    let twilio = carrier().await;
    let model = model(talking()).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    let page = Page::of(&server, "medspa").await;
    let mut list = page.follow().await;
    list.say(&json!({ "subscribe": "calls" })).await;
    let url = format!("{}/v1/realtime?model=medspa", page.base).replace("http", "ws");
    let bearer = format!("Bearer {}", page.key);
    let limits = SocketLimits::model(&LimitsSettings::default());
    let client = dial(&url, &[("authorization", bearer.as_str())], limits).await;
    let mut client = Follower(client.expect("a socket"));
    client
        .until(|message| message["type"] == "session.created")
        .await;
    let live = |message: &Value| message["event"]["call"]["phase"] == "listening";
    let came = list.until(live).await;
    let id = came["event"]["call"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    // A call from the browser is written beside the call.
    assert!(server.reception.journal.flushed(BOUND).await, "written");
    let mut place = Place::at(&page, &id).await.expect("a socket");
    assert!(place.text().await.expect("a text").0["began"].is_object());
    place.say(200).await;
    let created = client
        .until(|message| message["type"] == "response.created")
        .await;
    let response = created["response"]["id"].clone();
    let delta = client
        .until(|message| message["type"] == "response.output_audio.delta")
        .await;
    assert_eq!(delta["response_id"], response);
    place.ask(&json!({ "give_back": true })).await;
    let done = client
        .until(|message| message["type"] == "response.done")
        .await;
    assert_eq!(
        (&done["response"]["id"], &done["response"]["status"]),
        (&response, &json!("completed"))
    );
    assert_eq!(
        page.post(&format!("calls/{id}/end"), &json!({})).await.0,
        202
    );
    list.until(named("ended")).await;
    server.stop().await;
}
