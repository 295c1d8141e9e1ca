//! What changes how calls are answered: agents, numbers, accounts, keys, people, switches, repeated requests.

use super::*;

pub(super) async fn changes_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let store = &a.store;
    let published = store
        .publish_agent("medspa", &json!({ "changed": true }), "file")
        .await
        .unwrap();
    assert_eq!(published.version, 2);
    watch.ran("publish_agent", format!("{published:?}")).await;
    watch
        .ran(
            "put_number",
            shown(&store.put_number(&twins::number("changed")).await.unwrap()),
        )
        .await;
    let theirs = NewNumber {
        twilio_account: Some(b.account),
        ..twins::number("changed")
    };
    assert_eq!(
        store.put_number(&theirs).await,
        Err(StoreError::MissingReference)
    );
    watch
        .ran(
            "release_number",
            shown(&store.release_number(&phone(NUMBER)).await.unwrap()),
        )
        .await;
    let account = store
        .put_twilio_account(ACCOUNT, &sealed("changed"))
        .await
        .unwrap();
    watch.ran("put_twilio_account", shown(&account)).await;
    let put = store
        .put_setting(&Word::new("streaming"), &json!("changed"))
        .await;
    watch.ran("put_setting", format!("{put:?}")).await;
    watch
        .ran(
            "create_api_key",
            shown(&store.create_api_key("changed").await.unwrap()),
        )
        .await;
    assert!(!store.revoke_api_key(b.api_key, at(9)).await.unwrap());
    watch.ran("revoke_api_key", String::new()).await;
    assert!(!store.api_key_stands(b.api_key).await.unwrap());
    watch.ran("api_key_stands", String::new()).await;
    store.note_api_key_use(b.api_key, at(9)).await.unwrap();
    watch.ran("note_api_key_use", String::new()).await;
    let twice = store.create_staff(&person("changed")).await;
    assert!(matches!(twice, Err(StoreError::AlreadyExists { .. })));
    watch.ran("create_staff", format!("{twice:?}")).await;
    people_stay_inside(watch, a, b).await;
    repeatable_requests_stay_inside(watch, a, b).await;
    switches_stay_inside(watch, a).await;
    permits_stay_inside(watch, a, b).await;
    budgets_stay_inside(watch, a, b).await;
}

async fn people_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let store = &a.store;
    let start = twins::login_start(9, 99);
    assert_eq!(
        store.create_login(b.staff, &start).await.unwrap_err(),
        StoreError::MissingReference
    );
    watch.ran("create_login", String::new()).await;
    store.see_login(b.login, at(9)).await.unwrap();
    watch.ran("see_login", String::new()).await;
    assert_eq!(store.login_stands(b.login, at(9)).await.unwrap(), None);
    watch.ran("login_stands", String::new()).await;
    assert!(!store.prove_login(b.login, at(9)).await.unwrap());
    watch.ran("prove_login", String::new()).await;
    assert!(
        !store
            .staff_came_from(b.staff, "block", at(-1))
            .await
            .unwrap()
    );
    watch.ran("staff_came_from", String::new()).await;
    assert!(!store.end_login(b.login, at(9)).await.unwrap());
    watch.ran("end_login", String::new()).await;
    assert_eq!(store.end_logins_of(b.staff, at(9)).await.unwrap(), 0);
    watch.ran("end_logins_of", String::new()).await;
    assert_eq!(store.staff_member(b.staff).await.unwrap(), None);
    watch.ran("staff_member", String::new()).await;
    let found = store.find_staff("kofi@example.org").await.unwrap();
    assert_eq!(found, Some(a.staff), "the same address in both");
    watch.ran("find_staff", format!("{found:?}")).await;
    assert_eq!(store.staff_password(b.staff).await.unwrap(), None);
    watch.ran("staff_password", String::new()).await;
    let hash = "changed".into();
    assert!(
        !store
            .set_staff_password(b.staff, &hash, at(9))
            .await
            .unwrap()
    );
    watch.ran("set_staff_password", String::new()).await;
    let role = StaffRole::Viewer;
    assert!(!store.set_staff_role(b.staff, role, at(9)).await.unwrap());
    watch.ran("set_staff_role", String::new()).await;
    store.note_refused_sign_in(b.staff).await.unwrap();
    watch.ran("note_refused_sign_in", String::new()).await;
    second_factors_stay_inside(watch, a, b).await;
    assert!(!store.disable_staff(b.staff, at(9)).await.unwrap());
    assert!(store.disable_staff(a.staff, at(9)).await.unwrap());
    watch.ran("disable_staff", String::new()).await;
}

async fn second_factors_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let store = &a.store;
    let sealed = twins::sealed("changed");
    assert_eq!(
        store
            .begin_second_factor(b.staff, &sealed, &[], at(9))
            .await,
        Err(StoreError::MissingReference)
    );
    watch.ran("begin_second_factor", String::new()).await;
    assert_eq!(store.second_factor(b.staff).await.unwrap(), None);
    watch.ran("second_factor", String::new()).await;
    assert!(!store.use_second_factor_step(b.staff, 9).await.unwrap());
    watch.ran("use_second_factor_step", String::new()).await;
    assert!(
        !store
            .confirm_second_factor(b.staff, 9, at(9))
            .await
            .unwrap()
    );
    watch.ran("confirm_second_factor", String::new()).await;
    assert!(
        !store
            .use_recovery_code(b.staff, b.canary, at(9))
            .await
            .unwrap()
    );
    watch.ran("use_recovery_code", String::new()).await;
    assert_eq!(store.recovery_codes_left(b.staff).await.unwrap(), 0);
    watch.ran("recovery_codes_left", String::new()).await;
    assert!(!store.remove_second_factor(b.staff, at(9)).await.unwrap());
    watch.ran("remove_second_factor", String::new()).await;
    assert_eq!(
        store
            .invite_staff(b.staff, at(9), at(99))
            .await
            .unwrap_err(),
        StoreError::MissingReference
    );
    watch.ran("invite_staff", String::new()).await;
    let hash = "changed".into();
    let accepted = store.accept_invitation(InvitationId::new(), b.staff, &hash, at(9));
    assert!(!accepted.await.unwrap());
    watch.ran("accept_invitation", String::new()).await;
}

async fn budgets_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let store = &a.store;
    // The other twin holds as much under the same id: it neither counts here nor is given back.
    let ask = twins::budget_ask(b.own_call, "changed");
    let taken = store.reserve_budget(&ask).await.unwrap().unwrap();
    assert_eq!(
        (taken.held_micros, taken.tenant_spent_micros),
        (1_000_000, 3200)
    );
    watch.ran("reserve_budget", format!("{taken:?}")).await;
    let spending = store.budget_spending(ask.day, at(0), 9).await.unwrap();
    assert_eq!(spending.spent_micros, 3200);
    watch.ran("budget_spending", format!("{spending:?}")).await;
    store.release_budget(b.own_call).await.unwrap();
    watch.ran("release_budget", String::new()).await;
    assert_eq!(store.forget_budget_holds(at(9_999)).await, Ok(1));
    watch.ran("forget_budget_holds", String::new()).await;
    let days = [UsageDay {
        name: "today".to_owned(),
        from: at(-50),
        to: at(50),
    }];
    let sums = store.usage_of_days(&days).await.unwrap();
    assert_eq!(sums.iter().map(|it| it.cost_micros.0).sum::<i64>(), 3200);
    watch.ran("usage_of_days", format!("{sums:?}")).await;
}

async fn permits_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let store = &a.store;
    // The other twin holds one of two under the same id of a call: neither counts here nor is given back.
    let taken = store
        .take_permits(a.node, b.own_call, &twins::permits())
        .await;
    assert_eq!(taken, Ok(PermitAnswer::Granted));
    watch.ran("take_permits", format!("{taken:?}")).await;
    store.return_permits(b.node, b.own_call).await.unwrap();
    store.return_permits(a.node, b.own_call).await.unwrap();
    watch.ran("return_permits", String::new()).await;
    let ended = store.end_calls_of_lapsed_node(b.node, at(9)).await;
    assert_eq!(ended, Ok(0));
    watch.ran("end_calls_of_lapsed_node", String::new()).await;
}

async fn switches_stay_inside(watch: &mut Watch, a: &Twin) {
    let store = &a.store;
    let number = phone(NUMBER);
    store.put_number(&twins::number("again")).await.unwrap();
    let new = NewSwitch {
        switch: Switch::ConsentWording,
        value: "changed".to_owned(),
        expires_at: None,
    };
    store.put_switch(None, &new).await.unwrap();
    store.put_switch(Some(&number), &new).await.unwrap();
    watch.ran("put_switch", String::new()).await;
    let counts = store.switches_for_call(Some(&number), at(0)).await.unwrap();
    assert_eq!(counts.len(), 2);
    watch.ran("switches_for_call", format!("{counts:?}")).await;
    assert!(
        store
            .clear_switch(None, Switch::ConsentWording)
            .await
            .unwrap()
    );
    assert!(
        store
            .clear_switch(Some(&number), Switch::ConsentWording)
            .await
            .unwrap()
    );
    watch.ran("clear_switch", String::new()).await;
}

async fn repeatable_requests_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let store = &a.store;
    let times = twins::claim_times();
    let theirs = store
        .claim_idempotency_key(&twins::repeatable(b.api_key), &times)
        .await;
    assert_eq!(
        theirs,
        Ok(IdempotencyClaim::Mine),
        "the id alone leads to nothing of theirs"
    );
    store
        .release_idempotency_key(&twins::repeatable(b.api_key))
        .await
        .unwrap();
    let own = store
        .claim_idempotency_key(&twins::repeatable(a.api_key), &times)
        .await
        .unwrap();
    assert_eq!(own, IdempotencyClaim::Answered(twins::answer(a.canary)));
    let shown = |claim: &IdempotencyClaim| match claim {
        IdempotencyClaim::Answered(answer) => {
            String::from_utf8(answer.body.clone().into_exposed()).unwrap()
        }
        other => format!("{other:?}"),
    };
    watch.ran("claim_idempotency_key", shown(&own)).await;
    let theirs = twins::repeatable(b.api_key);
    let answer = twins::answer("changed");
    assert!(
        !store
            .keep_idempotent_answer(&theirs, &answer)
            .await
            .unwrap()
    );
    watch.ran("keep_idempotent_answer", String::new()).await;
    assert!(!store.release_idempotency_key(&theirs).await.unwrap());
    watch.ran("release_idempotency_key", String::new()).await;
}
