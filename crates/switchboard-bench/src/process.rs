//! What the system says about another process.

use anyhow::{Context, Result};

/// The kernel counts CPU time for us in hundredths of a second (USER_HZ, proc(5)).
const TICK_MS: f64 = 10.0;

/// CPU time of a process since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuTime {
    pub user_ms: f64,
    pub system_ms: f64,
}

impl CpuTime {
    /// What was used since an earlier moment.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            user_ms: self.user_ms - earlier.user_ms,
            system_ms: self.system_ms - earlier.system_ms,
        }
    }

    /// User and system together.
    pub fn total_ms(self) -> f64 {
        self.user_ms + self.system_ms
    }
}

/// CPU time of all threads of a process.
///
/// # Errors
/// The process is gone.
pub fn cpu_time(pid: u32) -> Result<CpuTime> {
    let stat = read(pid, "stat")?;
    cpu_time_in(&stat).context("unreadable stat")
}

fn cpu_time_in(stat: &str) -> Option<CpuTime> {
    // The program's name in brackets may hold anything; what we need stands behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ms = || Some(fields.next()?.parse::<f64>().ok()? * TICK_MS);
    Some(CpuTime {
        user_ms: ms()?,
        system_ms: ms()?,
    })
}

/// Memory of a process that is its own and in RAM now, in KiB. Pages of the program's file are left out: they are read in as its
/// functions are first used, and calls share them.
///
/// # Errors
/// The process is gone.
pub fn anonymous_kib(pid: u32) -> Result<f64> {
    let status = read(pid, "status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok());
    number.context("no RssAnon")
}

/// Open sockets of a process. Files are left out: a database's pool opens and closes those as it likes.
///
/// # Errors
/// The process is gone.
pub fn open_sockets(pid: u32) -> Result<usize> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .with_context(|| format!("process {pid} is gone"))?;
    let targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    Ok(targets
        .filter(|target| {
            target
                .as_os_str()
                .as_encoded_bytes()
                .starts_with(b"socket:")
        })
        .count())
}

fn read(pid: u32, file: &str) -> Result<String> {
    std::fs::read_to_string(format!("/proc/{pid}/{file}"))
        .with_context(|| format!("process {pid} is gone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_brackets() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 1 0 5 0 0";
        let time = cpu_time_in(stat).unwrap();
        assert_eq!((time.user_ms, time.system_ms), (1_500.0, 500.0));
    }

    #[test]
    fn our_own_process_has_memory_and_the_sockets_we_open() {
        let pid = std::process::id();
        assert!(anonymous_kib(pid).unwrap() > 100.0);
        let _socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(open_sockets(pid).unwrap() >= 1);
    }
}
