//! Names of objects: tenant first, then what it is, then an id. No name says anything about a person (I6).

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;
use switchboard_store::TenantId;
use uuid::Uuid;

/// The folder of everything that belongs to tenants.
const ROOT: &str = "tenants";

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// Both sides of a call, Ogg-Opus.
    Recording,
    /// What a caller left behind, Ogg-Opus or as the carrier sent it.
    Voicemail,
}

impl ObjectKind {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.folder()
    }

    const ALL: [Self; 2] = [Self::Recording, Self::Voicemail];

    /// Its folder.
    const fn folder(self) -> &'static str {
        match self {
            Self::Recording => "recordings",
            Self::Voicemail => "voicemail",
        }
    }
}

/// The name of one object: `tenants/<tenant>/<kind>/<id>`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ObjectKey {
    tenant: TenantId,
    kind: ObjectKind,
    id: Uuid,
    path: Path,
}

impl ObjectKey {
    /// The object of `tenant` with this id, which is the id of the row that names it.
    #[must_use]
    pub fn new(tenant: TenantId, kind: ObjectKind, id: Uuid) -> Self {
        let path = Path::from_iter([ROOT, &tenant.to_string(), kind.folder(), &id.to_string()]);
        Self {
            tenant,
            kind,
            id,
            path,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// The id of the row that names it.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// As it is stored in a row.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.path.as_ref()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn root() -> Path {
        Path::from(ROOT)
    }

    pub(super) fn folder_of(tenant: TenantId) -> Path {
        Path::from_iter([ROOT, &tenant.to_string()])
    }
}

/// A text that is no name of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an object")]
pub struct NoObjectKey;

impl FromStr for ObjectKey {
    type Err = NoObjectKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let [ROOT, tenant, kind, id] = parts[..] else {
            return Err(NoObjectKey);
        };
        let kind = ObjectKind::ALL.into_iter().find(|it| it.folder() == kind);
        let tenant = tenant.parse().map_err(|_| NoObjectKey)?;
        let id = id.parse().map_err(|_| NoObjectKey)?;
        let key = Self::new(tenant, kind.ok_or(NoObjectKey)?, id);
        // Other spellings of an id would be second names of one object.
        if key.as_str() == text {
            Ok(key)
        } else {
            Err(NoObjectKey)
        }
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
