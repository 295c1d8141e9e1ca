//! Calls that we place: one try at a time, wishes that move forward only, opt-outs that stop every channel.

mod support;

use support::at;
use support::twins::{self, EMAIL, PHONE, SharedIds, Twin, phone};
use switchboard_store::*;

fn settled(id: CallId, attempts: i64, state: OutgoingState) -> OutgoingSettlement {
    OutgoingSettlement {
        id,
        attempts,
        state,
        outcome: Word::new("no_answer"),
        not_before: (state == OutgoingState::Waiting).then(|| at(600)),
    }
}

async fn wish(twin: &Twin) -> CallId {
    let id = CallId::new();
    let new = twins::outgoing_call(id, twin.contact, "note");
    assert!(twin.store.request_outgoing_call(&new).await.unwrap());
    id
}

async fn begin(twin: &Twin, id: CallId, ordinal: i64) -> bool {
    let call = twins::outgoing_attempt(CallId::new(), "note");
    let begun = twin.store.begin_outgoing_attempt(id, ordinal, &call);
    begun.await.unwrap()
}

on_both! {
    /// m6: a process that died between writing and dialling, and one that runs the job twice, ring nobody twice.
    a_try_begins_once_and_the_next_only_after_it(test) {
        let twin = Twin::seed(&test, "alpha", "canary-alpha", SharedIds::new()).await;
        let id = wish(&twin).await;
        assert!(begin(&twin, id, 1).await);
        assert!(!begin(&twin, id, 1).await, "the same try");
        assert!(!begin(&twin, id, 2).await, "the next one while the first dials");
        let waits = settled(id, 1, OutgoingState::Waiting);
        assert!(twin.store.settle_outgoing_call(&waits).await.unwrap());
        assert!(!begin(&twin, id, 1).await, "the first one late");
        assert!(begin(&twin, id, 2).await);
        assert!(
            !twin.store.settle_outgoing_call(&settled(id, 1, OutgoingState::GaveUp)).await.unwrap(),
            "a late word about the first try"
        );
        let gave_up = settled(id, 2, OutgoingState::GaveUp);
        assert!(twin.store.settle_outgoing_call(&gave_up).await.unwrap());
        assert!(!begin(&twin, id, 3).await, "it is over");
        let attempts = twin.store.outgoing_attempts(id).await.unwrap();
        assert_eq!(attempts.iter().map(|attempt| attempt.ordinal).collect::<Vec<_>>(), [1, 2]);
        let kept = twin.store.outgoing_call(id).await.unwrap().unwrap();
        assert_eq!((kept.state, kept.attempts), (OutgoingState::GaveUp, 2));
        assert_eq!(kept.not_before, at(600));
    }

    /// h3: the carrier's words come twice and in any order.
    the_first_name_and_the_first_verdict_stay(test) {
        let twin = Twin::seed(&test, "alpha", "canary-alpha", SharedIds::new()).await;
        let id = wish(&twin).await;
        let call = twins::outgoing_attempt(id, "note");
        assert!(twin.store.begin_outgoing_attempt(id, 1, &call).await.unwrap());
        for (name, is_ours) in [("CA1", true), ("CA2", false), ("CA1", true)] {
            assert_eq!(twin.store.name_outgoing_attempt(id, name).await.unwrap(), is_ours, "{name}");
        }
        for (by, is_news) in [
            ("machine_greeting", true),
            ("human", false),
            ("machine_recording", true),
            ("machine_greeting", false),
            ("human", false),
        ] {
            let noted = twin.store.note_answered_by(id, &Word::new(by)).await.unwrap();
            assert_eq!(noted, is_news, "{by}");
        }
        let attempts = twin.store.outgoing_attempts(id).await.unwrap();
        assert_eq!(attempts[0].answered_by, Some(Word::new("machine_recording")));
        assert_eq!(attempts[0].carrier_call_id.as_deref(), Some("CA1"));
        assert_eq!(twin.store.outgoing_call_of(id).await.unwrap().unwrap().id, id);
    }

    /// m6: one address that opted out stops every address of its contact, known now or later.
    an_opt_out_stops_every_channel_of_its_contact(test) {
        let twin = Twin::seed(&test, "alpha", "canary-alpha", SharedIds::new()).await;
        let by_email = Reachable::Email(" AMA@example.org ".into());
        let by_phone = Reachable::Phone(phone(PHONE));
        let contact = Some(twin.contact);
        let stopped = async |address: &Reachable| {
            twin.store.opted_out_since(contact, address).await.unwrap().is_some()
        };
        assert!(!stopped(&by_phone).await);
        assert!(twin.store.opt_out(&by_email, &Word::new("email")).await.unwrap());
        assert!(stopped(&by_phone).await, "the telephone too");
        assert!(stopped(&Reachable::Email(EMAIL.into())).await);
        assert!(
            twin.store.opted_out_since(None, &by_phone).await.unwrap().is_none(),
            "without the contact the number says nothing"
        );
        assert!(twin.store.withdraw_opt_out(&by_email).await.unwrap());
        assert!(!stopped(&by_phone).await);
        assert!(!twin.store.withdraw_opt_out(&by_email).await.unwrap());
    }

    /// m6: the newest answer counts, whichever of the two purposes it was given for.
    the_newest_consent_decides(test) {
        let twin = Twin::seed(&test, "alpha", "canary-alpha", SharedIds::new()).await;
        let (any, one) = (Word::new("outgoing_calls"), Word::new("outgoing_calls.reminder"));
        let newest = async || twin.store.newest_consent(twin.contact, [&any, &one]).await.unwrap();
        assert_eq!(newest().await, None);
        for (seconds, purpose, answer) in [
            (10, &any, ConsentAnswer::Granted),
            (20, &one, ConsentAnswer::Withdrawn),
            (30, &any, ConsentAnswer::Granted),
        ] {
            let consent = NewConsent {
                id: ConsentId::new(),
                contact_id: Some(twin.contact),
                call_id: None,
                purpose: purpose.clone(),
                wording: "May we call you?".to_owned(),
                language: "en".to_owned(),
                answer,
                answer_text: None,
                heard_ms: None,
                complete: Some(true),
                version: None,
                disclosed_at: at(seconds),
                answered_at: Some(at(seconds)),
            };
            twin.store.apply(&[JournalWrite::Consent(consent)]).await.unwrap();
            assert_eq!(newest().await, Some(answer));
        }
    }
}
