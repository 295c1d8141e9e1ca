//! A fake Twilio as a process of its own, for programs that are not written in Rust.
//!
//! Prints one JSON line with its address and credentials. Then each line on standard input is a JSON object and each
//! answer one JSON line: `{"do":"call","voice_url":…}` places a call that says a tone and waits for the other side to end,
//! and answers with the log when the call is over. It ends with its input.

use anyhow::Context;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;
use switchboard_media::tone;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::twilio::{AccountNumber, Callee, FakeTwilio, FakeTwilioSettings, PlaceCall};

/// Longer than any conversation a check holds.
const CALL_BOUND: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let number = AccountNumber {
        number: "+12025550104".to_owned(),
        voice_url: Some("https://voice.example/twilio/voice".to_owned()),
        voice_fallback_url: Some("https://static.example/human.xml".to_owned()),
        status_callback: None,
    };
    let settings = FakeTwilioSettings {
        numbers: vec![number],
        callees: HashMap::from([("+12025550143".to_owned(), Callee::voicemail(1_000))]),
        forbidden_prefixes: vec!["+882".to_owned()],
        ..FakeTwilioSettings::default()
    };
    let twilio = FakeTwilio::start(settings).await?;
    print(&json!({
        "base_url": twilio.base_url(),
        "account_sid": twilio.account_sid(),
        "auth_token": twilio.auth_token(),
    }))?;
    // Waiting here blocks only the main thread; calls and REST run on the runtime's own.
    for line in std::io::stdin().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let answer = match request["do"].as_str() {
            Some("call") => call(&twilio, &request).await?,
            _ => json!({"error": "unknown request"}),
        };
        print(&answer)?;
    }
    Ok(())
}

async fn call(twilio: &FakeTwilio, request: &Value) -> anyhow::Result<Value> {
    let url = request["voice_url"].as_str().context("voice_url")?;
    let caller = CallerScript::new()
        .speak(tone::sine(8_000, 500.0, 300, 0.4))
        .wait(100)
        .press('5');
    let mut place = PlaceCall::new(url, "+12025550104", caller);
    place.status_callback = request["status_callback"].as_str().map(str::to_owned);
    place.extra_parameters = vec![
        ("Empty".to_owned(), String::new()),
        ("aUtf8".to_owned(), "Zoë & co = ü".to_owned()),
        ("Zed".to_owned(), "1".to_owned()),
        ("Zed".to_owned(), "1".to_owned()),
        ("Zed".to_owned(), "0".to_owned()),
    ];
    let call = twilio.place_call(place);
    call.wait_for_end(CALL_BOUND).await?;
    let events = call.events();
    let events: Vec<String> = events
        .iter()
        .map(|timed| format!("{:?}", timed.event))
        .collect();
    Ok(
        json!({"sid": call.sid(), "status": call.status(), "ear_ms": call.ear_ms(), "events": events}),
    )
}

fn print(value: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}
