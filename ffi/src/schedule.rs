//! Whether to run a night now: what the platform tells, and what the core says.

use std::time::Duration;

use noctule_core::night::schedule;

use crate::Budget;

/// How warm the device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Thermal {
    /// Cool, or not known.
    Nominal,
    /// Warm: `fair` of iOS, `THERMAL_STATUS_MODERATE` of Android.
    Fair,
    /// Hot: `serious`, `THERMAL_STATUS_SEVERE`.
    Serious,
    /// Too hot: `critical`, and all above severe.
    Critical,
}

impl From<Thermal> for schedule::Thermal {
    fn from(thermal: Thermal) -> Self {
        match thermal {
            Thermal::Nominal => Self::Nominal,
            Thermal::Fair => Self::Fair,
            Thermal::Serious => Self::Serious,
            Thermal::Critical => Self::Critical,
        }
    }
}

/// What the platform knows of the device at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Conditions {
    /// Charge of the battery in percent; none when it is not known.
    pub battery_percent: Option<u8>,
    /// Whether it charges.
    pub charging: bool,
    /// Whether nobody uses the device.
    pub idle: bool,
    /// Whether the app is on the screen.
    pub foreground: bool,
    /// How warm it is.
    pub thermal: Thermal,
    /// Whether the user asked to save power.
    pub power_save: bool,
    /// Free bytes where the profile lies; none when that is not known.
    pub free_storage_bytes: Option<u64>,
    /// Offset of the local time from UTC in minutes, east positive, as it is now.
    pub utc_offset_minutes: i32,
    /// For how many milliseconds the platform lets the work run, when it told.
    #[uniffi(default = None)]
    pub allowed_ms: Option<u64>,
}

impl From<Conditions> for schedule::Conditions {
    fn from(conditions: Conditions) -> Self {
        Self {
            battery_percent: conditions.battery_percent,
            charging: conditions.charging,
            idle: conditions.idle,
            foreground: conditions.foreground,
            thermal: conditions.thermal.into(),
            power_save: conditions.power_save,
            free_storage: conditions.free_storage_bytes,
            offset_minutes: conditions.utc_offset_minutes,
            allowed: conditions.allowed_ms.map(Duration::from_millis),
        }
    }
}

/// Why a night should run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum RunReason {
    /// It is night, and tonight's slates are not made.
    Night,
    /// The night before was cut; this goes on with what it left.
    GoOn,
    /// A release has come for which no night was made.
    NewRelease,
    /// No night was made since the last window, and the device charges unused.
    Missed,
    /// The same, and the app is on the screen: the most needed slates, in a budget that nobody
    /// notices.
    CatchUp,
}

impl From<schedule::RunReason> for RunReason {
    fn from(reason: schedule::RunReason) -> Self {
        match reason {
            schedule::RunReason::Night => Self::Night,
            schedule::RunReason::GoOn => Self::GoOn,
            schedule::RunReason::NewRelease => Self::NewRelease,
            schedule::RunReason::Missed => Self::Missed,
            schedule::RunReason::CatchUp => Self::CatchUp,
        }
    }
}

/// Why no night should run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum NotYetReason {
    /// No release is installed.
    NoRelease,
    /// The slates are made, and the next night has not begun.
    Done,
    /// The last tries failed; the next one waits.
    Failed,
    /// The battery is low.
    BatteryLow,
    /// The device does not charge.
    NotCharging,
    /// Somebody uses the device.
    NotIdle,
    /// The device is hot.
    Hot,
    /// The user saves power.
    PowerSave,
    /// Too little space is free.
    StorageLow,
    /// The platform gives too little time.
    TooShort,
}

impl From<schedule::NotYetReason> for NotYetReason {
    fn from(reason: schedule::NotYetReason) -> Self {
        match reason {
            schedule::NotYetReason::NoRelease => Self::NoRelease,
            schedule::NotYetReason::Done => Self::Done,
            schedule::NotYetReason::Failed => Self::Failed,
            schedule::NotYetReason::BatteryLow => Self::BatteryLow,
            schedule::NotYetReason::NotCharging => Self::NotCharging,
            schedule::NotYetReason::NotIdle => Self::NotIdle,
            schedule::NotYetReason::Hot => Self::Hot,
            schedule::NotYetReason::PowerSave => Self::PowerSave,
            schedule::NotYetReason::StorageLow => Self::StorageLow,
            schedule::NotYetReason::TooShort => Self::TooShort,
        }
    }
}

/// Whether to run a night now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Decision {
    /// Call `run_night` with this budget.
    Run {
        /// What it may spend.
        budget: Budget,
        /// Why.
        why: RunReason,
    },
    /// Not now.
    NotYet {
        /// Why.
        reason: NotYetReason,
        /// When it is worth asking again, Unix milliseconds; asking earlier does no harm.
        earliest_ms: i64,
    },
}

impl From<schedule::Decision> for Decision {
    fn from(decision: schedule::Decision) -> Self {
        match decision {
            schedule::Decision::Run { budget, why } => {
                Self::Run { budget: budget.into(), why: why.into() }
            }
            schedule::Decision::NotYet { reason, earliest_ms } => {
                Self::NotYet { reason: reason.into(), earliest_ms }
            }
        }
    }
}
