//! Real sound in: detector, recogniser, understanding.

use std::sync::Arc;

use super::super::recogniser::{RECOGNISER_HZ, Recogniser};
use super::super::understanding::{Expecting, Intent, Meaning, understand_heard};
use super::super::{LocalAgent, RecogniserProgram};
use super::spa;
use super::voices::{FOREIGN, PARAPHRASES, VOICES, spoken};

struct Listener {
    agent: Arc<LocalAgent>,
    recogniser: Recogniser,
}

impl Listener {
    fn new() -> Self {
        let agent = Arc::new(spa());
        let recogniser = Recogniser::new(RecogniserProgram::Pocketsphinx, Arc::clone(&agent));
        Self { agent, recogniser }
    }

    async fn understands(&self, text: &str, voice: &str, expecting: Expecting) -> Meaning {
        let mut samples = vec![0; 4_000];
        samples.extend(spoken(text, voice, RECOGNISER_HZ).await);
        samples.extend([0; 4_000]);
        let heard = self
            .recogniser
            .recognise(&samples, expecting)
            .await
            .expect("pocketsphinx is installed where tests run");
        let meaning = understand_heard(&heard, &self.agent, expecting);
        eprintln!(
            "{voice:9} {text}\n   {heard:?}\n   {:?} {:?} {:?}",
            meaning.intent, meaning.service, meaning.doubtful_service
        );
        meaning
    }
}

/// Bars over all sentences in three voices. Single sentences may fail: the dialogue asks again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unscripted_paraphrases_in_three_voices_name_their_service() {
    let listener = Listener::new();
    let (mut right, mut asked, mut wrong, mut total) = (0, 0, 0, 0);
    for (text, service) in PARAPHRASES {
        for voice in VOICES {
            let meaning = listener.understands(text, voice, Expecting::Request).await;
            let named = meaning
                .service
                .map(|at| listener.agent.services[at].name.as_str());
            total += 1;
            right += usize::from(named == Some(*service));
            let doubted = meaning
                .doubtful_service
                .map(|at| listener.agent.services[at].name.as_str());
            asked += usize::from(doubted == Some(*service));
            wrong += usize::from(named.is_some_and(|named| named != *service));
        }
    }
    eprintln!(
        "paraphrases: {right} of {total} services right, {asked} asked back rightly, {wrong} wrong"
    );
    assert!(
        (right + asked) * 100 >= total * 65,
        "{right} and {asked} of {total}"
    );
    assert!(wrong * 100 <= total * 6, "{wrong} of {total}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentences_about_something_else_are_not_taken_for_bookings() {
    let listener = Listener::new();
    let (mut taken, mut opted_out, mut total) = (0, 0, 0);
    for text in FOREIGN {
        for voice in VOICES {
            let meaning = listener.understands(text, voice, Expecting::Request).await;
            total += 1;
            taken += usize::from(meaning.service.is_some() || meaning.intent == Some(Intent::Book));
            opted_out += usize::from(meaning.intent == Some(Intent::OptOut));
        }
    }
    eprintln!("foreign sentences: {taken} of {total} taken for a booking");
    assert!(taken * 100 <= total * 6, "{taken} of {total}");
    assert_eq!(opted_out, 0, "nobody asked for that");
}

/// M6: "stop calling me" is heard, and nothing else is made of it. Short words in other orders ("do not call me again") are lost by
/// the recogniser; who says them is asked again, and after three times goes to a person.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m6_who_says_stop_calling_me_is_heard_in_three_voices() {
    let listener = Listener::new();
    let mut heard = 0;
    for voice in VOICES {
        let text = "please stop calling me";
        let meaning = listener.understands(text, voice, Expecting::Request).await;
        heard += usize::from(meaning.intent == Some(Intent::OptOut));
        assert_eq!(meaning.service, None, "{voice}");
        assert_ne!(meaning.intent, Some(Intent::Book), "{voice}");
    }
    assert!(heard >= 2, "{heard} of {}", VOICES.len());
}
