//! What the server sent and the caller has not heard yet, with the marks between.

use super::super::line::{FRAME_BYTES, Frame, SILENCE};
use std::collections::VecDeque;

/// mu-law bytes per millisecond.
const BYTES_PER_MS: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Playback {
    items: VecDeque<Item>,
    queued_bytes: usize,
}

#[derive(Debug)]
enum Item {
    Audio { bytes: Vec<u8>, position: usize },
    Mark(String),
}

impl Playback {
    pub(super) fn push_audio(&mut self, bytes: Vec<u8>) {
        self.queued_bytes += bytes.len();
        self.items.push_back(Item::Audio { bytes, position: 0 });
    }

    pub(super) fn push_mark(&mut self, name: String) {
        self.items.push_back(Item::Mark(name));
    }

    pub(super) fn backlog_ms(&self) -> u64 {
        (self.queued_bytes / BYTES_PER_MS) as u64
    }

    /// The next 20 ms, silence where nothing is queued, and the marks whose audio is over with it.
    pub(super) fn pull(&mut self) -> (Frame, Vec<String>) {
        let (mut frame, mut filled, mut marks) = (SILENCE, 0, Vec::new());
        while let Some(item) = self.items.front_mut() {
            match item {
                Item::Mark(name) => marks.push(std::mem::take(name)),
                Item::Audio { .. } if filled == FRAME_BYTES => break,
                Item::Audio { bytes, position } => {
                    let rest = &bytes[*position..];
                    let taken = rest.len().min(FRAME_BYTES - filled);
                    frame[filled..filled + taken].copy_from_slice(&rest[..taken]);
                    filled += taken;
                    *position += taken;
                    self.queued_bytes -= taken;
                    if *position < bytes.len() {
                        break;
                    }
                }
            }
            self.items.pop_front();
        }
        (frame, marks)
    }

    /// Throws everything away: how much of it was audio, and the marks that go back.
    pub(super) fn clear(&mut self) -> (u64, Vec<String>) {
        let discarded_ms = self.backlog_ms();
        self.queued_bytes = 0;
        let marks = self.items.drain(..).filter_map(|item| match item {
            Item::Mark(name) => Some(name),
            Item::Audio { .. } => None,
        });
        (discarded_ms, marks.collect())
    }

    /// Nothing before a mark pushed now.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_when_the_audio_before_them_was_played() {
        let mut playback = Playback::default();
        playback.push_audio(vec![1; 200]);
        playback.push_mark("a".to_owned());
        playback.push_audio(vec![2; 200]);
        playback.push_mark("b".to_owned());
        assert_eq!(playback.backlog_ms(), 50);

        let (frame, marks) = playback.pull();
        assert_eq!((frame, marks.len()), ([1; FRAME_BYTES], 0));
        let (frame, marks) = playback.pull();
        assert_eq!(frame[..40], [1; 40]);
        assert_eq!(frame[40..], [2; 120]);
        assert_eq!(marks, ["a"]);
        let (frame, marks) = playback.pull();
        assert_eq!(frame[80..], SILENCE[80..]);
        assert_eq!(marks, ["b"]);
        assert_eq!(playback.pull(), (SILENCE, vec![]));
    }

    #[test]
    fn clear_returns_all_marks_and_plays_nothing_more() {
        let mut playback = Playback::default();
        playback.push_audio(vec![1; 1600]);
        playback.push_mark("a".to_owned());
        playback.push_mark("b".to_owned());
        playback.pull();
        assert_eq!(
            playback.clear(),
            (180, vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(playback.pull(), (SILENCE, vec![]));
    }
}
