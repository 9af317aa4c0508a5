//! Where the user is.

use noctule_core::base;

use crate::RecommenderError;

/// A place in degrees (WGS 84).
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct GeoPoint {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
}

impl TryFrom<GeoPoint> for base::GeoPoint {
    type Error = RecommenderError;

    fn try_from(place: GeoPoint) -> Result<Self, RecommenderError> {
        Ok(Self::new(place.latitude, place.longitude)?)
    }
}
