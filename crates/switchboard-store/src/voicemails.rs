//! Voicemails: messages that callers left when nobody took the call.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::call_outcome;
use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{CallId, TenantId, VoicemailId};
use crate::jobs;
use crate::list::ListFilter;
use crate::private::Private;
use crate::scope::{Actor, TenantStore};
use crate::time::Timestamp;
use crate::word::Word;

sql! {
    INSERT = "insert into voicemails (tenant_id, id, call_id, recording_id, account_id, length_s, recorded_at, disclosed)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (tenant_id, recording_id) do update
            set length_s = coalesce(voicemails.length_s, excluded.length_s),
                account_id = coalesce(voicemails.account_id, excluded.account_id)";
    BY_RECORDING = "select id from voicemails where tenant_id = $1 and recording_id = $2";
    DETAIL = "select id, call_id, recording_id, account_id, length_s, object_key, recorded_at, heard_at, disclosed,
            transcription, transcript, transcript_language
        from voicemails where tenant_id = $1 and id = $2";
    KEEP_AUDIO = "update voicemails set object_key = $3 where tenant_id = $1 and id = $2 and object_key is null";
    TRANSCRIBE = "update voicemails set transcript = $3, transcript_language = $4, transcription = 'done'
        where tenant_id = $1 and id = $2 and transcription is null";
    LEAVE_UNWRITTEN = "update voicemails set transcription = $3 where tenant_id = $1 and id = $2 and transcription is null";
    HEAR = "update voicemails set heard_at = coalesce(heard_at, $3) where tenant_id = $1 and id = $2";
    LIST = "select id, call_id, recording_id, account_id, length_s, object_key, recorded_at, heard_at, disclosed,
            transcription, transcript, transcript_language
        from voicemails where tenant_id = $1 and (call_id = $2 or $2 is null)
        order by recorded_at desc, id desc limit $3";
}

/// A message as the carrier tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewVoicemail {
    /// Made by the writer. The id of the first write stays.
    pub id: VoicemailId,
    pub call_id: CallId,
    /// The carrier's id of the recording, unique in the tenant.
    pub recording_id: String,
    /// The carrier's account that has the audio.
    #[serde(default)]
    pub account_id: Option<String>,
    pub length_s: Option<i64>,
    pub recorded_at: Timestamp,
    /// Whether the caller was told, before the tone, that the message is written down.
    #[serde(default)]
    pub disclosed: bool,
}

/// A message in `switchboard list voicemails`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct VoicemailListing {
    pub id: VoicemailId,
    pub call_id: CallId,
    pub recording_id: String,
    pub account_id: Option<String>,
    pub length_s: Option<i64>,
    /// Where the audio is in the archive; none until it was fetched.
    pub object_key: Option<String>,
    pub recorded_at: Timestamp,
    /// When somebody of the tenant first listened to it.
    pub heard_at: Option<Timestamp>,
    /// Whether the caller was told, before the tone, that the message is written down.
    pub disclosed: bool,
    /// `done`, or why there is no transcript; none while it is not decided.
    pub transcription: Option<Word>,
    pub transcript: Option<Private<String>>,
    pub transcript_language: Option<String>,
}

impl TenantStore {
    /// Stores a message, once per recording: a repetition gives the id that is there.
    ///
    /// # Errors
    /// `MissingReference` when the call is not stored in this tenant.
    pub async fn add_voicemail(&self, voicemail: &NewVoicemail) -> Result<VoicemailId, StoreError> {
        let mut tx = self.write().await?;
        add(&mut tx, self.tenant(), voicemail).await?;
        let (id,) = fetch!(
            &mut tx,
            one Only<VoicemailId>,
            BY_RECORDING,
            self.tenant(),
            &voicemail.recording_id
        )?;
        tx.commit().await?;
        Ok(id)
    }

    /// One message. When staff or a key reads it, an audit entry says so.
    pub async fn voicemail(&self, id: VoicemailId) -> Result<Option<VoicemailListing>, StoreError> {
        let mut tx = self.begin_reading().await?;
        let found = fetch!(&mut tx, optional VoicemailListing, DETAIL, self.tenant(), id)?;
        self.note_reading(tx, &id.to_string()).await?;
        Ok(found)
    }

    /// Says where the audio is. `false` when that was known already, or there is no such message.
    pub async fn keep_voicemail_audio(
        &self,
        id: VoicemailId,
        object_key: &str,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let kept = execute!(&mut tx, KEEP_AUDIO, self.tenant(), id, object_key)?;
        tx.commit().await?;
        Ok(kept == 1)
    }

    /// Says what was said. `false` when that was decided already (perhaps by a withdrawal), or there is no such message.
    pub async fn transcribe_voicemail(
        &self,
        id: VoicemailId,
        transcript: &Private<String>,
        language: Option<&str>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let changed = execute!(&mut tx, TRANSCRIBE, self.tenant(), id, transcript, language)?;
        tx.commit().await?;
        Ok(changed == 1)
    }

    /// Says why nothing is written down. `false` when that was decided already, or there is no such message.
    pub async fn leave_voicemail_unwritten(
        &self,
        id: VoicemailId,
        why: &Word,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let changed = execute!(&mut tx, LEAVE_UNWRITTEN, self.tenant(), id, why)?;
        tx.commit().await?;
        Ok(changed == 1)
    }

    /// Notes that somebody listened to it; the first time stays. `false` when there is no such message.
    pub async fn hear_voicemail(&self, id: VoicemailId, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let changed = execute!(&mut tx, HEAR, self.tenant(), id, at)?;
        tx.commit().await?;
        Ok(changed == 1)
    }

    /// Messages, newest first. When staff or a key reads them, an audit entry says so.
    pub async fn list_voicemails(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<VoicemailListing>, StoreError> {
        let mut tx = self.begin_reading().await?;
        let found = fetch!(
            &mut tx, all VoicemailListing, LIST, self.tenant(), filter.call, filter.rows_max()
        )?;
        let noun_id = filter.call.map(|call| call.to_string());
        self.note_reading(tx, noun_id.as_deref().unwrap_or("all"))
            .await?;
        Ok(found)
    }

    /// The operator reads the database directly and the server reads its own calls; neither is a visitor.
    fn is_visited(&self) -> bool {
        matches!(self.scope.actor, Actor::Staff(_) | Actor::ApiKey(_))
    }

    async fn begin_reading(&self) -> Result<Tx, StoreError> {
        if self.is_visited() {
            self.write().await
        } else {
            self.read().await
        }
    }

    async fn note_reading(&self, mut tx: Tx, noun_id: &str) -> Result<(), StoreError> {
        if !self.is_visited() {
            return Ok(());
        }
        let deed = Deed {
            action: "read",
            noun: "voicemails",
            noun_id: &noun_id,
        };
        audit::record(&mut tx, &self.scope, deed).await?;
        tx.commit().await
    }
}

pub(crate) async fn add(
    tx: &mut Tx,
    tenant: TenantId,
    voicemail: &NewVoicemail,
) -> Result<(), StoreError> {
    execute!(
        tx,
        INSERT,
        tenant,
        voicemail.id,
        voicemail.call_id,
        &voicemail.recording_id,
        &voicemail.account_id,
        voicemail.length_s,
        voicemail.recorded_at,
        voicemail.disclosed
    )?;
    call_outcome::message_left(tx, tenant, voicemail.call_id).await?;
    // Of several writes about one recording the first one's id counts.
    let (id,) = fetch!(
        tx,
        one Only<VoicemailId>,
        BY_RECORDING,
        tenant,
        &voicemail.recording_id
    )?;
    let left = ("voicemail_id", id.uuid());
    jobs::follow(tx, tenant, jobs::VOICEMAIL_LEFT, left).await?;
    jobs::follow(tx, tenant, jobs::VOICEMAIL_FETCH, left).await
}
