//! An ephemeral token, and an issuer of tokens for an app's users.

use switchboard_store::*;

use super::SharedIds;
use crate::support::at;

pub const ISSUER: &str = "https://id.example.org";

pub async fn seed_voice(store: &TenantStore, shared: SharedIds, contact: ContactId, canary: &str) {
    let session = voice_session(shared.call, contact, canary);
    let minted = store.mint_voice_session(&session, 2).await;
    assert!(minted.unwrap().is_some());
    store.put_app_issuer(&app_issuer(canary)).await.unwrap();
}

pub fn voice_session(id: CallId, contact: ContactId, canary: &str) -> NewVoiceSession {
    NewVoiceSession {
        id,
        user_id: Some("user-1".into()),
        contact_id: Some(contact),
        project_id: Some(canary.to_owned()),
        context: Some(canary.into()),
        created_at: at(0),
        ..NewVoiceSession::of("medspa", "api_key 1", at(1_800))
    }
}

pub fn app_issuer(canary: &str) -> NewAppIssuer {
    NewAppIssuer {
        issuer: ISSUER.to_owned(),
        audience: canary.to_owned(),
        algorithm: "HS256".to_owned(),
        key: AppIssuerKey::Secret(canary.as_bytes().to_vec().into()),
        agents: vec!["medspa".to_owned()],
    }
}
