//! A model server whose model books as soon as it may, for a browser that looks at the question before the write:
//! `cargo run -p switchboard-sim --example fake_booking_model -- 2030-01-08T14:00:00-05:00`.
//!
//! Prints its base URL and runs until its standard input ends. It takes the key `sk-fake` and the model `gpt-realtime-2.1`.

use std::io::Write as _;

use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply, SpeechError};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = std::env::args()
        .nth(1)
        .ok_or("the start of the appointment is missing")?;
    let server = RealtimeServer::start(eager(&start)?).await?;
    writeln!(std::io::stdout(), "{}", server.base_url())?;
    // Waiting here blocks only the main thread; the server runs on the runtime's own.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

fn eager(start: &str) -> Result<RealtimeScript, SpeechError> {
    let wanted = format!(r#"{{"service":"facial","start":"{start}","contact_name":"Ama Osei"}}"#);
    let question = Reply::say("Shall I book the facial on Tuesday for Ama Osei?")?;
    let done = Reply::say("It is booked.")?;
    Ok(RealtimeScript::default()
        .api_key("sk-fake")
        .model("gpt-realtime-2.1")
        .when(
            |moment| moment.instructions.contains("Say exactly"),
            question,
        )
        .when_tool_answers("book_appointment", done)
        .when_caller_says("book", Reply::call_tool("book_appointment", &wanted))
        .otherwise(Reply::say("How can I help you today?")?))
}
