//! The journal's door: many writes about calls of one tenant, in one transaction.

use serde::{Deserialize, Serialize};

use crate::call_events::{self, CallEventWrite};
use crate::call_inputs::{self, CallInputBatch};
use crate::call_outcome;
use crate::calls::{self, CallEnd, CallProgress, NewCall};
use crate::consents::{self, NewConsent};
use crate::db::Tx;
use crate::error::StoreError;
use crate::handshakes::{self, HandshakeWrite};
use crate::ids::{CallId, ContactId, ConversationId, TenantId};
use crate::jobs::{self, NewJob};
use crate::model_sessions::{self, ModelSessionWrite};
use crate::recordings::{self, RecordingWrite};
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::tool_calls::{self, ToolCallWrite};
use crate::transfers::{self, TransferWrite};
use crate::turns::{self, TurnWrite};
use crate::usage::{self, UsageWrite};
use crate::voicemails::{self, NewVoicemail};
use crate::withdrawal;

/// One write about a call. Every one may be written again without harm, so a spool can be replayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "write", content = "row", rename_all = "snake_case")]
pub enum JournalWrite {
    CallOffered(NewCall),
    CallProgressed(CallProgress),
    CallMatched {
        call_id: CallId,
        contact_id: Option<ContactId>,
        conversation_id: Option<ConversationId>,
    },
    CallLanguage {
        call_id: CallId,
        language: String,
    },
    CallEnded(CallEnd),
    Event(CallEventWrite),
    Inputs(CallInputBatch),
    Turn(TurnWrite),
    ToolCall(ToolCallWrite),
    Consent(NewConsent),
    Recording(RecordingWrite),
    /// The caller took the consent back: what was written of the call so far is erased.
    WordsWithdrawn {
        call_id: CallId,
    },
    Usage(UsageWrite),
    Handshake(HandshakeWrite),
    ModelSession(ModelSessionWrite),
    Transfer(TransferWrite),
    /// The call is over, so nobody is rung for it any more.
    TransfersClosed {
        call_id: CallId,
        at: Timestamp,
    },
    Voicemail(NewVoicemail),
    /// Work that follows from the writes beside it, asked for in their transaction.
    Job(NewJob),
}

impl TenantStore {
    /// Applies the writes in order, all of them or, on any error, none. Stored means committed when this returns.
    ///
    /// # Errors
    /// `MissingReference` when a write names a call or contact that is not stored in this tenant.
    pub async fn apply(&self, writes: &[JournalWrite]) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        let mut tx = self.write().await?;
        let (mut events, mut usage, mut ended) = (Vec::new(), Vec::new(), Vec::new());
        for write in writes {
            if let JournalWrite::CallEnded(end) = write {
                ended.push(end.call_id);
            }
            match write {
                // Nothing refers to an event or a line of the ledger, so they may come last, many in one statement.
                JournalWrite::Event(event) => events.push(event),
                JournalWrite::Usage(row) => usage.push(row),
                other => other.apply(&mut tx, self.tenant()).await?,
            }
        }
        call_events::append_all(&mut tx, self.tenant(), &events).await?;
        usage::add_all(&mut tx, self.tenant(), &usage).await?;
        // After everything that the figures are of.
        for call in ended {
            call_outcome::sum_up(&mut tx, self.tenant(), call).await?;
        }
        tx.commit().await
    }
}

impl JournalWrite {
    async fn apply(&self, tx: &mut Tx, tenant: TenantId) -> Result<(), StoreError> {
        match self {
            Self::CallOffered(call) => calls::offer(tx, tenant, call).await.map(drop),
            Self::CallProgressed(progress) => calls::advance(tx, tenant, progress).await.map(drop),
            Self::CallMatched {
                call_id,
                contact_id,
                conversation_id,
            } => calls::assign(tx, tenant, *call_id, *contact_id, *conversation_id).await,
            Self::CallLanguage { call_id, language } => {
                calls::speak(tx, tenant, *call_id, language).await
            }
            Self::CallEnded(end) => calls::finish(tx, tenant, end).await.map(drop),
            Self::Event(event) => call_events::append_all(tx, tenant, &[event]).await,
            Self::Inputs(inputs) => call_inputs::append(tx, tenant, inputs).await,
            Self::Turn(turn) => turns::put(tx, tenant, turn).await,
            Self::ToolCall(call) => tool_calls::put(tx, tenant, call).await,
            Self::Consent(consent) => consents::add(tx, tenant, consent).await,
            Self::Recording(recording) => recordings::put(tx, tenant, recording).await,
            Self::WordsWithdrawn { call_id } => withdrawal::forget(tx, tenant, *call_id).await,
            Self::Usage(row) => usage::add_all(tx, tenant, &[row]).await,
            Self::Handshake(handshake) => handshakes::add(tx, tenant, handshake).await,
            Self::ModelSession(session) => model_sessions::put(tx, tenant, session).await,
            Self::Transfer(transfer) => transfers::put(tx, tenant, transfer).await,
            Self::TransfersClosed { call_id, at } => {
                transfers::close(tx, tenant, *call_id, *at).await
            }
            Self::Voicemail(voicemail) => voicemails::add(tx, tenant, voicemail).await,
            Self::Job(job) => jobs::enqueue(tx, tenant, job).await.map(drop),
        }
    }
}
