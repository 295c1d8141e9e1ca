//! A twin's webhooks: an address, what it is told, and a try.

use serde_json::json;
use switchboard_store::*;

use super::sealed;

use crate::support::at;

pub fn webhook_of(id: WebhookId, canary: &str) -> NewWebhook {
    NewWebhook {
        id,
        url: format!("https://example.org/{canary}").into(),
        sealed_secret: sealed(canary),
        events: vec![Word::new("call.ended")],
    }
}

pub fn told(about: uuid::Uuid) -> WebhookEvent {
    WebhookEvent {
        event: Word::new("call.ended"),
        about,
        payload: json!({ "call_id": about }),
        occurred_at: at(1),
    }
}

pub fn tried() -> WebhookTry {
    WebhookTry {
        at: at(2),
        status: Some(500),
        error: Some(Word::new("status_500")),
        duration_ms: 5,
    }
}
