//! The vendor's string ids beside the call's small numbers.

use std::collections::HashMap;

use switchboard_call::ids::{ItemId, ReplyId, ToolCallId};

/// One session's ids. Each session of a call has a range of its own, so an item of the last one is never taken
/// for an item of this one.
#[derive(Debug)]
pub(super) struct Names {
    first: u32,
    items: Vec<ItemName>,
    item_numbers: HashMap<String, u32>,
    replies: HashMap<String, u32>,
    tools: Vec<String>,
    typed: u32,
}

#[derive(Debug)]
struct ItemName {
    name: String,
    /// Audio the vendor produced for it, in milliseconds, rounded down.
    audio_ms: u64,
}

/// Numbers per session: more items than an hour of talk can have.
const RANGE: u32 = 1_000_000;

impl Names {
    /// The names of the call's `session`th model session, counted from 0.
    pub(super) fn new(session: u32) -> Self {
        Self {
            first: session.saturating_mul(RANGE),
            items: Vec::new(),
            item_numbers: HashMap::new(),
            replies: HashMap::new(),
            tools: Vec::new(),
            typed: 0,
        }
    }

    fn number(&self, index: usize) -> u32 {
        self.first
            .saturating_add(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn index(&self, number: u32) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    pub(super) fn item(&mut self, name: &str) -> ItemId {
        if let Some(number) = self.item_numbers.get(name) {
            return ItemId(*number);
        }
        let number = self.number(self.items.len());
        self.items.push(ItemName {
            name: name.to_owned(),
            audio_ms: 0,
        });
        self.item_numbers.insert(name.to_owned(), number);
        ItemId(number)
    }

    pub(super) fn item_name(&self, item: ItemId) -> Option<String> {
        Some(self.items.get(self.index(item.0)?)?.name.clone())
    }

    pub(super) fn new_typed_item(&mut self) -> (String, ItemId) {
        self.typed += 1;
        let name = format!("item_typed_{}", self.typed);
        let item = self.item(&name);
        (name, item)
    }

    /// Books audio that the vendor produced, so that a truncation never asks for more.
    pub(super) fn add_audio(&mut self, item: ItemId, ms: u64) {
        if let Some(known) = self
            .index(item.0)
            .and_then(|index| self.items.get_mut(index))
        {
            known.audio_ms += ms;
        }
    }

    /// Name and position of a truncation, or None when the vendor would refuse it: without audio there is nothing to cut.
    pub(super) fn truncation(&self, item: ItemId, heard_ms: u64) -> Option<(String, u32)> {
        let known = self.items.get(self.index(item.0)?)?;
        let end_ms = heard_ms.min(known.audio_ms);
        (known.audio_ms > 0).then(|| {
            (
                known.name.clone(),
                u32::try_from(end_ms).unwrap_or(u32::MAX),
            )
        })
    }

    pub(super) fn reply(&mut self, name: &str) -> ReplyId {
        if let Some(number) = self.replies.get(name) {
            return ReplyId(*number);
        }
        let number = self.number(self.replies.len());
        self.replies.insert(name.to_owned(), number);
        ReplyId(number)
    }

    pub(super) fn new_tool(&mut self, call_id: &str) -> ToolCallId {
        self.tools.push(call_id.to_owned());
        ToolCallId(self.number(self.tools.len() - 1))
    }

    pub(super) fn tool_name(&self, call: ToolCallId) -> Option<String> {
        self.tools.get(self.index(call.0)?).cloned()
    }
}
