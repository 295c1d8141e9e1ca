//! What each credential may send: event by field by credential (threats.md S7).
//!
//! API keys belong to a tenant's own programs; tokens are in the hands of whoever holds the browser or the app. Nobody
//! rewrites a tenant's agent: its instructions, tools and voice stay what the tenant configured. Clients send those
//! fields all the time (empty instructions, no tools, a default voice), so they are accepted and have no effect instead
//! of being refused. What only a token may not do is refused, because there no honest client does it by itself.

use crate::http::CallerCredential;

/// Who is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::channels) enum Credential {
    /// A tenant's API key.
    ApiKey,
    /// An ephemeral token or an app user's: its holder owns the client completely.
    Token,
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It changes the session or the reply.
    Applied,
    /// It is taken and given back as sent, and changes nothing that is heard.
    Echoed,
    /// It is taken and has no effect; what is given back is what holds.
    Ignored,
    /// It is an error.
    Refused,
}

struct Rule {
    event: &'static str,
    field: &'static str,
    api_key: Effect,
    token: Effect,
}

/// The same for every credential.
const fn rule(event: &'static str, field: &'static str, effect: Effect) -> Rule {
    Rule {
        event,
        field,
        api_key: effect,
        token: effect,
    }
}

/// For tenants' own programs only.
const fn own_programs(event: &'static str, field: &'static str, api_key: Effect) -> Rule {
    Rule {
        event,
        field,
        api_key,
        token: Effect::Refused,
    }
}

const SESSION: &str = "session.update";
const RESPONSE: &str = "response.create";
const ITEM: &str = "conversation.item.create";

/// A field that is not listed is refused, so that a field added to the protocol later needs a decision here.
const RULES: &[Rule] = &[
    // openai-agents sends a vendor's model name whatever the address says.
    rule(SESSION, "model", Effect::Ignored),
    rule(SESSION, "instructions", Effect::Ignored),
    rule(SESSION, "tools", Effect::Ignored),
    rule(SESSION, "tool_choice", Effect::Ignored),
    rule(SESSION, "parallel_tool_calls", Effect::Ignored),
    rule(SESSION, "prompt", Effect::Ignored),
    rule(SESSION, "reasoning", Effect::Ignored),
    rule(SESSION, "truncation", Effect::Ignored),
    rule(SESSION, "include", Effect::Ignored),
    // The agents SDK for browsers switches it on by itself, so a token's is ignored and not refused.
    Rule {
        event: SESSION,
        field: "tracing",
        api_key: Effect::Echoed,
        token: Effect::Ignored,
    },
    rule(SESSION, "max_output_tokens", Effect::Ignored),
    // Only speech is made; `["text"]` is refused by its value.
    rule(SESSION, "output_modalities", Effect::Applied),
    rule(SESSION, "audio.input.format", Effect::Applied),
    rule(SESSION, "audio.input.transcription", Effect::Echoed),
    rule(SESSION, "audio.input.noise_reduction", Effect::Echoed),
    // Who answers and who interrupts is applied; thresholds are the agent's.
    rule(SESSION, "audio.input.turn_detection", Effect::Applied),
    rule(SESSION, "audio.output.format", Effect::Applied),
    rule(SESSION, "audio.output.voice", Effect::Ignored),
    rule(SESSION, "audio.output.speed", Effect::Ignored),
    own_programs(RESPONSE, "instructions", Effect::Applied),
    rule(RESPONSE, "metadata", Effect::Echoed),
    rule(RESPONSE, "output_modalities", Effect::Applied),
    rule(RESPONSE, "audio", Effect::Ignored),
    rule(RESPONSE, "tools", Effect::Ignored),
    rule(RESPONSE, "tool_choice", Effect::Ignored),
    rule(RESPONSE, "parallel_tool_calls", Effect::Ignored),
    rule(RESPONSE, "reasoning", Effect::Ignored),
    rule(RESPONSE, "max_output_tokens", Effect::Ignored),
    rule(RESPONSE, "prompt", Effect::Ignored),
    // Outside the conversation the agent's rules would not hold.
    rule(RESPONSE, "conversation", Effect::Refused),
    rule(RESPONSE, "input", Effect::Refused),
    rule(ITEM, "user", Effect::Applied),
    own_programs(ITEM, "assistant", Effect::Applied),
    own_programs(ITEM, "system", Effect::Applied),
    // Tools run here; a client that wrote their results could book what nobody checked.
    rule(ITEM, "function_call", Effect::Refused),
    rule(ITEM, "function_call_output", Effect::Refused),
    rule(ITEM, "mcp", Effect::Refused),
];

impl Credential {
    pub(in crate::channels) const fn of(credential: CallerCredential) -> Self {
        match credential {
            CallerCredential::ApiKey(_) => Self::ApiKey,
            CallerCredential::Staff(_)
            | CallerCredential::AppUser
            | CallerCredential::Ephemeral { .. } => Self::Token,
        }
    }

    fn effect(self, event: &str, field: &str) -> Effect {
        let rule = RULES
            .iter()
            .find(|rule| rule.event == event && rule.field == field);
        match self {
            Self::ApiKey => rule.map_or(Effect::Refused, |rule| rule.api_key),
            Self::Token => rule.map_or(Effect::Refused, |rule| rule.token),
        }
    }

    pub(super) fn session_field(self, field: &str) -> Effect {
        self.effect(SESSION, field)
    }

    pub(super) fn response_field(self, field: &str) -> Effect {
        self.effect(RESPONSE, field)
    }

    /// By role for messages, else by kind.
    pub(super) fn item(self, what: &str) -> Effect {
        self.effect(ITEM, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s7_a_field_nobody_decided_about_is_refused() {
        assert_eq!(
            Credential::ApiKey.session_field("a_field_of_next_year"),
            Effect::Refused
        );
        assert_eq!(Credential::ApiKey.item("mcp_call"), Effect::Refused);
    }

    #[test]
    fn s7_no_key_rewrites_a_tenants_agent() {
        for field in [
            "model",
            "instructions",
            "tools",
            "prompt",
            "audio.output.voice",
        ] {
            for credential in [Credential::ApiKey, Credential::Token] {
                assert_eq!(credential.session_field(field), Effect::Ignored, "{field}");
            }
        }
        for kind in ["function_call", "function_call_output", "mcp"] {
            for credential in [Credential::ApiKey, Credential::Token] {
                assert_eq!(credential.item(kind), Effect::Refused, "{kind}");
            }
        }
    }

    #[test]
    fn s7_a_token_neither_instructs_the_agent_nor_writes_its_words() {
        for kind in ["system", "assistant"] {
            assert_eq!(Credential::Token.item(kind), Effect::Refused, "{kind}");
        }
        assert_eq!(Credential::Token.item("user"), Effect::Applied);
        assert_eq!(
            Credential::Token.response_field("instructions"),
            Effect::Refused
        );
        assert_eq!(Credential::Token.session_field("tracing"), Effect::Ignored);
        let no_wider = |rule: &Rule| {
            rule.token == rule.api_key || matches!(rule.token, Effect::Refused | Effect::Ignored)
        };
        assert!(RULES.iter().all(no_wider));
    }
}
