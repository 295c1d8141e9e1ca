//! Whole calls whose model fails or lies: it connects late, refuses, dies, or asks its tools for what it may not have.
//! The caller always reaches somebody, and nothing is learnt, booked or dialled.

#[path = "support/scripted.rs"]
mod scripted;
mod support;

use std::time::Duration;

use chrono::{Datelike, Days, NaiveTime, Weekday};
use scripted::{dialled, dials, reason, row_of, speaks, talkative, with_script};
use support::{BOUND, MEDSPA, TestServer, wait_for};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{Faults, RealtimeScript, Reply};
use switchboard_sim::twilio::CarrierEvent;
use switchboard_store::{
    CallListing, EndClass, HandshakeListing, ListFilter, NewContact, PhoneNumber,
};
use switchboard_wire::openai::HandshakeRefusal;

async fn handshake_of(server: &TestServer, row: &CallListing) -> HandshakeListing {
    let rows = server.rows("medspa").await;
    let all = rows
        .list_handshakes(&ListFilter::default())
        .await
        .expect("rows");
    let mut found = all
        .into_iter()
        .filter(|handshake| handshake.call_id == row.id);
    let handshake = found.next().expect("a handshake");
    assert!(found.next().is_none(), "one handshake for each call");
    handshake
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handshake_watchdog_lets_200_and_1200_ms_pass_and_sends_4_s_to_the_human() {
    let mut script = talkative();
    for (connection, ms) in [(1, 200), (2, 1_200), (3, 4_000)] {
        let created_delay = Duration::from_millis(ms);
        script = script.faults_on(
            connection,
            Faults {
                created_delay,
                ..Faults::default()
            },
        );
    }
    let (twilio, model, server) = with_script(script).await;
    let mut calls = Vec::new();
    for connection in 1..=3 {
        calls.push(server.call(&twilio, MEDSPA, CallerScript::new()));
        wait_for("the model is opened", || {
            model.with_log(|log| log.connections()) == connection
        })
        .await;
    }
    for (call, delay_ms) in calls.iter().zip([200, 1_200]) {
        speaks(call).await;
        assert!(dials(call).is_empty());
        call.hang_up();
        call.wait_for_end(BOUND).await.expect("the call ends");
        let handshake = handshake_of(&server, &row_of(&server, call).await).await;
        assert!(
            !handshake.fell_back && handshake.reason.is_none(),
            "{handshake:?}"
        );
        assert!(
            (delay_ms..3_000).contains(&handshake.elapsed_ms),
            "{handshake:?}"
        );
    }
    dialled(&calls[2]).await;
    assert!(!calls[2].has(|event| matches!(event, CarrierEvent::MediaReceived { .. })));
    calls[2].wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    let row = row_of(&server, &calls[2]).await;
    assert_eq!(reason(&row), "handshake_timeout");
    let handshake = handshake_of(&server, &row).await;
    assert!(
        handshake.fell_back && handshake.elapsed_ms >= 3_000,
        "{handshake:?}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_refuses_breaks_or_stays_silent_leaves_the_caller_to_the_human() {
    let close = |code: u16| Some((code, "bye".to_owned()));
    let refusal = |refusal| Faults {
        refusal: Some(refusal),
        ..Faults::default()
    };
    // The slow ones first: five quick failures open the breaker, and then nobody would be asked.
    let cases = [
        (
            "handshake_timeout",
            Faults {
                is_silent: true,
                ..Faults::default()
            },
        ),
        (
            "handshake_timeout",
            Faults {
                upgrade_delay: Duration::from_secs(30),
                ..Faults::default()
            },
        ),
        ("model_refused", refusal(HandshakeRefusal::InvalidApiKey)),
        ("model_refused", refusal(HandshakeRefusal::InvalidModel)),
        (
            "model_failed",
            Faults {
                close_after_upgrade: close(1011),
                ..Faults::default()
            },
        ),
        (
            "model_failed",
            Faults {
                upgrade_status: Some(429),
                ..Faults::default()
            },
        ),
        (
            "model_failed",
            Faults {
                drops_upgrade: true,
                ..Faults::default()
            },
        ),
    ];
    let numbered = cases.iter().enumerate();
    let script = numbered.fold(talkative(), |script, (index, (_, faults))| {
        script.faults_on(index + 1, faults.clone())
    });
    let (twilio, model, server) = with_script(script).await;
    let mut calls = Vec::new();
    for connection in 1..=cases.len() {
        calls.push(server.call(&twilio, MEDSPA, CallerScript::new()));
        wait_for("the model is asked", || {
            model.with_log(|log| log.connections()) >= connection
        })
        .await;
    }
    for call in &calls {
        dialled(call).await;
        call.wait_for_end(BOUND).await.expect("the call ends");
    }
    server.idle().await;
    for (call, (expected, faults)) in calls.iter().zip(&cases) {
        let row = row_of(&server, call).await;
        assert_eq!(reason(&row), *expected, "{faults:?}");
        let handshake = handshake_of(&server, &row).await;
        assert!(handshake.fell_back, "{faults:?}: {handshake:?}");
    }
    let asked = model.with_log(|log| log.connections());
    assert_eq!(asked, cases.len(), "nobody is asked twice");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_dies_in_the_middle_of_a_call_leaves_the_caller_to_the_human() {
    let dying = |connection: usize, script: RealtimeScript| {
        let after = Some(Duration::from_millis(1_500));
        let faults = match connection {
            1 => Faults {
                drop_after: after,
                ..Faults::default()
            },
            _ => Faults {
                expire_after: after,
                ..Faults::default()
            },
        };
        script.faults_on(connection, faults)
    };
    let (twilio, model, server) = with_script(dying(1, dying(2, talkative()))).await;
    for connection in 1..=2 {
        let call = server.call(&twilio, MEDSPA, CallerScript::new());
        speaks(&call).await;
        dialled(&call).await;
        call.wait_for_end(BOUND).await.expect("the call ends");
        server.idle().await;
        let row = row_of(&server, &call).await;
        assert_eq!(
            (reason(&row), row.end_class),
            ("model_failed", Some(EndClass::Upstream))
        );
        assert_eq!(
            model.with_log(|log| log.connections()),
            connection,
            "too young to be reopened"
        );
    }
    server.stop().await;
}

/// Ten in the morning of the next Wednesday but one, in New York more or less: free in an empty diary.
fn free_start() -> String {
    let mut day = chrono::Utc::now().date_naive() + Days::new(7);
    while day.weekday() != Weekday::Wed {
        day = day + Days::new(1);
    }
    let ten = NaiveTime::from_hms_opt(10, 0, 0).expect("a time");
    day.and_time(ten).format("%Y-%m-%dT%H:%M").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a2_a_hostile_model_learns_books_and_dials_nothing_it_may_not() {
    const VICTIM: &str = "+12025550123";
    let booking = serde_json::json!({
        "service": "Signature facial", "start": free_start(), "contact_name": "Mallory Mallet",
    });
    let mut confirmed = booking.clone();
    confirmed["confirmed"] = true.into();
    let requests: [(&str, String); 9] = [
        ("drop_tables", "{}".to_owned()),
        (
            "find_contact",
            format!(r#"{{"name":"Vera Victim","phone":"{VICTIM}"}}"#),
        ),
        (
            "find_contact",
            r#"{"tenant_id":"trades","name":"Vera Victim"}"#.to_owned(),
        ),
        (
            "create_contact",
            format!(r#"{{"name":"{}"}}"#, "x".repeat(1_000_000)),
        ),
        ("create_contact", "[".repeat(50_000)),
        ("book_appointment", confirmed.to_string()),
        (
            "transfer_to_human",
            r#"{"target":"+19005550123"}"#.to_owned(),
        ),
        (
            "transfer_to_human",
            r#"{"target":"sip:mallory@example.com"}"#.to_owned(),
        ),
        ("book_appointment", booking.to_string()),
    ];
    let mut script = RealtimeScript::default().reply(Reply::ladder(300));
    for (tool, arguments) in &requests {
        script = script.reply(Reply::call_tool(tool, arguments));
    }
    let (twilio, model, server) = with_script(script.otherwise(Reply::ladder(300))).await;
    let elsewhere = server.rows("trades").await;
    let victim = NewContact {
        name: Some("Vera Victim".into()),
        phone: Some(PhoneNumber::parse(VICTIM).expect("a number")),
        email: None,
        postal: None,
        language: None,
        time_zone: None,
    };
    elsewhere.create_contact(&victim).await.expect("stored");

    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    let answers = |log: &switchboard_sim::realtime::Log| log.tool_results(1).len();
    let answered = requests.len() - 1;
    let is_refused = model
        .wait_until(BOUND, |log| answers(log) >= answered)
        .await;
    let results: Vec<String> = model.with_log(|log| {
        let results = log.tool_results(1).into_iter();
        results.map(|(_, output)| output.to_owned()).collect()
    });
    assert!(is_refused, "{results:?} {:?}", call.events());
    for (result, (tool, _)) in results.iter().zip(&requests) {
        assert!(
            !result.contains("Victim") && !result.contains("5550123"),
            "{tool}: {result}"
        );
        let is_nothing = result.contains("error") || result.contains(r#""contacts":[]"#);
        assert!(is_nothing, "{tool}: {result}");
    }
    wait_for("the caller hears the question for a moment", || {
        call.ear_ms() > 3_000
    })
    .await;
    assert!(dials(&call).is_empty(), "{:?}", call.events());
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    assert!(server.reception.journal.flushed(BOUND).await);
    let rows = server.rows("medspa").await;
    let filter = ListFilter::default();
    assert!(
        rows.list_appointments(&filter)
            .await
            .expect("rows")
            .is_empty(),
        "nobody said yes"
    );
    assert!(rows.list_contacts(&filter).await.expect("rows").is_empty());
    assert_eq!(
        elsewhere.list_contacts(&filter).await.expect("rows").len(),
        1
    );
    assert_eq!(reason(&row_of(&server, &call).await), "caller_hung_up");
    let events = rows.list_call_events(&filter).await.expect("rows");
    let asked = events
        .iter()
        .filter(|event| event.name.as_str() == "confirmation_asked");
    assert_eq!(asked.count(), 1, "the honest request was asked about");
    let updates: Vec<_> = twilio.rest_requests();
    assert!(
        updates.is_empty(),
        "no destination of the model's reaches the carrier: {updates:?}"
    );
    server.stop().await;
}
