//! Speech to text by a child process: PCM of 16 kHz in a private file, text out.
//!
//! The default program hears every utterance three times: with a language that expects what the grammar says, with and
//! without noise removal (which helps some voices and harms others), and with a sceptical language in which other words
//! stand an equal chance. What two of the three heard was said; what one heard is worth a question.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use switchboard_media::wav::write_pcm16;
use tempfile::TempDir;
use thiserror::Error;
use tokio::sync::{Mutex, OnceCell, Semaphore};

use super::child::{ChildError, Run, pocketsphinx};
use super::grammar::expected_sentences;
use super::language_model::Trust;
use super::pronunciation::pronounce;
use super::strict_grammar::strict_grammar;
use super::understanding::Expecting;
use super::{LocalAgent, RecogniserProgram};

/// Where Debian's `pocketsphinx-en-us` keeps its model.
pub(super) const ACOUSTIC_MODEL: &str = "/usr/share/pocketsphinx/model/en-us/en-us";
/// Its pronunciations.
pub(super) const DICTIONARY: &str = "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict";
/// Rate of the sound handed to recognisers, in Hz.
pub(super) const RECOGNISER_HZ: u32 = 16_000;

/// Decoding takes a tenth to a half of real time; on a crowded machine it takes longer, but callers do not wait so long.
const DECODE_LIMIT: Duration = Duration::from_secs(30);
const OUTPUT_BYTES_MAX: u64 = 64 * 1024;

/// Found by trying, on synthetic voices: wider beams than the default and no second lexical pass. The bound on active
/// states costs nothing measurable and keeps strange sounds from taking seconds.
const DECODER_OPTIONS: &[&str] = &[
    "-adcin",
    "yes",
    // Digital silence before speech upsets the features; noise of one bit, always the same, cures it.
    "-dither",
    "yes",
    "-seed",
    "1",
    "-cmn",
    "batch",
    "-topn",
    "8",
    "-lw",
    "5",
    "-beam",
    "1e-70",
    "-wbeam",
    "1e-50",
    "-pbeam",
    "1e-70",
    "-fwdflat",
    "no",
    "-maxhmmpf",
    "2500",
];

/// 115 instead of 100 frames a second, because callers speak faster than the model's training data. Together with the
/// options above: word errors 28 % before, 18 % after. Words that end in fewer than three frames are left out of the
/// last search, which else took 3 s where decoding took 0.4.
const WITHOUT_NOISE: &[&str] = &["-frate", "115", "-min_endfr", "3"];
/// Hears short words in clean sound that noise removal takes away; worse on the whole.
const AS_IT_IS: &[&str] = &["-frate", "105", "-min_endfr", "3", "-remove_noise", "no"];

/// Decoders that run at once in this process: more would only slow each other.
static DECODERS: LazyLock<Semaphore> = LazyLock::new(|| {
    Semaphore::new(std::thread::available_parallelism().map_or(2, |cores| cores.get() * 2))
});

/// Why there is no text.
#[derive(Debug, Error)]
pub(super) enum RecognitionError {
    #[error(transparent)]
    Child(#[from] ChildError),
    /// The private folder could not be used.
    #[error("the recogniser's private folder: {0}")]
    Folder(#[from] std::io::Error),
}

/// What was heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) text: String,
    /// None from a program that hears once and is believed.
    pub(super) again: Option<HeardAgain>,
}

/// The other hearings of the same sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct HeardAgain {
    /// As expectant as the first, without noise removal.
    pub(super) as_it_is: String,
    /// With a language in which other words stand a chance.
    pub(super) sceptical: String,
}

impl Heard {
    /// Share of the words that another hearing has too, 0 to 100. None without another hearing.
    pub(super) fn confidence_percent(&self) -> Option<u8> {
        let again = self.again.as_ref()?;
        let others = [&again.as_it_is, &again.sceptical];
        let words: Vec<&str> = self.text.split_whitespace().collect();
        let is_shared = |word: &&&str| {
            others
                .iter()
                .any(|other| other.split_whitespace().any(|said| said == **word))
        };
        let shared = words.iter().filter(is_shared).count();
        u8::try_from(shared * 100 / words.len().max(1)).ok()
    }
}

/// Listens for one call.
#[derive(Debug)]
pub(super) struct Recogniser {
    program: RecogniserProgram,
    agent: Arc<LocalAgent>,
    /// Removed with everything in it when the call ends.
    folder: OnceCell<TempDir>,
    languages: Mutex<HashMap<Expecting, Arc<Languages>>>,
    next_file: std::sync::atomic::AtomicU32,
}

/// Files of one prepared language.
#[derive(Debug)]
struct Languages {
    dictionary: PathBuf,
    expectant: PathBuf,
    sceptical: PathBuf,
    /// The plain answers to the open question, where there is one.
    strict: Option<PathBuf>,
}

impl Recogniser {
    pub(super) fn new(program: RecogniserProgram, agent: Arc<LocalAgent>) -> Self {
        Self {
            program,
            agent,
            folder: OnceCell::new(),
            languages: Mutex::default(),
            next_file: std::sync::atomic::AtomicU32::new(0),
        }
    }

    /// Prepares what the next utterance needs, so that nobody waits for it then.
    pub(super) async fn prepare(&self, expecting: Expecting) -> Result<(), RecognitionError> {
        if self.program == RecogniserProgram::Pocketsphinx {
            self.languages(expecting).await?;
        }
        Ok(())
    }

    /// The words of one utterance of 16 kHz samples.
    pub(super) async fn recognise(
        &self,
        samples: &[i16],
        expecting: Expecting,
    ) -> Result<Heard, RecognitionError> {
        match &self.program {
            RecogniserProgram::Pocketsphinx => self.hear_thrice(samples, expecting).await,
            RecogniserProgram::Command { program, args } => {
                self.hear_with(program, args, samples).await
            }
        }
    }

    async fn hear_thrice(
        &self,
        samples: &[i16],
        expecting: Expecting,
    ) -> Result<Heard, RecognitionError> {
        let languages = self.languages(expecting).await?;
        let name = self.file_name();
        let folder = self.folder().await?;
        let bytes: Vec<u8> = samples
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        let samples = Removed(folder.join(format!("{name}.raw")));
        tokio::fs::write(&samples.0, bytes).await?;
        let control = Removed(folder.join(format!("{name}.ctl")));
        tokio::fs::write(&control.0, format!("{name}\n")).await?;
        let sound = Sound {
            control: &control.0,
            folder,
            dictionary: &languages.dictionary,
        };
        let (text, as_it_is, sceptical) = tokio::try_join!(
            sound.decode(&languages.expectant, WITHOUT_NOISE),
            sound.decode(&languages.expectant, AS_IT_IS),
            sound.decode(&languages.sceptical, WITHOUT_NOISE),
        )?;
        let strict = match &languages.strict {
            Some(grammar) => sound.decode_strictly(grammar).await?,
            None => String::new(),
        };
        // Where most of a plain answer was heard otherwise too, it is the best of the expectant hearings.
        if is_borne_out(&strict, &[&text, &as_it_is, &sceptical]) {
            let again = Some(HeardAgain {
                as_it_is: text,
                sceptical,
            });
            return Ok(Heard {
                text: strict,
                again,
            });
        }
        let again = Some(HeardAgain {
            as_it_is,
            sceptical,
        });
        Ok(Heard { text, again })
    }

    async fn hear_with(
        &self,
        program: &Path,
        args: &[String],
        samples: &[i16],
    ) -> Result<Heard, RecognitionError> {
        let _turn = DECODERS.acquire().await;
        let folder = self.folder().await?;
        let wav = Removed(folder.join(format!("{}.wav", self.file_name())));
        let sound = write_pcm16(RECOGNISER_HZ, samples);
        let by_file = args.iter().any(|arg| arg.contains("{wav}"));
        if by_file {
            tokio::fs::write(&wav.0, &sound).await?;
        }
        let path = wav.0.display().to_string();
        let args: Vec<String> = args.iter().map(|arg| arg.replace("{wav}", &path)).collect();
        let program = super::child::find_program(program).unwrap_or_else(|| program.to_owned());
        let run = Run {
            program: &program,
            args: &args,
            stdin: if by_file { Vec::new() } else { sound },
            limit: DECODE_LIMIT,
            output_bytes_max: OUTPUT_BYTES_MAX,
        };
        let output = run.output().await?;
        let text = String::from_utf8_lossy(&output)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        Ok(Heard { text, again: None })
    }

    async fn folder(&self) -> Result<&Path, RecognitionError> {
        // Only the owner may look into it: it holds a caller's voice for the time of one decoding.
        let folder = self.folder.get_or_try_init(|| async {
            tempfile::Builder::new()
                .prefix("switchboard-speech-")
                .tempdir()
        });
        Ok(folder.await?.path())
    }

    fn file_name(&self) -> String {
        let number = self
            .next_file
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        format!("utterance-{number}")
    }

    async fn languages(&self, expecting: Expecting) -> Result<Arc<Languages>, RecognitionError> {
        let mut languages = self.languages.lock().await;
        if let Some(ready) = languages.get(&expecting) {
            return Ok(Arc::clone(ready));
        }
        let texts = language_texts(&self.agent, expecting).await;
        let name = format!("{expecting:?}").to_lowercase();
        let folder = self.folder().await?;
        let ready = Arc::new(Languages {
            dictionary: folder.join(format!("{name}.dict")),
            expectant: folder.join(format!("{name}.lm")),
            sceptical: folder.join(format!("{name}-sceptical.lm")),
            strict: texts
                .strict
                .as_ref()
                .map(|_| folder.join(format!("{name}.gram"))),
        });
        if let (Some(path), Some(text)) = (&ready.strict, &texts.strict) {
            tokio::fs::write(path, text).await?;
        }
        tokio::fs::write(&ready.dictionary, &texts.dictionary).await?;
        tokio::fs::write(&ready.expectant, &texts.expectant).await?;
        tokio::fs::write(&ready.sceptical, &texts.sceptical).await?;
        languages.insert(expecting, Arc::clone(&ready));
        Ok(ready)
    }
}

/// Sound in the private folder, ready to be decoded.
struct Sound<'a> {
    control: &'a Path,
    folder: &'a Path,
    dictionary: &'a Path,
}

/// Whether another hearing has most of the words of this one: at least half of them, and two where there are two.
fn is_borne_out(strict: &str, others: &[&String]) -> bool {
    let words: Vec<&str> = strict.split_whitespace().collect();
    let shared = |other: &str| {
        words
            .iter()
            .filter(|word| other.split_whitespace().any(|said| said == **word))
            .count()
    };
    let most = others.iter().map(|other| shared(other)).max().unwrap_or(0);
    !words.is_empty() && most * 2 >= words.len() && most >= words.len().min(2)
}

impl Sound<'_> {
    async fn decode(&self, language: &Path, options: &[&str]) -> Result<String, RecognitionError> {
        self.decode_with(("-lm", language), options).await
    }

    async fn decode_strictly(&self, grammar: &Path) -> Result<String, RecognitionError> {
        self.decode_with(("-jsgf", grammar), &[]).await
    }

    async fn decode_with(
        &self,
        language: (&str, &Path),
        options: &[&str],
    ) -> Result<String, RecognitionError> {
        let _turn = DECODERS.acquire().await;
        let program = pocketsphinx().unwrap_or_else(|_| PathBuf::from("pocketsphinx_batch"));
        let options = DECODER_OPTIONS.iter().chain(options);
        let mut args: Vec<String> = options.map(|arg| (*arg).to_owned()).collect();
        let paths = [
            ("-hmm", Path::new(ACOUSTIC_MODEL)),
            ("-dict", self.dictionary),
            language,
            ("-ctl", self.control),
            ("-cepdir", self.folder),
            ("-hyp", Path::new("/dev/stdout")),
            ("-logfn", Path::new("/dev/null")),
        ];
        for (option, path) in paths {
            args.extend([option.to_owned(), path.display().to_string()]);
        }
        args.extend(["-cepext", ".raw"].map(str::to_owned));
        let run = Run {
            program: &program,
            args: &args,
            stdin: Vec::new(),
            limit: DECODE_LIMIT,
            output_bytes_max: OUTPUT_BYTES_MAX,
        };
        Ok(hypothesis(&String::from_utf8_lossy(&run.output().await?)))
    }
}

/// A file that goes with its value, so that no utterance outlives its decoding.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// `one of my words (utterance-0 -16551)`: the name and the score are not speech.
fn hypothesis(output: &str) -> String {
    let line = output.lines().next().unwrap_or_default();
    let words = line.rfind('(').map_or(line, |at| &line[..at]);
    let words = words
        .split_whitespace()
        .filter(|word| !word.starts_with(['<', '[']));
    words.collect::<Vec<_>>().join(" ")
}

/// The files' texts, the same for every call of an agent.
#[derive(Debug)]
struct LanguageTexts {
    dictionary: String,
    expectant: String,
    sceptical: String,
    strict: Option<String>,
}

/// Prepared texts of this process by what they were made from. One is about 2 MB; a handful of agents are in use.
const LANGUAGES_KEPT_MAX: usize = 48;
type Kept = HashMap<(Expecting, Vec<String>), Arc<LanguageTexts>>;
static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);

async fn language_texts(agent: &Arc<LocalAgent>, expecting: Expecting) -> Arc<LanguageTexts> {
    let services = agent
        .services
        .iter()
        .flat_map(|service| std::iter::once(&service.name).chain(&service.synonyms));
    let people = agent
        .practitioners
        .iter()
        .map(|practitioner| &practitioner.name);
    let key = (
        expecting,
        services.chain(people).cloned().collect::<Vec<_>>(),
    );
    let mut kept = KEPT.lock().await;
    if let Some(texts) = kept.get(&key) {
        return Arc::clone(texts);
    }
    let texts = Arc::new(write_language(Arc::clone(agent), expecting).await);
    if kept.len() >= LANGUAGES_KEPT_MAX {
        kept.clear();
    }
    kept.insert(key, Arc::clone(&texts));
    texts
}

async fn write_language(agent: Arc<LocalAgent>, expecting: Expecting) -> LanguageTexts {
    let speaker = Arc::clone(&agent);
    let counted =
        tokio::task::spawn_blocking(move || expected_sentences(&speaker, expecting)).await;
    let counts = counted.unwrap_or_default();
    let sounds = pronounce(&counts.vocabulary(), Path::new(DICTIONARY)).await;
    let mut dictionary = String::new();
    for (word, sounds) in &sounds {
        for (at, sound) in sounds.iter().enumerate() {
            let number = if at == 0 {
                String::new()
            } else {
                format!("({})", at + 1)
            };
            dictionary.push_str(&format!("{word}{number} {sound}\n"));
        }
    }
    let speakable = sounds.into_keys().collect();
    LanguageTexts {
        dictionary,
        expectant: counts.arpa(Trust::EXPECTANT, &speakable),
        sceptical: counts.arpa(Trust::SCEPTICAL, &speakable),
        strict: strict_grammar(&agent, expecting, &speakable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_and_the_noises_of_a_decoder_are_no_words() {
        assert_eq!(
            hypothesis("i'd like [SPEECH] a facial <sil> (utterance-0 -16551)\n"),
            "i'd like a facial"
        );
        assert_eq!(hypothesis(""), "");
    }

    #[test]
    fn confidence_is_the_share_of_words_heard_twice() {
        let again = HeardAgain {
            as_it_is: "the facial".into(),
            sceptical: "a fish of you".into(),
        };
        let heard = Heard {
            text: "a facial on tuesday".into(),
            again: Some(again),
        };
        assert_eq!(heard.confidence_percent(), Some(50));
        assert_eq!(Heard::default().confidence_percent(), None);
    }
}
