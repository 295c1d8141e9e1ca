//! The items a client knows, in their order. It is the client's view only: the model's memory is the core's business.

use std::collections::VecDeque;

use switchboard_wire::openai::{ContentPart, Item, WireError, code};

/// Items kept addressable. A client that replays more loses its oldest ones, as a model's context would.
const ITEMS_MAX: usize = 1_000;
/// Text kept for `conversation.item.retrieve`: far more than any talk, far less than a hostile client could send.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// LiveKit takes this code for success when it replays its history.
const DUPLICATE_ITEM_ID: &str = "item_create_duplicate_item_id";
/// Pipecat ends its receive loop on every error of a retrieve but this one.
const RETRIEVE_INVALID_ITEM_ID: &str = "item_retrieve_invalid_item_id";

/// Where a new item goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Last,
    First,
    After(&'a str),
}

impl<'a> Place<'a> {
    /// `previous_item_id` of `conversation.item.create` (section 4).
    pub(super) fn parse(previous_item_id: Option<&'a str>) -> Self {
        match previous_item_id {
            None => Self::Last,
            Some("root") => Self::First,
            Some(id) => Self::After(id),
        }
    }
}

/// Items by their wire ids.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    items: VecDeque<Item>,
    text_bytes: usize,
}

impl Conversation {
    /// Adds an item that has an id, and returns the id of the one before it.
    ///
    /// # Errors
    /// An id that is taken, or a place behind an item that is not there.
    pub(super) fn insert(
        &mut self,
        item: Item,
        place: Place<'_>,
    ) -> Result<Option<String>, WireError> {
        if item.id().is_some_and(|id| self.position(id).is_some()) {
            let message = "An item with this id is in the conversation already.";
            return Err(WireError::new(DUPLICATE_ITEM_ID, message).at("item.id"));
        }
        let index = match place {
            Place::Last => self.items.len(),
            Place::First => 0,
            Place::After(id) => {
                self.position(id)
                    .ok_or_else(|| no_item(code::ITEM_NOT_FOUND, "previous_item_id"))?
                    + 1
            }
        };
        let before = index
            .checked_sub(1)
            .and_then(|before| self.items.get(before)?.id().map(str::to_owned));
        self.text_bytes += text_bytes(&item);
        self.items.insert(index, item);
        self.forget_oldest();
        Ok(before)
    }

    /// Adds an item of ours at the end.
    pub(super) fn append(&mut self, item: Item) -> Option<String> {
        // Our ids are new, and the end is always there.
        self.insert(item, Place::Last).unwrap_or_default()
    }

    fn forget_oldest(&mut self) {
        while self.items.len() > ITEMS_MAX
            || (self.text_bytes > TEXT_BYTES_MAX && self.items.len() > 1)
        {
            self.remove_at(0);
        }
    }

    fn position(&self, id: &str) -> Option<usize> {
        // The newest items are asked for most.
        self.items.iter().rposition(|item| item.id() == Some(id))
    }

    pub(super) fn get(&self, id: &str) -> Option<&Item> {
        self.items.get(self.position(id)?)
    }

    /// # Errors
    /// There is no such item.
    pub(super) fn retrieve(&self, id: &str) -> Result<&Item, WireError> {
        self.get(id)
            .ok_or_else(|| no_item(RETRIEVE_INVALID_ITEM_ID, "item_id"))
    }

    /// # Errors
    /// There is no such item.
    pub(super) fn delete(&mut self, id: &str) -> Result<(), WireError> {
        let index = self
            .position(id)
            .ok_or_else(|| no_item("item_delete_invalid_item_id", "item_id"))?;
        self.remove_at(index);
        Ok(())
    }

    fn remove_at(&mut self, index: usize) {
        if let Some(gone) = self.items.remove(index) {
            self.text_bytes = self.text_bytes.saturating_sub(text_bytes(&gone));
        }
    }

    /// Puts a finished item in the place of its beginning; does nothing when the client deleted it meanwhile.
    pub(super) fn replace(&mut self, item: Item) {
        let Some(known) = item
            .id()
            .and_then(|id| self.position(id))
            .and_then(|index| self.items.get_mut(index))
        else {
            return;
        };
        self.text_bytes = self.text_bytes.saturating_sub(text_bytes(known)) + text_bytes(&item);
        *known = item;
    }

    /// Sets the words of a spoken item; None drops them.
    pub(super) fn set_transcript(&mut self, id: &str, words: Option<&str>) {
        let Some(mut item) = self.get(id).cloned() else {
            return;
        };
        if let Item::Message { content, .. } = &mut item {
            for part in content {
                if let ContentPart::InputAudio { transcript, .. }
                | ContentPart::OutputAudio { transcript, .. } = part
                {
                    *transcript = words.map(str::to_owned);
                }
            }
        }
        self.replace(item);
    }
}

/// Whether an item holds speech of the agent: only that can be truncated (section 8).
pub(super) fn is_agent_speech(item: &Item) -> bool {
    matches!(item, Item::Message { content, .. }
        if content.iter().any(|part| matches!(part, ContentPart::OutputAudio { .. })))
}

fn no_item(code: &'static str, param: &str) -> WireError {
    WireError::new(code, "There is no item with this id in the conversation.").at(param)
}

fn text_bytes(item: &Item) -> usize {
    let Item::Message { content, .. } = item else {
        return 0;
    };
    let length = |part: &ContentPart| match part {
        ContentPart::InputText { text } | ContentPart::OutputText { text } => text.len(),
        ContentPart::InputAudio { transcript, .. }
        | ContentPart::OutputAudio { transcript, .. } => transcript.as_ref().map_or(0, String::len),
        ContentPart::InputImage { .. } | ContentPart::Unknown => 0,
    };
    content.iter().map(length).sum()
}

#[cfg(test)]
mod tests {
    use switchboard_wire::openai::Role;

    use super::*;

    fn item(id: &str, text: &str) -> Item {
        let mut item = Item::input_text(Role::User, text);
        item.set_id(id.to_owned());
        item
    }

    #[test]
    fn items_go_first_last_or_behind_another() {
        let mut talk = Conversation::default();
        assert_eq!(talk.append(item("b", "")), None);
        assert_eq!(talk.insert(item("a", ""), Place::First), Ok(None));
        assert_eq!(
            talk.insert(item("ab", ""), Place::After("a")),
            Ok(Some("a".to_owned()))
        );
        assert_eq!(talk.append(item("c", "")), Some("b".to_owned()));
        let twice = talk.insert(item("a", ""), Place::Last).expect_err("taken");
        assert_eq!(twice.code, "item_create_duplicate_item_id");
        let nowhere = talk
            .insert(item("d", ""), Place::After("x"))
            .expect_err("unknown");
        assert_eq!(nowhere.param.as_deref(), Some("previous_item_id"));
        assert!(talk.get("d").is_none());
    }

    #[test]
    fn h6_a_client_cannot_make_us_keep_more_text_than_the_bound() {
        let mut talk = Conversation::default();
        let long = "x".repeat(200 * 1024);
        for number in 0..20 {
            talk.append(item(&number.to_string(), &long));
        }
        assert!(talk.text_bytes <= TEXT_BYTES_MAX);
        assert!(talk.get("0").is_none() && talk.get("19").is_some());
        for number in 100..3_000 {
            talk.append(item(&number.to_string(), ""));
        }
        assert!(talk.items.len() <= ITEMS_MAX);
    }
}
