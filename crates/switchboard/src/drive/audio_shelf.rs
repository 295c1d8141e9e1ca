//! The bytes behind the core's audio handles.

use std::collections::VecDeque;

use switchboard_call::ids::AudioId;

use crate::model::Payload;

/// Handles of the caller's frames have this bit; those of the agent's pieces do not.
const CALLER: u32 = 1 << 31;

/// Keeps each piece until the core forwards, plays out or drops it.
#[derive(Debug, Default)]
pub(super) struct AudioShelf {
    /// The agent's pieces, in order of their handles.
    agent: VecDeque<Option<Payload>>,
    /// Handle of the first one in `agent`.
    first: u32,
    /// The core answers every frame of the caller at once, so there is never more than one.
    caller: Option<(AudioId, Payload)>,
    next_caller: u32,
}

impl AudioShelf {
    pub(super) fn keep_caller(&mut self, payload: Payload) -> AudioId {
        self.next_caller = self.next_caller.wrapping_add(1) & !CALLER;
        let audio = AudioId(self.next_caller | CALLER);
        self.caller = Some((audio, payload));
        audio
    }

    pub(super) fn take_caller(&mut self, audio: AudioId) -> Option<Payload> {
        self.caller
            .take_if(|(kept, _)| *kept == audio)
            .map(|(_, payload)| payload)
    }

    pub(super) fn keep_agent(&mut self, payload: Payload) -> AudioId {
        let offset = u32::try_from(self.agent.len()).unwrap_or(u32::MAX);
        let audio = AudioId(self.first.wrapping_add(offset) & !CALLER);
        self.agent.push_back(Some(payload.kept()));
        audio
    }

    pub(super) fn agent(&self, audio: AudioId) -> Option<&Payload> {
        self.agent.get(self.index(audio)?)?.as_ref()
    }

    fn index(&self, audio: AudioId) -> Option<usize> {
        usize::try_from((audio.0.wrapping_sub(self.first)) & !CALLER).ok()
    }

    pub(super) fn release(&mut self, audio: AudioId) {
        if audio.0 & CALLER != 0 {
            self.take_caller(audio);
            return;
        }
        if let Some(slot) = self
            .index(audio)
            .and_then(|index| self.agent.get_mut(index))
        {
            *slot = None;
        }
        while let Some(None) = self.agent.front() {
            self.agent.pop_front();
            self.first = self.first.wrapping_add(1) & !CALLER;
        }
        if self.agent.is_empty() {
            // A long reply grew it; the next one may be short.
            self.agent.shrink_to(16);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn piece(text: &'static str) -> Payload {
        Payload::Raw(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn pieces_are_found_by_handle_until_released_in_any_order() {
        let mut shelf = AudioShelf::default();
        let handles: Vec<AudioId> = ["a", "b", "c"]
            .into_iter()
            .map(|text| shelf.keep_agent(piece(text)))
            .collect();
        shelf.release(handles[1]);
        assert!(shelf.agent(handles[1]).is_none());
        assert_eq!(shelf.agent(handles[2]).map(Payload::len), Some(1));
        shelf.release(handles[0]);
        shelf.release(handles[2]);
        assert!(shelf.agent.is_empty());
        let next = shelf.keep_agent(piece("d"));
        assert!(!handles.contains(&next));
        assert!(shelf.agent(next).is_some());
    }

    #[test]
    fn a_frame_of_the_caller_is_taken_once() {
        let mut shelf = AudioShelf::default();
        let audio = shelf.keep_caller(piece("frame"));
        assert!(shelf.take_caller(audio).is_some());
        assert!(shelf.take_caller(audio).is_none());
    }
}
