//! What every part of the protocol writes to: messages to the client, and the items the client knows.

use switchboard_wire::openai::{IdPrefix, Item, ServerEvent, Session, WireError};

use super::conversation::Conversation;
use super::outbox::{Outbox, Outgoing};

/// The client's side of things that all parts share.
#[derive(Debug)]
pub(super) struct Desk {
    /// The effective session, as it is told to the client.
    pub(super) session: Session,
    /// The items the client knows.
    pub(super) conversation: Conversation,
    /// `conv_…`, named in every response.
    pub(super) conversation_id: String,
    outbox: Outbox,
}

impl Desk {
    pub(super) fn new(seed: u64, session: Session) -> Self {
        let mut outbox = Outbox::new(seed);
        let conversation_id = outbox.new_id(IdPrefix::Conversation);
        Self {
            session,
            conversation: Conversation::default(),
            conversation_id,
            outbox,
        }
    }

    pub(super) fn say(&mut self, event: ServerEvent) {
        self.outbox.say(event);
    }

    pub(super) fn refuse(&mut self, error: &WireError) {
        self.outbox.refuse(error);
    }

    pub(super) fn new_id(&mut self, prefix: IdPrefix) -> String {
        self.outbox.new_id(prefix)
    }

    pub(super) fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    pub(super) fn take_outgoing(&mut self) -> Option<Outgoing> {
        self.outbox.take()
    }

    /// `added` and `done` of an item that is complete from the start (section 6.3).
    pub(super) fn announce_finished(&mut self, item: Item, previous_item_id: Option<String>) {
        self.say(ServerEvent::ConversationItemAdded {
            item: item.clone(),
            previous_item_id: previous_item_id.clone(),
        });
        self.say(ServerEvent::ConversationItemDone {
            item,
            previous_item_id,
        });
    }
}
