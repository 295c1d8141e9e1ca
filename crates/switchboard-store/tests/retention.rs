//! Each kind of data goes when its time has come, in batches, and what is in use stays.

mod support;

use support::at;
use support::twins::*;
use switchboard_store::*;

/// Long after everything that a test stores.
fn late() -> Timestamp {
    chrono::Utc::now() + chrono::Duration::days(10_000)
}

/// Before all of it.
fn early() -> Timestamp {
    chrono::Utc::now() - chrono::Duration::days(10_000)
}

fn ending(call_id: CallId) -> CallEnd {
    CallEnd {
        call_id,
        reason: Word::new("agent_ended"),
        class: EndClass::Success,
        at: at(60),
    }
}

async fn delete_all(store: &TenantStore, kind: RetentionKind, before: Timestamp) -> u64 {
    let mut rows = 0;
    // One call, or one row, at a time: the bound is what the test is about.
    for _ in 0..100 {
        match store.delete_overdue(kind, before, 1).await.unwrap() {
            0 => return rows,
            some => rows += some,
        }
    }
    panic!("{} never came to an end", kind.as_str());
}

on_both! {
    everything_that_is_over_goes_at_its_time_and_not_before(test) {
        let shared = SharedIds::new();
        let twin = Twin::seed(&test, "alpha", "canary-alpha", shared).await;
        let store = &twin.store;
        store.end_call(&ending(shared.call)).await.unwrap();
        store.cancel_job(shared.job, at(9)).await.unwrap();
        store.take_mail(twin.mail).await.unwrap();
        store.settle_mail(twin.mail, MailState::Sent, None).await.unwrap();
        let settled = OutgoingSettlement {
            id: shared.outgoing,
            attempts: 1,
            state: OutgoingState::Done,
            outcome: Word::new("agent_ended"),
            not_before: None,
        };
        store.settle_outgoing_call(&settled).await.unwrap();
        let expected = [
            RetentionKind::Transcripts,
            RetentionKind::Messages,
            RetentionKind::Events,
            RetentionKind::ReplayInputs,
            RetentionKind::Technical,
            RetentionKind::OutgoingCalls,
            RetentionKind::Jobs,
            RetentionKind::Mails,
            RetentionKind::WebhookDeliveries,
            RetentionKind::IdempotencyKeys,
            RetentionKind::Logins,
        ];
        for kind in expected {
            assert_eq!(store.count_overdue(kind, early()).await.unwrap(), 0, "{kind:?}");
            assert_eq!(delete_all(store, kind, early()).await, 0, "{kind:?}");
            let due = store.count_overdue(kind, late()).await.unwrap();
            assert!(due > 0, "{kind:?} has something to delete");
            let gone = delete_all(store, kind, late()).await;
            assert!(gone >= due.unsigned_abs(), "{kind:?}: {gone} of {due}");
            assert_eq!(store.count_overdue(kind, late()).await.unwrap(), 0, "{kind:?}");
        }
        let filter = ListFilter::default();
        assert!(store.list_turns(&filter).await.unwrap().is_empty());
        assert!(store.list_handshakes(&filter).await.unwrap().is_empty());
        assert!(store.list_mails(&filter).await.unwrap().is_empty());
        // The call itself, its consent and its bill stay.
        assert!(store.call(shared.call).await.unwrap().is_some());
        assert!(!store.list_consents(&filter).await.unwrap().is_empty());
        assert!(!store.list_usage(&filter).await.unwrap().is_empty());
    }

    what_is_in_use_stays_however_old_it_is(test) {
        let shared = SharedIds::new();
        let twin = Twin::seed(&test, "alpha", "canary-alpha", shared).await;
        let store = &twin.store;
        // The call has not ended, the job and the mail wait, the wish dials.
        for kind in [
            RetentionKind::Transcripts,
            RetentionKind::Events,
            RetentionKind::ReplayInputs,
            RetentionKind::Technical,
            RetentionKind::OutgoingCalls,
            RetentionKind::Mails,
        ] {
            assert_eq!(delete_all(store, kind, late()).await, 0, "{kind:?}");
        }
        let filter = ListFilter::default();
        assert!(!store.list_turns(&filter).await.unwrap().is_empty());
        assert!(store.mail(twin.mail).await.unwrap().is_some());
    }

    voicemails_are_listed_oldest_first_and_forgotten_one_by_one(test) {
        let shared = SharedIds::new();
        let twin = Twin::seed(&test, "alpha", "canary-alpha", shared).await;
        let store = &twin.store;
        let due = store.overdue_voicemails(late(), 9).await.unwrap();
        let count = store.count_overdue(RetentionKind::Voicemails, late()).await.unwrap();
        assert_eq!(i64::try_from(due.len()), Ok(count));
        assert!(count > 0);
        assert!(store.overdue_voicemails(early(), 9).await.unwrap().is_empty());
        for voicemail in &due {
            assert!(store.delete_voicemail(voicemail.id).await.unwrap());
            assert!(!store.delete_voicemail(voicemail.id).await.unwrap());
        }
        assert_eq!(store.count_overdue(RetentionKind::Voicemails, late()).await.unwrap(), 0);
    }
}
