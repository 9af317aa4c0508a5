//! A model's architecture, as the manifest names it.

use serde::{Deserialize, Deserializer, Serialize};

use crate::base::json;
use crate::base::limits::RANKER_FEATURES_MAX;

/// A model's architecture by name, with its hyper-parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", try_from = "Fields")]
pub enum Architecture {
    /// No model: popularity by context, and rules.
    Popularity {},
    /// Implicit-feedback matrix factorisation (Hu, Koren and Volinsky, ICDM 2008) with a
    /// logistic ranker over the fold-in score and context features.
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
    },
}

/// The fields of every architecture. serde would keep a whole object whose kind stands in one of
/// its fields before it looks at any, many times the bytes of a document made for that.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
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
    #[serde(default, deserialize_with = "features")]
    ranker_features: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Popularity,
    MatrixFactorization,
}

/// What stands there: `null` stands for nothing here, and is refused.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

fn features<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    json::up_to::<RANKER_FEATURES_MAX, _, _>(from).map(Some)
}

impl TryFrom<Fields> for Architecture {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        match fields.name {
            Name::Popularity => fields.without_model(),
            Name::MatrixFactorization => fields.matrix_factorization(),
        }
    }
}

impl Fields {
    fn without_model(self) -> Result<Architecture, String> {
        let given = [
            ("dimensions", self.dimensions.is_some()),
            ("unobserved_weight", self.unobserved_weight.is_some()),
            ("regularization", self.regularization.is_some()),
            ("regularization_exponent", self.regularization_exponent.is_some()),
            ("context_weight", self.context_weight.is_some()),
            ("ranker_features", self.ranker_features.is_some()),
        ];
        match given.iter().find(|(_, is_there)| *is_there) {
            Some((name, _)) => Err(format!("unknown field `{name}`, popularity has none")),
            None => Ok(Architecture::Popularity {}),
        }
    }

    fn matrix_factorization(self) -> Result<Architecture, String> {
        fn need<T>(name: &str, value: Option<T>) -> Result<T, String> {
            // As serde writes it, so that the path of the field is told.
            value.ok_or_else(|| format!("missing field `{name}`"))
        }
        Ok(Architecture::MatrixFactorization {
            dimensions: need("dimensions", self.dimensions)?,
            unobserved_weight: need("unobserved_weight", self.unobserved_weight)?,
            regularization: need("regularization", self.regularization)?,
            regularization_exponent: need("regularization_exponent", self.regularization_exponent)?,
            context_weight: need("context_weight", self.context_weight)?,
            ranker_features: need("ranker_features", self.ranker_features)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
