//! The conversation of a session: items in order, with the rules a client must keep.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use switchboard_wire::openai::{ContentPart, Item, ItemStatus, Role, WireError, code};

use super::script::ToolAnswer;

/// Place of an item for which `previous_item_id` says `root`.
const FIRST: &str = "root";

/// An item and what it stands for.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) item: Item,
    /// Audio of a caller's turn.
    pub(super) audio: Vec<u8>,
    /// What the model understood in it, transcribed or not.
    pub(super) understood: String,
    /// Length of the caller's audio.
    pub(super) audio_ms: u64,
    /// Audio the model produced for it; none for anything but its own speech.
    pub(super) produced_ms: Option<u64>,
}

impl Entry {
    /// An item the model begins.
    pub(super) fn of_model(id: String, item: Item, produced_ms: Option<u64>) -> Self {
        Self {
            id,
            item,
            audio: Vec::new(),
            understood: String::new(),
            audio_ms: 0,
            produced_ms,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) entries: Vec<Entry>,
}

impl Conversation {
    pub(super) fn last_id(&self) -> Option<String> {
        self.entries.last().map(|entry| entry.id.clone())
    }

    /// Id of the item before this one.
    pub(super) fn previous_of(&self, id: &str) -> Option<String> {
        let index = self.entries.iter().position(|entry| entry.id == id)?;
        index
            .checked_sub(1)
            .map(|index| self.entries[index].id.clone())
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub(super) fn find(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    /// Finds what a client names.
    pub(super) fn named(&mut self, id: &str, param: &str) -> Result<&mut Entry, WireError> {
        self.find(id).ok_or_else(|| not_found(id, param))
    }

    /// Adds an item a client created; `fresh_id` is used when it chose none.
    pub(super) fn create(
        &mut self,
        mut item: Item,
        previous_item_id: Option<&str>,
        fresh_id: String,
    ) -> Result<Entry, WireError> {
        let id = item.id().map_or(fresh_id, str::to_owned);
        if self.find(&id).is_some() {
            let message = format!("Item with id '{id}' already exists.");
            return Err(WireError::new(code::INVALID_VALUE, message).at("item.id"));
        }
        self.check_call_id(&item)?;
        let place = self.place_after(previous_item_id)?;
        item.set_id(id.clone());
        item.set_status(ItemStatus::Completed);
        let audio = audio_of(&mut item)?;
        let understood = text_of(&item);
        let entry = Entry {
            id,
            item,
            audio,
            understood,
            audio_ms: 0,
            produced_ms: None,
        };
        self.entries.insert(place, entry.clone());
        Ok(entry)
    }

    fn check_call_id(&self, item: &Item) -> Result<(), WireError> {
        let Item::FunctionCallOutput {
            call_id: wanted, ..
        } = item
        else {
            return Ok(());
        };
        let is_known = self.entries.iter().any(
            |entry| matches!(&entry.item, Item::FunctionCall { call_id, .. } if call_id == wanted),
        );
        if is_known {
            return Ok(());
        }
        let message = format!("Tool call ID '{wanted}' not found in conversation.");
        Err(WireError::new(code::INVALID_VALUE, message).at("item.call_id"))
    }

    fn place_after(&self, previous_item_id: Option<&str>) -> Result<usize, WireError> {
        match previous_item_id {
            None => Ok(self.entries.len()),
            Some(FIRST) => Ok(0),
            Some(id) => {
                let index = self.entries.iter().position(|entry| entry.id == id);
                index
                    .map(|index| index + 1)
                    .ok_or_else(|| not_found(id, "previous_item_id"))
            }
        }
    }

    pub(super) fn delete(&mut self, id: &str) -> Result<(), WireError> {
        self.named(id, "item_id")?;
        self.entries.retain(|entry| entry.id != id);
        Ok(())
    }

    /// Cuts the model's speech; more than it produced is refused, and so is anything but its speech.
    pub(super) fn truncate(
        &mut self,
        id: &str,
        content_index: u32,
        end_ms: u32,
    ) -> Result<(), WireError> {
        let entry = self.named(id, "item_id")?;
        let (Some(produced_ms), 0) = (entry.produced_ms, content_index) else {
            let message = "Only model output audio messages can be truncated";
            return Err(WireError::new(code::UNSUPPORTED_CONTENT_TYPE, message));
        };
        if u64::from(end_ms) > produced_ms {
            let message =
                format!("Audio content of {produced_ms}ms is already shorter than {end_ms}ms");
            return Err(WireError::new(code::INVALID_VALUE, message).at("audio_end_ms"));
        }
        entry.produced_ms = Some(u64::from(end_ms));
        if let Item::Message { content, .. } = &mut entry.item {
            *content = vec![ContentPart::OutputAudio {
                audio: None,
                transcript: None,
            }];
        }
        Ok(())
    }

    /// The item with its audio, as `conversation.item.retrieved` shows it.
    pub(super) fn retrieved(&mut self, id: &str) -> Result<Item, WireError> {
        let entry = self.named(id, "item_id")?;
        let mut item = entry.item.clone();
        if let Item::Message { content, .. } = &mut item {
            for part in content {
                if let ContentPart::InputAudio { audio, .. } = part {
                    *audio = Some(STANDARD.encode(&entry.audio));
                }
            }
        }
        Ok(item)
    }

    /// Entries since the model last spoke or called.
    fn unanswered(&self) -> impl Iterator<Item = &Entry> {
        let is_models = |entry: &Entry| {
            matches!(
                &entry.item,
                Item::Message {
                    role: Role::Assistant,
                    ..
                } | Item::FunctionCall { .. }
            )
        };
        let start = self
            .entries
            .iter()
            .rposition(is_models)
            .map_or(0, |index| index + 1);
        self.entries[start..].iter()
    }

    /// What the caller said or wrote since then.
    pub(super) fn caller_text(&self) -> String {
        self.unanswered()
            .filter(|entry| {
                matches!(
                    &entry.item,
                    Item::Message {
                        role: Role::User,
                        ..
                    }
                )
            })
            .map(|entry| &*entry.understood)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Tool results since then.
    pub(super) fn tool_answers(&self) -> Vec<ToolAnswer<'_>> {
        self.unanswered()
            .filter_map(|entry| match &entry.item {
                Item::FunctionCallOutput {
                    call_id, output, ..
                } => Some(ToolAnswer {
                    name: self.tool_of(call_id),
                    call_id,
                    output,
                }),
                _ => None,
            })
            .collect()
    }

    fn tool_of(&self, wanted: &str) -> &str {
        self.entries
            .iter()
            .find_map(|entry| match &entry.item {
                Item::FunctionCall { call_id, name, .. } if call_id == wanted => Some(&**name),
                _ => None,
            })
            .unwrap_or_default()
    }
}

fn not_found(id: &str, param: &str) -> WireError {
    let message = format!("Item with item_id '{id}' not found.");
    WireError::new(code::ITEM_NOT_FOUND, message).at(param)
}

/// Takes the audio out of an item: events show items without it.
fn audio_of(item: &mut Item) -> Result<Vec<u8>, WireError> {
    let mut bytes = Vec::new();
    let Item::Message { content, .. } = item else {
        return Ok(bytes);
    };
    for (index, part) in content.iter_mut().enumerate() {
        if let ContentPart::InputAudio { audio, .. } = part {
            let base64 = audio.take().unwrap_or_default();
            STANDARD.decode_vec(base64, &mut bytes).map_err(|_| {
                let param = format!("item.content[{index}].audio");
                WireError::new(code::INVALID_VALUE, "Expected base64 encoded audio.").at(param)
            })?;
        }
    }
    Ok(bytes)
}

/// Every word in an item.
pub(super) fn text_of(item: &Item) -> String {
    match item {
        Item::Message { content, .. } => content
            .iter()
            .filter_map(part_text)
            .collect::<Vec<_>>()
            .join(" "),
        Item::FunctionCall { arguments, .. } => arguments.clone(),
        Item::FunctionCallOutput { output, .. } => output.clone(),
        _ => String::new(),
    }
}

fn part_text(part: &ContentPart) -> Option<&str> {
    match part {
        ContentPart::InputText { text } | ContentPart::OutputText { text } => Some(text),
        ContentPart::InputAudio { transcript, .. }
        | ContentPart::OutputAudio { transcript, .. } => transcript.as_deref(),
        _ => None,
    }
}
