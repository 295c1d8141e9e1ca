//! Where a tenant's mail goes: one address, and others for single agents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use switchboard_store::{StoreError, TenantStore, Word};

use super::letter::MailAddress;

/// The tenant's setting.
const SETTING: Word = Word::new("mail_addresses");

/// As it is stored.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailAddresses {
    /// Where mail about any agent goes.
    #[serde(default)]
    tenant: Option<String>,
    /// Where mail about one agent goes instead.
    #[serde(default)]
    agents: BTreeMap<String, String>,
}

impl MailAddresses {
    /// The tenant's addresses; none when there are none, or when what is stored is none.
    pub async fn of(rows: &TenantStore) -> Result<Self, StoreError> {
        let stored = rows.setting(&SETTING).await?;
        let stored = stored.and_then(|value| serde_json::from_value(value).ok());
        Ok(stored.unwrap_or_default())
    }

    /// Where mail about this agent goes. `None`: nowhere.
    pub fn of_agent(&self, agent: &str) -> Option<MailAddress> {
        let text = self.agents.get(agent).or(self.tenant.as_ref())?;
        text.parse().ok()
    }

    /// Sets, or with `None` removes, the address of one agent or of the tenant.
    pub fn set(&mut self, agent: Option<&str>, address: Option<&MailAddress>) {
        let address = address.map(|address| address.expose().to_owned());
        match (agent, address) {
            (None, address) => self.tenant = address,
            (Some(agent), Some(address)) => drop(self.agents.insert(agent.to_owned(), address)),
            (Some(agent), None) => drop(self.agents.remove(agent)),
        }
    }

    /// Every address with the agent it is for; `None` is the tenant's.
    pub fn list(&self) -> Vec<(Option<&str>, &str)> {
        let tenant = self.tenant.as_deref().map(|address| (None, address));
        let agents = self.agents.iter();
        let agents = agents.map(|(agent, address)| (Some(agent.as_str()), address.as_str()));
        tenant.into_iter().chain(agents).collect()
    }

    /// Stores the addresses and leaves an audit entry.
    pub async fn store(&self, rows: &TenantStore) -> Result<(), StoreError> {
        let value = serde_json::to_value(self).expect("texts can be written as JSON");
        rows.put_setting(&SETTING, &value).await
    }
}
