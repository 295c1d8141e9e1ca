//! A bounded queue between log lines and where they go, so that a slow terminal or pipe delays no call (threat R3).

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::ops::metrics::names;

/// Lines that may wait: about a second of a busy server. Past it lines are dropped and counted.
const LINES_WAITING_MAX: usize = 4_096;

/// Longest wait for the last lines when the process ends.
const LAST_LINES_TIME: Duration = Duration::from_millis(500);

/// What the writer thread is asked to do.
#[derive(Debug)]
enum Order {
    Write(Vec<u8>),
    /// Say so when everything before it is written.
    Report(SyncSender<()>),
}

/// The writing end, given to the log formatter.
#[derive(Clone, Debug)]
pub(super) struct LogQueue(SyncSender<Order>);

/// Dropping it waits a moment for the last lines.
#[derive(Debug)]
pub struct LogWriter(SyncSender<Order>);

/// Starts a thread that writes lines to `target`.
///
/// # Errors
/// The system cannot start a thread.
pub(super) fn start(target: impl Write + Send + 'static) -> io::Result<(LogQueue, LogWriter)> {
    let (sender, receiver) = sync_channel(LINES_WAITING_MAX);
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_all(&receiver, target))?;
    Ok((LogQueue(sender.clone()), LogWriter(sender)))
}

fn write_all(orders: &Receiver<Order>, mut target: impl Write) {
    while let Ok(order) = orders.recv() {
        // A closed terminal is no reason to stop serving calls, and nobody may be waiting for the report any more.
        match order {
            Order::Write(line) => drop(target.write_all(&line)),
            Order::Report(done) => drop((target.flush(), done.try_send(()))),
        }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.0.try_send(Order::Report(done)).is_ok() {
            let _ = written.recv_timeout(LAST_LINES_TIME);
        }
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            queue: &self.0,
            bytes: Vec::new(),
        }
    }
}

/// One line being formatted; it is queued when it is complete.
pub(super) struct Line<'a> {
    queue: &'a SyncSender<Order>,
    bytes: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.bytes);
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Order::Write(line)) {
            metrics::counter!(names::LOG_LINES_DROPPED_TOTAL).increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Takes nothing until it is released.
    struct Stuck(mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .lock()
                .expect("not poisoned")
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn r3_a_stuck_reader_of_the_log_delays_nobody() {
        let (release, stuck) = mpsc::channel();
        let (queue, writer) = start(Stuck(stuck)).expect("a thread");
        for _ in 0..2 * LINES_WAITING_MAX {
            queue
                .make_writer()
                .write_all(b"line\n")
                .expect("never refuses");
        }
        drop(release);
        drop(writer);
    }

    #[test]
    fn the_last_lines_are_written_before_the_end() {
        let target = Shared::default();
        let (queue, writer) = start(target.clone()).expect("a thread");
        queue
            .make_writer()
            .write_all(b"last words\n")
            .expect("never refuses");
        drop(writer);
        assert_eq!(*target.0.lock().expect("not poisoned"), b"last words\n");
    }
}
