//! The list of every statement this crate can run, for tests.

/// One statement: where it stands, what it is called, and its text.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    pub file: &'static str,
    pub name: &'static str,
    pub text: &'static str,
}

/// Every statement of the crate. Nothing else can run, because the query macros take only listed statements.
pub fn statements() -> Vec<Statement> {
    [
        crate::agents::STATEMENTS,
        crate::alerts::STATEMENTS,
        crate::api_keys::STATEMENTS,
        crate::appointments::STATEMENTS,
        crate::audit::STATEMENTS,
        crate::call_events::STATEMENTS,
        crate::call_inputs::STATEMENTS,
        crate::calls::STATEMENTS,
        crate::consents::STATEMENTS,
        crate::contacts::STATEMENTS,
        crate::conversations::STATEMENTS,
        crate::counts::STATEMENTS,
        crate::db::STATEMENTS,
        crate::erasure::STATEMENTS,
        crate::handshakes::STATEMENTS,
        crate::idempotency::STATEMENTS,
        crate::installation::STATEMENTS,
        crate::invitations::STATEMENTS,
        crate::jobs::STATEMENTS,
        crate::logins::STATEMENTS,
        crate::lookup::STATEMENTS,
        crate::mails::STATEMENTS,
        crate::memories::STATEMENTS,
        crate::migrate::STATEMENTS,
        crate::model_sessions::STATEMENTS,
        crate::numbers::STATEMENTS,
        crate::opening_hours::STATEMENTS,
        crate::permits::STATEMENTS,
        crate::opt_outs::STATEMENTS,
        crate::outgoing_calls::STATEMENTS,
        crate::practitioners::STATEMENTS,
        crate::recordings::STATEMENTS,
        crate::second_factors::STATEMENTS,
        crate::services::STATEMENTS,
        crate::staff::STATEMENTS,
        crate::stream_tokens::STATEMENTS,
        crate::switches::STATEMENTS,
        crate::tenant_settings::STATEMENTS,
        crate::tool_calls::STATEMENTS,
        crate::transcripts::STATEMENTS,
        crate::transfers::STATEMENTS,
        crate::turns::STATEMENTS,
        crate::twilio_accounts::STATEMENTS,
        crate::usage::STATEMENTS,
        crate::voicemails::STATEMENTS,
        crate::voice_health::STATEMENTS,
        crate::waitlist::STATEMENTS,
        crate::webhook_receipts::STATEMENTS,
        crate::webhooks::STATEMENTS,
        crate::withdrawal::STATEMENTS,
    ]
    .concat()
}
