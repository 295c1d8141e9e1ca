//! A request that comes twice is done once, whoever takes it. (Threat T6.)

mod support;

use support::{all_at_once, at};
use switchboard_store::*;

fn request(credential: ApiKeyId, body: &str) -> IdempotentRequest {
    IdempotentRequest {
        credential: credential.uuid(),
        route: "POST /api/v1/things".to_owned(),
        key: "one".into(),
        request: body.as_bytes().to_vec().into(),
    }
}

fn times(now: i64) -> ClaimTimes {
    ClaimTimes {
        now: at(now),
        abandoned_before: at(now - 60),
        forget_before: at(now - 3600),
    }
}

fn answer(body: &str) -> StoredAnswer {
    StoredAnswer {
        status: 201,
        content_type: Some("application/json".to_owned()),
        body: body.as_bytes().to_vec().into(),
    }
}

on_both! {
    t6_of_many_at_the_same_time_one_does_the_work(test) {
        let store = test.fresh_tenant().await;
        let key = store.create_api_key("a").await.unwrap().id;
        let claims = all_at_once(10, |_| {
            let store = store.clone();
            async move { store.claim_idempotency_key(&request(key, "body"), &times(0)).await.unwrap() }
        })
        .await;
        let mine = claims.iter().filter(|claim| **claim == IdempotencyClaim::Mine).count();
        let running = claims.iter().filter(|claim| **claim == IdempotencyClaim::Running).count();
        assert_eq!((mine, running), (1, 9));
    }

    t6_a_repetition_gets_the_answer_and_another_body_does_not(test) {
        let store = test.fresh_tenant().await;
        let key = store.create_api_key("a").await.unwrap().id;
        let asked = request(key, "body");
        assert_eq!(store.claim_idempotency_key(&asked, &times(0)).await.unwrap(), IdempotencyClaim::Mine);
        assert!(store.keep_idempotent_answer(&asked, &answer("done")).await.unwrap());
        assert!(!store.keep_idempotent_answer(&asked, &answer("again")).await.unwrap());
        assert!(!store.release_idempotency_key(&asked).await.unwrap());
        let again = store.claim_idempotency_key(&asked, &times(100)).await.unwrap();
        assert_eq!(again, IdempotencyClaim::Answered(answer("done")));
        let other = store.claim_idempotency_key(&request(key, "other"), &times(100)).await.unwrap();
        assert_eq!(other, IdempotencyClaim::OtherRequest);
        let later = store.claim_idempotency_key(&asked, &times(3601)).await.unwrap();
        assert_eq!(later, IdempotencyClaim::Mine, "an old key is forgotten");
    }

    t6_a_key_belongs_to_its_credential_and_its_route(test) {
        let store = test.fresh_tenant().await;
        let (one, two) = (store.create_api_key("a").await.unwrap().id, store.create_api_key("b").await.unwrap().id);
        let asked = request(one, "body");
        let elsewhere = IdempotentRequest { route: "POST /api/v1/others".to_owned(), ..asked.clone() };
        for asked in [asked, request(two, "another"), elsewhere] {
            assert_eq!(store.claim_idempotency_key(&asked, &times(0)).await.unwrap(), IdempotencyClaim::Mine);
        }
    }

    t6_the_claim_of_a_process_that_died_is_taken_over_by_one(test) {
        let store = test.fresh_tenant().await;
        let key = store.create_api_key("a").await.unwrap().id;
        let asked = request(key, "body");
        assert_eq!(store.claim_idempotency_key(&asked, &times(0)).await.unwrap(), IdempotencyClaim::Mine);
        assert_eq!(store.claim_idempotency_key(&asked, &times(59)).await.unwrap(), IdempotencyClaim::Running);
        let claims = all_at_once(5, |_| {
            let store = store.clone();
            async move { store.claim_idempotency_key(&request(key, "body"), &times(61)).await.unwrap() }
        })
        .await;
        assert_eq!(claims.iter().filter(|claim| **claim == IdempotencyClaim::Mine).count(), 1);
        assert!(store.release_idempotency_key(&asked).await.unwrap());
        assert_eq!(store.claim_idempotency_key(&asked, &times(62)).await.unwrap(), IdempotencyClaim::Mine);
    }
}
