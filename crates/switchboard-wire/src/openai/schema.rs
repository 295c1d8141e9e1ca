//! The schema of everything a client may send (sections 2, 3, 4), as tables for [`Shape::check`].

use super::shape::{Field, Shape, optional, required};
use super::{APPEND_AUDIO_BYTES_MAX, EVENT_ID_CHARS_MAX};

/// Length of texts that have no documented bound; the socket's message limit bounds them already.
const TEXT_CHARS_MAX: usize = usize::MAX;
/// Longest item, call or response id accepted from a client.
const ID_CHARS_MAX: usize = 512;
/// Most elements of any list; none is documented, and this keeps the work per message small.
const LIST_LENGTH_MAX: usize = 1024;

static ANY: Shape = Shape::Any;
static BOOL: Shape = Shape::Bool;
static TEXT: Shape = Shape::Text {
    chars_max: TEXT_CHARS_MAX,
};
static ID: Shape = Shape::Text {
    chars_max: ID_CHARS_MAX,
};
static EVENT_ID: Shape = Shape::Text {
    chars_max: EVENT_ID_CHARS_MAX,
};
/// Four base64 characters carry three bytes.
static AUDIO: Shape = Shape::Text {
    chars_max: APPEND_AUDIO_BYTES_MAX / 3 * 4,
};
static TEXTS: Shape = Shape::List {
    of: &TEXT,
    length_max: LIST_LENGTH_MAX,
};
static FREE: Shape = Shape::FreeObject;
static NULLABLE_ID: Shape = Shape::Nullable(&ID);
static NULLABLE_TEXT: Shape = Shape::Nullable(&TEXT);
static MILLISECONDS: Shape = Shape::Integer {
    min: 0,
    max: u32::MAX as i64,
};
static INDEX: Shape = Shape::Integer {
    min: 0,
    max: u32::MAX as i64,
};
static SHARE: Shape = Shape::Number { min: 0.0, max: 1.0 };

const TYPE: Field = required("type", &TEXT);

// Session (section 2).

static FORMAT: Shape = Shape::Tagged {
    tag: "type",
    variants: &[
        (
            "audio/pcm",
            &Shape::Object(&[
                TYPE,
                optional(
                    "rate",
                    &Shape::Integer {
                        min: 24_000,
                        max: 24_000,
                    },
                ),
            ]),
        ),
        ("audio/pcmu", &Shape::Object(&[TYPE])),
        ("audio/pcma", &Shape::Object(&[TYPE])),
    ],
};
static TRANSCRIPTION: Shape = Shape::Nullable(&Shape::Object(&[
    optional("model", &TEXT),
    optional("language", &TEXT),
    optional("languages", &TEXTS),
    optional("keywords", &TEXTS),
    optional("prompt", &TEXT),
    optional(
        "delay",
        &Shape::Word(&["minimal", "low", "medium", "high", "xhigh"]),
    ),
]));
static NOISE_REDUCTION: Shape = Shape::Nullable(&Shape::Object(&[
    required("type", &Shape::Word(&["near_field", "far_field"])),
    optional(
        "strength",
        &Shape::Number {
            min: 0.0,
            max: f64::MAX,
        },
    ),
]));
static TURN_DETECTION: Shape = Shape::Nullable(&Shape::Tagged {
    tag: "type",
    variants: &[
        (
            "server_vad",
            &Shape::Object(&[
                TYPE,
                optional("threshold", &SHARE),
                optional("prefix_padding_ms", &MILLISECONDS),
                optional("silence_duration_ms", &MILLISECONDS),
                optional(
                    "idle_timeout_ms",
                    &Shape::Nullable(&Shape::Integer {
                        min: 5_000,
                        max: 30_000,
                    }),
                ),
                optional("create_response", &BOOL),
                optional("interrupt_response", &BOOL),
            ]),
        ),
        (
            "semantic_vad",
            &Shape::Object(&[
                TYPE,
                optional(
                    "eagerness",
                    &Shape::Word(&["low", "medium", "high", "auto"]),
                ),
                optional("create_response", &BOOL),
                optional("interrupt_response", &BOOL),
            ]),
        ),
    ],
});
static INPUT_AUDIO: Shape = Shape::Object(&[
    optional("format", &FORMAT),
    optional("transcription", &TRANSCRIPTION),
    optional("noise_reduction", &NOISE_REDUCTION),
    optional("turn_detection", &TURN_DETECTION),
]);
static VOICE: Shape = Shape::Either(&[
    Shape::Text { chars_max: 256 },
    Shape::Object(&[required("id", &ID)]),
]);
static OUTPUT_AUDIO: Shape = Shape::Object(&[
    optional("format", &FORMAT),
    optional("voice", &VOICE),
    optional(
        "speed",
        &Shape::Number {
            min: 0.25,
            max: 1.5,
        },
    ),
]);
static MODALITIES: Shape = Shape::List {
    of: &Shape::Word(&["audio", "text"]),
    length_max: 1,
};
static TOOLS: Shape = Shape::List {
    of: &Shape::Tagged {
        tag: "type",
        variants: &[
            (
                "function",
                &Shape::Object(&[
                    TYPE,
                    required("name", &TEXT),
                    optional("description", &TEXT),
                    optional("parameters", &ANY),
                ]),
            ),
            (
                "mcp",
                &Shape::Object(&[
                    TYPE,
                    required("server_label", &TEXT),
                    optional("server_url", &TEXT),
                    optional("connector_id", &TEXT),
                    optional("tunnel_id", &TEXT),
                    optional("server_description", &TEXT),
                    optional("authorization", &TEXT),
                    optional("headers", &Shape::Nullable(&FREE)),
                    optional("allowed_tools", &ANY),
                    optional("require_approval", &ANY),
                    optional("allowed_callers", &ANY),
                    optional("defer_loading", &BOOL),
                ]),
            ),
        ],
    },
    length_max: LIST_LENGTH_MAX,
};
static TOOL_CHOICE: Shape = Shape::Either(&[
    Shape::Word(&["none", "auto", "required"]),
    Shape::Tagged {
        tag: "type",
        variants: &[
            ("function", &Shape::Object(&[TYPE, required("name", &TEXT)])),
            (
                "mcp",
                &Shape::Object(&[
                    TYPE,
                    required("server_label", &TEXT),
                    optional("name", &NULLABLE_TEXT),
                ]),
            ),
        ],
    },
]);
static REASONING: Shape = Shape::Object(&[optional(
    "effort",
    &Shape::Word(&["minimal", "low", "medium", "high", "xhigh"]),
)]);
static MAX_OUTPUT_TOKENS: Shape =
    Shape::Either(&[Shape::Integer { min: 1, max: 4_096 }, Shape::Word(&["inf"])]);
static TRUNCATION: Shape = Shape::Either(&[
    Shape::Word(&["auto", "disabled"]),
    Shape::Object(&[
        required("type", &Shape::Word(&["retention_ratio"])),
        required("retention_ratio", &SHARE),
        optional(
            "token_limits",
            &Shape::Object(&[optional(
                "post_instructions",
                &Shape::Integer {
                    min: 0,
                    max: i64::MAX,
                },
            )]),
        ),
    ]),
]);
static TRACING: Shape = Shape::Nullable(&Shape::Either(&[
    Shape::Word(&["auto"]),
    Shape::Object(&[
        optional("workflow_name", &TEXT),
        optional("group_id", &TEXT),
        optional("metadata", &ANY),
    ]),
]));
static PROMPT: Shape = Shape::Nullable(&Shape::Object(&[
    required("id", &TEXT),
    optional("version", &NULLABLE_TEXT),
    optional("variables", &Shape::Nullable(&FREE)),
]));
static INCLUDE: Shape = Shape::Nullable(&Shape::List {
    of: &Shape::Word(&["item.input_audio_transcription.logprobs"]),
    length_max: 1,
});

/// The `session` of `session.update` and of a client secret.
pub(super) static SESSION: Shape = Shape::Tagged {
    tag: "type",
    variants: &[
        (
            "realtime",
            &Shape::Object(&[
                TYPE,
                optional("model", &TEXT),
                optional("instructions", &TEXT),
                optional("output_modalities", &MODALITIES),
                optional(
                    "audio",
                    &Shape::Object(&[
                        optional("input", &INPUT_AUDIO),
                        optional("output", &OUTPUT_AUDIO),
                    ]),
                ),
                optional("tools", &TOOLS),
                optional("tool_choice", &TOOL_CHOICE),
                optional("parallel_tool_calls", &BOOL),
                optional("reasoning", &REASONING),
                optional("max_output_tokens", &MAX_OUTPUT_TOKENS),
                optional("truncation", &TRUNCATION),
                optional("tracing", &TRACING),
                optional("prompt", &PROMPT),
                optional("include", &INCLUDE),
            ]),
        ),
        (
            "transcription",
            &Shape::Object(&[
                TYPE,
                optional("audio", &Shape::Object(&[optional("input", &INPUT_AUDIO)])),
                optional("include", &INCLUDE),
            ]),
        ),
    ],
};

// Items (section 3).

static STATUS: Shape = Shape::Word(&["completed", "incomplete", "in_progress"]);
static OBJECT: Shape = Shape::Word(&["realtime.item"]);
const ITEM_ID: Field = optional("id", &ID);
const ITEM_OBJECT: Field = optional("object", &OBJECT);
const ITEM_STATUS: Field = optional("status", &STATUS);

static INPUT_TEXT: Shape = Shape::Object(&[TYPE, required("text", &TEXT)]);
static SYSTEM_PARTS: Shape = Shape::List {
    of: &Shape::Tagged {
        tag: "type",
        variants: &[("input_text", &INPUT_TEXT)],
    },
    length_max: LIST_LENGTH_MAX,
};
static USER_PARTS: Shape = Shape::List {
    of: &Shape::Tagged {
        tag: "type",
        variants: &[
            ("input_text", &INPUT_TEXT),
            (
                "input_audio",
                &Shape::Object(&[
                    TYPE,
                    optional("audio", &AUDIO),
                    optional("transcript", &NULLABLE_TEXT),
                ]),
            ),
            (
                "input_image",
                &Shape::Object(&[
                    TYPE,
                    required("image_url", &TEXT),
                    optional("detail", &Shape::Word(&["auto", "low", "high"])),
                ]),
            ),
        ],
    },
    length_max: LIST_LENGTH_MAX,
};
/// `output_audio` asks for a text: that is how the provider refuses agent audio made by a client.
static ASSISTANT_PARTS: Shape = Shape::List {
    of: &Shape::Tagged {
        tag: "type",
        variants: &[
            (
                "output_text",
                &Shape::Object(&[TYPE, required("text", &TEXT)]),
            ),
            (
                "output_audio",
                &Shape::Object(&[TYPE, required("text", &TEXT)]),
            ),
        ],
    },
    length_max: LIST_LENGTH_MAX,
};

const fn message_fields(parts: &'static Shape) -> [Field; 6] {
    [
        TYPE,
        ITEM_ID,
        ITEM_OBJECT,
        ITEM_STATUS,
        required("role", &TEXT),
        required("content", parts),
    ]
}

static MESSAGE: Shape = Shape::Tagged {
    tag: "role",
    variants: &[
        ("system", &Shape::Object(&message_fields(&SYSTEM_PARTS))),
        ("user", &Shape::Object(&message_fields(&USER_PARTS))),
        (
            "assistant",
            &Shape::Object(&message_fields(&ASSISTANT_PARTS)),
        ),
    ],
};
static FUNCTION_CALL: Shape = Shape::Object(&[
    TYPE,
    ITEM_ID,
    ITEM_OBJECT,
    ITEM_STATUS,
    required("call_id", &ID),
    required("name", &TEXT),
    required("arguments", &TEXT),
]);
static FUNCTION_CALL_OUTPUT: Shape = Shape::Object(&[
    TYPE,
    ITEM_ID,
    ITEM_OBJECT,
    ITEM_STATUS,
    required("call_id", &ID),
    required("output", &TEXT),
]);
static MCP_LIST_TOOLS: Shape = Shape::Object(&[
    TYPE,
    ITEM_ID,
    required("server_label", &TEXT),
    required(
        "tools",
        &Shape::List {
            of: &Shape::Object(&[
                required("name", &TEXT),
                required("input_schema", &ANY),
                optional("description", &NULLABLE_TEXT),
                optional("annotations", &ANY),
            ]),
            length_max: LIST_LENGTH_MAX,
        },
    ),
]);
static MCP_CALL: Shape = Shape::Object(&[
    TYPE,
    required("id", &ID),
    required("server_label", &TEXT),
    required("name", &TEXT),
    required("arguments", &TEXT),
    optional("output", &NULLABLE_TEXT),
    optional("error", &ANY),
    optional("approval_request_id", &NULLABLE_ID),
]);
static MCP_APPROVAL_REQUEST: Shape = Shape::Object(&[
    TYPE,
    required("id", &ID),
    required("server_label", &TEXT),
    required("name", &TEXT),
    required("arguments", &TEXT),
]);
static MCP_APPROVAL_RESPONSE: Shape = Shape::Object(&[
    TYPE,
    required("id", &ID),
    required("approval_request_id", &ID),
    required("approve", &BOOL),
    optional("reason", &NULLABLE_TEXT),
]);

static ITEM: Shape = Shape::Tagged {
    tag: "type",
    variants: &[
        ("message", &MESSAGE),
        ("function_call", &FUNCTION_CALL),
        ("function_call_output", &FUNCTION_CALL_OUTPUT),
        ("mcp_list_tools", &MCP_LIST_TOOLS),
        ("mcp_call", &MCP_CALL),
        ("mcp_approval_request", &MCP_APPROVAL_REQUEST),
        ("mcp_approval_response", &MCP_APPROVAL_RESPONSE),
    ],
};
static INPUT_ITEM: Shape = Shape::Tagged {
    tag: "type",
    variants: &[
        ("message", &MESSAGE),
        ("function_call", &FUNCTION_CALL),
        ("function_call_output", &FUNCTION_CALL_OUTPUT),
        ("mcp_list_tools", &MCP_LIST_TOOLS),
        ("mcp_call", &MCP_CALL),
        ("mcp_approval_request", &MCP_APPROVAL_REQUEST),
        ("mcp_approval_response", &MCP_APPROVAL_RESPONSE),
        (
            "item_reference",
            &Shape::Object(&[TYPE, required("id", &ID)]),
        ),
    ],
};

// Client events (section 4).

/// Null means absent in every field: LiveKit's plugin sends `"instructions":null`, and the provider takes it.
static RESPONSE: Shape = Shape::Object(&[
    optional("instructions", &NULLABLE_TEXT),
    optional("output_modalities", &Shape::Nullable(&MODALITIES)),
    optional(
        "audio",
        &Shape::Nullable(&Shape::Object(&[optional(
            "output",
            &Shape::Object(&[
                optional("format", &Shape::Nullable(&FORMAT)),
                optional("voice", &Shape::Nullable(&VOICE)),
            ]),
        )])),
    ),
    optional("tools", &Shape::Nullable(&TOOLS)),
    optional("tool_choice", &Shape::Nullable(&TOOL_CHOICE)),
    optional("parallel_tool_calls", &Shape::Nullable(&BOOL)),
    optional("reasoning", &Shape::Nullable(&REASONING)),
    optional("max_output_tokens", &Shape::Nullable(&MAX_OUTPUT_TOKENS)),
    optional("prompt", &PROMPT),
    optional(
        "metadata",
        &Shape::Nullable(&Shape::TextMap {
            pairs_max: 16,
            key_chars_max: 64,
            value_chars_max: 512,
        }),
    ),
    optional(
        "conversation",
        &Shape::Nullable(&Shape::Word(&["auto", "none"])),
    ),
    optional(
        "input",
        &Shape::Nullable(&Shape::List {
            of: &INPUT_ITEM,
            length_max: LIST_LENGTH_MAX,
        }),
    ),
]);

const EVENT: Field = optional("event_id", &EVENT_ID);

/// Every client event, by its `type`.
pub(super) static CLIENT_EVENT: Shape = Shape::Tagged {
    tag: "type",
    variants: &[
        (
            "session.update",
            &Shape::Object(&[TYPE, EVENT, required("session", &SESSION)]),
        ),
        (
            "input_audio_buffer.append",
            &Shape::Object(&[TYPE, EVENT, required("audio", &AUDIO)]),
        ),
        ("input_audio_buffer.commit", &Shape::Object(&[TYPE, EVENT])),
        ("input_audio_buffer.clear", &Shape::Object(&[TYPE, EVENT])),
        (
            "conversation.item.create",
            &Shape::Object(&[
                TYPE,
                EVENT,
                required("item", &ITEM),
                optional("previous_item_id", &NULLABLE_ID),
            ]),
        ),
        (
            "conversation.item.retrieve",
            &Shape::Object(&[TYPE, EVENT, required("item_id", &ID)]),
        ),
        (
            "conversation.item.truncate",
            &Shape::Object(&[
                TYPE,
                EVENT,
                required("item_id", &ID),
                required("content_index", &INDEX),
                required("audio_end_ms", &MILLISECONDS),
            ]),
        ),
        (
            "conversation.item.delete",
            &Shape::Object(&[TYPE, EVENT, required("item_id", &ID)]),
        ),
        (
            "response.create",
            &Shape::Object(&[
                TYPE,
                EVENT,
                optional("response", &Shape::Nullable(&RESPONSE)),
            ]),
        ),
        (
            "response.cancel",
            &Shape::Object(&[TYPE, EVENT, optional("response_id", &NULLABLE_ID)]),
        ),
        ("output_audio_buffer.clear", &Shape::Object(&[TYPE, EVENT])),
    ],
};

/// The body of `POST /v1/realtime/client_secrets` (section 1.5).
pub(super) static CLIENT_SECRET_REQUEST: Shape = Shape::Object(&[
    optional(
        "expires_after",
        &Shape::Object(&[
            optional("anchor", &Shape::Word(&["created_at"])),
            optional(
                "seconds",
                &Shape::Integer {
                    min: super::EXPIRES_AFTER_S_MIN as i64,
                    max: super::EXPIRES_AFTER_S_MAX as i64,
                },
            ),
        ]),
    ),
    optional("session", &SESSION),
]);
