//! Memories: facts kept about a contact for later calls, with source and expiry.

use serde::Serialize;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::ids::{ContactId, MemoryId};
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::word::Word;

sql! {
    PUT = "insert into memories (tenant_id, id, contact_id, topic, fact, source, confidence, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (tenant_id, contact_id, topic) do update set fact = excluded.fact, source = excluded.source,
            confidence = excluded.confidence, created_at = excluded.created_at, expires_at = excluded.expires_at";
    OF_CONTACT = "select id, contact_id, topic, fact, source, confidence, created_at, expires_at from memories
        where tenant_id = $1 and contact_id = $2 and (expires_at is null or expires_at > $3)
        order by created_at desc, id desc";
    FORGET = "delete from memories where tenant_id = $1 and id = $2";
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewMemory {
    pub contact_id: ContactId,
    /// What the fact is about, such as `preferred_practitioner`. A contact has one fact per topic.
    pub topic: Word,
    pub fact: Private<String>,
    /// Where it came from, such as `call` or `staff`.
    pub source: Word,
    /// 0 to 1, where the source gives one.
    pub confidence: Option<f64>,
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct Memory {
    pub id: MemoryId,
    pub contact_id: ContactId,
    pub topic: Word,
    pub fact: Private<String>,
    pub source: Word,
    pub confidence: Option<f64>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

impl TenantStore {
    /// Remembers a fact; an older one on the same topic is replaced.
    pub async fn remember(&self, memory: &NewMemory) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            PUT,
            self.tenant(),
            MemoryId::new(),
            memory.contact_id,
            &memory.topic,
            &memory.fact,
            &memory.source,
            memory.confidence,
            now(),
            memory.expires_at
        )?;
        tx.commit().await
    }

    /// What is known about a contact and has not expired at `now`, newest first.
    pub async fn memories(
        &self,
        contact: ContactId,
        now: Timestamp,
    ) -> Result<Vec<Memory>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all Memory, OF_CONTACT, self.tenant(), contact, now)
    }

    /// Forgets a fact. `false` when this tenant has no such memory.
    pub async fn forget(&self, memory: MemoryId) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let forgotten = execute!(&mut tx, FORGET, self.tenant(), memory)? == 1;
        tx.commit().await?;
        Ok(forgotten)
    }
}
