//! What the schedule goes by.

use std::time::Duration;

use super::Window;

/// No `NotYet` names a time further away: the next window begins within a day, and nothing waits
/// longer.
pub const EARLIEST_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

/// What the schedule goes by; the default is right for most apps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchedulePolicy {
    /// The night until it is learned, and when it cannot be.
    pub window: Window,
    /// Least charge in percent of a device that does not charge.
    pub battery_percent_min: u8,
    /// Whether a night waits for the charger.
    pub needs_charging: bool,
    /// Whether a night waits until nobody uses the device.
    pub needs_idle: bool,
    /// Least free bytes.
    pub free_storage_min: u64,
    /// Time of a night.
    pub night_wall: Duration,
    /// Processor time of a night.
    pub night_cpu: Duration,
    /// Memory of a night in bytes.
    pub night_memory: u64,
    /// Less time than this is not worth beginning in.
    pub shortest: Duration,
    /// Processor time of a catch-up while the app is on the screen.
    pub catch_up_cpu: Duration,
    /// Time of a catch-up.
    pub catch_up_wall: Duration,
    /// Time from one try to a catch-up.
    pub catch_up_every: Duration,
    /// After how long to ask again when the device was not ready.
    pub ask_again: Duration,
    /// Wait after the first failure; it doubles with each.
    pub backoff: Duration,
    /// Longest such wait.
    pub backoff_max: Duration,
}

impl Default for SchedulePolicy {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        Self {
            window: Window { from: 22 * 60, until: 6 * 60 },
            battery_percent_min: 30,
            needs_charging: true,
            needs_idle: true,
            // Slates take a few megabytes; the rest is what a full phone needs itself.
            free_storage_min: 64 << 20,
            // The work manager of Android stops a worker after ten minutes.
            night_wall: minutes(9),
            night_cpu: minutes(5),
            night_memory: 128 << 20,
            shortest: Duration::from_millis(200),
            catch_up_cpu: Duration::from_millis(300),
            catch_up_wall: Duration::from_secs(1),
            catch_up_every: minutes(60),
            ask_again: minutes(15),
            backoff: minutes(15),
            backoff_max: minutes(6 * 60),
        }
    }
}
