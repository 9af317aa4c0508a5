//! What the schedule says.

use crate::base::Budget;

/// Why a night should run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunReason {
    /// It is night, and tonight's slates are not made.
    Night,
    /// The night before was cut; this goes on with what it left.
    GoOn,
    /// A release has come for which no night was made.
    NewRelease,
    /// No night was made since the last window, and the device charges unused.
    Missed,
    /// No night was made since the last window, and the app is opened: the most needed slates, in
    /// a budget that nobody notices.
    CatchUp,
}

/// Why no night should run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Each reason with its word on disk and its sentence.
const WORDS: [(NotYetReason, &str, &str); 10] = [
    (NotYetReason::NoRelease, "no-release", "no release is installed"),
    (NotYetReason::Done, "done", "the slates were made already"),
    (NotYetReason::Failed, "failed", "nights failed before, and the next try had to wait"),
    (NotYetReason::BatteryLow, "battery-low", "the battery was low"),
    (NotYetReason::NotCharging, "not-charging", "the device was not charging"),
    (NotYetReason::NotIdle, "not-idle", "the device was in use"),
    (NotYetReason::Hot, "hot", "the device was hot"),
    (NotYetReason::PowerSave, "power-save", "power saving was on"),
    (NotYetReason::StorageLow, "storage-low", "too little storage was free"),
    (NotYetReason::TooShort, "too-short", "the platform gave too little time"),
];

impl NotYetReason {
    /// The word by which the journal knows it.
    #[must_use]
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|known| known.0 == self).map_or("", |known| known.1)
    }

    /// The reason of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        WORDS.iter().find(|known| known.1 == word).map(|known| known.0)
    }
}

impl std::fmt::Display for NotYetReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(WORDS.iter().find(|known| known.0 == *self).map_or("", |known| known.2))
    }
}

/// Whether to run a night now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Run one with this budget.
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
