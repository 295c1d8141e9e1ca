//! A model server to point any Realtime client at: `cargo run -p switchboard-sim --example fake_realtime`.
//!
//! Prints its base URL and runs until its standard input ends, so that it never outlives the script that started it.
//! It plays the receptionist of a beauty studio and takes the key `sk-fake` and the models `reception` and
//! `gpt-realtime-2.1`; the OpenAI agents SDK insists on the latter.

use std::io::Write as _;

use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply, SpeechError};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = RealtimeServer::start(receptionist()?).await?;
    writeln!(std::io::stdout(), "{}", server.base_url())?;
    // Waiting here blocks only the main thread; the server runs on the runtime's own.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

fn receptionist() -> Result<RealtimeScript, SpeechError> {
    let which_day = Reply::say("A facial, with pleasure. Which day would you like to come?")?;
    let which_time =
        Reply::say("For a facial tomorrow there is room at ten o'clock. Does that time suit you?")?;
    let weather = Reply::say("It is sunny in Kigali today.")?;
    Ok(RealtimeScript::default()
        .api_key("sk-fake")
        .model("reception")
        .model("gpt-realtime-2.1")
        .caller_says("I would like to book a facial")
        .caller_says("a facial tomorrow, please")
        .caller_says("I would like to book a facial")
        .when_caller_says("tomorrow", which_time)
        .when_caller_says("facial", which_day)
        .when_caller_says(
            "weather",
            Reply::call_tool("get_weather", r#"{"city":"Kigali"}"#),
        )
        .when_tool_answers("get_weather", weather)
        .when_caller_says(
            "break",
            Reply::failed("rate_limit_exceeded", "Too many tokens per minute."),
        )
        .otherwise(Reply::ladder(1_500)))
}
