//! Switches: what the operator or the tenant turned on or off for the next calls, without a restart.
//!
//! A switch is set for the installation, for a tenant, or for one of its numbers, and the most specific one that has
//! not expired wins. The values are text here; what a switch may say is known by whoever obeys it.

use serde::Serialize;
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::db::{Only, Sight, Tx};
use crate::error::StoreError;
use crate::ids::{AuditEntryId, NumberId, SwitchId};
use crate::installation::Installation;
use crate::phone::PhoneNumber;
use crate::scope::{Actor, Purpose, TenantStore};
use crate::time::{Timestamp, now};
use crate::words::{Switch, SwitchScope};

sql! {
    NUMBER = "select id from numbers where tenant_id = $1 and number = $2";
    PUT_TENANT = "insert into switches (tenant_id, id, switch, value, set_at, expires_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (tenant_id, switch) where number_id is null
        do update set value = excluded.value, set_at = excluded.set_at, expires_at = excluded.expires_at";
    PUT_NUMBER = "insert into switches (tenant_id, id, switch, value, set_at, expires_at, number_id)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (tenant_id, switch, number_id) where number_id is not null
        do update set value = excluded.value, set_at = excluded.set_at, expires_at = excluded.expires_at";
    PUT_INSTALLATION = "insert into installation_switches (switch, value, set_at, expires_at) values ($1, $2, $3, $4)
        on conflict (switch)
        do update set value = excluded.value, set_at = excluded.set_at, expires_at = excluded.expires_at";
    OLD_TENANT = "select value from switches where tenant_id = $1 and switch = $2 and number_id is null";
    OLD_NUMBER = "select value from switches where tenant_id = $1 and switch = $2 and number_id = $3";
    OLD_INSTALLATION = "select value from installation_switches where switch = $1";
    CLEAR_TENANT = "delete from switches where tenant_id = $1 and switch = $2 and number_id is null";
    CLEAR_NUMBER = "delete from switches where tenant_id = $1 and switch = $2 and number_id = $3";
    CLEAR_INSTALLATION = "delete from installation_switches where switch = $1";
    LIST = "select switch, scope, number, value, set_at, expires_at from (
            select i.switch, 'installation' as scope, null as number, i.value, i.set_at, i.expires_at
                from installation_switches i
            union all
            select t.switch, 'tenant', null, t.value, t.set_at, t.expires_at
                from switches t where t.tenant_id = $1 and t.number_id is null
            union all
            select s.switch, 'number', n.number, s.value, s.set_at, s.expires_at
                from switches s join numbers n on n.tenant_id = $1 and n.id = s.number_id where s.tenant_id = $1
        ) as everything order by switch, scope, number";
    LIST_INSTALLATION = "select switch, 'installation' as scope, null as number, value, set_at, expires_at
        from installation_switches order by switch";
    FOR_CALL = "select i.switch, 'installation' as scope, i.value from installation_switches i
            where i.expires_at > $3 or i.expires_at is null
        union all
        select t.switch, 'tenant', t.value from switches t
            where t.tenant_id = $1 and t.number_id is null and (t.expires_at > $3 or t.expires_at is null)
        union all
        select s.switch, 'number', s.value from switches s
            join numbers n on n.tenant_id = $1 and n.id = s.number_id and n.number = $2
            where s.tenant_id = $1 and (s.expires_at > $3 or s.expires_at is null)";
    AUDIT_INSTALLATION = "insert into installation_audit_entries (id, at, actor_kind, purpose, action, noun, noun_id)
        values ($1, $2, $3, $4, $5, $6, $7)";
}

/// One switch as it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct SwitchListing {
    pub switch: Switch,
    /// How far it reaches.
    pub scope: SwitchScope,
    /// The number it is for, in the scope `number`.
    pub number: Option<PhoneNumber>,
    pub value: String,
    pub set_at: Timestamp,
    /// It counts until then; without a time, until it is cleared.
    pub expires_at: Option<Timestamp>,
}

/// A switch that counts for one call.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SwitchValue {
    pub switch: Switch,
    pub scope: SwitchScope,
    pub value: String,
}

/// A switch to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSwitch {
    pub switch: Switch,
    pub value: String,
    pub expires_at: Option<Timestamp>,
}

impl TenantStore {
    /// Sets a switch for the tenant, or for one of its numbers, and leaves an audit entry.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such number.
    pub async fn put_switch(
        &self,
        number: Option<&PhoneNumber>,
        new: &NewSwitch,
    ) -> Result<(), StoreError> {
        let NewSwitch {
            switch,
            value,
            expires_at,
        } = new;
        let (tenant, id, at) = (self.tenant(), SwitchId::new(), now());
        let mut tx = self.write().await?;
        let number = self.number_id(&mut tx, number).await?;
        let old = self.old_value(&mut tx, *switch, number).await?;
        match number {
            None => {
                execute!(
                    &mut tx, PUT_TENANT, tenant, id, switch, value, at, expires_at
                )?;
            }
            Some(number) => {
                execute!(
                    &mut tx, PUT_NUMBER, tenant, id, switch, value, at, expires_at, number
                )?;
            }
        }
        let change = Change {
            switch: *switch,
            number,
            from: old.as_deref(),
            to: Some(value),
        };
        self.note(&mut tx, "put", &change).await?;
        tx.commit().await
    }

    /// Clears a switch of the tenant or of one of its numbers. `false` when it was not set.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such number.
    pub async fn clear_switch(
        &self,
        number: Option<&PhoneNumber>,
        switch: Switch,
    ) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let mut tx = self.write().await?;
        let number = self.number_id(&mut tx, number).await?;
        let old = self.old_value(&mut tx, switch, number).await?;
        let cleared = match number {
            None => execute!(&mut tx, CLEAR_TENANT, tenant, switch)?,
            Some(number) => execute!(&mut tx, CLEAR_NUMBER, tenant, switch, number)?,
        };
        if cleared == 1 {
            let change = Change {
                switch,
                number,
                from: old.as_deref(),
                to: None,
            };
            self.note(&mut tx, "clear", &change).await?;
        }
        tx.commit().await?;
        Ok(cleared == 1)
    }

    /// Everything that is set for this tenant, its numbers, and the installation, expired ones included.
    pub async fn list_switches(&self) -> Result<Vec<SwitchListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all SwitchListing, LIST, self.tenant())
    }

    /// What counts for a call to this number at `at`, of every scope.
    pub async fn switches_for_call(
        &self,
        number: Option<&PhoneNumber>,
        at: Timestamp,
    ) -> Result<Vec<SwitchValue>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all SwitchValue, FOR_CALL, self.tenant(), number, at)
    }

    async fn number_id(
        &self,
        tx: &mut Tx,
        number: Option<&PhoneNumber>,
    ) -> Result<Option<NumberId>, StoreError> {
        let Some(number) = number else {
            return Ok(None);
        };
        let found = fetch!(tx, optional Only<NumberId>, NUMBER, self.tenant(), number)?;
        let (id,) = found.ok_or(StoreError::NotFound { noun: "number" })?;
        Ok(Some(id))
    }

    async fn old_value(
        &self,
        tx: &mut Tx,
        switch: Switch,
        number: Option<NumberId>,
    ) -> Result<Option<String>, StoreError> {
        let tenant = self.tenant();
        let old = match number {
            None => fetch!(tx, optional Only<String>, OLD_TENANT, tenant, switch)?,
            Some(number) => fetch!(tx, optional Only<String>, OLD_NUMBER, tenant, switch, number)?,
        };
        Ok(old.map(|(value,)| value))
    }

    async fn note(
        &self,
        tx: &mut Tx,
        action: &'static str,
        change: &Change<'_>,
    ) -> Result<(), StoreError> {
        let deed = Deed {
            action,
            noun: "switch",
            noun_id: change,
        };
        audit::record(tx, &self.scope, deed).await
    }
}

impl Installation {
    /// Sets a switch for every tenant and leaves an audit entry.
    pub async fn put_switch(&self, new: &NewSwitch) -> Result<(), StoreError> {
        let NewSwitch {
            switch,
            value,
            expires_at,
        } = new;
        let mut tx = self.db.write(Sight::Installation).await?;
        let old = fetch!(&mut tx, optional Only<String>, OLD_INSTALLATION, switch)?;
        execute!(&mut tx, PUT_INSTALLATION, switch, value, now(), expires_at)?;
        let change = Change {
            switch: *switch,
            number: None,
            from: old.as_ref().map(|(value,)| value.as_str()),
            to: Some(value),
        };
        note_installation(&mut tx, "put", &change).await?;
        tx.commit().await
    }

    /// Clears a switch of the installation. `false` when it was not set.
    pub async fn clear_switch(&self, switch: Switch) -> Result<bool, StoreError> {
        let mut tx = self.db.write(Sight::Installation).await?;
        let old = fetch!(&mut tx, optional Only<String>, OLD_INSTALLATION, switch)?;
        let cleared = execute!(&mut tx, CLEAR_INSTALLATION, switch)? == 1;
        if cleared {
            let change = Change {
                switch,
                number: None,
                from: old.as_ref().map(|(value,)| value.as_str()),
                to: None,
            };
            note_installation(&mut tx, "clear", &change).await?;
        }
        tx.commit().await?;
        Ok(cleared)
    }

    /// What is set for the whole installation, expired ones included.
    pub async fn list_switches(&self) -> Result<Vec<SwitchListing>, StoreError> {
        let mut tx = self.db.read(Sight::Installation).await?;
        fetch!(&mut tx, all SwitchListing, LIST_INSTALLATION)
    }
}

async fn note_installation(
    tx: &mut Tx,
    action: &'static str,
    change: &Change<'_>,
) -> Result<(), StoreError> {
    let actor = Actor::Operator.kind();
    let purpose = Purpose::Configure.as_str();
    let change = change.to_string();
    execute!(
        tx,
        AUDIT_INSTALLATION,
        AuditEntryId::new(),
        now(),
        actor,
        purpose,
        action,
        "switch",
        change
    )?;
    Ok(())
}

/// What an audit entry says of a change. Wordings are people's text and are not repeated there.
struct Change<'a> {
    switch: Switch,
    number: Option<NumberId>,
    from: Option<&'a str>,
    to: Option<&'a str>,
}

impl std::fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = |value: Option<&str>| match value {
            None => "unset".to_owned(),
            Some(_) if self.switch == Switch::ConsentWording => "text".to_owned(),
            Some(value) => value.to_owned(),
        };
        let Self { switch, number, .. } = self;
        write!(f, "{switch}: {} -> {}", said(self.from), said(self.to))?;
        match number {
            Some(number) => write!(f, " (number {number})"),
            None => Ok(()),
        }
    }
}
