//! Child processes with a leash: text by stdin, nothing of ours in the environment, limits on time, output and memory,
//! and the whole process group killed when nobody waits any more.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::recogniser::{ACOUSTIC_MODEL, DICTIONARY};
use super::{LocalPrograms, RecogniserProgram, SynthesiserProgram};

/// Address space of a child in KiB. Both default programs stay under 300 MiB; a large speech model fits too.
const MEMORY_KIB_MAX: u32 = 8 * 1024 * 1024;
/// Processor time of a child in seconds, in case it spins where the deadline of its caller is gone.
const CPU_S_MAX: u32 = 60;

/// A program or its data is not installed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the offline voice model needs {what}; install it with: {how}")]
pub struct MissingProgram {
    /// What was looked for.
    pub what: String,
    /// A command, or what to set.
    pub how: String,
}

/// Looks for the programs, so that a demo can refuse to start with one clear line.
pub fn check_programs(programs: &LocalPrograms) -> Result<(), MissingProgram> {
    let custom = |program: &Path| {
        find_program(program)
            .map(drop)
            .ok_or_else(|| MissingProgram {
                what: program.display().to_string(),
                how: "correct the path in the settings".to_owned(),
            })
    };
    match &programs.synthesiser {
        SynthesiserProgram::EspeakNg => espeak().map(drop)?,
        SynthesiserProgram::Command { program, .. } => custom(program)?,
    }
    match &programs.recogniser {
        RecogniserProgram::Pocketsphinx => pocketsphinx().map(drop),
        RecogniserProgram::Command { program, .. } => custom(program),
    }
}

pub(super) fn espeak() -> Result<PathBuf, MissingProgram> {
    find_program(Path::new("espeak-ng")).ok_or_else(|| MissingProgram {
        what: "espeak-ng".to_owned(),
        how: "apt-get install espeak-ng".to_owned(),
    })
}

pub(super) fn pocketsphinx() -> Result<PathBuf, MissingProgram> {
    let program = find_program(Path::new("pocketsphinx_batch"));
    let has_model = Path::new(ACOUSTIC_MODEL).is_dir() && Path::new(DICTIONARY).is_file();
    program.filter(|_| has_model).ok_or_else(|| MissingProgram {
        what: "pocketsphinx with its en-us model".to_owned(),
        how: "apt-get install pocketsphinx pocketsphinx-en-us".to_owned(),
    })
}

/// The program's path: as given when it has a folder, else the first of that name on the PATH.
pub(super) fn find_program(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// Why a child gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum ChildError {
    /// It could not be started.
    #[error("{program} could not be started: {reason}")]
    Start { program: String, reason: String },
    /// It did not end in time.
    #[error("{program} did not end within {limit_ms} ms")]
    TimedOut { program: String, limit_ms: u128 },
    /// It wrote more than it may.
    #[error("{program} wrote more than {bytes_max} bytes")]
    TooMuch { program: String, bytes_max: u64 },
    /// It ended with an error.
    #[error("{program} failed with {status}")]
    Failed { program: String, status: String },
}

/// One run of a program.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) program: &'a Path,
    /// Never text of a caller or an agent: arguments are public on the machine.
    pub(super) args: &'a [String],
    pub(super) stdin: Vec<u8>,
    pub(super) limit: Duration,
    pub(super) output_bytes_max: u64,
}

impl Run<'_> {
    /// What the program wrote to stdout. Dropping the future kills its process group.
    pub(super) async fn output(self) -> Result<Vec<u8>, ChildError> {
        let program = self.program.display().to_string();
        let limit = self.limit;
        let ran = tokio::time::timeout(limit, self.run(program.clone())).await;
        ran.unwrap_or(Err(ChildError::TimedOut {
            program,
            limit_ms: limit.as_millis(),
        }))
    }

    async fn run(self, program: String) -> Result<Vec<u8>, ChildError> {
        let start = |error: std::io::Error| ChildError::Start {
            program: program.clone(),
            reason: error.kind().to_string(),
        };
        let mut child = self.command().spawn().map_err(start)?;
        let group = Group::of(&child);
        let (mut stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let text = self.stdin;
        let feed = async move {
            if let Some(mut pipe) = stdin.take() {
                // A child that closes its ears early says why by its status.
                let _ = pipe.write_all(&text).await;
            }
        };
        let mut output = Vec::new();
        let read = async {
            match stdout {
                Some(pipe) => pipe
                    .take(self.output_bytes_max + 1)
                    .read_to_end(&mut output)
                    .await
                    .map(drop),
                None => Ok(()),
            }
        };
        let ((), read) = tokio::join!(feed, read);
        read.map_err(start)?;
        if output.len() as u64 > self.output_bytes_max {
            return Err(ChildError::TooMuch {
                program,
                bytes_max: self.output_bytes_max,
            });
        }
        let status = child.wait().await.map_err(start)?;
        group.ended();
        if status.success() {
            Ok(output)
        } else {
            Err(ChildError::Failed {
                program,
                status: status.to_string(),
            })
        }
    }

    /// A shell sets the limits and becomes the program; the arguments reach it as arguments, never as shell text.
    fn command(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(format!(
                "ulimit -v {MEMORY_KIB_MAX}; ulimit -t {CPU_S_MAX}; exec \"$@\""
            ))
            .arg("sh")
            .arg(self.program)
            .args(self.args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// The child's process group, killed unless the child has ended by itself.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
