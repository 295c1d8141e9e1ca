//! The loudspeaker of a simulated client: audio comes faster than it plays, and what counts is when it is heard.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes of one millisecond of 24 kHz, 16 bits, mono.
const BYTES_PER_MS: u64 = 48;

/// Audio of the agent in the order it plays, without a gap unless there is nothing to play.
#[derive(Debug, Default)]
pub(super) struct Player {
    ends_at: Option<Instant>,
    items: VecDeque<(String, Duration)>,
}

/// What was heard of an item when it was cut.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CutItem {
    /// The item that was playing.
    pub(super) item: String,
    /// How much of it was heard.
    pub(super) heard_ms: u32,
}

impl Player {
    /// Puts audio of an item behind what plays.
    pub(super) fn play(&mut self, now: Instant, item: &str, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let length = Duration::from_micros(bytes.saturating_mul(1_000) / BYTES_PER_MS);
        if !self.is_playing(now) {
            self.items.retain(|(known, _)| known == item);
        }
        match self.items.back_mut() {
            Some((known, sent)) if known == item => *sent += length,
            _ => self.items.push_back((item.to_owned(), length)),
        }
        self.ends_at = Some(self.silent_from(now) + length);
    }

    /// Whether something is heard now.
    pub(super) fn is_playing(&self, now: Instant) -> bool {
        self.ends_at.is_some_and(|ends_at| ends_at > now)
    }

    /// When the last sound ends, or now.
    pub(super) fn silent_from(&self, now: Instant) -> Instant {
        self.ends_at.map_or(now, |ends_at| ends_at.max(now))
    }

    /// When the last sound ended or will end. None before the first.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }

    /// Stops at once and says where. None when nothing was playing.
    pub(super) fn cut(&mut self, now: Instant) -> Option<CutItem> {
        let mut unheard = self
            .ends_at
            .filter(|ends_at| *ends_at > now)?
            .duration_since(now);
        self.ends_at = Some(now);
        while let Some((item, sent)) = self.items.pop_back() {
            if unheard < sent || self.items.is_empty() {
                let heard = sent.saturating_sub(unheard).as_millis();
                self.items.clear();
                return Some(CutItem {
                    item,
                    heard_ms: u32::try_from(heard).unwrap_or(u32::MAX),
                });
            }
            unheard -= sent;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = 48_000;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn audio_that_came_at_once_is_heard_in_real_time() {
        let start = Instant::now();
        let mut player = Player::default();
        player.play(start, "a", SECOND);
        player.play(start, "a", SECOND);
        assert!(player.is_playing(at(start, 1_999)));
        assert!(!player.is_playing(at(start, 2_000)));
    }

    #[test]
    fn a_cut_knows_what_was_heard_of_which_item() {
        let start = Instant::now();
        let mut player = Player::default();
        player.play(start, "a", SECOND);
        player.play(start, "b", SECOND);
        player.play(start, "c", SECOND);
        let cut = player.cut(at(start, 1_400));
        assert_eq!(
            cut,
            Some(CutItem {
                item: "b".to_owned(),
                heard_ms: 400
            })
        );
        assert_eq!(
            player.cut(at(start, 1_500)),
            None,
            "nothing plays after a cut"
        );
    }

    #[test]
    fn a_pause_between_pieces_does_not_count_as_heard() {
        let start = Instant::now();
        let mut player = Player::default();
        player.play(start, "a", SECOND);
        player.play(at(start, 5_000), "a", SECOND);
        let cut = player.cut(at(start, 5_250));
        assert_eq!(
            cut,
            Some(CutItem {
                item: "a".to_owned(),
                heard_ms: 1_250
            })
        );
    }
}
