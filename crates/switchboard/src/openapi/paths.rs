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
    /// Media types of a body that is no JSON.
    pub(super) takes: &'static [&'static str],
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
        takes: &[],
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

const fn nothing(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    body: &'static str,
) -> Route {
    Route {
        method,
        body,
        answer: Takes::Nothing,
        statuses: &[204],
        means: "Done",
        ..read(path, summary, "")
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
    socket(
        "/api/v1/calls/{id}/take-over",
        "Talks with the caller in the agent's place; leaves an audit entry",
    ),
    read("/api/v1/live/calls", "The live calls of this server", "LiveCalls"),
    read("/api/v1/agents", "Who can be talked to", "Agents"),
    Route {
        parameters: "by: UsageBy, from: time, to: time",
        ..read("/api/v1/usage", "What was spent", "UsageReport")
    },
    read("/api/v1/budgets", "What calls may cost, and what today has cost", "Budgets"),
    Route {
        method: "put",
        body: "session_micros?: integer?, session_s?: integer?, user_day_micros?: integer?, tenant_day_micros?: integer?",
        ..read("/api/v1/budgets", "Sets the tenant's own limits; leaves an audit entry", "Budgets")
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
    read("/api/v1/session", "Who is signed in, and what they may do", "Login"),
    Route {
        method: "post",
        body: "email: string, password: string, code?: string?, tenant?: string?",
        means: "Signed in; the cookie comes with it",
        is_open: true,
        ..read("/api/v1/session", "Signs a person in", "Login")
    },
    nothing("delete", "/api/v1/session", "Signs out", ""),
    Route {
        method: "put",
        body: "old: string, new: string",
        means: "Changed; every other login of this person is over",
        ..read("/api/v1/session/password", "Changes the password", "Login")
    },
    nothing(
        "post",
        "/api/v1/session/proof",
        "Shows the password or a code again, for what asks for it",
        "password?: string?, code?: string?",
    ),
    Route {
        method: "post",
        means: "Shown once",
        ..read(
            "/api/v1/session/second-factor",
            "Makes a second factor, which is used once it is confirmed",
            "SecondFactorSecrets",
        )
    },
    Route {
        method: "put",
        body: "code: string",
        ..read(
            "/api/v1/session/second-factor",
            "Confirms the second factor by its first code",
            "Login",
        )
    },
    nothing(
        "delete",
        "/api/v1/session/second-factor",
        "Takes the second factor away and signs the person out everywhere",
        "",
    ),
    open(
        "/api/v1/first-run",
        "Whether this installation is new",
        Takes::Json("FirstRun"),
    ),
    Route {
        method: "post",
        body: "token: string, name: string, email: string, password: string, business: string, time_zone: string",
        means: "Signed in as the owner; the cookie comes with it",
        ..open(
            "/api/v1/first-run",
            "Sets a new installation up, with the link that its start printed",
            Takes::Json("Login"),
        )
    },
    Route {
        method: "post",
        body: "token: string, password: string",
        means: "Signed in; the cookie comes with it",
        ..open(
            "/api/v1/invitation",
            "Accepts an invitation with a first password",
            Takes::Json("Login"),
        )
    },
    read("/api/v1/staff", "Who may sign in", "StaffList"),
    Route {
        method: "post",
        body: "name: string, email: string, role: StaffRole",
        statuses: &[201],
        means: "Invited; the link is shown once",
        ..read("/api/v1/staff", "Invites a person", "Invited")
    },
    Route {
        method: "patch",
        body: "role: StaffRole",
        ..read("/api/v1/staff/{id}", "Changes what a person may do", "StaffMember")
    },
    nothing(
        "delete",
        "/api/v1/staff/{id}",
        "Closes the account of a person, whose logins are over",
        "",
    ),
    Route {
        parameters: "limit: integer",
        ..read("/api/v1/audit", "Who did what, newest first", "AuditList")
    },
    read("/api/v1/webhooks", "Where events are told", "Webhooks"),
    Route {
        method: "post",
        body: "url: string, events?: [string]",
        statuses: &[201],
        means: "Added; the secret is shown once",
        ..read("/api/v1/webhooks", "Adds an endpoint", "WebhookWithSecret")
    },
    read("/api/v1/webhooks/{id}", "One endpoint", "Webhook"),
    nothing("delete", "/api/v1/webhooks/{id}", "Removes an endpoint", ""),
    Route {
        method: "post",
        means: "The new secret, shown once; the old one is good for a day more",
        ..read("/api/v1/webhooks/{id}/rotate", "Changes the secret", "WebhookWithSecret")
    },
    Route {
        method: "post",
        ..read(
            "/api/v1/webhooks/{id}/enable",
            "Tells an endpoint again that was given up",
            "Webhook",
        )
    },
    Route {
        parameters: "webhook: uuid, limit: integer, cursor: string",
        ..read("/api/v1/webhook-deliveries", "What was told, newest first", "WebhookDeliveries")
    },
    read(
        "/api/v1/webhook-deliveries/{id}",
        "One delivery with its tries",
        "WebhookDeliveryPage",
    ),
    Route {
        method: "post",
        statuses: &[202],
        means: "It will be told again",
        ..read("/api/v1/webhook-deliveries/{id}/replay", "Tells an event again", "Replayed")
    },
    Route {
        method: "post",
        body: "agent?: string?, user?: string?, contact_id?: uuid?, project_id?: string?, context?: string?,
            expires_after_s?: integer?",
        statuses: &[201],
        means: "The token, shown once",
        ..read(
            "/api/v1/voice/sessions",
            "A token with which a browser or an app starts one session",
            "VoiceSession",
        )
    },
    Route {
        method: "post",
        body: "expires_after?: any, session?: any, switchboard?: any",
        means: "The token, shown once",
        ..read(
            "/v1/realtime/client_secrets",
            "The same in the vendor's words",
            "ClientSecret",
        )
    },
    Route {
        method: "post",
        takes: &["application/sdp", "multipart/form-data"],
        answer: Takes::Media(&["application/sdp"]),
        statuses: &[200, 201],
        means: "The answer to the offer",
        ..read("/v1/realtime/calls", "Begins a call over WebRTC", "")
    },
    Route {
        method: "post",
        takes: &["application/sdp"],
        answer: Takes::Media(&["application/sdp"]),
        means: "The answer to the offer",
        ..read(
            "/v1/realtime/calls/{id}",
            "Offers again, after a change of networks",
            "",
        )
    },
    Route {
        statuses: &[200],
        ..nothing("post", "/v1/realtime/calls/{id}/hangup", "Ends a call over WebRTC", "")
    },
    open("/api/v1/openapi.json", "This document", Takes::Json("any")),
    socket("/v1/realtime", "A call in the OpenAI Realtime protocol"),
    open("/healthz", "The process answers", Takes::Media(&["text/plain"])),
    Route {
        statuses: &[200, 503],
        ..open("/readyz", "What works and what does not", Takes::Json("any"))
    },
];
