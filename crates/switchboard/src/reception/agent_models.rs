//! Which voice models an agent has, in order, and how each is opened.

use std::sync::Arc;
use std::time::Duration;

use switchboard_call::input::ModelFailure;
use switchboard_call::output::{HistoryTurn, ToModel};
use switchboard_media::frame::AudioFormat;
use switchboard_media::speech::SpeechDetectorSettings;
use switchboard_store::{PermitLimit, PermitScope, Practitioner, Service};
use switchboard_wire::openai::{Target, Tool, realtime_url};

use super::call_settings::core_language;
use super::{Business, LegKind, ReadyAgent};
use crate::config::agent::ModelChoice;
use crate::config::prices::{TokenCount, TokenUsage};
use crate::config::{AgentDefinition, Secret, Settings};
use crate::drive::ModelOpener;
use crate::journal::ModelDescription;
use crate::model::{Model, ModelFormats};
use crate::models::breaker::Breaker;
use crate::models::local::{
    LocalAgent, LocalModel, LocalPractitioner, LocalPrograms, LocalService, LocalSetup,
    RecogniserProgram, SynthesiserProgram,
};
use crate::models::openai_realtime::{OpenAiRealtime, OpenAiSetup};
use crate::socket::SocketLimits;

/// The dearest reply there can be: all tokens out that a model makes at once, as audio; a context full of cached audio; a
/// minute of the caller and the instructions, uncached.
const DEAREST_REPLY: TokenUsage = TokenUsage {
    audio: TokenCount {
        input: 28_672,
        cached: 28_072,
        output: 4_096,
    },
    text: TokenCount {
        input: 4_096,
        cached: 0,
        output: 0,
    },
    image: TokenCount {
        input: 0,
        cached: 0,
        output: 0,
    },
    audio_ms: 0,
};
/// The same for a sentence of ours: twenty seconds of audio.
const DEAREST_SENTENCE: TokenUsage = TokenUsage {
    audio: TokenCount {
        input: 28_672,
        cached: 28_072,
        output: 400,
    },
    ..DEAREST_REPLY
};
/// A minute of the caller, written down: by time, or as tokens.
const HEARD_MINUTE: TokenUsage = TokenUsage {
    audio: TokenCount {
        input: 600,
        cached: 0,
        output: 0,
    },
    text: TokenCount {
        input: 0,
        cached: 0,
        output: 300,
    },
    audio_ms: 60_000,
    ..DEAREST_REPLY
};

/// The models of one agent, shared by all calls on legs of one format.
pub(super) struct AgentModels {
    choices: Vec<Choice>,
    format: AudioFormat,
}

/// The models of one call.
pub(super) struct CallModels {
    models: Arc<AgentModels>,
    /// Whether the call's permit is one of the provider's account too, or the account has no limit.
    has_account: bool,
    breaker: Breaker,
}

enum Choice {
    OpenAi(Arc<OpenAiSetup>),
    Local(Box<LocalSetup>),
    /// Configured, but without a key: opening it fails at once, which is a handoff and not a silence.
    NoKey,
}

/// The agent's choices for a leg of this format. There is always at least one.
pub(super) fn choices(
    settings: &Settings,
    agent: &ReadyAgent,
    format: AudioFormat,
    kind: LegKind,
) -> AgentModels {
    let definition = &agent.definition;
    let configured =
        std::iter::once(definition.model).chain(definition.next_models.iter().copied());
    let choices = configured
        .map(|choice| resolve(settings, agent, format, kind, choice))
        .collect();
    AgentModels { choices, format }
}

/// The provider's account that calls of this agent use, and whether the agent can do without it.
pub(super) fn account(settings: &Settings, agent: &AgentDefinition) -> Option<(PermitLimit, bool)> {
    let calls_max = settings.openai.sessions_max;
    if calls_max == 0 || settings.openai.api_key.is_none() {
        return None;
    }
    let mut configured = std::iter::once(agent.model).chain(agent.next_models.iter().copied());
    let is_other = |choice: ModelChoice| choice == ModelChoice::Local;
    if configured.clone().all(is_other) {
        return None;
    }
    let limit = PermitLimit {
        scope: PermitScope::Account("openai"),
        calls_max,
    };
    Some((limit, configured.any(is_other)))
}

/// What one reply of an agent may cost at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DearestReply {
    /// Any reply, with a minute of the caller that was written down for it.
    pub(super) reply_micros: u64,
    /// A sentence of ours that it says.
    pub(super) sentence_micros: u64,
}

/// Of all its models, whichever answers. A model without a price costs what the dearest does (threat M1).
pub(super) fn dearest(settings: &Settings, agent: &AgentDefinition) -> DearestReply {
    let mut configured = std::iter::once(agent.model).chain(agent.next_models.iter().copied());
    let has_key = settings.openai.api_key.is_some();
    if !has_key || configured.all(|choice| choice == ModelChoice::Local) {
        return DearestReply::default();
    }
    let model = agent.realtime_model.as_ref();
    let prices = settings
        .prices
        .of(model.unwrap_or(&settings.openai.realtime_model));
    let hearing = settings
        .prices
        .of(&settings.openai.transcription_model)
        .cost(&HEARD_MINUTE);
    DearestReply {
        reply_micros: (prices.cost(&DEAREST_REPLY) + hearing).to_micros(),
        sentence_micros: prices.cost(&DEAREST_SENTENCE).to_micros(),
    }
}

fn resolve(
    settings: &Settings,
    agent: &ReadyAgent,
    format: AudioFormat,
    kind: LegKind,
    choice: ModelChoice,
) -> Choice {
    let key = settings.openai.api_key.clone();
    match (choice, key) {
        (ModelChoice::OpenaiRealtime | ModelChoice::Auto, Some(key)) => {
            openai(settings, agent, format, key)
                .map_or(Choice::NoKey, |setup| Choice::OpenAi(Arc::new(setup)))
        }
        (ModelChoice::OpenaiRealtime, None) => Choice::NoKey,
        (ModelChoice::Local, _) | (ModelChoice::Auto, None) => {
            Choice::Local(Box::new(local(settings, agent, format, kind)))
        }
    }
}

/// The one choice of a call whose media goes to the vendor: no other model could take such a call over.
pub(super) fn direct(settings: &Settings, agent: &ReadyAgent, vendor_call: &str) -> AgentModels {
    let format = AudioFormat::Ulaw8k;
    let setup = direct_setup(settings, agent).and_then(|setup| {
        let target = Target::Call(vendor_call.to_owned());
        let url = realtime_url(settings.openai.base_url.as_str(), &target).ok()?;
        Some(OpenAiSetup { url, ..setup })
    });
    let choice = setup.map_or(Choice::NoKey, |setup| Choice::OpenAi(Arc::new(setup)));
    AgentModels {
        choices: vec![choice],
        format,
    }
}

/// What a direct call of this agent is configured with; None without a key.
pub(crate) fn direct_setup(settings: &Settings, agent: &ReadyAgent) -> Option<OpenAiSetup> {
    let key = settings.openai.api_key.clone()?;
    let setup = openai(settings, agent, AudioFormat::Ulaw8k, key)?;
    let mut setup = OpenAiSetup {
        is_direct: true,
        ..setup
    };
    setup.configure(wire_tools(agent));
    Some(setup)
}

fn wire_tools(agent: &ReadyAgent) -> Vec<Tool> {
    let tools = agent.toolbox.definitions();
    tools.into_iter().map(wire_tool).collect()
}

fn openai(
    settings: &Settings,
    agent: &ReadyAgent,
    format: AudioFormat,
    api_key: Secret,
) -> Option<OpenAiSetup> {
    let definition = &agent.definition;
    let model = definition
        .realtime_model
        .clone()
        .unwrap_or_else(|| settings.openai.realtime_model.clone());
    let base = settings.openai.base_url.as_str();
    let url = realtime_url(base, &Target::Model(model.clone())).ok()?;
    let transcription = settings.openai.transcription_model.clone();
    let facts = agent
        .business
        .facts(definition.time_zone, chrono::Utc::now());
    let detection = &definition.turn_detection;
    let mut setup = OpenAiSetup {
        url,
        api_key,
        voice: definition.voice.clone(),
        instructions: format!("{}\n\n{facts}", definition.instructions),
        update: String::new(),
        formats: ModelFormats {
            input: format,
            output: format,
        },
        languages: definition
            .languages
            .iter()
            .map(|language| language.code().to_owned())
            .collect(),
        threshold: detection.threshold,
        prefix_padding_ms: detection.prefix_padding_ms,
        silence_ms: detection.silence_ms,
        connect_time_max: Duration::from_millis(settings.openai.connect_ms_max),
        socket_limits: SocketLimits::model(&settings.limits),
        prices: settings.prices.of(&model),
        transcription_prices: settings.prices.of(&transcription),
        transcription_model: Some(transcription).filter(|model| !model.is_empty()),
        model,
        is_direct: false,
    };
    setup.configure(wire_tools(agent));
    Some(setup)
}

/// The offline model of a business: what it may say is what the catalogue says.
fn local(
    settings: &Settings,
    agent: &ReadyAgent,
    format: AudioFormat,
    kind: LegKind,
) -> LocalSetup {
    let definition = &agent.definition;
    let business = &agent.business;
    let detection = &definition.turn_detection;
    LocalSetup {
        formats: ModelFormats {
            input: format,
            output: format,
        },
        languages: definition
            .languages
            .iter()
            .map(|language| core_language(*language))
            .collect(),
        agent: LocalAgent {
            name: definition.persona.clone(),
            business: definition.display_name.clone(),
            greeting: definition.greeting.words(definition.first_language()),
            services: business.services.iter().map(local_service).collect(),
            practitioners: business
                .practitioners
                .iter()
                .map(|person| local_practitioner(business, person))
                .collect(),
            opening: business.opening_sentence(),
            tools: definition.tools.clone(),
            zone: definition.time_zone,
            today: None,
            telephone: kind == LegKind::Carrier,
        },
        programs: local_programs(settings),
        detector: SpeechDetectorSettings {
            threshold: detection.threshold,
            silence_ms: u64::from(detection.silence_ms),
            prefix_padding_ms: u64::from(detection.prefix_padding_ms),
            ..SpeechDetectorSettings::default()
        },
    }
}

fn local_service(service: &Service) -> LocalService {
    LocalService {
        name: service.name.clone(),
        synonyms: service.synonyms.clone(),
        minutes: u32::try_from(service.duration_minutes).unwrap_or(0),
        price_micros: u64::try_from(service.price_micros.0)
            .ok()
            .filter(|price| *price > 0),
    }
}

fn local_practitioner(business: &Business, person: &Practitioner) -> LocalPractitioner {
    let performed = business
        .services
        .iter()
        .filter(|service| person.services.contains(&service.id));
    LocalPractitioner {
        name: person.name.clone(),
        services: performed.map(|service| service.name.clone()).collect(),
    }
}

/// The programs of the settings; the default names mean the default programs.
pub(crate) fn local_programs(settings: &Settings) -> LocalPrograms {
    let speech = &settings.speech;
    let named = |program: &str, args: &[&str]| {
        (
            program.into(),
            args.iter().map(|arg| (*arg).to_owned()).collect(),
        )
    };
    let synthesiser = if speech.synthesizer == "espeak-ng" {
        SynthesiserProgram::EspeakNg
    } else {
        let (program, args) = named(&speech.synthesizer, &["{language}"]);
        SynthesiserProgram::Command { program, args }
    };
    let recogniser = if speech.recognizer == "pocketsphinx" {
        RecogniserProgram::Pocketsphinx
    } else {
        let (program, args) = named(&speech.recognizer, &["{wav}"]);
        RecogniserProgram::Command { program, args }
    };
    LocalPrograms {
        synthesiser,
        recogniser,
    }
}

fn wire_tool(tool: crate::tools::ToolDefinition) -> Tool {
    Tool::Function {
        name: tool.name.to_owned(),
        description: Some(tool.description.to_owned()),
        parameters: Some(tool.parameters),
    }
}

impl CallModels {
    pub(super) fn new(models: Arc<AgentModels>, has_account: bool, breaker: Breaker) -> Self {
        Self {
            models,
            has_account,
            breaker,
        }
    }
}

impl AgentModels {
    /// How many choices there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.choices.len()).unwrap_or(1)
    }

    /// The format of the leg they were chosen for.
    pub(super) fn format(&self) -> AudioFormat {
        self.format
    }

    /// Whether the first choice hands in the caller's words.
    pub(super) fn has_words(&self) -> bool {
        match self.choices.first() {
            Some(Choice::OpenAi(setup)) => setup.transcription_model.is_some(),
            _ => true,
        }
    }

    /// Whether all of them are our own dialogue, which asks the caller before it writes.
    pub(super) fn asks_itself(&self) -> bool {
        self.choices
            .iter()
            .all(|choice| matches!(choice, Choice::Local(_)))
    }

    /// What the lists call them.
    pub(super) fn descriptions(&self) -> Vec<ModelDescription> {
        let format = self.format.to_string();
        let describe = |provider: &str, model: &str, voice: &str| ModelDescription {
            provider: provider.to_owned(),
            model: model.to_owned(),
            voice: voice.to_owned(),
            format: format.clone(),
        };
        self.choices
            .iter()
            .map(|choice| match choice {
                Choice::OpenAi(setup) => describe("openai", &setup.model, &setup.voice),
                Choice::Local(_) => describe("local", "local", "espeak-ng"),
                Choice::NoKey => describe("openai", "none", ""),
            })
            .collect()
    }
}

impl ModelOpener for CallModels {
    fn open(&self, choice: u32, session: u32, history: Vec<HistoryTurn>) -> Model {
        let choice = usize::try_from(choice)
            .ok()
            .and_then(|choice| self.models.choices.get(choice));
        match choice {
            Some(Choice::OpenAi(_)) if !self.has_account => {
                tracing::warn!("openai.sessions_max sessions are open already");
                Model::opening(std::future::ready(Err(ModelFailure::Refused)))
            }
            Some(Choice::OpenAi(setup)) => {
                let Some(attempt) = self.breaker.attempt(setup) else {
                    return Model::opening(std::future::ready(Err(ModelFailure::Disconnected)));
                };
                let setup = Arc::clone(setup);
                Model::opening(async move {
                    match OpenAiRealtime::open(setup, history, session).await {
                        Ok(opened) => Ok(Model::OpenAi(Box::new(opened.with_attempt(attempt)))),
                        Err(failure) => {
                            attempt.failed();
                            Err(failure)
                        }
                    }
                })
            }
            Some(Choice::Local(setup)) => {
                let setup = (**setup).clone();
                Model::opening(async move {
                    let mut model = LocalModel::start(setup).await;
                    if !history.is_empty() {
                        model.send(ToModel::Open { choice: 0, history });
                    }
                    Ok(Model::Local(Box::new(model)))
                })
            }
            Some(Choice::NoKey) | None => {
                tracing::error!("an agent's model needs openai.api_key, which is not set");
                Model::opening(std::future::ready(Err(ModelFailure::Refused)))
            }
        }
    }
}
