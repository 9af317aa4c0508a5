//! What goes into the file.

use std::path::PathBuf;

use crate::base::limits::{
    CONTEXTS_MAX, SLATE_LENGTH_MAX, SURFACES_MAX, WIDGET_BYTES_MAX, WIDGET_REASONS_MAX,
};
use crate::base::{Error, Result, SurfaceId};

/// Name of the file in the profile directory, when no other path is said.
pub const WIDGET_FILE: &str = "noctule.slates";

/// Which slates an extension may read, and how much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WidgetPolicy {
    /// The file: on iOS in the container of the app's group. In the profile directory when absent.
    pub path: Option<PathBuf>,
    /// The surfaces, the most important first; all of the plan when empty.
    pub surfaces: Vec<SurfaceId>,
    /// Slates, at most: those of the first surface come first.
    pub slates_max: usize,
    /// Slots of each slate, at most.
    pub slots_max: usize,
    /// Reasons of each slot, at most.
    pub reasons_max: usize,
    /// Bytes of the file, at most [`WIDGET_BYTES_MAX`]. Slates that do not fit are left out.
    pub bytes_max: usize,
}

impl Default for WidgetPolicy {
    fn default() -> Self {
        Self {
            path: None,
            surfaces: Vec::new(),
            slates_max: 64,
            slots_max: 8,
            reasons_max: 2,
            bytes_max: 128 * 1024,
        }
    }
}

impl WidgetPolicy {
    /// Refuses numbers that no file could have.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] with the field.
    pub fn validate(&self) -> Result<()> {
        let bounds = [
            ("widget.surfaces", self.surfaces.len(), 0, SURFACES_MAX),
            ("widget.slates_max", self.slates_max, 1, SURFACES_MAX * CONTEXTS_MAX),
            ("widget.slots_max", self.slots_max, 1, SLATE_LENGTH_MAX),
            ("widget.reasons_max", self.reasons_max, 0, WIDGET_REASONS_MAX),
            ("widget.bytes_max", self.bytes_max, super::format::HEAD, WIDGET_BYTES_MAX),
        ];
        for (field, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                let reason = format!("is {value}, {least} to {most} are allowed");
                return Err(Error::invalid(field, reason));
            }
        }
        match &self.path {
            Some(path) if path.file_name().is_none() => {
                Err(Error::invalid("widget.path", "names no file"))
            }
            _ => Ok(()),
        }
    }
}
