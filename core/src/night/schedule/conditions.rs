//! How the device is, as the platform tells.

use std::time::Duration;

/// How warm the device is: the levels of Apple's `ProcessInfo.ThermalState`; Android's
/// `THERMAL_STATUS_MODERATE` is fair, `SEVERE` serious, and what is above it critical.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thermal {
    /// Cool, or not known.
    #[default]
    Nominal,
    /// Warm: half of the budget.
    Fair,
    /// Hot: no night.
    Serious,
    /// Too hot: no night.
    Critical,
}

/// What the platform knows of the device at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
    pub free_storage: Option<u64>,
    /// Offset of the local time from UTC in minutes, east positive.
    pub offset_minutes: i32,
    /// For how long the platform lets the work run, when it told.
    pub allowed: Option<Duration>,
}

impl std::fmt::Display for Conditions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.battery_percent {
            Some(percent) => write!(f, "battery {percent} %")?,
            None => write!(f, "battery not known")?,
        }
        write!(f, ", {}", if self.charging { "charging" } else { "not charging" })?;
        write!(f, ", {}", if self.idle { "idle" } else { "in use" })?;
        if self.foreground {
            write!(f, ", app on the screen")?;
        }
        match self.thermal {
            Thermal::Nominal => {}
            Thermal::Fair => write!(f, ", warm")?,
            Thermal::Serious | Thermal::Critical => write!(f, ", hot")?,
        }
        if self.power_save {
            write!(f, ", saving power")?;
        }
        if let Some(bytes) = self.free_storage {
            write!(f, ", {} MB free", bytes / 1_000_000)?;
        }
        Ok(())
    }
}
