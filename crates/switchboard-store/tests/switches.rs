//! Switches: the most specific one that has not expired wins, and each change leaves its trace.

mod support;

use support::at;
use support::twins::{self, NUMBER, phone};
use switchboard_store::*;

fn set(switch: Switch, value: &str, expires_at: Option<Timestamp>) -> NewSwitch {
    NewSwitch {
        switch,
        value: value.to_owned(),
        expires_at,
    }
}

async fn with_number(test: &support::TestStore) -> (TenantStore, PhoneNumber) {
    let store = test.fresh_tenant().await;
    let number = NewNumber {
        twilio_account: None,
        ..twins::number("here")
    };
    store.put_number(&number).await.unwrap();
    (store, phone(NUMBER))
}

fn value(values: &[SwitchValue], switch: Switch) -> Option<&str> {
    let of_switch = values.iter().filter(|it| it.switch == switch);
    of_switch
        .max_by_key(|it| it.scope)
        .map(|it| it.value.as_str())
}

on_both! {
    every_scope_is_read_for_a_call_and_expired_ones_are_not(test) {
        let (store, number) = with_number(&test).await;
        let installation = test.store.installation();
        installation.put_switch(&set(Switch::Streaming, "off", None)).await.unwrap();
        store.put_switch(None, &set(Switch::Streaming, "on", Some(at(100)))).await.unwrap();
        store.put_switch(Some(&number), &set(Switch::PickUp, "menu", None)).await.unwrap();
        let now = store.switches_for_call(Some(&number), at(99)).await.unwrap();
        assert_eq!(value(&now, Switch::Streaming), Some("on"));
        assert_eq!(value(&now, Switch::PickUp), Some("menu"));
        let later = store.switches_for_call(Some(&number), at(100)).await.unwrap();
        assert_eq!(value(&later, Switch::Streaming), Some("off"));
        let elsewhere = store.switches_for_call(None, at(99)).await.unwrap();
        assert_eq!(value(&elsewhere, Switch::PickUp), None);
    }

    a_switch_set_twice_is_one_and_a_cleared_one_is_none(test) {
        let (store, number) = with_number(&test).await;
        for scope in [None, Some(&number)] {
            for value in ["off", "on"] {
                store.put_switch(scope, &set(Switch::Recording, value, None)).await.unwrap();
            }
        }
        let listed = store.list_switches().await.unwrap();
        let shown: Vec<_> = listed.iter().map(|it| (it.scope, it.number.clone(), it.value.as_str())).collect();
        assert_eq!(shown, [(SwitchScope::Number, Some(number.clone()), "on"), (SwitchScope::Tenant, None, "on")]);
        assert!(store.clear_switch(None, Switch::Recording).await.unwrap());
        assert!(!store.clear_switch(None, Switch::Recording).await.unwrap());
        assert_eq!(store.list_switches().await.unwrap().len(), 1);
        let unknown = store.put_switch(Some(&phone("+12025550177")), &set(Switch::Recording, "on", None)).await;
        assert_eq!(unknown, Err(StoreError::NotFound { noun: "number" }));
    }

    a_released_number_takes_its_switches_with_it(test) {
        let (store, number) = with_number(&test).await;
        store.put_switch(Some(&number), &set(Switch::PickUp, "bridge", None)).await.unwrap();
        store.release_number(&number).await.unwrap();
        assert_eq!(store.list_switches().await.unwrap(), []);
    }

    each_change_is_audited_with_from_and_to_but_without_wordings(test) {
        let (store, _) = with_number(&test).await;
        store.put_switch(None, &set(Switch::PickUp, "menu", None)).await.unwrap();
        store.put_switch(None, &set(Switch::PickUp, "agent", None)).await.unwrap();
        store.put_switch(None, &set(Switch::ConsentWording, "canary words", None)).await.unwrap();
        store.clear_switch(None, Switch::PickUp).await.unwrap();
        let entries = store.list_audit_entries(&ListFilter::default()).await.unwrap();
        let mut changes: Vec<_> = entries.iter().filter(|it| it.noun == "switch").collect();
        changes.reverse();
        let said: Vec<_> = changes.iter().map(|it| (it.action.as_str(), it.noun_id.as_deref().unwrap())).collect();
        assert_eq!(
            said,
            [
                ("put", "pick_up: unset -> menu"),
                ("put", "pick_up: menu -> agent"),
                ("put", "consent_wording: unset -> text"),
                ("clear", "pick_up: agent -> unset"),
            ]
        );
    }
}
