//! The lane into a live call beside its two sockets: tools, transfers, control. Few things come here and none is dropped.
//!
//! A call wakes 60 times a second for frames and hardly ever for this, so looking whether something came costs one load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::sync::mpsc;

use super::DriveInput;

/// The way to a live call for everybody who does not own it.
#[derive(Clone, Debug)]
pub struct DriveHandle {
    sender: mpsc::UnboundedSender<DriveInput>,
    bell: Arc<Bell>,
}

impl DriveHandle {
    /// Hands in one thing. False when the call is over.
    pub fn send(&self, input: DriveInput) -> bool {
        let is_taken = self.sender.send(input).is_ok();
        self.bell.ring();
        is_taken
    }
}

/// What the call that owns the lane reads from.
#[derive(Debug)]
pub(super) struct Beside {
    receiver: mpsc::UnboundedReceiver<DriveInput>,
    bell: Arc<Bell>,
}

/// Says that something may wait.
#[derive(Debug, Default)]
struct Bell {
    has_rung: AtomicBool,
    waker: AtomicWaker,
}

impl Bell {
    fn ring(&self) {
        self.has_rung.store(true, Ordering::Release);
        self.waker.wake();
    }
}

pub(super) fn channel() -> (DriveHandle, Beside) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let bell = Arc::new(Bell::default());
    // Nobody is watched yet: the first look must register.
    bell.ring();
    let handle = DriveHandle {
        sender,
        bell: Arc::clone(&bell),
    };
    (handle, Beside { receiver, bell })
}

impl Beside {
    /// The next thing that came. Ready never says that nothing can come any more: the call holds a handle itself.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<DriveInput> {
        if !self.bell.has_rung.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // Registered before the bell is put back and looked behind: whatever comes later rings it again.
        self.bell.waker.register(context.waker());
        self.bell.has_rung.swap(false, Ordering::AcqRel);
        match self.receiver.try_recv() {
            Ok(input) => {
                self.bell.has_rung.store(true, Ordering::Release);
                Poll::Ready(input)
            }
            Err(_) => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::drive::DriveInput;
    use switchboard_call::input::Input;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_that_is_handed_in_from_elsewhere_is_missed() {
        const THINGS: usize = 20_000;
        let (handle, mut beside) = channel();
        let sending = tokio::spawn(async move {
            for number in 0..THINGS {
                assert!(handle.send(DriveInput::Core(Input::Wake)));
                if number % 7 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            handle
        });
        for _ in 0..THINGS {
            poll_fn(|context| beside.poll_next(context)).await;
        }
        drop(beside);
        let handle = sending.await.expect("sent");
        assert!(
            !handle.send(DriveInput::Core(Input::Wake)),
            "the call is over"
        );
    }
}
