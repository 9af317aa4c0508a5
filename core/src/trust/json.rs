//! JSON as metadata need it: unique keys, integers only, bounded depth, and the canonical form
//! over which signatures are made.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::base::limits::METADATA_DEPTH_MAX;

/// Objects and lists that a document of any length may have, and for how many bytes one more: a
/// target takes 80 bytes for each of its objects.
const GROUPS_MIN: usize = 1_024;
const BYTES_PER_GROUP: usize = 48;
/// The same of commas.
const VALUES_MIN: usize = 4_096;
const BYTES_PER_VALUE: usize = 8;

/// A JSON value without fractions. Serialised, it is ordinary JSON; see [`Json::canonical`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number of 64 bits.
    Integer(i64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object; its keys differ and are in the order of their bytes.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads one document; the caller bounds the length of `bytes`.
    ///
    /// # Errors
    /// A sentence: not JSON, a key twice, a fraction, an integer beyond 64 bits, too deep.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        check_depth(bytes)?;
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// The canonical form (OLPC): keys in the order of their bytes, no white space, in strings only
    /// the quote and the backslash escaped.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Integer(number) => {
                // Writing to a vector does not fail.
                let _ = write!(out, "{number}");
            }
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Self::Object(fields) => {
                out.push(b'{');
                for (index, (key, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_text(key, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Json {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl<const N: usize> From<[(&str, Json); N]> for Json {
    fn from(fields: [(&str, Json); N]) -> Self {
        Self::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Refuses what is nested deeper or of more parts than metadata ever are, before anything recurses
/// into it.
fn check_depth(bytes: &[u8]) -> Result<(), String> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let (mut groups, mut values) = (0, 0);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => (depth, groups) = (depth + 1, groups + 1),
            b',' if !in_text => values += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > METADATA_DEPTH_MAX {
            return Err(format!("nested deeper than {METADATA_DEPTH_MAX} levels"));
        }
    }
    // Metadata are names and digests. What is nothing but tiny values would take many times its
    // length, and a root is read before anything vouches for it.
    if groups > GROUPS_MIN + bytes.len() / BYTES_PER_GROUP
        || values > VALUES_MIN + bytes.len() / BYTES_PER_VALUE
    {
        return Err(format!("{groups} objects and lists, {values} commas: too many"));
    }
    Ok(())
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(fields) => serializer.collect_map(fields),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON with whole numbers only")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Json, E> {
        let number = i64::try_from(value);
        number.map(Json::Integer).map_err(|_| E::custom("an integer of more than 63 bits"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
        let mut object = BTreeMap::new();
        while let Some(key) = fields.next_key::<String>()? {
            if object.contains_key(&key) {
                let shown: String = key.chars().take(64).collect();
                return Err(A::Error::custom(format!("duplicate key {shown:?}")));
            }
            object.insert(key, fields.next_value()?);
        }
        Ok(Json::Object(object))
    }
}
