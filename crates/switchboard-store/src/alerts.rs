//! Alerts: what is wrong, since when, and when it was over. A tenant's own, and those of the installation under it.

use serde::Serialize;
use sqlx::FromRow;

use crate::db::Sight;
use crate::error::StoreError;
use crate::ids::AlertId;
use crate::installation::Installation;
use crate::list::ListFilter;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;
use crate::words::AlertSeverity;

sql! {
    // Raised once: a second node that finds the same meets the open one.
    RAISE = "insert into alerts (tenant_id, id, rule, severity, figure, raised_at)
        values ($1, $2, $3, $4, $5, $6) on conflict do nothing";
    CLEAR = "update alerts set cleared_at = $3 where tenant_id = $1 and rule = $2 and cleared_at is null";
    LIST = "select id, rule, '' as subject, severity, figure, raised_at, cleared_at from alerts
        where tenant_id = $1 and (cleared_at is null or cleared_at >= $2 or $2 is null)
        order by raised_at desc, id desc limit $3";
    RAISE_IN_INSTALLATION = "insert into installation_alerts (id, rule, subject, severity, figure, raised_at, seen_at)
        values ($1, $2, $3, $4, $5, $6, $6) on conflict do nothing";
    SEE_IN_INSTALLATION = "update installation_alerts set seen_at = $3
        where rule = $1 and subject = $2 and cleared_at is null";
    CLEAR_IN_INSTALLATION = "update installation_alerts set cleared_at = $3
        where rule = $1 and subject = $2 and cleared_at is null";
    CLEAR_UNSEEN_IN_INSTALLATION = "update installation_alerts set cleared_at = $2
        where cleared_at is null and seen_at < $1
        returning id, rule, subject, severity, figure, raised_at, cleared_at";
    LIST_OF_INSTALLATION = "select id, rule, subject, severity, figure, raised_at, cleared_at from installation_alerts
        where cleared_at is null or cleared_at >= $1 or $1 is null
        order by raised_at desc, id desc limit $2";
}

/// An alert about to be raised. `rule` and `subject` name it; there is one open at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAlert {
    pub rule: Word,
    /// Which node or vendor account, for alerts of the installation. A tenant's alert has none.
    pub subject: String,
    pub severity: AlertSeverity,
    /// In the unit of the rule.
    pub figure: f64,
    pub at: Timestamp,
}

/// An alert in `switchboard list alerts`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct AlertListing {
    pub id: AlertId,
    pub rule: Word,
    /// Blank for a tenant's own.
    pub subject: String,
    pub severity: AlertSeverity,
    /// What raised it, in the unit of the rule.
    pub figure: f64,
    pub raised_at: Timestamp,
    /// `None` while it lasts.
    pub cleared_at: Option<Timestamp>,
}

impl TenantStore {
    /// Raises an alert of this tenant; `false` when it is open already.
    pub async fn raise_alert(&self, alert: &NewAlert) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let NewAlert {
            rule,
            severity,
            figure,
            at,
            ..
        } = alert;
        let raised = execute!(
            &mut tx,
            RAISE,
            self.tenant(),
            AlertId::new(),
            rule,
            *severity,
            *figure,
            *at
        )? == 1;
        tx.commit().await?;
        Ok(raised)
    }

    /// Clears an open alert; `false` when none was open.
    pub async fn clear_alert(&self, rule: &Word, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let cleared = execute!(&mut tx, CLEAR, self.tenant(), rule, at)? == 1;
        tx.commit().await?;
        Ok(cleared)
    }

    /// Alerts that are open or were cleared after a moment (all, without one), newest first.
    pub async fn list_alerts(
        &self,
        cleared_after: Option<Timestamp>,
        filter: &ListFilter,
    ) -> Result<Vec<AlertListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all AlertListing, LIST, self.tenant(), cleared_after, filter.rows_max())
    }
}

impl Installation {
    /// Raises an alert of the installation; `false` when it is open already.
    pub async fn raise_alert(&self, alert: &NewAlert) -> Result<bool, StoreError> {
        let mut tx = self.db.write(Sight::Installation).await?;
        let NewAlert {
            rule,
            subject,
            severity,
            figure,
            at,
        } = alert;
        let raised = execute!(
            &mut tx,
            RAISE_IN_INSTALLATION,
            AlertId::new(),
            rule,
            subject,
            *severity,
            *figure,
            *at
        )? == 1;
        tx.commit().await?;
        Ok(raised)
    }

    /// Says that an open alert still holds.
    pub async fn see_alert(
        &self,
        rule: &Word,
        subject: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.db.write(Sight::Installation).await?;
        execute!(&mut tx, SEE_IN_INSTALLATION, rule, subject, at)?;
        tx.commit().await
    }

    /// Clears an open alert; `false` when none was open.
    pub async fn clear_alert(
        &self,
        rule: &Word,
        subject: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.write(Sight::Installation).await?;
        let cleared = execute!(&mut tx, CLEAR_IN_INSTALLATION, rule, subject, at)? == 1;
        tx.commit().await?;
        Ok(cleared)
    }

    /// Clears open alerts that nobody has seen since a moment: their node is gone. Gives those that this call cleared.
    pub async fn clear_unseen_alerts(
        &self,
        seen_before: Timestamp,
        at: Timestamp,
    ) -> Result<Vec<AlertListing>, StoreError> {
        let mut tx = self.db.write(Sight::Installation).await?;
        let cleared: Vec<AlertListing> =
            fetch!(&mut tx, all AlertListing, CLEAR_UNSEEN_IN_INSTALLATION, seen_before, at)?;
        tx.commit().await?;
        Ok(cleared)
    }

    /// Alerts that are open or were cleared after a moment (all, without one), newest first.
    pub async fn list_alerts(
        &self,
        cleared_after: Option<Timestamp>,
        filter: &ListFilter,
    ) -> Result<Vec<AlertListing>, StoreError> {
        let mut tx = self.db.read(Sight::Installation).await?;
        fetch!(&mut tx, all AlertListing, LIST_OF_INSTALLATION, cleared_after, filter.rows_max())
    }
}
