//! Synthetic callers: what they say, in which voices, as sound.

use std::path::Path;
use std::time::Duration;

use switchboard_media::resample::resample_clip;
use switchboard_media::wav;

use super::super::child::{Run, espeak};

/// Three voices that share neither accent nor register.
pub(in super::super) const VOICES: [&str; 3] = ["en-us", "en-gb", "en-us+f3"];

/// Sentences asking for a booking, with the service they name. They were written before the grammar, and none of them
/// was used to write it.
pub(in super::super) const PARAPHRASES: &[(&str, &str)] = &[
    (
        "hey there I'm hoping to come in for a facial on Thursday",
        "Signature facial",
    ),
    (
        "is it possible to have a massage tomorrow afternoon",
        "Swedish massage",
    ),
    (
        "please schedule me for laser hair removal on Monday",
        "Laser hair removal",
    ),
    (
        "I need to see someone about Botox next Tuesday",
        "Botox consultation",
    ),
    (
        "I think I want a chemical peel maybe on Friday at eleven",
        "Chemical peel",
    ),
    (
        "would you have space for microneedling on Wednesday morning",
        "Microneedling",
    ),
    (
        "my wife and I would like a massage on Tuesday at two",
        "Swedish massage",
    ),
    (
        "I'd be interested in getting filler next Wednesday",
        "Dermal filler",
    ),
    (
        "let's do a facial next Monday at half past nine",
        "Signature facial",
    ),
    (
        "I have been meaning to try laser hair removal could you squeeze me in on Friday",
        "Laser hair removal",
    ),
    (
        "give me the next available slot for Botox",
        "Botox consultation",
    ),
    (
        "sign me up for a peel on Thursday at four o'clock",
        "Chemical peel",
    ),
];

/// Sentences about something else.
pub(in super::super) const FOREIGN: &[&str] = &[
    "the weather is very nice today isn't it",
    "my dog ran away and I cannot find him anywhere",
    "please send the invoice to the accounting department",
    "I would like two large pizzas with extra cheese",
    "my car needs new tires and an oil change",
    "we went to the beach with our children last summer",
    "is this the number for the airport taxi",
    "could you play some jazz music in the kitchen",
    "the library returns are due at the end of the month",
    "how do I reset the password of my computer",
    "the children are playing football behind the house",
    "grandmother baked a delicious apple cake yesterday",
];

/// The sentence as samples, without pauses around it.
pub(in super::super) async fn spoken(text: &str, voice: &str, rate_hz: u32) -> Vec<i16> {
    let program = espeak().expect("espeak-ng is installed where tests run");
    let args = ["-v", voice, "-b", "1", "--stdin", "--stdout"].map(str::to_owned);
    let run = Run {
        program: Path::new(&program),
        args: &args,
        stdin: text.as_bytes().to_vec(),
        limit: Duration::from_secs(20),
        output_bytes_max: 10_000_000,
    };
    let sound = wav::read(&run.output().await.expect("espeak-ng speaks")).expect("a WAV");
    resample_clip(&sound.samples, sound.rate_hz, rate_hz).expect("a supported rate")
}
