//! Limits that nodes share: never more than allowed, whatever happens to a node. PostgreSQL only; on SQLite the one
//! process counts in its memory.

mod support;

use std::time::Duration;

use support::twins;
use support::{TestStore, all_at_once, at};
use switchboard_store::*;

const LONG: Duration = Duration::from_secs(3600);

fn limit(calls_max: u32) -> PermitLimit {
    PermitLimit {
        scope: PermitScope::Tenant,
        calls_max,
    }
}

async fn node(test: &TestStore, lease: Duration) -> NodeId {
    let node = NodeId::new();
    test.store
        .installation()
        .renew_lease(node, lease)
        .await
        .unwrap();
    node
}

/// A second process on the same database.
async fn second(test: &TestStore) -> TestStore {
    test.beside().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_together_never_exceed_a_limit() {
    let test = support::postgres().await;
    let other = second(&test).await;
    let store = test.fresh_tenant().await;
    let stores = [store.clone(), other.scoped(store.scope().tenant)];
    let nodes = [node(&test, LONG).await, node(&other, LONG).await];
    let answers = all_at_once(200, |number| {
        let (store, node) = (stores[number % 2].clone(), nodes[number % 2]);
        async move {
            let call = CallId::new();
            (
                node,
                call,
                store.take_permits(node, call, &[limit(10)]).await.unwrap(),
            )
        }
    })
    .await;
    let granted: Vec<_> = answers
        .iter()
        .filter(|it| it.2 == PermitAnswer::Granted)
        .collect();
    assert_eq!(granted.len(), 10);
    for (node, call, _) in granted {
        for _ in 0..2 {
            store.return_permits(*node, *call).await.unwrap();
        }
    }
    let again = all_at_once(40, |_| {
        let (store, node) = (store.clone(), nodes[0]);
        async move {
            store
                .take_permits(node, CallId::new(), &[limit(10)])
                .await
                .unwrap()
        }
    })
    .await;
    assert_eq!(
        again
            .iter()
            .filter(|it| **it == PermitAnswer::Granted)
            .count(),
        10
    );
}

#[tokio::test]
async fn a_refused_scope_takes_nothing_of_the_others() {
    let test = support::postgres().await;
    let store = test.fresh_tenant().await;
    let node = node(&test, LONG).await;
    let agent = |calls_max| PermitLimit {
        scope: PermitScope::Agent("ava".to_owned()),
        calls_max,
    };
    let account = |calls_max| PermitLimit {
        scope: PermitScope::Account("openai"),
        calls_max,
    };
    let take = async |limits: &[PermitLimit]| {
        store
            .take_permits(node, CallId::new(), limits)
            .await
            .unwrap()
    };
    assert_eq!(
        take(&[limit(3), agent(1), account(2)]).await,
        PermitAnswer::Granted
    );
    for _ in 0..5 {
        let refused = take(&[limit(3), agent(1), account(2)]).await;
        assert_eq!(
            refused,
            PermitAnswer::Refused(PermitScope::Agent("ava".to_owned()))
        );
    }
    assert_eq!(take(&[limit(3), account(2)]).await, PermitAnswer::Granted);
    assert_eq!(
        take(&[limit(3), account(2)]).await,
        PermitAnswer::Refused(PermitScope::Account("openai"))
    );
    assert_eq!(take(&[limit(3)]).await, PermitAnswer::Granted);
    assert_eq!(
        take(&[limit(3)]).await,
        PermitAnswer::Refused(PermitScope::Tenant)
    );
}

/// r1: the database's clock decides who is alive.
#[tokio::test]
async fn r1_a_node_past_its_lease_is_granted_nothing_until_it_has_renewed() {
    let test = support::postgres().await;
    let store = test.fresh_tenant().await;
    let frozen = node(&test, Duration::ZERO).await;
    let take = async || {
        store
            .take_permits(frozen, CallId::new(), &[limit(10)])
            .await
            .unwrap()
    };
    assert_eq!(take().await, PermitAnswer::Refused(PermitScope::Tenant));
    test.store
        .installation()
        .renew_lease(frozen, LONG)
        .await
        .unwrap();
    assert_eq!(take().await, PermitAnswer::Granted);
}

#[tokio::test]
async fn what_a_dead_node_held_is_freed_and_its_calls_end_once() {
    let test = support::postgres().await;
    let store = test.fresh_tenant().await;
    let (dead, alive) = (node(&test, LONG).await, node(&test, LONG).await);
    let call = CallId::new();
    store
        .offer_call(&NewCall {
            carrier_call_id: None,
            ..twins::call(call, "lost")
        })
        .await
        .unwrap();
    assert_eq!(
        store.take_permits(dead, call, &[limit(1)]).await.unwrap(),
        PermitAnswer::Granted
    );
    assert_eq!(
        store.end_calls_of_lapsed_node(dead, at(50)).await.unwrap(),
        0,
        "it is alive"
    );
    let installation = test.store.installation();
    installation
        .renew_lease(dead, Duration::ZERO)
        .await
        .unwrap();
    let lease = installation.renew_lease(alive, LONG).await.unwrap();
    assert_eq!((lease.others, lease.lapsed), (0, vec![dead]));
    let refused = store
        .take_permits(alive, CallId::new(), &[limit(1)])
        .await
        .unwrap();
    assert_eq!(
        refused,
        PermitAnswer::Refused(PermitScope::Tenant),
        "nobody has cleared up yet"
    );
    assert_eq!(
        store.end_calls_of_lapsed_node(dead, at(60)).await.unwrap(),
        1
    );
    assert_eq!(
        store.end_calls_of_lapsed_node(dead, at(70)).await.unwrap(),
        0
    );
    installation.forget_lapsed_node(dead).await.unwrap();
    assert_eq!(
        installation.renew_lease(alive, LONG).await.unwrap(),
        Lease::default()
    );
    let ended = store.call(call).await.unwrap().unwrap();
    assert_eq!(
        (ended.end_reason, ended.ended_at),
        (Some(Word::new("process_lost")), Some(at(60)))
    );
    let granted = store
        .take_permits(alive, CallId::new(), &[limit(1)])
        .await
        .unwrap();
    assert_eq!(granted, PermitAnswer::Granted);
}

/// The slots of users come and go with them: whoever left leaves no row, and gaps do not stop the next session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_sessions_are_limited_on_all_nodes_and_leave_no_rows() {
    let test = support::postgres().await;
    let store = test.fresh_tenant().await;
    let node = node(&test, LONG).await;
    let limits = [PermitLimit {
        scope: PermitScope::User("ab12".to_owned()),
        calls_max: 3,
    }];
    let take = async |call| store.take_permits(node, call, &limits).await.unwrap();
    let calls = [CallId::new(), CallId::new(), CallId::new()];
    for call in calls {
        assert_eq!(take(call).await, PermitAnswer::Granted);
    }
    let refused = PermitAnswer::Refused(limits[0].scope.clone());
    assert_eq!(take(CallId::new()).await, refused);
    let mut held = vec![calls[2]];
    for first in [calls[0], calls[1]] {
        store.return_permits(node, first).await.unwrap();
        let next = CallId::new();
        assert_eq!(take(next).await, PermitAnswer::Granted);
        assert_eq!(take(CallId::new()).await, refused);
        held.push(next);
    }
    for call in held {
        store.return_permits(node, call).await.unwrap();
    }
    let mut raw = support::raw::Raw::connect(&test).await;
    let rows = raw.table_rows("permit_slots", store.scope().tenant).await;
    assert_eq!(rows, Vec::<String>::new());
    let burst = all_at_once(30, |_| {
        let (store, limits) = (store.clone(), limits.clone());
        async move {
            store
                .take_permits(node, CallId::new(), &limits)
                .await
                .unwrap()
        }
    })
    .await;
    let granted = burst.iter().filter(|it| **it == PermitAnswer::Granted);
    assert_eq!(granted.count(), 3);
}
