//! Conversations: the long thread with one contact across channels, holding calls and messages.

use serde::Serialize;
use sqlx::FromRow;

use crate::db::Only;
use crate::error::StoreError;
use crate::ids::{ContactId, ConversationId, MessageId};
use crate::list::ListFilter;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::word::Word;
use crate::words::{Channel, ConversationStatus, Speaker};

sql! {
    OPEN_OF_CONTACT = "select id from conversations where tenant_id = $1 and contact_id = $2 and status = 'open'
        order by updated_at desc, id desc limit 1";
    INSERT = "insert into conversations (tenant_id, id, contact_id, channel, status, created_at, updated_at)
        values ($1, $2, $3, $4, 'open', $5, $5)";
    TOUCH = "update conversations set updated_at = $3 where tenant_id = $1 and id = $2 and updated_at < $3";
    CLOSE = "update conversations set status = 'closed', outcome = coalesce($3, outcome), updated_at = $4
        where tenant_id = $1 and id = $2 and status = 'open'";
    LIST = "select v.id, v.contact_id, c.name as contact, v.channel, v.status, v.satisfaction, v.outcome,
            (select count(*) from calls k where k.tenant_id = $1 and k.conversation_id = v.id) as calls,
            (select count(*) from messages m where m.tenant_id = $1 and m.conversation_id = v.id) as messages,
            v.created_at, v.updated_at
        from conversations v left join contacts c on c.tenant_id = $1 and c.id = v.contact_id
        where v.tenant_id = $1 and (v.contact_id = $2 or $2 is null)
        order by v.updated_at desc, v.id desc limit $3";
    INSERT_MESSAGE = "insert into messages (tenant_id, id, conversation_id, channel, speaker, vendor_id, body, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (tenant_id, channel, vendor_id) do nothing";
    MESSAGES = "select id, conversation_id, channel, speaker, body, created_at from messages
        where tenant_id = $1 and conversation_id = $2 order by created_at, id";
}

#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct ConversationListing {
    pub id: ConversationId,
    pub contact_id: Option<ContactId>,
    /// The contact's name.
    pub contact: Option<Private<String>>,
    /// Where it began.
    pub channel: Channel,
    pub status: ConversationStatus,
    pub satisfaction: Option<f64>,
    pub outcome: Option<String>,
    pub calls: i64,
    pub messages: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    pub conversation_id: ConversationId,
    pub channel: Channel,
    pub speaker: Speaker,
    /// The carrier's id of the message, if it has one.
    pub vendor_id: Option<String>,
    pub body: Private<String>,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct MessageListing {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub channel: Channel,
    pub speaker: Speaker,
    pub body: Private<String>,
    pub created_at: Timestamp,
}

impl TenantStore {
    /// The open conversation with a contact, or a fresh one. Without a contact it is always a fresh one.
    ///
    /// # Errors
    /// `MissingReference` when this tenant has no such contact.
    pub async fn open_conversation(
        &self,
        contact: Option<ContactId>,
        channel: Channel,
        at: Timestamp,
    ) -> Result<ConversationId, StoreError> {
        let mut tx = self.write().await?;
        if let Some((id,)) = fetch!(
            &mut tx,
            optional Only<ConversationId>,
            OPEN_OF_CONTACT,
            self.tenant(),
            contact
        )? {
            execute!(&mut tx, TOUCH, self.tenant(), id, at)?;
            tx.commit().await?;
            return Ok(id);
        }
        let id = ConversationId::new();
        execute!(&mut tx, INSERT, self.tenant(), id, contact, channel, at)?;
        tx.commit().await?;
        Ok(id)
    }

    /// Closes a conversation. `false` when this tenant has no such open conversation.
    pub async fn close_conversation(
        &self,
        conversation: ConversationId,
        outcome: Option<&Word>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let closed = execute!(&mut tx, CLOSE, self.tenant(), conversation, outcome, now())? == 1;
        tx.commit().await?;
        Ok(closed)
    }

    /// Adds a message. `None` when the carrier's id of it is stored already.
    ///
    /// # Errors
    /// `MissingReference` when this tenant has no such conversation.
    pub async fn add_message(&self, message: &NewMessage) -> Result<Option<MessageId>, StoreError> {
        let id = MessageId::new();
        let mut tx = self.write().await?;
        let added = execute!(
            &mut tx,
            INSERT_MESSAGE,
            self.tenant(),
            id,
            message.conversation_id,
            message.channel,
            message.speaker,
            &message.vendor_id,
            &message.body,
            message.at
        )?;
        if added == 1 {
            execute!(
                &mut tx,
                TOUCH,
                self.tenant(),
                message.conversation_id,
                message.at
            )?;
        }
        tx.commit().await?;
        Ok((added == 1).then_some(id))
    }

    /// Messages of a conversation, oldest first.
    pub async fn messages(
        &self,
        conversation: ConversationId,
    ) -> Result<Vec<MessageListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all MessageListing, MESSAGES, self.tenant(), conversation)
    }

    /// Conversations, the last touched first.
    pub async fn list_conversations(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<ConversationListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all ConversationListing, LIST, self.tenant(), filter.contact, filter.rows_max())
    }
}
