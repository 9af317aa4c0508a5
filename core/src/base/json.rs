//! Strict reading of JSON from outside: errors name the path of the field, keys are unique.

mod fault;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Refusal;
use super::limits::TENSORS_MAX;

/// Characters of a key that an error repeats.
const KEY_CHARACTERS_SHOWN: usize = 64;
/// Bytes of serde's sentence that an error repeats: a list of all fields of a plan fits.
const SENTENCE_BYTES_MAX: usize = 1_000;
/// Levels of a path: deeper ones are parsed by nobody and would take many times the document.
const LEVELS_MAX: usize = 32;
/// Keys of one object, and one more for whoever counts: no object of a format has more entries than
/// a file may have tensors, and tiny ones take ten times their text.
const KEYS_MAX: usize = TENSORS_MAX;

/// Reads one JSON document. The caller bounds `bytes`; memory stays proportional to them.
///
/// # Errors
/// With the path of the field (`plan.surfaces[0].length`), the line and the column:
/// [`Refusal::NotUtf8`], [`Refusal::TooDeep`], [`Refusal::DuplicateKey`], [`Refusal::NotANumber`],
/// [`Refusal::ControlCharacter`], and [`Refusal::Field`] for what has no variant of its own.
///
/// ```
/// use noctule_core::base::json;
/// let error = json::parse::<noctule_core::base::GeoPoint>(b"{\"latitude\": 1, \"height\": 2}");
/// assert!(error.unwrap_err().to_string().starts_with("height: unknown field"));
/// ```
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| refusal(bytes, &error))
}

/// The refusal for `error`, which came of reading `bytes`.
pub fn refusal(bytes: &[u8], error: &serde_json::Error) -> Refusal {
    let (line, column) = (error.line(), error.column());
    let text = sentence(error);
    let position = format!(" at line {line} column {column}");
    let message = text.strip_suffix(&position).unwrap_or(&text);
    let around = fault::Around { document: bytes, offset: offset_of(bytes, line, column) };
    let mut field = path_at(bytes, around.offset);
    // serde names an absent field in words only, at the end of the object that lacks it.
    if let Some(name) = message.strip_prefix("missing field `").and_then(|m| m.strip_suffix('`')) {
        if !field.is_empty() {
            field.push('.');
        }
        field.push_str(name);
    }
    if field.is_empty() {
        field = "document".to_owned();
    }
    let reason = format!("{message} (line {line}, column {column})");
    fault::refusal(field, reason, message, around)
}

/// The sentence of `error`, shortened: serde quotes a whole key or string, which may be as long as
/// the document.
fn sentence(error: &serde_json::Error) -> String {
    struct Bounded(String);
    impl fmt::Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = SENTENCE_BYTES_MAX.saturating_sub(self.0.len());
            let end = text.floor_char_boundary(room);
            self.0.push_str(&text[..end]);
            // More is not asked for.
            if end < text.len() { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut bounded = Bounded(String::new());
    if fmt::write(&mut bounded, format_args!("{error}")).is_err() {
        bounded.0.push('…');
    }
    bounded.0
}

/// Offset of the byte behind `column` (from 1, in bytes) of `line` (from 1).
fn offset_of(bytes: &[u8], line: usize, column: usize) -> usize {
    let mut begin = 0;
    for _ in 1..line {
        match bytes[begin..].iter().position(|byte| *byte == b'\n') {
            Some(length) => begin += length + 1,
            None => return bytes.len(),
        }
    }
    begin.saturating_add(column).min(bytes.len())
}

enum Frame {
    Object { key: Option<String>, expects_key: bool },
    Array { index: usize },
}

/// The path of the value that stands, or has just ended, at `offset`.
fn path_at(bytes: &[u8], offset: usize) -> String {
    let mut frames: Vec<Frame> = Vec::new();
    // Levels below the last frame, which are only counted.
    let mut below = 0_usize;
    let mut at = 0;
    while at < offset {
        match bytes[at] {
            b'"' => {
                let end = end_of_string(bytes, at + 1).min(offset);
                if let Some(Frame::Object { key, expects_key: expects @ true }) = frames.last_mut()
                    && below == 0
                {
                    let text = String::from_utf8_lossy(&bytes[at + 1..end]);
                    *key = Some(text.chars().take(KEY_CHARACTERS_SHOWN).collect());
                    *expects = false;
                }
                at = end;
            }
            b'{' | b'[' if frames.len() == LEVELS_MAX => below += 1,
            b'}' | b']' | b',' if below > 0 => below -= usize::from(bytes[at] != b','),
            b'{' => frames.push(Frame::Object { key: None, expects_key: true }),
            b'[' => frames.push(Frame::Array { index: 0 }),
            b'}' | b']' => {
                frames.pop();
            }
            b',' => match frames.last_mut() {
                // At the very end of the stretch the error is about the value before the comma.
                Some(Frame::Object { expects_key, .. }) if at + 1 < offset => *expects_key = true,
                Some(Frame::Array { index }) if at + 1 < offset => *index += 1,
                _ => {}
            },
            _ => {}
        }
        at += 1;
    }
    let mut path = String::new();
    for frame in &frames {
        match frame {
            Frame::Object { key: Some(key), .. } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            Frame::Object { key: None, .. } => {}
            Frame::Array { index } => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

/// Offset of the quote that ends the string whose text begins at `begin`.
fn end_of_string(bytes: &[u8], begin: usize) -> usize {
    let mut at = begin;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}

/// A JSON object whose keys must differ: two readers could otherwise believe two different values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct UniqueMap<V>(pub BTreeMap<String, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for UniqueMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
            type Value = UniqueMap<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut map = BTreeMap::new();
                while let Some(key) = access.next_key::<String>()? {
                    if map.contains_key(&key) {
                        let key: String = key.chars().take(KEY_CHARACTERS_SHOWN).collect();
                        return Err(A::Error::custom(format!("duplicate key `{key}`")));
                    }
                    if map.len() > KEYS_MAX {
                        return Err(A::Error::custom(format!("more than {KEYS_MAX} keys")));
                    }
                    map.insert(key, access.next_value()?);
                }
                Ok(UniqueMap(map))
            }
        }
        deserializer.deserialize_map(Unique(PhantomData))
    }
}

/// For `#[serde(deserialize_with)]`: a map that refuses a duplicate key.
///
/// # Errors
/// The deserializer's.
pub fn unique_map<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    UniqueMap::deserialize(deserializer).map(|map| map.0)
}

/// For `#[serde(deserialize_with)]`: a map of maps that refuses duplicate keys on both levels.
///
/// # Errors
/// The deserializer's.
pub fn unique_map_of_maps<'de, D, V>(
    deserializer: D,
) -> Result<BTreeMap<String, BTreeMap<String, V>>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    let outer = UniqueMap::<UniqueMap<V>>::deserialize(deserializer)?;
    Ok(outer.0.into_iter().map(|(key, inner)| (key, inner.0)).collect())
}

/// The first `MAX + 1` values of a list; those behind are read and dropped. Whoever then finds more
/// than `MAX` refuses, and a list of a million empty values took no memory.
struct UpTo<const MAX: usize, T>(Vec<T>);

impl<'de, const MAX: usize, T: Deserialize<'de>> Deserialize<'de> for UpTo<MAX, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values<const MAX: usize, T>(PhantomData<T>);
        impl<'de, const MAX: usize, T: Deserialize<'de>> Visitor<'de> for Values<MAX, T> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Vec<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = access.next_element()? {
                    if values.len() <= MAX {
                        values.push(value);
                    }
                }
                Ok(values)
            }
        }
        deserializer.deserialize_seq(Values::<MAX, T>(PhantomData)).map(Self)
    }
}

/// For `#[serde(deserialize_with)]`: a list of which no more than `MAX + 1` values are kept; the
/// caller refuses one of more than `MAX`.
///
/// # Errors
/// The deserializer's.
pub fn up_to<'de, const MAX: usize, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    UpTo::<MAX, T>::deserialize(deserializer).map(|values| values.0)
}

/// For `#[serde(default, deserialize_with)]`: the same of a list that may be absent or `null`.
///
/// # Errors
/// The deserializer's.
pub fn given_up_to<'de, const MAX: usize, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let values = Option::<UpTo<MAX, T>>::deserialize(deserializer)?;
    Ok(values.map(|values| values.0))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Outer {
        rows: Vec<Row>,
        #[serde(default, deserialize_with = "unique_map")]
        map: BTreeMap<String, u32>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Row {
        size: u32,
        name: Option<String>,
    }

    #[test]
    fn the_path_into_a_document_of_endless_depth_is_short() {
        let text = format!("{{\"map\": {}", "{\"a\":[".repeat(100_000));
        assert!(path_at(text.as_bytes(), text.len()).len() < 200);
        let closed = format!("{{\"a\": {}{}, \"b\": 1", "[".repeat(99), "]".repeat(99));
        assert_eq!(path_at(closed.as_bytes(), closed.len()), "b");
    }

    fn field(text: &str) -> String {
        match parse::<Outer>(text.as_bytes()) {
            Err(Refusal::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wrong_type_is_named_by_its_path() {
        assert_eq!(field(r#"{"rows": [{"size": 1}, {"size": "x"}]}"#), "rows[1].size");
        assert_eq!(field("{\n \"rows\": [\n  {\"size\": -1,\n\"name\": \"a\"}]}"), "rows[0].size");
        assert_eq!(field(r#"{"rows": [{"size": 1}], "map": {"a": 1.5}}"#), "map.a");
    }

    #[test]
    fn an_unknown_and_an_absent_field_are_named_by_their_path() {
        assert_eq!(field(r#"{"rows": [{"size": 1, "x\"[y": 2}]}"#), r#"rows[0].x\"[y"#);
        assert_eq!(field(r#"{"rows": [{"name": "a"}]}"#), "rows[0].size");
        assert_eq!(field("{}"), "rows");
    }

    #[test]
    fn a_duplicate_key_is_refused() {
        let error = parse::<Outer>(br#"{"rows": [], "map": {"a": 1, "a": 2}}"#).unwrap_err();
        assert!(error.to_string().contains("duplicate key `a`"), "{error}");
    }

    #[test]
    fn an_object_of_endless_keys_is_refused_when_there_are_too_many() {
        let keys: Vec<String> = (0..100_000).map(|key| format!("\"{key}\":1")).collect();
        let text = format!("{{\"rows\": [], \"map\": {{{}}}}}", keys.join(","));
        let error = parse::<Outer>(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("more than 4096 keys") && error.contains("4097"), "{error}");
    }

    #[test]
    fn a_key_and_a_string_as_long_as_the_document_are_quoted_in_part() {
        let long = "\u{7f}é".repeat(100_000);
        for text in [format!("{{\"{long}\": 1}}"), format!("{{\"rows\": \"{long}\"}}")] {
            let error = parse::<Outer>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.len() < 1_500 && error.contains("(line 1, column "), "{}", error.len());
        }
    }

    #[test]
    fn any_prefix_of_a_document_gives_a_refusal_and_no_panic() {
        let text = "{\"rows\": [{\"size\": 1, \"name\": \"\\u00e9\\\"\"}], \"map\": {\"a\": 1}}";
        for length in 0..text.len() {
            assert!(parse::<Outer>(&text.as_bytes()[..length]).is_err());
        }
        assert_eq!(field("[]]"), "document");
    }
}
