//! Functions of jobs and of what they send.

use super::*;

pub(super) async fn jobs_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin, shared: SharedIds) {
    let store = &a.store;
    watch
        .ran("job", shown(&store.job(shared.job).await.unwrap().unwrap()))
        .await;
    assert_eq!(store.job(b.own_job).await.unwrap(), None);
    let again = twins::job(JobId::new(), shared.call.uuid());
    assert!(!store.enqueue_job(&again).await.unwrap());
    watch.ran("enqueue_job", String::new()).await;
    let run = |job| JobRun {
        job,
        worker: WorkerId::new(),
        attempt: 1,
    };
    let word = Word::new("changed");
    for job in [b.own_job, shared.job] {
        // Nobody runs it, so no run may end it.
        assert!(!store.keep_job(&run(job), at(9)).await.unwrap());
        assert!(!store.finish_job(&run(job)).await.unwrap());
        assert!(!store.postpone_job(&run(job), at(9), &word).await.unwrap());
        assert!(!store.fail_job(&run(job), &word).await.unwrap());
    }
    for function in ["keep_job", "finish_job", "postpone_job", "fail_job"] {
        watch.ran(function, String::new()).await;
    }
    assert!(!store.cancel_job(b.own_job, at(9)).await.unwrap());
    assert!(store.cancel_job(shared.job, at(9)).await.unwrap());
    watch.ran("cancel_job", String::new()).await;
    assert!(!store.retry_job(b.own_job, at(9)).await.unwrap());
    assert!(store.retry_job(shared.job, at(9)).await.unwrap());
    watch.ran("retry_job", String::new()).await;
}

pub(super) async fn mails_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin, shared: SharedIds) {
    let store = &a.store;
    let ensured = store
        .ensure_mail(&twins::mail(b.own_call.uuid()))
        .await
        .unwrap();
    assert_ne!(ensured.id, b.mail, "a mail of one's own under the same key");
    // The key is what was asked for; it is B's id by our own doing.
    watch.ran("ensure_mail", ensured.id.to_string()).await;
    let foreign = NewMail {
        call_id: Some(b.own_call),
        ..twins::mail(uuid::Uuid::now_v7())
    };
    assert_eq!(
        store.ensure_mail(&foreign).await,
        Err(StoreError::MissingReference)
    );
    assert_eq!(store.mail(b.mail).await.unwrap(), None);
    watch
        .ran("mail", shown(&store.mail(a.mail).await.unwrap().unwrap()))
        .await;
    assert!(!store.take_mail(b.mail).await.unwrap());
    assert!(store.take_mail(a.mail).await.unwrap());
    watch.ran("take_mail", String::new()).await;
    let sent = store.mails_sent_since(at(-1_000_000_000)).await.unwrap();
    assert_eq!(sent, 1, "the one just taken");
    watch.ran("mails_sent_since", String::new()).await;
    let uncertain = MailState::Uncertain;
    assert!(!store.settle_mail(b.mail, uncertain, None).await.unwrap());
    assert!(store.settle_mail(a.mail, uncertain, None).await.unwrap());
    watch.ran("settle_mail", String::new()).await;
    assert!(!store.resend_mail(b.mail).await.unwrap());
    assert!(store.resend_mail(a.mail).await.unwrap());
    watch.ran("resend_mail", String::new()).await;
    assert!(store.transcript(b.own_call, 9).await.unwrap().is_empty());
    let lines = store.transcript(shared.call, 9).await.unwrap();
    assert_eq!(lines.len(), 1);
    watch.ran("transcript", format!("{lines:?}")).await;
}

pub(super) async fn webhooks_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let store = &a.store;
    assert_eq!(store.webhook(b.webhook).await.unwrap(), None);
    let own = store.webhook(a.webhook).await.unwrap().unwrap();
    assert_eq!(own.sealed_secret, twins::sealed(a.canary));
    watch.ran("webhook", own.url.expose().clone()).await;
    let id = WebhookId::new();
    store
        .add_webhook(&twins::webhook_of(id, "changed"))
        .await
        .unwrap();
    watch.ran("add_webhook", String::new()).await;
    let secret = twins::sealed("changed");
    let rotated = store.rotate_webhook(b.webhook, &secret, at(9)).await;
    assert!(!rotated.unwrap());
    watch.ran("rotate_webhook", String::new()).await;
    let told = store.announce(&twins::told(uuid::Uuid::now_v7())).await;
    assert_eq!(told, Ok(2), "the endpoints of this tenant alone");
    watch.ran("announce", String::new()).await;
    assert_eq!(store.webhook_delivery(b.delivery).await.unwrap(), None);
    let delivery = store.webhook_delivery(a.delivery).await.unwrap().unwrap();
    watch.ran("webhook_delivery", shown(&delivery)).await;
    let all = PageAsk {
        after: None,
        rows: 50,
    };
    let foreign = store.page_webhook_deliveries(Some(b.webhook), &all).await;
    assert_eq!(foreign, Ok(Vec::new()));
    let page = store.page_webhook_deliveries(None, &all).await.unwrap();
    watch.ran("page_webhook_deliveries", shown(&page)).await;
    assert_eq!(store.webhook_tries(b.delivery).await, Ok(Vec::new()));
    let tries = store.webhook_tries(a.delivery).await.unwrap();
    watch.ran("webhook_tries", shown(&tries)).await;
    assert!(!store.replay_webhook(b.delivery).await.unwrap());
    assert!(store.replay_webhook(a.delivery).await.unwrap());
    watch.ran("replay_webhook", String::new()).await;
    let foreign = WebhookDelivery {
        id: b.delivery,
        endpoint_id: b.webhook,
        ..delivery
    };
    let state = WebhookDeliveryState::Delivered;
    let logged = store
        .log_webhook_try(&foreign, state, &twins::tried())
        .await;
    assert_eq!(logged, Err(StoreError::MissingReference));
    watch.ran("log_webhook_try", String::new()).await;
    let disabled = WebhookState::Disabled;
    assert!(!store.set_webhook_state(b.webhook, disabled).await.unwrap());
    assert!(store.set_webhook_state(a.webhook, disabled).await.unwrap());
    watch.ran("set_webhook_state", String::new()).await;
}
