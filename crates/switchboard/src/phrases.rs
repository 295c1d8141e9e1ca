//! Sentences of ours as audio, synthesised once, for moments when no model can speak.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use switchboard_call::Span;
use switchboard_call::input::FromModel;
use switchboard_call::output::ToModel;
use switchboard_call::words::{Language, Words};
use switchboard_media::frame::AudioFormat;
use switchboard_media::speech::SpeechDetectorSettings;
use switchboard_store::{Actor, Purpose, Store, StoreError, TenantScope};

use crate::config::AgentDefinition;
use crate::leg::PhraseAudio;
use crate::model::{ModelEvent, ModelFormats, Payload};
use crate::models::local::{
    LocalAgent, LocalModel, LocalPrograms, LocalSetup, RecogniserProgram, SynthesiserProgram,
};

/// The formats of our legs: a carrier's and the front endpoint's.
const FORMATS: [AudioFormat; 2] = [AudioFormat::Ulaw8k, AudioFormat::Pcm16 { rate_hz: 24_000 }];
/// One short sentence takes espeak-ng some 10 ms; a slow neural voice on a machine full of calls still fits.
const VOICING_MAX: Duration = Duration::from_secs(20);

/// Fillers by their text and format.
#[derive(Debug, Default)]
pub struct PhraseCache(Mutex<HashMap<(String, AudioFormat), Payload>>);

impl PhraseCache {
    /// Keeps the audio of one filler.
    pub fn keep(&self, text: &str, format: AudioFormat, audio: Payload) {
        self.lock().insert((text.to_owned(), format), audio);
    }

    /// The phrases of an agent in a leg's format, as far as they were synthesised.
    pub fn of(&self, agent: &AgentDefinition, format: AudioFormat) -> PhraseAudio {
        let text = agent.phrases.filler(agent.first_language()).to_owned();
        PhraseAudio {
            filler: self.lock().get(&(text, format)).cloned(),
        }
    }

    /// How long the agent's filler plays; zero when there is none.
    pub fn filler_length(&self, agent: &AgentDefinition, format: AudioFormat) -> Span {
        self.of(agent, format)
            .filler
            .map_or(Span::ZERO, |audio| audio.length(format))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, AudioFormat), Payload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sentence to be synthesised.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Sentence {
    text: String,
    language: Language,
}

impl PhraseCache {
    /// Synthesises the fillers of all published agents beside the calls, with the programs of the offline model.
    /// A call that starts earlier, or a language without a voice, has no filler and the dead-air guard stays silent.
    pub fn fill_in_background(self: &Arc<Self>, store: Store, programs: LocalPrograms) {
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = cache.fill(&store, &programs).await {
                tracing::warn!(%error, "the agents' fillers were not prepared");
            }
        });
    }

    /// Synthesises what [`PhraseCache::fill_in_background`] does, and waits for it.
    ///
    /// # Errors
    /// The database cannot be asked for agents. A voice that fails leaves its sentence out.
    pub async fn fill(&self, store: &Store, programs: &LocalPrograms) -> Result<(), StoreError> {
        for sentence in fillers(store).await? {
            if !has_voice(programs, sentence.language) {
                continue;
            }
            for format in FORMATS {
                match voice(&sentence, format, programs).await {
                    Some(audio) => self.keep(&sentence.text, format, audio),
                    None => tracing::warn!(%format, "a filler could not be synthesised"),
                }
            }
        }
        Ok(())
    }
}

/// Every filler of every tenant's agents, once.
async fn fillers(store: &Store) -> Result<HashSet<Sentence>, StoreError> {
    let mut sentences = HashSet::new();
    for tenant in store.installation().list_tenants().await? {
        let rows = store.tenant(TenantScope::new(tenant.id, Actor::System, Purpose::Call));
        for listed in rows.list_agents().await? {
            let stored = rows.agent(&listed.name).await?;
            let definition = stored.and_then(|agent| serde_json::from_value(agent.definition).ok());
            sentences.extend(definition.as_ref().map(filler));
        }
    }
    Ok(sentences)
}

fn filler(agent: &AgentDefinition) -> Sentence {
    let language = agent.first_language();
    Sentence {
        text: agent.phrases.filler(language).to_owned(),
        language: Language::parse(language.code()).unwrap_or(Language::ENGLISH),
    }
}

/// espeak-ng would only mispronounce Kinyarwanda (design.md section 10).
fn has_voice(programs: &LocalPrograms, language: Language) -> bool {
    programs.synthesiser != SynthesiserProgram::EspeakNg || language != Language::KINYARWANDA
}

/// The sentence in the voice of the offline model, which says it as it says its replies. None when that fails.
async fn voice(
    sentence: &Sentence,
    format: AudioFormat,
    programs: &LocalPrograms,
) -> Option<Payload> {
    let voiced = async {
        let mut model = LocalModel::start(mute_listener(sentence.language, format, programs)).await;
        model.send(ToModel::Say {
            words: Words::new(sentence.text.as_str()),
            language: sentence.language,
        });
        let mut audio = Vec::new();
        let mut scratch = Vec::new();
        loop {
            match model.next().await {
                ModelEvent::Audio(piece) => {
                    audio.extend_from_slice(piece.payload.bytes(&mut scratch)?)
                }
                ModelEvent::Event(FromModel::ReplyDone(_)) => break,
                ModelEvent::Event(FromModel::Failed(_)) => return None,
                ModelEvent::Event(_) | ModelEvent::Usage(_) | ModelEvent::Leg(_) => {}
            }
        }
        (!audio.is_empty()).then(|| Payload::Raw(audio.into()))
    };
    tokio::time::timeout(VOICING_MAX, voiced)
        .await
        .ok()
        .flatten()
}

/// A model that only speaks: nobody is listened to, so no recogniser needs to be installed for it.
fn mute_listener(language: Language, format: AudioFormat, programs: &LocalPrograms) -> LocalSetup {
    let recogniser = RecogniserProgram::Command {
        program: "true".into(),
        args: Vec::new(),
    };
    LocalSetup {
        formats: ModelFormats {
            input: format,
            output: format,
        },
        languages: vec![language],
        agent: LocalAgent {
            name: String::new(),
            business: String::new(),
            greeting: String::new(),
            services: Vec::new(),
            practitioners: Vec::new(),
            opening: String::new(),
            tools: Vec::new(),
            zone: chrono_tz::UTC,
            today: None,
            telephone: false,
        },
        programs: LocalPrograms {
            recogniser,
            ..programs.clone()
        },
        detector: SpeechDetectorSettings::default(),
    }
}

#[cfg(test)]
mod tests {
    use switchboard_store::StoreSettings;

    use super::*;

    #[tokio::test]
    async fn every_agents_filler_is_ready_in_both_formats() {
        let directory = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite://{}", directory.path().join("phrases.db").display());
        let store = Store::open_exclusive(&StoreSettings::new(url.as_str()))
            .await
            .expect("a database");
        crate::demo::load(&store).await.expect("the demo agents");
        let cache = PhraseCache::default();
        cache
            .fill(&store, &LocalPrograms::default())
            .await
            .expect("the fillers");
        for agent in crate::config::agent::reference_agents().expect("agents") {
            for format in FORMATS {
                let length = cache.filler_length(&agent, format);
                let seconds = length.millis() as f64 / 1_000.0;
                assert!(
                    (0.3..5.0).contains(&seconds),
                    "{} {format}: {seconds} s",
                    agent.name
                );
            }
        }
    }

    #[test]
    fn no_voice_is_better_than_a_wrong_one() {
        assert!(!has_voice(&LocalPrograms::default(), Language::KINYARWANDA));
        assert!(has_voice(&LocalPrograms::default(), Language::FRENCH));
    }
}
