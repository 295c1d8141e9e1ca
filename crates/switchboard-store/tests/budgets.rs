//! Budgets that calls share: never more is promised than there is, whoever asks at the same time (threat M1).

mod support;

use support::{TestStore, all_at_once, at, twins};
use switchboard_store::*;

const CALLS: usize = 60;
const DAY_MICROS: i64 = 10_000_000;

/// One USD in all for a call, of a tenant's day of ten.
fn ask(call: CallId) -> BudgetAsk {
    BudgetAsk {
        user: None,
        ..twins::budget_ask(call, "")
    }
}

async fn offered(store: &TenantStore) -> CallId {
    let call = CallId::new();
    let new = NewCall {
        carrier_call_id: None,
        ..twins::call(call, "here")
    };
    store
        .apply(&[JournalWrite::CallOffered(new)])
        .await
        .unwrap();
    call
}

fn usage(call: CallId, cost_micros: i64, at: Timestamp) -> JournalWrite {
    JournalWrite::Usage(UsageWrite {
        id: UsageId::new(),
        call_id: Some(call),
        component: "audio_out".to_owned(),
        provider: "openai".to_owned(),
        model: "gpt-realtime-2.1".to_owned(),
        unit: "tokens".to_owned(),
        quantity: 1,
        cost_micros: Micros(cost_micros),
        currency: Currency::USD,
        at,
        turn: Some(1),
    })
}

/// Ten of sixty calls at once get their dollar, on however many nodes.
async fn ten_of_sixty(stores: &[TenantStore]) {
    let answers = all_at_once(CALLS, |number| {
        let store = stores[number % stores.len()].clone();
        async move { store.reserve_budget(&ask(CallId::new())).await.unwrap() }
    })
    .await;
    let granted: Vec<_> = answers.iter().filter_map(|answer| answer.ok()).collect();
    assert_eq!(granted.len(), 10);
    let held: i64 = granted.iter().map(|grant| grant.held_micros).sum();
    assert_eq!(held, DAY_MICROS);
    let refused = answers.iter().filter_map(|answer| answer.err());
    assert!(
        refused
            .into_iter()
            .all(|it| it == BudgetRefusal(BudgetScope::TenantDay))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m1_calls_at_once_on_two_nodes_are_promised_no_more_than_the_day_has() {
    let test = support::postgres().await;
    let other: TestStore = test.beside().await;
    let store = test.fresh_tenant().await;
    let tenant = store.scope().tenant;
    ten_of_sixty(&[store, other.scoped(tenant)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m1_calls_at_once_of_one_process_are_promised_no_more_than_the_day_has() {
    let test = support::sqlite().await;
    ten_of_sixty(&[test.fresh_tenant().await]).await;
}

on_both! {
    m1_what_the_ledger_has_is_not_held_twice_and_an_end_gives_the_rest_back(test) {
        let store = test.fresh_tenant().await;
        let call = offered(&store).await;
        store.reserve_budget(&ask(call)).await.unwrap().unwrap();
        store.apply(&[usage(call, 300_000, at(1))]).await.unwrap();
        let spending = store.budget_spending(ask(call).day, at(2), 9).await.unwrap();
        assert_eq!((spending.spent_micros, spending.held_micros), (300_000, 700_000));
        let more = BudgetAsk { wish_micros: 1_500_000, ..ask(call) };
        let grant = store.reserve_budget(&more).await.unwrap().unwrap();
        assert_eq!((grant.held_micros, grant.tenant_spent_micros), (1_500_000, 300_000));
        let reason = Word::new("agent_ended");
        let end = CallEnd { call_id: call, reason, class: EndClass::Success, at: at(3) };
        store.apply(&[usage(call, 100_000, at(2)), JournalWrite::CallEnded(end)]).await.unwrap();
        let spending = store.budget_spending(ask(call).day, at(4), 9).await.unwrap();
        assert_eq!((spending.spent_micros, spending.held_micros), (400_000, 0));
    }

    m1_after_midnight_only_what_is_spent_and_held_then_counts(test) {
        let store = test.fresh_tenant().await;
        let call = offered(&store).await;
        store.reserve_budget(&ask(call)).await.unwrap().unwrap();
        store.apply(&[usage(call, 300_000, at(49)), usage(call, 100_000, at(50))]).await.unwrap();
        let tomorrow = DayBounds { from: at(50), to: at(150) };
        let spending = store.budget_spending(tomorrow, at(51), 9).await.unwrap();
        assert_eq!((spending.spent_micros, spending.held_micros), (100_000, 600_000));
        let other = BudgetAsk { day: tomorrow, tenant_day_micros: 1_300_000, now: at(51), ..ask(CallId::new()) };
        let grant = store.reserve_budget(&other).await.unwrap().unwrap();
        assert_eq!(grant.held_micros, 600_000, "what is left of the new day");
        assert_eq!(grant.limited_by, Some(BudgetScope::TenantDay));
    }

    m1_a_users_day_counts_the_calls_of_that_user_only(test) {
        let store = test.fresh_tenant().await;
        let of = |user: &str| BudgetAsk {
            user_day_micros: 1_200_000,
            ..twins::budget_ask(CallId::new(), user)
        };
        store.reserve_budget(&of("ada")).await.unwrap().unwrap();
        let second = store.reserve_budget(&of("ada")).await.unwrap();
        assert_eq!(second, Err(BudgetRefusal(BudgetScope::UserDay)));
        assert!(store.reserve_budget(&of("ben")).await.unwrap().is_ok());
        let none = BudgetAsk { user: None, ..of("ada") };
        assert!(store.reserve_budget(&none).await.unwrap().is_ok(), "no user, no budget of one");
    }

    a_call_that_was_never_seen_again_holds_nothing_after_its_time(test) {
        let store = test.fresh_tenant().await;
        let short = BudgetAsk { tenant_day_micros: 1_000_000, expires_at: at(5), ..ask(CallId::new()) };
        store.reserve_budget(&short).await.unwrap().unwrap();
        let next = BudgetAsk { call: CallId::new(), ..short.clone() };
        assert!(store.reserve_budget(&BudgetAsk { now: at(4), ..next.clone() }).await.unwrap().is_err());
        assert!(store.reserve_budget(&BudgetAsk { now: at(5), ..next }).await.unwrap().is_ok());
        let gone = CallId::new();
        store.release_budget(gone).await.unwrap();
    }

    m1_no_day_is_promised_more_than_it_has_in_any_order_of_asking_spending_and_ending(test) {
        let store = test.fresh_tenant().await;
        let mut calls = Vec::new();
        for step in 0..60_i64 {
            let spread = step * 7 % 11;
            if spread < 4 {
                let call = offered(&store).await;
                let asked = BudgetAsk { tenant_day_micros: 4_000_000, ..ask(call) };
                if let Ok(grant) = store.reserve_budget(&asked).await.unwrap() {
                    calls.push((call, 0, grant.held_micros));
                }
            } else if spread < 9 && !calls.is_empty() {
                let place = usize::try_from(step).unwrap() % calls.len();
                let (call, spent, held) = &mut calls[place];
                let cost = 90_000 + spread;
                // As the core does: what is not set aside is not spent.
                if *spent + cost > *held {
                    continue;
                }
                *spent += cost;
                store.apply(&[usage(*call, cost, at(step % 40))]).await.unwrap();
                let more = BudgetAsk {
                    tenant_day_micros: 4_000_000,
                    wish_micros: *spent + 800_000,
                    least_micros: *spent,
                    ..ask(*call)
                };
                if let Ok(grant) = store.reserve_budget(&more).await.unwrap() {
                    *held = grant.held_micros;
                }
            } else if let Some((call_id, _, _)) = calls.pop() {
                let reason = Word::new("agent_ended");
                let end = CallEnd { call_id, reason, class: EndClass::Success, at: at(step) };
                store.apply(&[JournalWrite::CallEnded(end)]).await.unwrap();
            }
            let spending = store.budget_spending(ask(CallId::new()).day, at(1), 9).await.unwrap();
            let promised = spending.spent_micros + spending.held_micros;
            assert!(promised <= 4_000_000, "{step}: {spending:?}");
        }
    }
}
