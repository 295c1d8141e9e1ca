//! Invitations: links by which a person of staff chooses a password. The token is shown once; only its hash is kept.

use crate::error::StoreError;
use crate::ids::{InvitationId, StaffId};
use crate::keys::{mint_secret, secret_hash};
use crate::private::Private;
use crate::scope::TenantStore;
use crate::staff;
use crate::time::Timestamp;

sql! {
    INSERT = "insert into invitations (tenant_id, id, staff_id, token_hash, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6)";
    // A newer link takes the place of older ones.
    END_OLDER = "update invitations set used_at = $3 where tenant_id = $1 and staff_id = $2 and used_at is null";
    USE = "update invitations set used_at = $3
        where tenant_id = $1 and id = $2 and used_at is null and expires_at > $3";
}

impl TenantStore {
    /// Makes a link's token for a person, good until `expires_at`, and leaves an audit entry.
    ///
    /// # Errors
    /// `MissingReference` when this tenant has no such person.
    pub async fn invite_staff(
        &self,
        staff: StaffId,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Private<String>, StoreError> {
        let token = mint_secret().map_err(|_| StoreError::NoRandomness)?;
        let mut tx = self.write().await?;
        execute!(&mut tx, END_OLDER, self.tenant(), staff, at)?;
        execute!(
            &mut tx,
            INSERT,
            self.tenant(),
            InvitationId::new(),
            staff,
            secret_hash(&token),
            at,
            expires_at
        )?;
        self.note_staff(&mut tx, "invite", &staff).await?;
        tx.commit().await?;
        Ok(token.into())
    }

    /// Uses an invitation up and sets the password that was chosen. `false` when it was used, has expired, or the person
    /// may no longer sign in.
    pub async fn accept_invitation(
        &self,
        invitation: InvitationId,
        staff: StaffId,
        hash: &Private<String>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let accepted = execute!(&mut tx, USE, self.tenant(), invitation, at)? == 1
            && staff::change_password(&mut tx, self, staff, hash, at).await?;
        if accepted {
            tx.commit().await?;
        }
        Ok(accepted)
    }
}
