//! Where a network is trained.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The processor, or a graphics card of NVIDIA.
///
/// ```
/// use noctule_trainer::training::neural::DeviceChoice;
/// assert_eq!("cuda:1".parse(), Ok(DeviceChoice::Cuda(1)));
/// assert_eq!(DeviceChoice::Cuda(0).to_string(), "cuda:0");
/// assert!("cuda:".parse::<DeviceChoice>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceChoice {
    /// `cpu`
    #[default]
    Cpu,
    /// `cuda` for the first card, `cuda:1` for the second.
    Cuda(usize),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(card) => write!(f, "cuda:{card}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let card = match text {
            "cpu" => return Ok(Self::Cpu),
            "cuda" => Some(0),
            _ => text.strip_prefix("cuda:").and_then(|card| card.parse().ok()),
        };
        card.map(Self::Cuda).ok_or_else(|| format!("{text:?} is none of cpu, cuda and cuda:N"))
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// [`Error::Device`] when this build has no support for it, or the machine no such card.
    pub fn open(self) -> Result<Device> {
        let Self::Cuda(card) = self else { return Ok(Device::Cpu) };
        let refused = |reason: String| Error::Device { device: self.to_string(), reason };
        if !cfg!(feature = "cuda") {
            let reason = "this build has no support for it; with the CUDA toolkit at hand: cargo \
                          build --release --package noctule-cli --features cuda";
            return Err(refused(reason.into()));
        }
        Device::new_cuda(card).map_err(|error| refused(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else_is() {
        for choice in [DeviceChoice::Cpu, DeviceChoice::Cuda(0), DeviceChoice::Cuda(7)] {
            let text = serde_json::to_string(&choice).unwrap();
            assert_eq!(serde_json::from_str::<DeviceChoice>(&text).unwrap(), choice);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for text in ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:99999999999999999999", "CPU"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_card_without_the_feature_is_refused_with_how_to_build() {
        assert!(DeviceChoice::Cpu.open().unwrap().is_cpu());
        let error = DeviceChoice::Cuda(1).open().unwrap_err();
        assert!(matches!(&error, Error::Device { device, .. } if device == "cuda:1"));
        assert!(error.to_string().contains("--features cuda"), "{error}");
    }
}
