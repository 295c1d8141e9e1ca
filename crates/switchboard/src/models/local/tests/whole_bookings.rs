//! Whole spoken bookings: a caller who has one wish, answers what was asked, and says it in fewer words when the agent
//! did not understand. Every word goes through sound.

use serde_json::{Value, json};

use super::speech::Caller;
use super::voices::{PARAPHRASES, VOICES};

/// Utterances after which a caller gives up. A booking without a misunderstanding takes five or six.
const PATIENCE: usize = 14;

struct Wish {
    /// First words.
    sentence: &'static str,
    service: &'static str,
    voice: &'static str,
}

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    Booked,
    /// Something was booked that nobody wanted.
    Wrong(String),
    GaveUp(String),
}

impl Wish {
    /// What this caller says to what the agent said last.
    fn answer(&self, said: &str) -> String {
        let is_meant = said.contains(self.service);
        if said.contains("Did you say") || said.contains("Are you sure") {
            return if is_meant { "yes please" } else { "no" }.to_owned();
        }
        if said.contains("Does that suit you") {
            return "yes please".to_owned();
        }
        if said.contains("Which one would you like") {
            return "the first one please".to_owned();
        }
        if said.contains("name") {
            return "my name is Mary Smith".to_owned();
        }
        if said.contains("Which day") || said.contains("I have nothing") {
            return "on Tuesday please".to_owned();
        }
        if said.contains("What should I change") {
            return "the treatment".to_owned();
        }
        format!("a {} please", self.service)
    }

    async fn book(&self) -> (Ending, usize) {
        let mut caller = Caller::wide_band().await;
        caller.reply().await;
        let mut next = self.sentence.to_owned();
        for utterance in 1..=PATIENCE {
            let heard = caller.says(&next, self.voice).await;
            caller.reply().await;
            eprintln!("{:9} {next} | {heard} | {}", self.voice, caller.said);
            while let Some(tool) = caller.tools.last() {
                if tool.name == "book_appointment" {
                    return (self.judged(&caller), utterance);
                }
                if tool.name != "check_availability" {
                    return (Ending::GaveUp(tool.name.clone()), utterance);
                }
                caller.answers(&slots());
                caller.reply().await;
                eprintln!("          {}", caller.said);
            }
            next = self.answer(&caller.said);
        }
        (Ending::GaveUp(caller.said.clone()), PATIENCE)
    }

    fn judged(&self, caller: &Caller) -> Ending {
        let arguments = caller.tools.last().map(|tool| tool.arguments.expose());
        let booking: Value = arguments
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        match booking["service"].as_str() {
            Some(service) if service == self.service => Ending::Booked,
            other => Ending::Wrong(format!("{other:?}")),
        }
    }
}

/// Two free times, whichever day was asked for.
fn slots() -> Value {
    json!({"slots": [
        {"start": "2026-11-24T10:00:00-05:00", "practitioner": "Dr. Lena Ortiz"},
        {"start": "2026-11-24T14:00:00-05:00", "practitioner": "Dr. Lena Ortiz"}]})
}

/// Twelve callers, four in each voice, six services and more. Nobody gets what he did not ask for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_spoken_wishes_in_three_voices_end_in_the_bookings_that_were_meant() {
    let wishes = PARAPHRASES.iter().zip(VOICES.iter().cycle());
    let mut talks = tokio::task::JoinSet::new();
    for (&(sentence, service), &voice) in wishes {
        let wish = Wish {
            sentence,
            service,
            voice,
        };
        talks.spawn(async move {
            let (ending, utterances) = wish.book().await;
            (wish.sentence, ending, utterances)
        });
    }
    let (mut booked, mut utterances_sum) = (0, 0);
    for (sentence, ending, utterances) in talks.join_all().await {
        eprintln!("{ending:?} after {utterances} utterances: {sentence}");
        assert!(
            !matches!(ending, Ending::Wrong(_)),
            "{sentence}: {ending:?}"
        );
        booked += usize::from(ending == Ending::Booked);
        utterances_sum += utterances;
    }
    eprintln!("spoken bookings: {booked} of 12, {utterances_sum} utterances");
    assert!(booked >= 10, "{booked} of 12 were booked");
}
