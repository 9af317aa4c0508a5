//! A model's architecture, as the manifest names it.

mod check;
mod fields;
mod ranker;
mod tensors;

pub use ranker::{Calibration, Nonlinearity, RankerDesign, RankerKind, Structure};
pub use tensors::{NamedShape, feature_width};

use serde::{Deserialize, Serialize};

use fields::Fields;

/// A model's architecture by name, with its hyper-parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", try_from = "Fields")]
pub enum Architecture {
    /// No model: popularity by context, and rules.
    Popularity {},
    /// Implicit-feedback matrix factorisation (Hu, Koren and Volinsky, ICDM 2008), the user folded
    /// in exactly.
    MatrixFactorization {
        /// Length of the vectors.
        dimensions: usize,
        /// Weight of every unobserved pair in the loss.
        unobserved_weight: f32,
        /// Regularisation lambda.
        regularization: f32,
        /// Exponent nu of the frequency scaling: a user with n observations among N items is
        /// regularised with lambda * (n + unobserved_weight * N)^nu (Rendle et al., RecSys 2022).
        regularization_exponent: f32,
        /// Factor on the confidence of feedback given in the very context a slate is made for.
        context_weight: f32,
        /// Names of the ranker's features, in the order of `ranker.weight`.
        ranker_features: Vec<String>,
        /// How the ranker is built.
        #[serde(default, skip_serializing_if = "RankerDesign::is_default")]
        ranker: RankerDesign,
    },
    /// A user tower on the device beside item vectors made beforehand (Covington, Adams and
    /// Sargin, RecSys 2016; Yi et al., RecSys 2019).
    TwoTower {
        /// Length of the vectors.
        dimensions: usize,
        /// Widths of the tower's hidden layers; the last layer gives the vector.
        hidden: Vec<usize>,
        /// Of the hidden layers.
        activation: Nonlinearity,
        /// Whether the vector is scaled to length 1.
        normalize: bool,
        /// Factor on the confidence of feedback given in the very context a slate is made for.
        context_weight: f32,
        /// Names of the ranker's features.
        ranker_features: Vec<String>,
        /// How the ranker is built.
        #[serde(default, skip_serializing_if = "RankerDesign::is_default")]
        ranker: RankerDesign,
    },
    /// A causal transformer over what was chosen, the newest last (Kang and McAuley, ICDM 2018).
    Sasrec {
        /// Length of the vectors.
        dimensions: usize,
        /// Number of blocks.
        blocks: usize,
        /// Heads of attention; they divide the dimensions.
        heads: usize,
        /// Learned positions: of a longer history, the newest items count.
        positions: usize,
        /// Width of the layer between the two of each feed-forward part.
        feed_forward: usize,
        /// Of the feed-forward parts.
        activation: Nonlinearity,
        /// Normalise in front of each part, or behind its sum.
        norm_first: bool,
        /// Whether the last hidden state is normalised once more.
        final_norm: bool,
        /// Added to a variance before its root is taken.
        norm_epsilon: f32,
        /// Whether item vectors are multiplied by the root of the dimensions on the way in.
        scale_embedding: bool,
        /// Whether the newest item has the last position however short the history is, instead of
        /// the oldest one the first.
        newest_last: bool,
        /// Names of the ranker's features.
        ranker_features: Vec<String>,
        /// How the ranker is built.
        #[serde(default, skip_serializing_if = "RankerDesign::is_default")]
        ranker: RankerDesign,
    },
}

impl Architecture {
    /// Length of the vectors; none without vectors.
    #[must_use]
    pub fn dimensions(&self) -> Option<usize> {
        match self {
            Self::Popularity {} => None,
            Self::MatrixFactorization { dimensions, .. }
            | Self::TwoTower { dimensions, .. }
            | Self::Sasrec { dimensions, .. } => Some(*dimensions),
        }
    }

    /// How the ranker is built; none without a model.
    #[must_use]
    pub fn ranker(&self) -> Option<&RankerDesign> {
        match self {
            Self::Popularity {} => None,
            Self::MatrixFactorization { ranker, .. }
            | Self::TwoTower { ranker, .. }
            | Self::Sasrec { ranker, .. } => Some(ranker),
        }
    }

    /// Names of the ranker's features, in the order in which a row holds them.
    #[must_use]
    pub fn ranker_features(&self) -> &[String] {
        match self {
            Self::Popularity {} => &[],
            Self::MatrixFactorization { ranker_features, .. }
            | Self::TwoTower { ranker_features, .. }
            | Self::Sasrec { ranker_features, .. } => ranker_features,
        }
    }

    /// Whether a release of this architecture has a `model.safetensors`.
    #[must_use]
    pub fn has_model(&self) -> bool {
        self.dimensions().is_some()
    }

    /// The name in the manifest.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Popularity {} => "popularity",
            Self::MatrixFactorization { .. } => "matrix_factorization",
            Self::TwoTower { .. } => "two_tower",
            Self::Sasrec { .. } => "sasrec",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json;
    use crate::base::limits::RANKER_FEATURES_MAX;

    const FULL: &str = r#"{"name":"matrix_factorization","dimensions":2,"unobserved_weight":0.5,"#;
    const REST: &str =
        r#""regularization":0.5,"regularization_exponent":1.0,"context_weight":2.0,"#;

    fn read(text: &str) -> Result<Architecture, String> {
        json::parse(text.as_bytes()).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn what_is_written_is_read_again_with_the_name_first() {
        let text = format!("{FULL}{REST}\"ranker_features\":[\"fold_in\"]}}");
        let architecture = read(&text).unwrap();
        assert_eq!(serde_json::to_string(&architecture).unwrap(), text);
        let popularity = serde_json::to_string(&Architecture::Popularity {}).unwrap();
        assert_eq!(popularity, r#"{"name":"popularity"}"#);
        assert_eq!(read(&popularity), Ok(Architecture::Popularity {}));
    }

    #[test]
    fn a_field_that_is_missing_twice_there_null_or_of_another_architecture_is_named() {
        for (text, expected) in [
            ("{}", "name: missing field"),
            (r#"{"name":"oracle"}"#, "name: unknown variant"),
            (r#"{"name":"matrix_factorization"}"#, "dimensions: missing field"),
            (r#"{"name":"popularity","dimensions":2}"#, "unknown field `dimensions`"),
            (r#"{"name":"popularity","dimensions":null}"#, "dimensions: invalid type: null"),
            (r#"{"name":"popularity","depth":2}"#, "depth: unknown field"),
            (r#"{"name":"popularity","name":"popularity"}"#, "duplicate field `name`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn an_endless_list_is_read_and_not_kept() {
        let features = vec!["\"\""; 300_000].join(",");
        let read = read(&format!("{FULL}{REST}\"ranker_features\":[{features}]}}"));
        let Ok(Architecture::MatrixFactorization { ranker_features, .. }) = read else {
            panic!("{read:?}")
        };
        assert_eq!(ranker_features.len(), RANKER_FEATURES_MAX + 1);
        assert!(ranker_features.capacity() <= 2 * RANKER_FEATURES_MAX + 4);
    }

    #[test]
    fn each_architecture_reads_what_it_writes() {
        let design = RankerDesign {
            kind: RankerKind::DcnV2,
            hidden: vec![8, 4],
            activation: Nonlinearity::Gelu,
            cross_layers: 2,
            rank: 3,
            structure: Structure::Stacked,
            calibration: Calibration { slope: 0.5, intercept: -1.0, points: 4 },
        };
        let tower = Architecture::TwoTower {
            dimensions: 4,
            hidden: vec![16],
            activation: Nonlinearity::Relu,
            normalize: true,
            context_weight: 2.0,
            ranker_features: vec!["fold_in".into()],
            ranker: design,
        };
        let text = serde_json::to_string(&tower).unwrap();
        assert_eq!(read(&text), Ok(tower));
        let text = r#"{"name":"sasrec","dimensions":4,"blocks":2,"heads":2,"positions":9,"#
            .to_owned()
            + r#""feed_forward":8,"ranker_features":["fold_in"]}"#;
        let sasrec = read(&text).unwrap();
        assert_eq!(read(&serde_json::to_string(&sasrec).unwrap()), Ok(sasrec));
        let error = read(&text.replace("blocks", "unobserved_weight")).unwrap_err();
        assert!(error.contains("unknown field `unobserved_weight`"), "{error}");
        let error = read(&text.replace("\"blocks\":2,", "")).unwrap_err();
        assert!(error.contains("blocks: missing field"), "{error}");
    }

    #[test]
    fn the_tensors_of_a_cross_network_have_the_widths_of_its_features() {
        let text =
            r#"{"name":"two_tower","dimensions":2,"hidden":[5],"ranker_features":["fold_in","#
                .to_owned()
                + r#""user","context"],"ranker":{"kind":"dcn_v2","hidden":[7],"#
                + r#""cross_layers":1,"rank":2}}"#;
        let tensors = read(&text).unwrap().model_tensors(3);
        let shape = |name: &str| &tensors.iter().find(|(other, _)| other == name).unwrap().1;
        assert_eq!(*shape("tower.0.weight"), [5, 2 * 2 + 2 + 3]);
        assert_eq!(*shape("tower.1.weight"), [2, 5]);
        // 1 + 2 + 3 features.
        assert_eq!(*shape("ranker.cross.0.up"), [6, 2]);
        assert_eq!(*shape("ranker.hidden.0.weight"), [7, 6]);
        assert_eq!(*shape("ranker.weight"), [1, 13]);
    }
}
