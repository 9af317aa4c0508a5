//! How a model is trained again: from which weights, which of them, and on how much of what is new.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The retraining of a network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetrainSettings {
    /// The folder of a model or of a release, whose weights are begun with; items and words that it
    /// does not know begin at random.
    pub warm_start: Option<PathBuf>,
    /// Which weights are trained.
    pub train_layers: TrainLayers,
    /// Share of new data in every epoch, 0 to 1; none for all data alike.
    pub new_data_share: Option<f64>,
    /// What is later than this is new, Unix milliseconds; where it is not given, what is later than
    /// all that the model of the warm start was trained on.
    pub new_since_ms: Option<i64>,
}

/// Which weights are trained; the others keep their very bits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainLayers {
    /// All.
    #[default]
    All,
    /// The last layers: of SASRec the last block and the norm behind it, of two towers the last
    /// layer of each.
    Last,
    /// The weights with these names, or with names that begin with one of them and a dot.
    Named(Vec<String>),
}

impl RetrainSettings {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<()> {
        match self.new_data_share {
            Some(share) if !(0.0..=1.0).contains(&share) => {
                Err(Error::setting("new_data_share", format!("{share} is not between 0 and 1")))
            }
            None if self.new_since_ms.is_some() && self.warm_start.is_none() => {
                Err(Error::setting("new_since_ms", "is of no use without new_data_share"))
            }
            _ => Ok(()),
        }
    }
}

impl TrainLayers {
    /// Which of the weights `names` are trained, `last` being the last layers.
    ///
    /// # Errors
    /// [`Error::Setting`] when a name is of no weight.
    pub fn trained(&self, names: &[&str], last: &[String]) -> Result<Vec<bool>> {
        let asked = match self {
            Self::All => return Ok(vec![true; names.len()]),
            Self::Last => last,
            Self::Named(asked) => asked,
        };
        let is_of = |name: &str, layer: &str| {
            name.strip_prefix(layer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let unknown = asked.iter().find(|layer| !names.iter().any(|name| is_of(name, layer)));
        if let Some(layer) = unknown {
            let reason = format!("{layer} is none of {}", names.join(", "));
            return Err(Error::setting("train_layers", reason));
        }
        if asked.is_empty() {
            return Err(Error::setting("train_layers", "names no layer"));
        }
        Ok(names.iter().map(|name| asked.iter().any(|layer| is_of(name, layer))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_named_by_the_beginning_of_their_weights() {
        let names = ["embedding", "tower.1.weight", "tower.1.bias", "tower.10.weight"];
        let named = |layers: &[&str]| {
            TrainLayers::Named(layers.iter().map(|name| (*name).to_owned()).collect())
        };
        let of = |layers: &TrainLayers| layers.trained(&names, &["tower.10".to_owned()]);
        assert_eq!(of(&TrainLayers::All).unwrap(), [true; 4]);
        assert_eq!(of(&TrainLayers::Last).unwrap(), [false, false, false, true]);
        assert_eq!(of(&named(&["tower.1"])).unwrap(), [false, true, true, false]);
        assert_eq!(of(&named(&["tower.1.bias", "embedding"])).unwrap(), [true, false, true, false]);
        for unknown in [named(&["towers"]), named(&["tower.1", "tower.2"]), named(&[])] {
            let error = of(&unknown).unwrap_err();
            assert!(matches!(error, Error::Setting { field: "train_layers", .. }), "{error}");
        }
    }

    #[test]
    fn shares_beyond_their_range_are_refused() {
        for (json, field) in [
            (r#"{"new_data_share": 1.5}"#, "new_data_share"),
            (r#"{"new_data_share": -0.1}"#, "new_data_share"),
            (r#"{"new_since_ms": 5}"#, "new_since_ms"),
        ] {
            let settings: RetrainSettings = serde_json::from_str(json).unwrap();
            let error = settings.check().unwrap_err();
            assert!(matches!(error, Error::Setting { field: f, .. } if f == field), "{json}");
        }
        let json = r#"{"warm_start": "model", "train_layers": {"named": ["norm"]},
            "new_data_share": 0.5, "new_since_ms": 5}"#;
        serde_json::from_str::<RetrainSettings>(json).unwrap().check().unwrap();
    }
}
