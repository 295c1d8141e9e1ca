//! The door to tenant rows: who acts, for which tenant, and what for.

use uuid::Uuid;

use crate::db::{Db, Sight, Tx};
use crate::error::StoreError;
use crate::ids::{ApiKeyId, CallId, StaffId, TenantId};

/// Who acts, for which tenant, and what for. Every function on tenant rows begins with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantScope {
    pub tenant: TenantId,
    pub actor: Actor,
    pub purpose: Purpose,
}

impl TenantScope {
    pub const fn new(tenant: TenantId, actor: Actor, purpose: Purpose) -> Self {
        Self {
            tenant,
            actor,
            purpose,
        }
    }
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The server itself.
    System,
    /// Whoever runs the installation, on the command line.
    Operator,
    Staff(StaffId),
    ApiKey(ApiKeyId),
    /// The agent in a call, through its tools.
    Agent(CallId),
}

/// What for. Kept in the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To answer and record a call.
    Call,
    /// To change what answers: agents, numbers, accounts, keys, opening hours.
    Configure,
    /// To look at lists.
    List,
    /// To read what was said.
    ReadTranscript,
    /// To sign somebody in, or to refuse it.
    SignIn,
    /// To load demo data.
    Demo,
    /// To keep the installation in order.
    Maintain,
}

impl Actor {
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Operator => "operator",
            Self::Staff(_) => "staff",
            Self::ApiKey(_) => "api_key",
            Self::Agent(_) => "agent",
        }
    }

    pub(crate) const fn api_key(self) -> Option<ApiKeyId> {
        match self {
            Self::ApiKey(id) => Some(id),
            _ => None,
        }
    }

    pub(crate) const fn id(self) -> Option<Uuid> {
        match self {
            Self::System | Self::Operator => None,
            Self::Staff(id) => Some(id.uuid()),
            Self::ApiKey(id) => Some(id.uuid()),
            Self::Agent(id) => Some(id.uuid()),
        }
    }
}

impl Purpose {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Configure => "configure",
            Self::List => "list",
            Self::ReadTranscript => "read_transcript",
            Self::SignIn => "sign_in",
            Self::Demo => "demo",
            Self::Maintain => "maintain",
        }
    }
}

/// One tenant's rows, for one actor and purpose. Its methods are in the file of their noun.
///
/// An id of another tenant behaves exactly like an id that does not exist.
#[derive(Debug, Clone)]
pub struct TenantStore {
    db: Db,
    pub(crate) scope: TenantScope,
}

impl TenantStore {
    pub(crate) const fn new(db: Db, scope: TenantScope) -> Self {
        Self { db, scope }
    }

    /// The scope these rows are seen through.
    pub const fn scope(&self) -> TenantScope {
        self.scope
    }

    pub(crate) const fn tenant(&self) -> TenantId {
        self.scope.tenant
    }

    pub(crate) async fn read(&self) -> Result<Tx, StoreError> {
        self.db.read(Sight::Tenant(self.scope.tenant)).await
    }

    pub(crate) async fn write(&self) -> Result<Tx, StoreError> {
        self.db.write(Sight::Tenant(self.scope.tenant)).await
    }
}
