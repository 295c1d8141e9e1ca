//! Tools as a model calls them, over a real database.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use switchboard_call::input::ToolOutcome;
use switchboard_store::{CallId, ListFilter, NewContact, Private, TenantStore};

use super::*;
use crate::desk::fixture::{
    CALLER, NOW, SOMEBODY_ELSE, Town, at, desk_for, desk_for_caller, number,
};
use crate::desk::{Caller, Desk};

fn all_tools() -> Toolbox {
    let names: Vec<String> = registry().iter().map(|tool| tool.name.to_owned()).collect();
    Toolbox::for_agent(&names).unwrap()
}

fn fixed_clock() -> DateTime<Utc> {
    at(NOW)
}

/// A call in which the agent asks for confirmation itself.
fn call_of(desk: Desk) -> ToolContext {
    let mut context = ToolContext::new(desk, CallId::new());
    context.clock = fixed_clock;
    context.confirmation = Confirmation::ByAgent;
    context
}

async fn answered(context: &ToolContext, name: &str, arguments: Value) -> Value {
    match all_tools().run(context, name, &arguments.to_string()).await {
        ToolOutcome::Answered(words) => serde_json::from_str(words.expose()).unwrap(),
        other => panic!("{name}: {}", told(&other)),
    }
}

async fn refused(context: &ToolContext, name: &str, arguments: &str) -> Value {
    match all_tools().run(context, name, arguments).await {
        ToolOutcome::Failed(words) => {
            let answer: Value = serde_json::from_str(words.expose()).unwrap();
            assert!(
                answer["error"]["message"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty())
            );
            answer["error"].clone()
        }
        other => panic!("{name}: {}", told(&other)),
    }
}

fn told(outcome: &ToolOutcome) -> String {
    match outcome {
        ToolOutcome::Answered(words) | ToolOutcome::Failed(words) => words.expose().to_owned(),
        other => format!("{other:?}"),
    }
}

async fn rows(spa: &TenantStore) -> (usize, usize) {
    let everything = ListFilter::default();
    let appointments = spa.list_appointments(&everything).await.unwrap().len();
    (
        appointments,
        spa.list_contacts(&everything).await.unwrap().len(),
    )
}

#[tokio::test]
async fn a_caller_books_by_the_tools_alone() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let context = call_of(desk_for_caller(&spa));
    let found = answered(&context, "find_contact", json!({ "name": "Ama Osei" })).await;
    assert_eq!(found, json!({ "contacts": [] }));
    let made = answered(&context, "create_contact", json!({ "name": "Ama Osei" })).await;
    assert_eq!(made["contact"]["name"], "Ama Osei");
    let found = answered(&context, "find_contact", json!({})).await;
    assert_eq!(found["contacts"], json!([made["contact"]]));

    let asked = json!({ "service": "facial", "day": "2026-11-24", "from": "14:00" });
    let free = answered(&context, "check_availability", asked).await;
    let first = free["slots"][0].clone();
    assert_eq!(
        first,
        json!({ "start": "2026-11-24T14:00:00-05:00", "practitioner": "Priya Nair" })
    );
    assert_eq!(free.get("reason"), None);

    let wanted = json!({
        "service": "facial", "start": first["start"], "practitioner": first["practitioner"],
        "contact_name": "Ama Osei", "phone": null
    });
    let booked = answered(&context, "book_appointment", wanted.clone()).await;
    let appointment = &booked["appointment"];
    assert_eq!(appointment["service"], "Signature facial");
    assert_eq!(appointment["end"], "2026-11-24T15:00:00-05:00");
    assert_eq!(rows(&spa).await, (1, 1));

    let again = answered(&context, "book_appointment", wanted.clone()).await;
    assert_eq!(again, booked);
    let other_request = context.for_request(2, context.confirmed);
    let error = refused(&other_request, "book_appointment", &wanted.to_string()).await;
    assert_eq!(error["code"], "slot_taken");
    assert_eq!(error["next_free"][0]["start"], "2026-11-24T15:00:00-05:00");
    assert_eq!(rows(&spa).await, (1, 1));
}

#[tokio::test]
async fn a_start_without_an_offset_is_the_clock_of_the_business() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let context = call_of(desk_for_caller(&spa));
    for (number, start) in [
        "2026-11-24T09:00:00",
        "2026-11-25T14:00:00Z",
        "2026-11-26T09:00",
    ]
    .iter()
    .enumerate()
    {
        let wanted = json!({ "service": "facial", "start": start, "contact_name": "Ama Osei" });
        let request = context.for_request(number.try_into().unwrap(), context.confirmed);
        let booked = answered(&request, "book_appointment", wanted).await;
        let start = booked["appointment"]["start"].as_str().unwrap().to_owned();
        assert!(start.ends_with("T09:00:00-05:00"), "{start}");
    }
}

#[tokio::test]
async fn a_day_without_times_says_why_in_a_word_and_a_sentence() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let context = call_of(desk_for_caller(&spa));
    let sunday = json!({ "service": "facial", "day": "2026-11-22" });
    let free = answered(&context, "check_availability", sunday).await;
    assert_eq!(
        (&free["slots"], &free["reason"]),
        (&json!([]), &json!("closed"))
    );
    assert_eq!(free["next_free"][0]["start"], "2026-11-23T09:00:00-05:00");
    let tattoo = json!({ "service": "tattoo", "day": "2026-11-24" });
    let free = answered(&context, "check_availability", tattoo).await;
    assert_eq!(
        (&free["slots"], &free["reason"]),
        (&json!([]), &json!("unknown_service"))
    );
    assert_eq!(
        free["options"],
        json!(["Signature facial", "Swedish massage"])
    );
}

#[tokio::test]
async fn a1_a_booking_that_the_caller_has_not_confirmed_is_refused() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let mut context = call_of(desk_for_caller(&spa));
    context.confirmation = Confirmation::ByCall;
    let wanted =
        json!({ "service": "facial", "start": "2026-11-24T14:00:00-05:00", "contact_name": "Ama" });
    let outcome = all_tools()
        .run(&context, "book_appointment", &wanted.to_string())
        .await;
    let ToolOutcome::Question(question) = outcome else {
        panic!("{outcome:?}")
    };
    let expected = "I would book facial on Tuesday, 24 November at 2:00 PM for Ama. Are you sure?";
    assert_eq!(
        question.expose(),
        expected,
        "read back from the request, not from the model's words"
    );
    assert_eq!(rows(&spa).await, (0, 0));
    context.confirmed = true;
    answered(&context, "book_appointment", wanted).await;
    assert_eq!(rows(&spa).await, (1, 1));
}

#[tokio::test]
async fn a1_a_tool_that_the_agent_does_not_list_does_not_exist() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let context = call_of(desk_for_caller(&spa));
    let few = Toolbox::for_agent(&["end_call".to_owned()]).unwrap();
    for name in [
        "create_contact",
        "book_appointment",
        "End_Call",
        "",
        "find_contact\0",
    ] {
        let outcome = few.run(&context, name, r#"{"name":"Mallory Moe"}"#).await;
        assert!(told(&outcome).contains("unknown_tool"), "{name}");
    }
    assert_eq!(rows(&spa).await, (0, 0));
}

#[tokio::test]
async fn a1_hostile_arguments_change_nothing_and_are_answered_in_words() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let context = call_of(desk_for_caller(&spa));
    let huge = format!(r#"{{"name":"{}"}}"#, "a".repeat(10_000_000));
    let deep = "[".repeat(8000);
    let long_name = json!({ "name": "a".repeat(81) }).to_string();
    let everywhere = [
        huge.as_str(),
        &deep,
        "null",
        "42",
        "[]",
        "\"x\"",
        "{",
        "{}}",
        "\u{0}",
        "{\"tenant_id\":\"other\"}",
        "{\"name\":\"Ama\",\"name\":\"Kofi\"}",
        "{\"__proto__\":{}}",
        "{\"service\":{}}",
    ];
    let not_for_names = [
        "{}",
        "{\"name\":null}",
        "{\"name\":\"\"}",
        "{\"name\":7}",
        "{\"name\":\"a\\u0000b\"}",
        "{\"name\":\"12345\"}",
        "{\"name\":\"Ama\",\"phone\":\"911\"}",
        "{\"name\":\"Ama\",\"phone\":12}",
        "{\"name\":\"Ama\",\"phone\":\"' or 1=1 --\"}",
        "{\"name\":\"Ama\",\"id\":\"x\"}",
        &long_name,
    ];
    for arguments in everywhere.into_iter().chain(not_for_names) {
        refused(&context, "create_contact", arguments).await;
    }
    for tool in registry() {
        for arguments in everywhere {
            if tool.name == "find_contact" && arguments.contains("Kofi") {
                continue;
            }
            let error = refused(&context, tool.name, arguments).await;
            assert_eq!(error["code"], "invalid_arguments", "{}", tool.name);
            assert!(error["message"].as_str().unwrap().len() < 1000);
        }
        let error = refused(&context, tool.name, &huge).await;
        assert!(
            error["message"].as_str().unwrap().contains("too long"),
            "not even read"
        );
    }
    assert_eq!(rows(&spa).await, (0, 0));
}

#[tokio::test]
async fn a1_one_foreign_member_spoils_honest_arguments() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let context = call_of(desk_for_caller(&spa));
    for (tool, honest) in [
        ("find_contact", json!({ "name": "Ama Osei" })),
        ("create_contact", json!({ "name": "Ama Osei" })),
        (
            "check_availability",
            json!({ "service": "facial", "day": "2026-11-24" }),
        ),
        (
            "book_appointment",
            json!({ "service": "facial", "start": "2026-11-24T14:00:00-05:00", "contact_name": "Ama" }),
        ),
        ("transfer_to_human", json!({})),
        ("end_call", json!({})),
    ] {
        for member in [
            "tenant_id",
            "contact_id",
            "confirmed",
            "assurance",
            "number",
        ] {
            let mut arguments = honest.clone();
            arguments[member] = json!("019aa000-0000-7000-8000-000000000000");
            let error = refused(&context, tool, &arguments.to_string()).await;
            assert_eq!(error["code"], "invalid_arguments", "{tool} {member}");
        }
        for value in [
            json!(7),
            json!([]),
            json!({}),
            json!("a\u{0}b"),
            json!("a\nb"),
        ] {
            for member in honest.as_object().unwrap().keys() {
                let mut arguments = honest.clone();
                arguments[member] = value.clone();
                let error = refused(&context, tool, &arguments.to_string()).await;
                assert_eq!(error["code"], "invalid_arguments", "{tool} {member}");
            }
        }
    }
    assert_eq!(rows(&spa).await, (0, 0));
}

#[tokio::test]
async fn a1_hostile_times_and_names_book_nothing() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let context = call_of(desk_for_caller(&spa));
    for start in [
        "",
        "tomorrow",
        "2026-11-24",
        "+262142-12-31T23:59:59Z",
        "2026-02-30T10:00:00Z",
        "9999-12-31T23:59:59+00:00",
        "0000-01-01T00:00:00+23:59",
        "2026-11-24T14:00:00-05:00; drop table appointments",
        "1e99",
        "2026-11-24T14:00:00.000000001-05:00",
        "2026-11-24T14:00:30-05:00",
    ] {
        let wanted = json!({ "service": "facial", "start": start, "contact_name": "Ama" });
        refused(&context, "book_appointment", &wanted.to_string()).await;
    }
    for service in [
        "'; delete from services; --",
        "%",
        "🙂",
        "service",
        "a a a a a a a a a a a a",
    ] {
        let wanted = json!({ "service": service, "start": "2026-11-24T14:00:00-05:00", "contact_name": "Ama" });
        refused(&context, "book_appointment", &wanted.to_string()).await;
    }
    for day in [
        "2026-13-01",
        "24.11.2026",
        "+2026-11-24",
        "2026-11-24T10:00:00Z",
        "-001-01-01",
    ] {
        let asked = json!({ "service": "facial", "day": day });
        refused(&context, "check_availability", &asked.to_string()).await;
    }
    for day in ["0001-01-01", "9999-12-31"] {
        let free = answered(
            &context,
            "check_availability",
            json!({ "service": "facial", "day": day }),
        )
        .await;
        assert_eq!(free["slots"], json!([]));
    }
    assert_eq!(rows(&spa).await, (0, 0));
    let quoted = json!({
        "service": "facial", "start": "2026-11-24T14:00:00-05:00",
        "contact_name": "Robert'); drop table appointments; --"
    });
    answered(&context, "book_appointment", quoted).await;
    assert_eq!(rows(&spa).await, (1, 1));
}

#[tokio::test]
async fn a1_no_words_of_a_model_reveal_the_contact_of_somebody_else() {
    let town = Town::found().await;
    let (spa, other) = (town.open_spa("spa").await, town.open_spa("other").await);
    for tenant in [&spa, &other] {
        let contact = NewContact {
            name: Some(Private::from("Kofi Mensah")),
            phone: Some(number(SOMEBODY_ELSE)),
            ..NewContact::default()
        };
        tenant.create_contact(&contact).await.unwrap();
    }
    for context in [
        call_of(desk_for_caller(&spa)),
        call_of(desk_for(&spa, Caller::default())),
    ] {
        for asked in [
            json!({}),
            json!({ "name": "Kofi Mensah" }),
            json!({ "name": "kofi" }),
            json!({ "phone": SOMEBODY_ELSE }),
            json!({ "name": "Kofi Mensah", "phone": SOMEBODY_ELSE }),
            json!({ "phone": CALLER }),
        ] {
            let found = answered(&context, "find_contact", asked).await;
            assert_eq!(found, json!({ "contacts": [] }));
        }
        let stranger = json!({ "name": "Mallory Moe", "phone": SOMEBODY_ELSE });
        let made = answered(&context, "create_contact", stranger).await;
        assert_eq!(made["contact"]["name"], "Mallory Moe");
    }
    assert_eq!(rows(&other).await, (0, 1));
}

#[tokio::test]
async fn a2_a_transfer_goes_to_a_configured_name_and_never_to_a_number() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let mut context = call_of(desk_for_caller(&spa));
    let tools = all_tools();
    let to = async |context: &ToolContext, target: &str| {
        tools
            .run(
                context,
                "transfer_to_human",
                &json!({ "target": target }).to_string(),
            )
            .await
    };
    let usual = ToolOutcome::HandOff {
        target: None,
        summary: None,
    };
    // What the model says of the caller is told to the human, and chooses nobody.
    let said = r#"{"reason":"dial +19005550100 now"}"#;
    let told_human = ToolOutcome::HandOff {
        target: None,
        summary: Some("dial +19005550100 now".into()),
    };
    assert_eq!(
        tools.run(&context, "transfer_to_human", said).await,
        told_human
    );
    assert_eq!(tools.run(&context, "transfer_to_human", "").await, usual);
    assert!(told(&to(&context, "sales").await).contains("unknown_target"));

    context.handoff_targets = ["support".to_owned(), "sales".to_owned()].into();
    let sales = ToolOutcome::HandOff {
        target: Some("sales".to_owned()),
        summary: None,
    };
    assert_eq!(to(&context, "Sales").await, sales);
    for target in [
        "+19005550100",
        "sip:x@example.org",
        "sales;+1900",
        "911",
        "https://example.org",
    ] {
        assert!(
            told(&to(&context, target).await).contains("unknown_target"),
            "{target}"
        );
    }
    assert_eq!(
        tools.run(&context, "end_call", "{}").await,
        ToolOutcome::EndCall
    );
}

#[test]
fn every_definition_is_a_strict_schema_with_bounds() {
    let tools = all_tools().with_handoff_targets(&["support".to_owned()]);
    let definitions = tools.definitions();
    assert_eq!(definitions.len(), 11);
    for tool in &definitions {
        assert!(!tool.description.contains("  "), "{}", tool.name);
        assert_eq!(tool.parameters["type"], "object");
        assert_eq!(tool.parameters["additionalProperties"], false);
        let properties = tool.parameters["properties"].as_object().unwrap();
        for (name, property) in properties {
            let bounded = ["maxLength", "pattern", "enum"]
                .iter()
                .any(|bound| property.get(bound).is_some());
            assert!(
                property["type"] == "string" && bounded,
                "{} {name}",
                tool.name
            );
        }
        // A tool may ask for nothing, or take any of what it knows.
        for name in tool.parameters["required"].as_array().into_iter().flatten() {
            assert!(properties.contains_key(name.as_str().unwrap()));
        }
    }
    let confirming: Vec<_> = definitions
        .iter()
        .filter(|tool| tool.confirms)
        .map(|tool| tool.name)
        .collect();
    assert_eq!(confirming, ["book_appointment"]);
    let transfer = definitions
        .iter()
        .find(|tool| tool.name == "transfer_to_human")
        .unwrap();
    assert_eq!(
        transfer.parameters["properties"]["target"]["enum"],
        json!(["support"])
    );
}

#[test]
fn an_unknown_tool_of_an_agent_is_refused_with_the_nearest_one() {
    let names = ["end_call".to_owned(), "book_apointment".to_owned()];
    let error = Toolbox::for_agent(&names).err().unwrap();
    assert_eq!(
        error.to_string(),
        "there is no tool `book_apointment`; did you mean `book_appointment`?"
    );
    let twice = ["end_call".to_owned(), "end_call".to_owned()];
    assert_eq!(Toolbox::for_agent(&twice).unwrap().definitions().len(), 1);
}

#[test]
fn agent_files_may_list_exactly_the_tools_there_are() {
    let names: Vec<_> = registry().iter().map(|tool| tool.name).collect();
    assert_eq!(names, crate::config::agent::TOOL_NAMES);
}

async fn offered(spa: &TenantStore, call: CallId) {
    let offered = switchboard_store::NewCall {
        id: call,
        carrier_call_id: None,
        agent_name: "trades".to_owned(),
        agent_version: Some(1),
        channel: switchboard_store::Channel::Phone,
        direction: switchboard_store::Direction::Inbound,
        number: None,
        caller_number: None,
        contact_id: None,
        conversation_id: None,
        location: None,
        offered_at: at(NOW),
    };
    spa.offer_call(&offered).await.unwrap();
}

#[tokio::test]
async fn details_are_taken_down_for_this_call_and_the_last_word_counts() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let context = call_of(desk_for_caller(&spa));
    offered(&spa, context.call).await;
    let first = json!({ "name": "Ama Osei", "job": "a leak", "address": "" });
    let taken = answered(&context, "capture_details", first).await;
    assert_eq!(taken, json!({ "taken_down": ["name", "job"] }));
    let second = json!({ "job": "a burst pipe", "urgency": "today" });
    answered(&context, "capture_details", second).await;
    let kept = spa.captured_fields(context.call).await.unwrap();
    let kept: Vec<_> = kept
        .iter()
        .map(|it| (it.field.as_str(), it.value.expose().as_str()))
        .collect();
    let expected = [
        ("name", "Ama Osei"),
        ("job", "a burst pipe"),
        ("urgency", "today"),
    ];
    assert_eq!(kept.len(), expected.len());
    assert!(expected.iter().all(|it| kept.contains(it)), "{kept:?}");
}

/// A1: wrong types, other calls, too much.
#[tokio::test]
async fn a1_a_hostile_model_takes_nothing_down_that_is_not_a_detail_of_this_call() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let context = call_of(desk_for_caller(&spa));
    let long = format!("{{\"job\": \"{}\"}}", "x".repeat(501));
    for arguments in [
        "{}",
        "{\"urgency\": \"whenever\"}",
        "{\"job\": 7}",
        "{\"job\": \"a leak\", \"call_id\": \"018f0000-0000-7000-8000-000000000001\"}",
        "{\"card\": \"4111 1111 1111 1111\"}",
        long.as_str(),
    ] {
        let error = refused(&context, "capture_details", arguments).await;
        assert_eq!(error["code"], "invalid_arguments", "{arguments}");
    }
    // A call that the store does not know: said, and nothing kept.
    let error = refused(&context, "capture_details", "{\"job\": \"a leak\"}").await;
    assert_eq!(error["code"], "unavailable");
    let all = spa.list_captured_fields(&ListFilter::default()).await;
    assert_eq!(all.unwrap(), []);
}

/// Threat M6: the wish itself is the opt-out, of the number the call is with and of no other.
#[tokio::test]
async fn m6_a_caller_who_does_not_want_to_be_called_is_opted_out_at_once() {
    let town = Town::found().await;
    let spa = &town.open_spa("spa").await;
    let theirs = switchboard_store::Reachable::Phone(number(CALLER));
    let others = switchboard_store::Reachable::Phone(number(SOMEBODY_ELSE));
    let context = call_of(desk_for_caller(spa));
    let named = refused(&context, "opt_out", r#"{"number":"+12025550143"}"#).await;
    assert_eq!(named["code"], "invalid_arguments");
    assert_eq!(spa.opted_out_since(None, &theirs).await.unwrap(), None);
    for _ in 0..2 {
        let answer = answered(&context, "opt_out", json!({})).await;
        assert_eq!(answer, json!({ "opted_out": true }));
    }
    assert!(spa.opted_out_since(None, &theirs).await.unwrap().is_some());
    assert_eq!(spa.opted_out_since(None, &others).await.unwrap(), None);
    let listed = spa.list_opt_outs().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].source.as_str(), "caller");
    let hidden = call_of(desk_for(spa, Caller::default()));
    let refusal = refused(&hidden, "opt_out", "{}").await;
    assert_eq!(refusal["code"], "number_hidden");
}
