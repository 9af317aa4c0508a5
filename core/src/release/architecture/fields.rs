//! The fields of every architecture, and which of them belong to which.

use serde::{Deserialize, Deserializer};

use super::{Architecture, Nonlinearity, RankerDesign, ranker};
use crate::base::json;
use crate::base::limits::RANKER_FEATURES_MAX;

/// Added to variances where the manifest does not say: what PyTorch adds.
const NORM_EPSILON: f32 = 1e-5;

/// The fields of every architecture. serde would keep a whole object whose kind stands in one of
/// its fields before it looks at any, many times the bytes of a document made for that.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    name: Name,
    #[serde(default, deserialize_with = "given")]
    dimensions: Option<usize>,
    #[serde(default, deserialize_with = "given")]
    unobserved_weight: Option<f32>,
    #[serde(default, deserialize_with = "given")]
    regularization: Option<f32>,
    #[serde(default, deserialize_with = "given")]
    regularization_exponent: Option<f32>,
    #[serde(default, deserialize_with = "given")]
    context_weight: Option<f32>,
    #[serde(default, deserialize_with = "given")]
    activation: Option<Nonlinearity>,
    #[serde(default, deserialize_with = "given")]
    normalize: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    blocks: Option<usize>,
    #[serde(default, deserialize_with = "given")]
    heads: Option<usize>,
    #[serde(default, deserialize_with = "given")]
    positions: Option<usize>,
    #[serde(default, deserialize_with = "given")]
    feed_forward: Option<usize>,
    #[serde(default, deserialize_with = "given")]
    norm_first: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    final_norm: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    norm_epsilon: Option<f32>,
    #[serde(default, deserialize_with = "given")]
    scale_embedding: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    newest_last: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    ranker: Option<RankerDesign>,
    #[serde(default, deserialize_with = "layers")]
    hidden: Option<Vec<usize>>,
    #[serde(default, deserialize_with = "features")]
    ranker_features: Option<Vec<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Popularity,
    MatrixFactorization,
    TwoTower,
    Sasrec,
}

impl Name {
    /// The name, and the fields that belong to it.
    fn fields(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Popularity => ("popularity", &[]),
            Self::MatrixFactorization => (
                "matrix_factorization",
                &[
                    "dimensions",
                    "unobserved_weight",
                    "regularization",
                    "regularization_exponent",
                    "context_weight",
                    "ranker_features",
                    "ranker",
                ],
            ),
            Self::TwoTower => (
                "two_tower",
                &[
                    "dimensions",
                    "hidden",
                    "activation",
                    "normalize",
                    "context_weight",
                    "ranker_features",
                    "ranker",
                ],
            ),
            Self::Sasrec => (
                "sasrec",
                &[
                    "dimensions",
                    "blocks",
                    "heads",
                    "positions",
                    "feed_forward",
                    "activation",
                    "norm_first",
                    "final_norm",
                    "norm_epsilon",
                    "scale_embedding",
                    "newest_last",
                    "ranker_features",
                    "ranker",
                ],
            ),
        }
    }
}

/// What stands there: `null` stands for nothing here, and is refused.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

fn features<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    json::up_to::<RANKER_FEATURES_MAX, _, _>(from).map(Some)
}

fn layers<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<usize>>, D::Error> {
    ranker::layers(from).map(Some)
}

fn need<T>(name: &str, value: Option<T>) -> Result<T, String> {
    // As serde writes it, so that the path of the field is told.
    value.ok_or_else(|| format!("missing field `{name}`"))
}

impl TryFrom<Fields> for Architecture {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let (name, own) = fields.name.fields();
        let given = fields.given();
        let mut given = given.iter().filter(|(_, is_there)| *is_there);
        if let Some((field, _)) = given.find(|(field, _)| !own.contains(field)) {
            return Err(format!("unknown field `{field}`, {name} has none of that name"));
        }
        match fields.name {
            Name::Popularity => Ok(Self::Popularity {}),
            Name::MatrixFactorization => fields.matrix_factorization(),
            Name::TwoTower => fields.two_tower(),
            Name::Sasrec => fields.sasrec(),
        }
    }
}

impl Fields {
    /// Each field with whether it is there.
    fn given(&self) -> [(&'static str, bool); 19] {
        [
            ("dimensions", self.dimensions.is_some()),
            ("unobserved_weight", self.unobserved_weight.is_some()),
            ("regularization", self.regularization.is_some()),
            ("regularization_exponent", self.regularization_exponent.is_some()),
            ("context_weight", self.context_weight.is_some()),
            ("activation", self.activation.is_some()),
            ("normalize", self.normalize.is_some()),
            ("blocks", self.blocks.is_some()),
            ("heads", self.heads.is_some()),
            ("positions", self.positions.is_some()),
            ("feed_forward", self.feed_forward.is_some()),
            ("norm_first", self.norm_first.is_some()),
            ("final_norm", self.final_norm.is_some()),
            ("norm_epsilon", self.norm_epsilon.is_some()),
            ("scale_embedding", self.scale_embedding.is_some()),
            ("newest_last", self.newest_last.is_some()),
            ("ranker", self.ranker.is_some()),
            ("hidden", self.hidden.is_some()),
            ("ranker_features", self.ranker_features.is_some()),
        ]
    }

    fn matrix_factorization(self) -> Result<Architecture, String> {
        Ok(Architecture::MatrixFactorization {
            dimensions: need("dimensions", self.dimensions)?,
            unobserved_weight: need("unobserved_weight", self.unobserved_weight)?,
            regularization: need("regularization", self.regularization)?,
            regularization_exponent: need("regularization_exponent", self.regularization_exponent)?,
            context_weight: need("context_weight", self.context_weight)?,
            ranker_features: need("ranker_features", self.ranker_features)?,
            ranker: self.ranker.unwrap_or_default(),
        })
    }

    fn two_tower(self) -> Result<Architecture, String> {
        Ok(Architecture::TwoTower {
            dimensions: need("dimensions", self.dimensions)?,
            hidden: need("hidden", self.hidden)?,
            activation: self.activation.unwrap_or_default(),
            normalize: self.normalize.unwrap_or_default(),
            context_weight: self.context_weight.unwrap_or(1.0),
            ranker_features: need("ranker_features", self.ranker_features)?,
            ranker: self.ranker.unwrap_or_default(),
        })
    }

    fn sasrec(self) -> Result<Architecture, String> {
        Ok(Architecture::Sasrec {
            dimensions: need("dimensions", self.dimensions)?,
            blocks: need("blocks", self.blocks)?,
            heads: need("heads", self.heads)?,
            positions: need("positions", self.positions)?,
            feed_forward: need("feed_forward", self.feed_forward)?,
            activation: self.activation.unwrap_or_default(),
            norm_first: self.norm_first.unwrap_or(true),
            final_norm: self.final_norm.unwrap_or(true),
            norm_epsilon: self.norm_epsilon.unwrap_or(NORM_EPSILON),
            scale_embedding: self.scale_embedding.unwrap_or_default(),
            newest_last: self.newest_last.unwrap_or(true),
            ranker_features: need("ranker_features", self.ranker_features)?,
            ranker: self.ranker.unwrap_or_default(),
        })
    }
}
