//! Outgoing webhooks: told once per endpoint, logged try by try.

mod support;

use serde_json::json;
use support::at;
use switchboard_store::*;
use uuid::Uuid;

fn endpoint(events: &[&'static str]) -> NewWebhook {
    NewWebhook {
        id: WebhookId::new(),
        url: "https://example.org/hook".into(),
        sealed_secret: vec![1, 2, 3].into(),
        events: events.iter().map(|event| Word::new(event)).collect(),
    }
}

fn event(about: Uuid) -> WebhookEvent {
    WebhookEvent {
        event: Word::new("call.ended"),
        about,
        payload: json!({ "call_id": about }),
        occurred_at: at(0),
    }
}

on_both! {
    an_event_is_told_once_to_every_enabled_endpoint_that_wants_it(test) {
        let rows = test.fresh_tenant().await;
        let (wants, other, off) = (endpoint(&["call.ended"]), endpoint(&["voicemail.left"]), endpoint(&["call.ended"]));
        for new in [&wants, &other, &off] {
            rows.add_webhook(new).await.unwrap();
        }
        assert!(rows.set_webhook_state(off.id, WebhookState::Disabled).await.unwrap());
        let about = Uuid::now_v7();
        assert_eq!(rows.announce(&event(about)).await.unwrap(), 1);
        assert_eq!(rows.announce(&event(about)).await.unwrap(), 0, "told already");
        let deliveries = rows.list_webhook_deliveries(&ListFilter::default()).await.unwrap();
        assert_eq!((deliveries.len(), deliveries[0].endpoint_id), (1, wants.id));
        let jobs = rows.list_jobs(&ListFilter::default()).await.unwrap();
        assert_eq!(jobs.len(), 1);
        assert_eq!(jobs[0].ids.find("delivery_id"), Some(deliveries[0].id.uuid()));
        assert!(rows.replay_webhook(deliveries[0].id).await.unwrap());
        assert_eq!(rows.list_jobs(&ListFilter::default()).await.unwrap().len(), 2);
    }

    tries_are_numbered_and_an_endpoint_fails_from_its_first_failure_to_its_next_success(test) {
        let rows = test.fresh_tenant().await;
        rows.add_webhook(&endpoint(&["call.ended"])).await.unwrap();
        rows.announce(&event(Uuid::now_v7())).await.unwrap();
        let delivery = rows.list_webhook_deliveries(&ListFilter::default()).await.unwrap().remove(0);
        let tried = |seconds, error: Option<&'static str>| WebhookTry {
            at: at(seconds),
            status: error.is_none().then_some(204),
            error: error.map(Word::new),
            duration_ms: 5,
        };
        let failed = WebhookDeliveryState::Failed;
        let since = rows.log_webhook_try(&delivery, failed, &tried(1, Some("unreachable"))).await.unwrap();
        assert_eq!(since, Some(at(1)));
        let since = rows.log_webhook_try(&delivery, failed, &tried(2, Some("unreachable"))).await.unwrap();
        assert_eq!(since, Some(at(1)));
        let since = rows.log_webhook_try(&delivery, WebhookDeliveryState::Delivered, &tried(3, None)).await.unwrap();
        assert_eq!(since, None);
        let log = rows.list_webhook_attempts(&ListFilter::default()).await.unwrap();
        let ordinals: Vec<_> = log.iter().map(|attempt| attempt.ordinal).collect();
        assert_eq!(ordinals, [3, 2, 1]);
    }

    a_removed_endpoint_is_gone_and_a_rotated_one_keeps_its_last_secret(test) {
        let rows = test.fresh_tenant().await;
        let new = endpoint(&["call.ended"]);
        rows.add_webhook(&new).await.unwrap();
        assert!(rows.rotate_webhook(new.id, &vec![9].into(), at(60)).await.unwrap());
        let webhook = rows.webhook(new.id).await.unwrap().unwrap();
        assert_eq!((webhook.sealed_secret, webhook.previous_secret), (vec![9].into(), Some(vec![1, 2, 3].into())));
        assert!(rows.set_webhook_state(new.id, WebhookState::Removed).await.unwrap());
        assert_eq!(rows.webhook(new.id).await.unwrap(), None);
        assert!(!rows.set_webhook_state(new.id, WebhookState::Enabled).await.unwrap(), "removed for good");
        assert_eq!(rows.announce(&event(Uuid::now_v7())).await.unwrap(), 0);
    }
}
