//! A carrier that plays what it gets in real time, echoes marks at playout, and all of them at a clear.

use std::collections::VecDeque;

use switchboard_call::ids::{AudioId, ItemId, MarkId};

/// How the carrier treats marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkMode {
    AtPlayout,
    Never,
    Twice,
    /// Every third mark is lost.
    Lossy,
    /// As soon as the audio arrives, before it was played.
    AtOnce,
}

#[derive(Debug, Clone)]
pub(crate) struct Playing {
    pub(crate) what: Option<Spoken>,
    pub(crate) starts_us: u64,
    pub(crate) ends_us: u64,
    mark: MarkId,
    is_marked: bool,
}

/// Which part of which item a piece is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spoken {
    pub(crate) audio: AudioId,
    pub(crate) item: ItemId,
    pub(crate) from_us: u64,
}

#[derive(Debug)]
pub(crate) struct Carrier {
    /// One way, both ways alike.
    pub(crate) delay_us: u64,
    pub(crate) marks: MarkMode,
    /// How much slower than ours its clock runs, in parts per million.
    pub(crate) drift_ppm: i64,
    buffer: VecDeque<Playing>,
    /// Everything the ear has heard, cut pieces with their real end.
    pub(crate) ear: Vec<Playing>,
    counted: u32,
}

impl Carrier {
    pub(crate) fn new() -> Self {
        Self {
            delay_us: 40_000,
            marks: MarkMode::AtPlayout,
            drift_ppm: 0,
            buffer: VecDeque::new(),
            ear: Vec::new(),
            counted: 0,
        }
    }

    /// Takes a piece and says when which mark comes back to us.
    pub(crate) fn play(
        &mut self,
        now_us: u64,
        what: Option<Spoken>,
        length_us: u64,
        mark: MarkId,
    ) -> Vec<u64> {
        let arrives_us = now_us + self.delay_us;
        let free_us = self.buffer.back().map_or(0, |last| last.ends_us);
        let starts_us = arrives_us.max(free_us);
        let drift_us = length_us as i64 * self.drift_ppm / 1_000_000;
        let ends_us = (starts_us + length_us).saturating_add_signed(drift_us);
        self.buffer.push_back(Playing {
            what,
            starts_us,
            ends_us,
            mark,
            is_marked: false,
        });
        self.counted += 1;
        let back_us = ends_us + self.delay_us;
        match self.marks {
            MarkMode::AtPlayout => vec![back_us],
            MarkMode::Never => Vec::new(),
            MarkMode::Twice => vec![back_us, back_us + 7_000],
            MarkMode::Lossy if self.counted.is_multiple_of(3) => Vec::new(),
            MarkMode::Lossy => vec![back_us],
            MarkMode::AtOnce => vec![arrives_us + self.delay_us],
        }
    }

    /// Whether a mark that was scheduled still belongs to audio in the buffer: at a clear it went back already.
    pub(crate) fn take_mark(&mut self, mark: MarkId) -> bool {
        let known = self.buffer.iter_mut().find(|piece| piece.mark == mark);
        match known {
            Some(piece) => {
                let first = !piece.is_marked;
                piece.is_marked = true;
                first || self.marks == MarkMode::Twice
            }
            None => self.marks == MarkMode::Twice,
        }
    }

    /// Moves what was played to its end from the buffer to the ear.
    pub(crate) fn advance(&mut self, now_us: u64) {
        while let Some(head) = self.buffer.front() {
            if head.ends_us + 2 * self.delay_us + 20_000 > now_us {
                return;
            }
            let head = self.buffer.pop_front().expect("there is a front");
            self.ear.push(head);
        }
    }

    /// A clear arrives: the ear keeps what was played, the marks of the rest come back at once.
    pub(crate) fn clear(&mut self, now_us: u64) -> Vec<(u64, MarkId)> {
        let cut_us = now_us + self.delay_us;
        let mut marks = Vec::new();
        for mut piece in std::mem::take(&mut self.buffer) {
            if piece.ends_us + self.delay_us > now_us && !piece.is_marked {
                marks.push((cut_us + self.delay_us, piece.mark));
            }
            piece.ends_us = piece.ends_us.min(cut_us);
            if piece.ends_us > piece.starts_us {
                self.ear.push(piece);
            }
        }
        if self.marks == MarkMode::Never {
            marks.clear();
        }
        marks
    }

    fn all(&self) -> impl Iterator<Item = &Playing> {
        self.ear.iter().chain(&self.buffer)
    }

    /// How far into the item the ear has got by then.
    pub(crate) fn heard_us(&self, item: ItemId, now_us: u64) -> u64 {
        self.all()
            .filter_map(|piece| {
                let what = piece.what.filter(|what| what.item == item)?;
                let played_us = piece.ends_us.min(now_us).saturating_sub(piece.starts_us);
                (played_us > 0).then_some(what.from_us + played_us)
            })
            .max()
            .unwrap_or(0)
    }

    /// When the ear last heard something before this moment.
    pub(crate) fn last_sound_us(&self, now_us: u64) -> Option<u64> {
        self.all()
            .filter(|piece| piece.starts_us < now_us)
            .map(|piece| piece.ends_us.min(now_us))
            .max()
    }

    /// When the ear last heard something of this item.
    pub(crate) fn last_sound_of_us(&self, item: ItemId) -> Option<u64> {
        self.all()
            .filter(|piece| piece.what.is_some_and(|what| what.item == item))
            .map(|piece| piece.ends_us)
            .max()
    }

    /// When the ear first hears something at or after this moment.
    pub(crate) fn first_sound_after_us(&self, after_us: u64) -> Option<u64> {
        self.all()
            .filter(|piece| piece.ends_us > after_us)
            .map(|piece| piece.starts_us.max(after_us))
            .min()
    }

    /// The item position that sounds at this moment.
    pub(crate) fn sounding(&self, now_us: u64) -> Option<Spoken> {
        let piece = self
            .all()
            .find(|piece| piece.starts_us <= now_us && now_us < piece.ends_us)?;
        let what = piece.what?;
        Some(Spoken {
            from_us: what.from_us + now_us - piece.starts_us,
            ..what
        })
    }

    /// The longest silence between two sounds of ours inside a stretch of time.
    pub(crate) fn longest_hole_us(&self, from_us: u64, until_us: u64) -> u64 {
        let mut pieces: Vec<_> = self
            .all()
            .filter(|piece| piece.ends_us > from_us && piece.starts_us < until_us)
            .collect();
        pieces.sort_by_key(|piece| piece.starts_us);
        let mut end_us = from_us;
        let mut hole_us = 0;
        for piece in pieces {
            hole_us = hole_us.max(piece.starts_us.saturating_sub(end_us));
            end_us = end_us.max(piece.ends_us);
        }
        hole_us.max(until_us.saturating_sub(end_us))
    }
}
