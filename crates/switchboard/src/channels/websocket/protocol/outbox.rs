//! What waits to be sent to the client, and the ids in it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use switchboard_wire::openai::{
    AudioDeltaPrefix, IdPrefix, ServerEvent, ServerMessage, WireError, wire_id,
};

/// One text frame. Audio is kept in slices, so that a pass-through copies it only into the socket's buffer.
#[derive(Debug)]
pub(in crate::channels) enum Outgoing {
    /// A whole message.
    Text(String),
    /// A `response.output_audio.delta`.
    Audio {
        prefix: Arc<AudioDeltaPrefix>,
        event_id: String,
        base64: Bytes,
    },
}

/// Messages in the order they were said.
#[derive(Debug)]
pub(super) struct Outbox {
    ids: IdSource,
    messages: VecDeque<Outgoing>,
}

impl Outbox {
    /// `seed` makes the ids of one connection unlike those of another; they are names, not secrets.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            ids: IdSource { seed, given: 0 },
            messages: VecDeque::new(),
        }
    }

    pub(super) fn new_id(&mut self, prefix: IdPrefix) -> String {
        self.ids.next(prefix)
    }

    pub(super) fn say(&mut self, event: ServerEvent) {
        let event_id = self.new_id(IdPrefix::Event);
        self.messages.push_back(Outgoing::Text(
            ServerMessage::new(event_id, event).to_json(),
        ));
    }

    pub(super) fn refuse(&mut self, error: &WireError) {
        self.say(error.to_event());
    }

    pub(super) fn say_audio(&mut self, prefix: Arc<AudioDeltaPrefix>, base64: Bytes) {
        let event_id = self.new_id(IdPrefix::Event);
        self.messages.push_back(Outgoing::Audio {
            prefix,
            event_id,
            base64,
        });
    }

    pub(super) fn take(&mut self) -> Option<Outgoing> {
        self.messages.pop_front()
    }
}

/// A new id every time, by counting.
#[derive(Debug)]
struct IdSource {
    seed: u64,
    given: u64,
}

impl IdSource {
    fn next(&mut self, prefix: IdPrefix) -> String {
        self.given += 1;
        let high = mix(self.seed ^ self.given);
        let low = mix(high ^ self.given.rotate_left(32));
        let mut entropy = [0; 16];
        entropy[..8].copy_from_slice(&high.to_be_bytes());
        entropy[8..].copy_from_slice(&low.to_be_bytes());
        wire_id(prefix, entropy)
    }
}

/// The finaliser of SplitMix64: distinct numbers stay distinct.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
