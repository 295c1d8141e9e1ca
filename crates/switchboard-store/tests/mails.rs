//! The outbox: one mail per kind and key, one sender at a time, and doubt that stays.

mod support;

use support::all_at_once;
use switchboard_store::*;
use uuid::Uuid;

fn mail(about: Uuid) -> NewMail {
    NewMail {
        kind: Word::new("transcript"),
        key: JobKey::of(about),
        call_id: None,
        job_id: None,
    }
}

on_both! {
    a_mail_of_one_kind_and_key_is_one_mail_and_one_of_many_takes_it(test) {
        let rows = test.fresh_tenant().await;
        let about = Uuid::now_v7();
        let first = rows.ensure_mail(&mail(about)).await.unwrap();
        assert_eq!(rows.ensure_mail(&mail(about)).await.unwrap(), first);
        let takes = all_at_once(10, |_| {
            let rows = rows.clone();
            async move { rows.take_mail(first.id).await.unwrap() }
        })
        .await;
        assert_eq!(takes.iter().filter(|taken| **taken).count(), 1);
    }

    a_mail_that_was_sent_is_never_taken_again(test) {
        let rows = test.fresh_tenant().await;
        let id = rows.ensure_mail(&mail(Uuid::now_v7())).await.unwrap().id;
        assert!(rows.take_mail(id).await.unwrap());
        assert!(rows.settle_mail(id, MailState::Sent, None).await.unwrap());
        assert!(!rows.take_mail(id).await.unwrap());
        assert!(!rows.settle_mail(id, MailState::Waiting, None).await.unwrap());
        assert!(!rows.resend_mail(id).await.unwrap());
        assert_eq!(rows.mail(id).await.unwrap().unwrap().state, MailState::Sent);
    }

    a_doubtful_mail_waits_for_a_persons_word(test) {
        let rows = test.fresh_tenant().await;
        let id = rows.ensure_mail(&mail(Uuid::now_v7())).await.unwrap().id;
        assert!(rows.take_mail(id).await.unwrap());
        assert!(!rows.resend_mail(id).await.unwrap(), "it is being sent");
        let word = Word::new("uncertain");
        rows.settle_mail(id, MailState::Uncertain, Some(&word)).await.unwrap();
        assert!(!rows.take_mail(id).await.unwrap());
        assert!(rows.resend_mail(id).await.unwrap());
        assert!(rows.take_mail(id).await.unwrap());
        assert_eq!(rows.mail(id).await.unwrap().unwrap().attempts, 2);
        let entries = rows.list_audit_entries(&ListFilter::default()).await.unwrap();
        assert_eq!((entries.len(), entries[0].action.as_str()), (1, "resend"));
    }
}
