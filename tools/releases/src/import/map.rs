//! The name map: of which tensors of a file each tensor of a release is made.

use std::collections::BTreeMap;
use std::fmt;

use noctule_core::base::json;
use noctule_core::release::Architecture;
use serde::de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};

/// Tensors that one is stacked of.
const PIECES_MAX: usize = 64;

/// `map.json`: what other people's weights are called here.
///
/// ```
/// let map: noctule_releases::NameMap = serde_json::from_str(r#"{
///     "architecture": {"name": "two_tower", "dimensions": 8, "hidden": [],
///                      "ranker_features": ["fold_in"]},
///     "tensors": {
///         "embedding": {"from": "item_emb.weight", "rows": [1, 101]},
///         "tower.0.weight": {"stack": ["mean.weight", {"from": "skew", "transpose": true}]},
///         "tower.0.bias": {"fill": 0}
///     }
/// }"#)?;
/// assert_eq!(map.tensors.len(), 3);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameMap {
    /// Architecture and hyper-parameters, as in the manifest.
    pub architecture: Architecture,
    /// By the name of a tensor here, what it is made of.
    #[serde(deserialize_with = "json::unique_map")]
    pub tensors: BTreeMap<String, Recipe>,
}

/// What a tensor is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Recipe {
    /// These, one behind the other along the first axis.
    Pieces(Vec<Piece>),
    /// One value everywhere, such as the bias 0 of a layer that has none.
    Fill(f32),
}

/// A tensor of the file, or some rows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its name there.
    pub from: String,
    /// Whether its axes of length 1 are dropped, before all else.
    pub squeeze: bool,
    /// The rows that are taken, the last one excluded; all when absent.
    pub rows: Option<[u64; 2]>,
    /// Whether rows and columns change places, after all else.
    pub transpose: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    from: Option<String>,
    #[serde(default)]
    squeeze: bool,
    rows: Option<[u64; 2]>,
    #[serde(default)]
    transpose: bool,
    #[serde(default, deserialize_with = "json::given_up_to::<PIECES_MAX, _, _>")]
    stack: Option<Vec<Piece>>,
    fill: Option<f32>,
}

impl Fields {
    fn has_options(&self) -> bool {
        self.squeeze || self.rows.is_some() || self.transpose
    }

    fn piece(self) -> Result<Piece, &'static str> {
        let Self { from, squeeze, rows, transpose, stack: None, fill: None } = self else {
            return Err("stack and fill do not stand in a stack");
        };
        let from = from.ok_or("missing field `from`")?;
        Ok(Piece { from, squeeze, rows, transpose })
    }

    fn recipe(self) -> Result<Recipe, &'static str> {
        let has_options = self.has_options();
        match self {
            Self { from: Some(_), .. } => Ok(Recipe::Pieces(vec![self.piece()?])),
            _ if has_options => Err("rows, squeeze and transpose belong to `from`"),
            Self { stack: Some(pieces), fill: None, .. } => {
                if pieces.is_empty() || pieces.len() > PIECES_MAX {
                    return Err("a stack has 1 to 64 tensors");
                }
                Ok(Recipe::Pieces(pieces))
            }
            Self { stack: None, fill: Some(value), .. } => Ok(Recipe::Fill(value)),
            _ => Err("one of from, stack and fill is needed"),
        }
    }
}

/// Reads a name, or an object of [`Fields`].
struct NameOr<T>(fn(String) -> T, fn(Fields) -> Result<T, &'static str>);

impl<'de, T> Visitor<'de> for NameOr<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a tensor, or an object")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<T, E> {
        Ok(self.0(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<T, A::Error> {
        let fields = Fields::deserialize(MapAccessDeserializer::new(access))?;
        self.1(fields).map_err(A::Error::custom)
    }
}

impl Piece {
    fn whole(from: String) -> Self {
        Self { from, squeeze: false, rows: None, transpose: false }
    }
}

impl<'de> Deserialize<'de> for Piece {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NameOr(Self::whole, Fields::piece))
    }
}

impl<'de> Deserialize<'de> for Recipe {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let whole = |name| Self::Pieces(vec![Piece::whole(name)]);
        from.deserialize_any(NameOr(whole, Fields::recipe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Recipe, String> {
        json::parse(text.as_bytes()).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_name_alone_is_the_whole_tensor() {
        let whole = Recipe::Pieces(vec![Piece::whole("a.weight".into())]);
        assert_eq!(read(r#""a.weight""#), Ok(whole.clone()));
        assert_eq!(read(r#"{"from": "a.weight"}"#), Ok(whole.clone()));
        assert_eq!(read(r#"{"stack": ["a.weight"]}"#), Ok(whole));
    }

    #[test]
    fn what_contradicts_itself_or_is_unknown_is_named() {
        for (text, expected) in [
            (r#"{"from": "a", "fill": 1}"#, "stack and fill do not stand"),
            (r#"{"fill": 1, "rows": [0, 1]}"#, "belong to `from`"),
            (r#"{"fill": 1, "stack": ["a"]}"#, "one of from, stack and fill"),
            (r#"{"stack": []}"#, "1 to 64"),
            (r#"{"stack": [{"fill": 1}]}"#, "stack and fill do not stand"),
            ("{}", "one of from, stack and fill"),
            (r#"{"from": "a", "transposed": true}"#, "unknown field `transposed`"),
            (r#"{"from": "a", "rows": [1]}"#, "rows"),
            (r#"{"from": "a", "rows": [-1, 2]}"#, "rows"),
            ("3", "the name of a tensor, or an object"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_stack_of_too_many_is_refused() {
        let names = vec!["\"a\""; 100_000].join(",");
        assert!(read(&format!("{{\"stack\": [{names}]}}")).unwrap_err().contains("1 to 64"));
    }
}
