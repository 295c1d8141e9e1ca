//! Running other programs: in front and waited for, or behind us and stopped with us.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Between two looks at something we wait for. Short beside any start we wait for.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long a stopped program may take to say goodbye before it is killed. The server's own
/// limit for live calls (`http.drain_ms_max`, 20 s) must fit into it.
const GOODBYE_MAX: Duration = Duration::from_secs(30);

/// Prints the command, runs it with our own output, and fails unless it exits with 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", line_of(command));
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", line_of(command)))?;
    succeeded(command, status)
}

/// Like [`run`], for a command whose line is long: it is announced by `name`.
pub(crate) fn run_quietly(command: &mut Command, name: &str) -> Result<()> {
    println!("$ {name}");
    let status = command
        .status()
        .with_context(|| format!("cannot start {name}"))?;
    if status.success() {
        return Ok(());
    }
    bail!("{name} ended with {status}");
}

/// Runs the command silently and returns what it wrote to stdout.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", line_of(command)))?;
    succeeded(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether the command can be started and exits with 0. Its output is discarded.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Whether a program of this name is on the search path.
pub(crate) fn is_on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// Whether we run as root.
pub(crate) fn is_root() -> bool {
    read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// A command whose process gets `signal` when we die, however we die.
///
/// `setpriv` (util-linux) sets this on Linux; without it the program runs as it is and
/// only our orderly end stops it.
pub(crate) fn ends_with_us(signal: &str, program: &Path) -> Command {
    if !can_end_with_us() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal, "--"]).arg(program);
    command
}

/// Whether [`ends_with_us`] can keep its word here.
pub(crate) fn can_end_with_us() -> bool {
    is_on_path("setpriv")
}

/// A program that runs behind us. Dropping it stops it and waits for its end.
pub(crate) struct Background {
    child: Child,
    stop_signal: &'static str,
}

impl Background {
    /// Starts the command; `stop_signal` is what asks this program to end in order.
    pub(crate) fn start(command: &mut Command, stop_signal: &'static str) -> Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", line_of(command)))?;
        Ok(Self { child, stop_signal })
    }

    /// The exit status, if the program has ended by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for the program to end by itself.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Process id, as the system's tools name it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let signal = format!("-{}", self.stop_signal);
        succeeds(Command::new("kill").args([signal, self.child.id().to_string()]));
        let asked = Instant::now();
        while asked.elapsed() < GOODBYE_MAX {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!(
                "warning: process {} may still run: {error}",
                self.child.id()
            );
        }
    }
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("{} ended with {status}", line_of(command));
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
    words.join(" ")
}

/// Quotes a word only where a shell would need it, so that a line can be pasted.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=+@,%".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_command_can_be_pasted_into_a_shell() {
        let mut command = Command::new("switchboard");
        command.args(["call", "--say", "it's a facial"]);
        assert_eq!(
            line_of(&command),
            r"switchboard call --say 'it'\''s a facial'"
        );
    }

    #[test]
    fn a_background_program_is_gone_after_its_drop() {
        let program = Background::start(Command::new("sleep").arg("600"), "TERM").unwrap();
        let id = program.id().to_string();
        drop(program);
        assert!(!succeeds(Command::new("kill").args(["-0", &id])));
    }

    #[test]
    fn a_failing_program_is_an_error_that_names_it() {
        let error = run(&mut Command::new("false")).unwrap_err().to_string();
        assert!(error.starts_with("false ended with"), "{error}");
    }
}
