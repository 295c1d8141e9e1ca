//! Ids inside one call. They are small numbers given by the shell or the core, never a vendor's strings:
//! adapters keep the mapping, so nothing in here allocates for an id and mixing two kinds does not compile.

macro_rules! call_local_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
    };
}

call_local_id!(
    /// A piece of audio whose samples the shell keeps. The core sees only its length and level.
    AudioId
);
call_local_id!(
    /// One reply of the model: what it says (and asks for) after one turn of the caller.
    ReplyId
);
call_local_id!(
    /// One item of the model's conversation: a caller's turn or one spoken part of a reply.
    ItemId
);
call_local_id!(
    /// One request of the model to run a tool.
    ToolCallId
);
call_local_id!(
    /// A named position in the playback of a leg. The carrier reports it when everything before it was played.
    MarkId
);
