//! Finding the tenant behind a number, key, login or name; contacts by how people write them.

mod support;

use support::twins::{self, ACCOUNT, NUMBER, PHONE, SharedIds, Twin, phone};
use support::{all_at_once, at};
use switchboard_store::*;

const REPEATS: usize = 20;

on_both! {
    /// h1: the secret follows number, tenant, account.
    h1_a_number_leads_to_its_agent_and_its_secret(test) {
        let lookup = test.store.lookup();
        assert_eq!(lookup.number(&phone(NUMBER)).await.unwrap(), None);
        let twin = Twin::seed(&test, "medspa", "canary", SharedIds::new()).await;
        let route = lookup.number(&phone(NUMBER)).await.unwrap().unwrap();
        assert_eq!((route.tenant_id, route.tenant_name.as_str()), (twin.id, "medspa"));
        assert_eq!((route.agent_name.as_str(), route.human_number), ("medspa", Some(phone("+12025550199"))));
        assert_eq!((route.account_sid.as_deref(), route.twilio_account_id), (Some(ACCOUNT), Some(twin.account)));
        assert_eq!(route.sealed_auth_token, Some(twins::sealed("canary")));
    }

    /// h1: a tenant that claims a number later answers none of its calls and signs none of its webhooks.
    h1_the_earliest_claim_answers_a_number(test) {
        let shared = SharedIds::new();
        let first = Twin::seed(&test, "first", "canary-first", shared).await;
        Twin::seed(&test, "second", "canary-second", shared).await;
        let route = test.store.lookup().number(&phone(NUMBER)).await.unwrap().unwrap();
        assert_eq!((route.tenant_id, route.sealed_auth_token), (first.id, Some(twins::sealed("canary-first"))));
        assert!(first.store.release_number(&phone(NUMBER)).await.unwrap());
        let route = test.store.lookup().number(&phone(NUMBER)).await.unwrap().unwrap();
        assert_eq!(route.tenant_name, "second");
    }

    a_number_without_an_account_has_no_secret_of_its_own(test) {
        let store = test.fresh_tenant().await;
        store.put_number(&twins::number("here")).await.unwrap();
        let route = test.store.lookup().number(&phone(NUMBER)).await.unwrap().unwrap();
        assert_eq!((route.account_sid, route.sealed_auth_token), (None, None));
    }

    an_api_key_names_its_tenant_until_it_is_revoked(test) {
        let store = test.fresh_tenant().await;
        let (created, lookup) = (store.create_api_key("server").await.unwrap(), test.store.lookup());
        assert!(created.key.expose().starts_with("sk_sb_"));
        let found = lookup.api_key(created.key.expose()).await.unwrap().unwrap();
        assert_eq!((found.tenant_id, found.key_id, found.name.as_str()), (created.tenant, created.id, "server"));
        for wrong in ["", "sk_sb_", "sk_sb_0000", &created.key.expose()[1..]] {
            assert_eq!(lookup.api_key(wrong).await.unwrap(), None);
        }
        let rows = support::raw::Raw::connect(&test).await.rows_of(created.tenant).await.join("\n");
        assert!(!rows.contains(&created.key.expose()["sk_sb_".len()..]), "only the hash is stored");
        store.note_api_key_use(created.id, at(5)).await.unwrap();
        assert_eq!(store.list_api_keys().await.unwrap()[0].last_used_at, Some(at(5)));
        assert!(store.revoke_api_key(created.id, at(6)).await.unwrap());
        assert_eq!(lookup.api_key(created.key.expose()).await.unwrap(), None);
    }

    a_login_ends_with_its_time_its_logout_and_its_person(test) {
        let (store, lookup) = (test.fresh_tenant().await, test.store.lookup());
        let staff = store.create_staff(&twins::person("here")).await.unwrap();
        let one = store.create_login(staff, &twins::login_start(0, 100)).await.unwrap();
        let two = store.create_login(staff, &twins::login_start(0, 100)).await.unwrap();
        let found = lookup.login(one.token.expose(), at(99), at(-1)).await.unwrap().unwrap();
        assert_eq!((found.staff_id, found.role, found.login_id), (staff, StaffRole::Owner, one.id));
        assert_eq!(lookup.login(one.token.expose(), at(100), at(-1)).await.unwrap(), None);
        assert_eq!(lookup.login(one.token.expose(), at(99), at(0)).await.unwrap(), None, "it was not in use since");
        store.see_login(one.id, at(10)).await.unwrap();
        assert!(lookup.login(one.token.expose(), at(99), at(0)).await.unwrap().is_some());
        assert!(store.end_login(one.id, at(50)).await.unwrap());
        assert_eq!(lookup.login(one.token.expose(), at(50), at(-1)).await.unwrap(), None);
        assert_eq!(lookup.staff_by_email(" KOFI@example.org").await.unwrap().len(), 1);
        assert!(store.disable_staff(staff, at(60)).await.unwrap());
        assert_eq!(lookup.login(two.token.expose(), at(60), at(-1)).await.unwrap(), None);
        assert!(lookup.staff_by_email("kofi@example.org").await.unwrap().is_empty());
    }

    a_carrier_call_id_leads_to_its_call(test) {
        let store = test.fresh_tenant().await;
        let call = twins::call(CallId::new(), "here");
        store.offer_call(&call).await.unwrap();
        let found = test.store.lookup().call(twins::CARRIER_CALL).await.unwrap().unwrap();
        assert_eq!((found.tenant_id, found.call_id, found.status), (store.scope().tenant, call.id, CallStatus::Offered));
        assert_eq!(test.store.lookup().call("CA-other").await.unwrap(), None);
    }

    tenants_are_found_by_name_and_id_whatever_the_case(test) {
        let installation = test.store.installation();
        let tenant = test.tenant("Med Spa").await;
        assert_eq!(installation.find_tenant(" med  SPA ").await.unwrap().as_ref(), Some(&tenant));
        assert_eq!(installation.find_tenant(&tenant.id.to_string()).await.unwrap().as_ref(), Some(&tenant));
        assert_eq!(installation.find_tenant("other").await.unwrap(), None);
        let twice = installation.create_tenant(&NewTenant::named("MED SPA")).await;
        assert!(matches!(twice, Err(StoreError::AlreadyExists { .. })), "{twice:?}");
        let ensured = all_at_once(REPEATS, |_| {
            let installation = installation.clone();
            async move { installation.ensure_tenant(&NewTenant::named("new")).await.unwrap().id }
        })
        .await;
        assert!(ensured.iter().all(|id| *id == ensured[0]));
        assert_eq!(installation.list_tenants().await.unwrap().len(), 2);
    }

    one_number_makes_one_contact(test) {
        let store = test.fresh_tenant().await;
        let outcomes = all_at_once(REPEATS, |_| {
            let store = store.clone();
            async move { store.ensure_contact_by_phone(&phone(PHONE)).await.unwrap() }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|contact| contact.is_new).count(), 1);
        assert!(outcomes.iter().all(|contact| contact.id == outcomes[0].id));
        assert_eq!(store.counts().await.unwrap().contacts, 1);
    }

    contacts_are_found_as_people_write_them(test) {
        let store = test.fresh_tenant().await;
        let name = Some("Élodie 50%_Osei".into());
        let contact = store.create_contact(&NewContact { name, ..twins::contact() }).await.unwrap().id;
        let ids = |found: Vec<ContactListing>| found.into_iter().map(|contact| contact.id).collect::<Vec<_>>();
        assert_eq!(ids(store.find_contacts_by_name("  élodie 50%_OSEI ", 5).await.unwrap()), [contact]);
        assert_eq!(ids(store.search_contacts("50%_o", 5).await.unwrap()), [contact]);
        assert!(store.search_contacts("50__o", 5).await.unwrap().is_empty(), "a pattern in the text is no pattern");
        let found = store.find_contact_by_email(" AMA@Example.org ").await.unwrap().unwrap();
        assert_eq!((found.id, found.phone), (contact, Some(phone(PHONE))));
        let change = ContactChange { language: Some("sw".to_owned()), ..ContactChange::default() };
        store.update_contact(contact, &change).await.unwrap();
        let changed = store.contact(contact).await.unwrap().unwrap();
        assert_eq!((changed.language.as_deref(), changed.name.unwrap().into_exposed()), (Some("sw"), "Élodie 50%_Osei".to_owned()));
    }

    an_agent_gets_a_version_for_every_change_and_none_for_the_same(test) {
        let store = test.fresh_tenant().await;
        let definition = serde_json::json!({ "voice": "marin", "turn_detection": { "threshold": 0.6 } });
        let first = store.publish_agent("medspa", &definition, "agents/medspa.toml").await.unwrap();
        let same = store.publish_agent("medspa", &definition, "agents/medspa.toml").await.unwrap();
        assert_eq!((first.version, first.is_new, same.is_new, same.id), (1, true, false, first.id));
        let second = store.publish_agent("medspa", &serde_json::json!({}), "agents/medspa.toml").await.unwrap();
        assert_eq!(store.agent("medspa").await.unwrap().unwrap().version, second.version);
        assert_eq!(store.agent_version("medspa", 1).await.unwrap().unwrap().definition, definition);
        assert_eq!(store.list_agents().await.unwrap().len(), 1);
    }

    memories_are_replaced_by_topic_and_expire(test) {
        let store = test.fresh_tenant().await;
        let contact = store.ensure_contact_by_phone(&phone(PHONE)).await.unwrap().id;
        store.remember(&twins::memory(contact, "mornings")).await.unwrap();
        store.remember(&NewMemory { expires_at: Some(at(10)), ..twins::memory(contact, "evenings") }).await.unwrap();
        let known = store.memories(contact, at(9)).await.unwrap();
        assert_eq!(known.iter().map(|memory| memory.fact.expose().as_str()).collect::<Vec<_>>(), ["evenings"]);
        assert!(store.memories(contact, at(10)).await.unwrap().is_empty());
        assert!(store.forget(known[0].id).await.unwrap());
        assert!(!store.forget(known[0].id).await.unwrap());
    }

    /// d5: an error never quotes what was stored.
    d5_a_refusal_names_the_constraint_and_not_the_value(test) {
        let store = test.fresh_tenant().await;
        store.create_staff(&twins::person("here")).await.unwrap();
        let refused = store.create_staff(&twins::person("here")).await.unwrap_err();
        let text = format!("{refused} {refused:?}");
        assert!(!text.contains("kofi") && !text.contains("example.org"), "{text}");
        let hours = [OpeningHours { practitioner_id: None, weekday: 8, opens_minute: 0, closes_minute: 1 }];
        let refused = store.replace_opening_hours(None, &hours).await.unwrap_err();
        assert!(matches!(refused, StoreError::OutOfRange { .. }), "{refused:?}");
    }
}
