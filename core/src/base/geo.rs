//! Places on the earth.

use serde::{Deserialize, Serialize};

use super::{Error, Result};

/// A place in degrees (WGS 84).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeoPoint {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
}

impl GeoPoint {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when a coordinate is not finite or out of range.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self> {
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(Error::invalid("latitude", "must be between -90 and 90 degrees"));
        }
        if !(-180.0..=180.0).contains(&longitude) {
            return Err(Error::invalid("longitude", "must be between -180 and 180 degrees"));
        }
        Ok(Self { latitude, longitude })
    }

    /// Great-circle distance in kilometres on a sphere of radius 6,371 km (haversine formula).
    #[must_use]
    pub fn distance_km(self, other: Self) -> f64 {
        const EARTH_RADIUS_KM: f64 = 6_371.0;
        let (from, to) = (self.latitude.to_radians(), other.latitude.to_radians());
        let half_north = (to - from) / 2.0;
        let half_east = (other.longitude - self.longitude).to_radians() / 2.0;
        let square_of_sine = |angle| libm::sin(angle) * libm::sin(angle);
        let cosines = libm::cos(from) * libm::cos(to);
        let h = square_of_sine(half_north) + cosines * square_of_sine(half_east);
        2.0 * EARTH_RADIUS_KM * libm::asin(h.clamp(0.0, 1.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_of_latitude_is_about_111_km() {
        let (a, b) = (GeoPoint::new(22.0, -100.0).unwrap(), GeoPoint::new(23.0, -100.0).unwrap());
        assert!((a.distance_km(b) - 111.19).abs() < 0.01);
        assert_eq!(a.distance_km(a), 0.0);
    }

    #[test]
    fn coordinates_outside_the_earth_are_refused() {
        assert!(GeoPoint::new(91.0, 0.0).is_err());
        assert!(GeoPoint::new(0.0, f64::NAN).is_err());
    }
}
