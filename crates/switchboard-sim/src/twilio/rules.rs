//! Which elements and attributes Twilio's documents may hold (protocol notes, section 3).

/// What may stand in and on an element.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) attributes: &'static [&'static str],
    pub(super) children: &'static [&'static str],
    pub(super) has_text: bool,
}

/// The verbs that may stand at the top.
pub(super) const VERBS: &[&str] = &[
    "Say", "Play", "Pause", "Gather", "Dial", "Connect", "Record", "Redirect", "Hangup", "Reject",
];

const fn rule(
    name: &'static str,
    attributes: &'static [&'static str],
    children: &'static [&'static str],
    has_text: bool,
) -> Rule {
    Rule {
        name,
        attributes,
        children,
        has_text,
    }
}

const RULES: &[Rule] = &[
    rule("Response", &[], VERBS, false),
    rule("Say", &["voice", "loop", "language"], &[], true),
    rule("Play", &["loop", "digits"], &[], true),
    rule("Pause", &["length"], &[], false),
    rule(
        "Gather",
        &[
            "input",
            "action",
            "method",
            "timeout",
            "finishOnKey",
            "numDigits",
            "actionOnEmptyResult",
            "speechTimeout",
            "maxSpeechTime",
            "speechModel",
            "enhanced",
            "language",
            "hints",
            "profanityFilter",
            "bargeIn",
            "partialResultCallback",
            "partialResultCallbackMethod",
            "debug",
        ],
        &["Say", "Play", "Pause"],
        false,
    ),
    rule(
        "Dial",
        &[
            "action",
            "method",
            "timeout",
            "hangupOnStar",
            "timeLimit",
            "callerId",
            "record",
            "recordingTrack",
            "trim",
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
            "recordingStatusCallbackEvent",
            "recordingConfigurationId",
            "answerOnBridge",
            "ringTone",
            "sequential",
            "referUrl",
            "referMethod",
            "events",
            "passports",
        ],
        &["Number", "Sip", "Client"],
        true,
    ),
    rule(
        "Number",
        &[
            "sendDigits",
            "url",
            "method",
            "statusCallback",
            "statusCallbackMethod",
            "statusCallbackEvent",
            "byoc",
            "machineDetection",
            "amdStatusCallback",
            "amdStatusCallbackMethod",
            "machineDetectionTimeout",
            "machineDetectionSpeechThreshold",
            "machineDetectionSpeechEndThreshold",
            "machineDetectionSilenceTimeout",
        ],
        &[],
        true,
    ),
    rule(
        "Sip",
        &[
            "username",
            "password",
            "url",
            "method",
            "statusCallback",
            "statusCallbackMethod",
            "statusCallbackEvent",
            "machineDetection",
            "amdStatusCallback",
            "amdStatusCallbackMethod",
            "machineDetectionTimeout",
            "machineDetectionSpeechThreshold",
            "machineDetectionSpeechEndThreshold",
            "machineDetectionSilenceTimeout",
        ],
        &[],
        true,
    ),
    rule(
        "Client",
        &[
            "url",
            "method",
            "statusCallback",
            "statusCallbackMethod",
            "statusCallbackEvent",
        ],
        &[],
        true,
    ),
    rule("Connect", &["action", "method"], &["Stream"], false),
    rule(
        "Stream",
        &[
            "name",
            "connectorName",
            "url",
            "track",
            "statusCallback",
            "statusCallbackMethod",
        ],
        &["Parameter"],
        false,
    ),
    rule("Parameter", &["name", "value"], &[], false),
    rule(
        "Record",
        &[
            "action",
            "method",
            "timeout",
            "finishOnKey",
            "maxLength",
            "playBeep",
            "trim",
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
            "recordingStatusCallbackEvent",
            "transcribe",
            "transcribeCallback",
        ],
        &[],
        false,
    ),
    rule("Redirect", &["method"], &[], true),
    rule("Hangup", &[], &[], false),
    rule("Reject", &["reason"], &[], false),
];

pub(super) fn rule_of(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}
