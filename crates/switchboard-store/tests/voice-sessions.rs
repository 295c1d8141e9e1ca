//! Ephemeral tokens and the issuers of app users' tokens: what is kept, who wins, what is found.

mod support;

use support::twins::{ISSUER, app_issuer};
use support::{all_at_once, at};
use switchboard_store::*;

fn session(minter: &str) -> NewVoiceSession {
    NewVoiceSession {
        created_at: at(0),
        ..NewVoiceSession::of("medspa", minter, at(1_800))
    }
}

on_both! {
    /// t3: shown once, only the hash is kept.
    t3_a_token_is_found_by_itself_alone_and_kept_as_a_hash(test) {
        let store = test.fresh_tenant().await;
        let minted = store.mint_voice_session(&session("api_key 1"), 9).await.unwrap().unwrap();
        let token = minted.token.expose();
        assert!(token.starts_with("ek_") && token.len() == 67);
        let found = test.store.lookup().voice_session(token).await.unwrap().unwrap();
        assert_eq!((found.tenant_id, found.id), (store.scope().tenant, minted.id));
        for wrong in ["", "ek_", &token[1..], &token.to_uppercase()] {
            assert_eq!(test.store.lookup().voice_session(wrong).await.unwrap(), None);
        }
        let rows = support::raw::Raw::connect(&test).await.rows_of(store.scope().tenant).await.join("\n");
        assert!(!rows.contains(&token["ek_".len()..]));
    }

    /// t3: one start, atomic.
    t3_of_many_starts_at_the_same_time_one_wins(test) {
        let store = test.fresh_tenant().await;
        let minted = store.mint_voice_session(&session("api_key 1"), 9).await.unwrap().unwrap();
        let starts = all_at_once(20, |_| {
            let store = store.clone();
            async move { store.start_voice_session(minted.id, at(5)).await.unwrap() }
        })
        .await;
        assert_eq!(starts.iter().filter(|won| **won).count(), 1);
        let late = store.mint_voice_session(&session("api_key 1"), 9).await.unwrap().unwrap();
        assert!(!store.start_voice_session(late.id, at(1_800)).await.unwrap(), "it has expired");
    }

    /// t3: outstanding tokens are capped for each of those they are made for.
    t3_outstanding_tokens_are_capped_and_used_or_expired_ones_do_not_count(test) {
        let store = test.fresh_tenant().await;
        let mint = |minter: &'static str| {
            let store = store.clone();
            async move { store.mint_voice_session(&session(minter), 2).await.unwrap() }
        };
        let first = mint("app_user a").await.unwrap();
        assert!(mint("app_user a").await.is_some());
        assert!(mint("app_user a").await.is_none());
        assert!(mint("app_user b").await.is_some(), "another user");
        assert!(store.start_voice_session(first.id, at(1)).await.unwrap());
        assert!(mint("app_user a").await.is_some());
        let later = NewVoiceSession { created_at: at(2_000), ..session("app_user a") };
        assert!(store.mint_voice_session(&later, 1).await.unwrap().is_some(), "the others have expired");
    }

    t3_the_cap_of_outstanding_tokens_holds_however_many_ask_at_once(test) {
        let store = test.fresh_tenant().await;
        let minting = (0..24).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.mint_voice_session(&session("app_user a"), 3).await.unwrap() })
        });
        let mut minted = 0;
        for mint in minting.collect::<Vec<_>>() {
            minted += usize::from(mint.await.unwrap().is_some());
        }
        assert_eq!(minted, 3);
    }

    expired_tokens_and_old_sessions_are_forgotten_and_good_ones_stay(test) {
        let store = test.fresh_tenant().await;
        let good = store.mint_voice_session(&session("api_key 1"), 9).await.unwrap().unwrap();
        let old = store.mint_voice_session(&session("api_key 1"), 9).await.unwrap().unwrap();
        assert!(store.start_voice_session(old.id, at(1)).await.unwrap());
        assert_eq!(store.forget_voice_sessions(at(1_799), at(0)).await, Ok(0));
        assert_eq!(store.forget_voice_sessions(at(1_799), at(1)).await, Ok(1));
        assert_eq!(store.forget_voice_sessions(at(1_800), at(1)).await, Ok(1));
        assert_eq!(store.voice_session(good.id).await.unwrap(), None);
    }

    an_issuer_is_found_by_its_name_in_the_order_of_claims(test) {
        let first = test.scoped(test.tenant("first").await.id);
        let second = test.scoped(test.tenant("second").await.id);
        let lookup = test.store.lookup();
        assert_eq!(lookup.app_issuers(ISSUER).await.unwrap(), []);
        first.put_app_issuer(&app_issuer("one")).await.unwrap();
        let public = NewAppIssuer {
            key: AppIssuerKey::Jwks("https://id.example.org/keys".to_owned()),
            ..app_issuer("two")
        };
        second.put_app_issuer(&public).await.unwrap();
        let found = lookup.app_issuers(ISSUER).await.unwrap();
        let tenants: Vec<_> = found.iter().map(|it| it.tenant_id).collect();
        assert_eq!(tenants, [first.scope().tenant, second.scope().tenant]);
        assert_eq!((&found[0].key, &found[1].key), (&app_issuer("one").key, &public.key));
        assert_eq!(found[1].agents, ["medspa"]);
        assert_eq!(lookup.app_issuers("https://id.example").await.unwrap(), []);
    }
}
