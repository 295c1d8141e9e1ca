//! Staff sign in: what ends a login, what a second factor takes, and what the audit trail keeps. (Threat T4.)

mod support;

use support::twins::{self, sealed};
use support::{TestStore, all_at_once, at};
use switchboard_store::*;

async fn person(test: &TestStore) -> (TenantStore, StaffId) {
    let store = test.fresh_tenant().await;
    let staff = store.create_staff(&twins::person("here")).await.unwrap();
    (store, staff)
}

async fn is_open(test: &TestStore, login: &NewLogin) -> bool {
    let lookup = test.store.lookup();
    let found = lookup.login(login.token.expose(), at(50), at(-1)).await;
    found.unwrap().is_some()
}

async fn deeds(store: &TenantStore) -> Vec<String> {
    let entries = store
        .list_audit_entries(&ListFilter::default())
        .await
        .unwrap();
    entries.into_iter().map(|entry| entry.action).collect()
}

on_both! {
    t4_a_new_password_a_new_role_and_a_removed_factor_end_every_login(test) {
        let (store, staff) = person(&test).await;
        for change in 0..4 {
            let start = twins::login_start(0, 100);
            let logins = [store.create_login(staff, &start).await.unwrap(), store.create_login(staff, &start).await.unwrap()];
            assert!(is_open(&test, &logins[0]).await);
            let done = match change {
                0 => store.set_staff_password(staff, &"hash".into(), at(9)).await.unwrap(),
                1 => store.set_staff_role(staff, StaffRole::Viewer, at(9)).await.unwrap(),
                2 => {
                    assert!(store.begin_second_factor(staff, &sealed("here"), &[], at(9)).await.unwrap());
                    store.remove_second_factor(staff, at(9)).await.unwrap()
                }
                _ => store.end_logins_of(staff, at(9)).await.unwrap() == 2,
            };
            assert!(done);
            for login in &logins {
                assert!(!is_open(&test, login).await, "change {change}");
            }
        }
        let told = deeds(&store).await;
        for deed in ["sign_in", "set_password", "set_role", "remove_second_factor", "sign_out_everywhere"] {
            assert!(told.iter().any(|it| it == deed), "{deed} in {told:?}");
        }
        assert!(!store.set_staff_role(staff, StaffRole::Viewer, at(9)).await.unwrap(), "nothing changes");
    }

    t4_a_confirmed_second_factor_is_not_replaced_and_each_code_counts_once(test) {
        let (store, staff) = person(&test).await;
        let codes = ["one".to_owned().into(), "two".to_owned().into()];
        assert!(store.begin_second_factor(staff, &sealed("first"), &codes, at(0)).await.unwrap());
        assert!(store.begin_second_factor(staff, &sealed("second"), &codes, at(1)).await.unwrap(), "nobody showed a code yet");
        assert!(!store.use_second_factor_step(staff, 7).await.unwrap(), "it asks for nothing yet");
        let waiting = LoginStart { must_enrol: true, ..twins::login_start(0, 100) };
        let login = store.create_login(staff, &waiting).await.unwrap();
        assert!(store.confirm_second_factor(staff, 7, at(2)).await.unwrap());
        let found = test.store.lookup().login(login.token.expose(), at(50), at(-1)).await.unwrap().unwrap();
        assert!(!found.must_enrol, "the login that waited for it is open");
        assert!(!store.begin_second_factor(staff, &sealed("thief"), &[], at(3)).await.unwrap());
        assert!(!store.use_second_factor_step(staff, 7).await.unwrap(), "the code that confirmed is used");
        let used = all_at_once(5, |_| {
            let store = store.clone();
            async move { store.use_second_factor_step(staff, 8).await.unwrap() }
        })
        .await;
        assert_eq!(used.iter().filter(|used| **used).count(), 1, "one winner");
        assert!(store.use_recovery_code(staff, "one", at(4)).await.unwrap());
        assert!(!store.use_recovery_code(staff, "one", at(5)).await.unwrap());
        assert!(!store.use_recovery_code(staff, "three", at(5)).await.unwrap());
        assert_eq!(store.recovery_codes_left(staff).await.unwrap(), 1);
        let listed = store.staff_member(staff).await.unwrap().unwrap();
        assert_eq!((listed.second_factor, listed.sign_ins), (true, 1));
    }

    an_invitation_is_used_once_and_the_newest_alone_counts(test) {
        let (store, staff) = person(&test).await;
        let lookup = test.store.lookup();
        let older = store.invite_staff(staff, at(0), at(100)).await.unwrap();
        let newer = store.invite_staff(staff, at(1), at(100)).await.unwrap();
        assert_eq!(lookup.invitation(older.expose(), at(2)).await.unwrap(), None);
        assert_eq!(lookup.invitation(newer.expose(), at(100)).await.unwrap(), None, "it has expired");
        let found = lookup.invitation(newer.expose(), at(2)).await.unwrap().unwrap();
        assert_eq!(found.staff_id, staff);
        let hash = "chosen".into();
        assert!(store.accept_invitation(found.invitation_id, staff, &hash, at(3)).await.unwrap());
        assert!(!store.accept_invitation(found.invitation_id, staff, &hash, at(4)).await.unwrap());
        assert_eq!(store.staff_password(staff).await.unwrap(), Some(hash));
    }

    an_address_is_known_from_the_logins_of_that_person(test) {
        let (store, staff) = person(&test).await;
        store.create_login(staff, &twins::login_start(0, 100)).await.unwrap();
        assert!(store.staff_came_from(staff, "block", at(-1)).await.unwrap());
        assert!(!store.staff_came_from(staff, "another", at(-1)).await.unwrap());
        assert!(!store.staff_came_from(staff, "block", at(1)).await.unwrap(), "too long ago");
    }
}
