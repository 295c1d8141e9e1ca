//! What may be asked, and what comes back. The notation is explained in [`super::notation`].

/// One method of one path.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// What it does, in a line.
    pub(super) summary: &'static str,
    /// What its query may have.
    pub(super) parameters: &'static str,
    /// The fields of its body; empty when it takes none.
    pub(super) body: &'static str,
    /// What it answers with when it did what was asked.
    pub(super) answer: Takes,
    /// With these.
    pub(super) statuses: &'static [u16],
    /// What that means.
    pub(super) means: &'static str,
    /// Nobody needs a key.
    pub(super) is_open: bool,
}

/// The content of an answer.
pub(super) enum Takes {
    /// JSON of this shape.
    Json(&'static str),
    /// One of these media types.
    Media(&'static [&'static str]),
    /// None.
    Nothing,
}

const fn read(path: &'static str, summary: &'static str, answer: &'static str) -> Route {
    Route {
        method: "get",
        path,
        summary,
        parameters: "",
        body: "",
        answer: Takes::Json(answer),
        statuses: &[200],
        means: "What was asked for",
        is_open: false,
    }
}

const fn part(path: &'static str, summary: &'static str, answer: &'static str) -> Route {
    Route {
        parameters: "after: integer, limit: integer",
        ..read(path, summary, answer)
    }
}

const fn act(path: &'static str, summary: &'static str, body: &'static str) -> Route {
    Route {
        method: "post",
        body,
        statuses: &[200, 202],
        means: "The call was told, or was over",
        ..read(path, summary, "Steered")
    }
}

const fn open(path: &'static str, summary: &'static str, answer: Takes) -> Route {
    Route {
        answer,
        is_open: true,
        ..read(path, summary, "")
    }
}

const fn socket(path: &'static str, summary: &'static str) -> Route {
    Route {
        answer: Takes::Nothing,
        statuses: &[101],
        means: "A WebSocket",
        ..read(path, summary, "")
    }
}

pub(super) const PATHS: &[Route] = &[
    Route {
        parameters: "agent: string, channel: Channel, outcome: CallOutcome, class: EndClass, status: CallStatus,
            from: time, to: time, q: string, sort: CallSort, limit: integer, cursor: string",
        ..read("/api/v1/calls", "Calls, narrowed, searched and sorted", "CallList")
    },
    Route {
        method: "post",
        body: "agent: string, to?: string, contact_id?: uuid, purpose: string, from?: string, not_before?: time,
            not_after?: time, context?: string",
        statuses: &[202],
        means: "The call will be made",
        ..read("/api/v1/calls", "Lets an agent call somebody", "PlacedCall")
    },
    read("/api/v1/calls/{id}", "One call", "CallPage"),
    part("/api/v1/calls/{id}/turns", "Who said what; leaves an audit entry", "TurnPart"),
    part("/api/v1/calls/{id}/events", "The numbered technical events", "EventPart"),
    part(
        "/api/v1/calls/{id}/tool-calls",
        "What tools were asked and answered; leaves an audit entry",
        "ToolCallPart",
    ),
    read("/api/v1/calls/{id}/usage", "The ledger of a call", "CallUsage"),
    read(
        "/api/v1/calls/{id}/consents",
        "What the caller was told and answered; leaves an audit entry",
        "Consents",
    ),
    read(
        "/api/v1/calls/{id}/latencies",
        "Each wait of the caller in stages",
        "CallLatencies",
    ),
    Route {
        parameters: "format: string",
        answer: Takes::Media(&["audio/ogg", "audio/wav"]),
        statuses: &[200, 206],
        means: "The audio, or a range of it",
        ..read(
            "/api/v1/calls/{id}/recording",
            "The audio of a call; leaves an audit entry",
            "",
        )
    },
    Route {
        answer: Takes::Media(&["audio/wav"]),
        statuses: &[200, 206],
        means: "The audio, or a range of it",
        ..read(
            "/api/v1/voicemails/{id}/audio",
            "A message that a caller left; leaves an audit entry",
            "",
        )
    },
    read("/api/v1/calls/{id}/peaks", "The outline of the recording", "Peaks"),
    Route {
        method: "post",
        answer: Takes::Nothing,
        statuses: &[202, 204],
        means: "Nothing of the call is kept any more",
        ..read(
            "/api/v1/calls/{id}/withdraw-consent",
            "Takes the caller's consent back",
            "",
        )
    },
    act(
        "/api/v1/calls/{id}/end",
        "Ends a live call",
        "sentence?: ClosingSentence?",
    ),
    act(
        "/api/v1/calls/{id}/handoff",
        "Gives the caller of a live call to a person",
        "target?: string?",
    ),
    socket("/api/v1/live", "Live calls as they go on"),
    socket(
        "/api/v1/calls/{id}/listen",
        "Both sides of a live call as sound; leaves an audit entry",
    ),
    read("/api/v1/live/calls", "The live calls of this server", "LiveCalls"),
    read("/api/v1/agents", "Who can be talked to", "Agents"),
    Route {
        parameters: "by: UsageBy, from: time, to: time",
        ..read("/api/v1/usage", "What was spent", "UsageReport")
    },
    read("/api/v1/switches", "What is switched", "Switches"),
    Route {
        method: "put",
        body: "switch: string, value: string, number?: string?, expires_at?: time?",
        ..read("/api/v1/switches", "Sets a switch", "Switch")
    },
    Route {
        method: "delete",
        parameters: "switch: string, number: string",
        answer: Takes::Nothing,
        statuses: &[204],
        means: "It is not set",
        ..read("/api/v1/switches", "Clears a switch", "")
    },
    open("/api/v1/openapi.json", "This document", Takes::Json("any")),
    socket("/v1/realtime", "A call in the OpenAI Realtime protocol"),
    open("/healthz", "The process answers", Takes::Media(&["text/plain"])),
    Route {
        statuses: &[200, 503],
        ..open("/readyz", "What works and what does not", Takes::Json("any"))
    },
];
