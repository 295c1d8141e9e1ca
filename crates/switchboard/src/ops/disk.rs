//! Watches the room on the disk: not ready early, so that callers go elsewhere before anything fails (R5).

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::http::Drain;
use crate::ops::health::{Component, ComponentState, Health};
use crate::ops::metrics::names;

/// How often the disk is asked. A call writes some MiB a minute, so minutes pass between little and none.
const PERIOD: Duration = Duration::from_secs(5);

/// Room on one disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// For programs that are not root.
    pub free: u64,
    /// Of the whole disk.
    pub total: u64,
}

impl Room {
    /// The disk under `directory`.
    ///
    /// # Errors
    /// The directory is not there.
    pub fn on_disk_of(directory: &Path) -> io::Result<Self> {
        let disk = rustix::fs::statvfs(directory)?;
        Ok(Self {
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            total: disk.f_blocks.saturating_mul(disk.f_frsize),
        })
    }

    /// 0 to 100.
    #[must_use]
    pub fn free_percent(self) -> f64 {
        // A disk without a size has no bound that could be reached.
        if self.total == 0 {
            return 100.0;
        }
        100.0 * self.free as f64 / self.total as f64
    }

    /// Whether calls should still come here.
    #[must_use]
    pub fn state(self, percent_min: u8) -> ComponentState {
        if self.free_percent() < f64::from(percent_min) {
            ComponentState::failing("the disk is nearly full")
        } else {
            ComponentState::ACTIVE
        }
    }
}

/// Asks the disk now and then until the server stops. A disk that cannot be asked changes nothing.
pub async fn watch(directory: PathBuf, percent_min: u8, health: Health, mut drain: Drain) {
    let mut ticks = tokio::time::interval(PERIOD);
    loop {
        tokio::select! {
            _ = ticks.tick() => look(&directory, percent_min, &health).await,
            () = drain.begun() => return,
        }
    }
}

async fn look(directory: &Path, percent_min: u8, health: &Health) {
    let directory = directory.to_owned();
    let asked = tokio::task::spawn_blocking(move || Room::on_disk_of(&directory)).await;
    if let Ok(Ok(room)) = asked {
        metrics::gauge!(names::DISK_FREE_RATIO).set(room.free_percent() / 100.0);
        health.set(Component::Foundation("disk"), room.state(percent_min));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r5_a_nearly_full_disk_makes_the_server_not_ready_before_anything_fails() {
        let health = Health::new();
        health.set(Component::Channel("websocket"), ComponentState::ACTIVE);
        health.set(Component::Provider("local"), ComponentState::ACTIVE);
        for (free, is_ready) in [(6, true), (5, true), (4, false), (0, false), (50, true)] {
            let room = Room { free, total: 100 };
            health.set(Component::Foundation("disk"), room.state(5));
            assert_eq!(health.report().ready, is_ready, "{free} % free");
        }
    }

    #[test]
    fn the_disk_of_a_directory_is_asked() {
        let room = Room::on_disk_of(Path::new(".")).expect("there");
        assert!(room.total > 0 && room.free <= room.total);
        assert!(Room::on_disk_of(Path::new("/nobody/was/here")).is_err());
    }
}
