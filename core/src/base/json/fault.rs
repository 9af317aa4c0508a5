//! Which refusal a sentence of serde_json stands for: its errors carry no code that says so.

use super::{LEVELS_MAX, end_of_string};
use crate::base::Refusal;

/// Names of numbers that JSON does not have, as writers of other formats put them in.
const NO_NUMBERS: [&[u8]; 4] = [b"NaN", b"nan", b"Inf", b"inf"];

/// The refusal of `field` for `reason`, which came of `message` about the place of `bytes`.
pub(super) fn refusal(field: String, reason: String, message: &str, bytes: Around<'_>) -> Refusal {
    if bytes.is_broken_text() {
        return Refusal::NotUtf8 { field, reason };
    }
    // A wrong type may have been noticed first, at the top of the pit.
    if message.starts_with("recursion limit") || bytes.is_deep() {
        return Refusal::TooDeep { field, reason };
    }
    if message.starts_with("duplicate ") {
        return Refusal::DuplicateKey { field, reason };
    }
    if message.starts_with("number out of range") || bytes.is_no_number() {
        return Refusal::NotANumber { field, reason };
    }
    if message.ends_with("holds a control character") || message.starts_with("control character") {
        return Refusal::ControlCharacter { field, reason };
    }
    Refusal::Field { field, reason }
}

/// A document and the offset behind the byte that an error is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) document: &'a [u8],
    pub(super) offset: usize,
}

impl Around<'_> {
    /// Whether the document ends to be UTF-8 before the place of the error.
    fn is_broken_text(self) -> bool {
        let before = &self.document[..self.offset.min(self.document.len())];
        // A character that is cut by the end of the stretch is no fault.
        str::from_utf8(before).is_err_and(|error| error.error_len().is_some())
    }

    /// Whether there are more levels than any format has.
    fn is_deep(self) -> bool {
        let (mut at, mut levels) = (0, 0_usize);
        while let Some(byte) = self.document.get(at) {
            match byte {
                b'"' => at = end_of_string(self.document, at + 1),
                b'[' | b'{' => levels += 1,
                b']' | b'}' => levels = levels.saturating_sub(1),
                _ => {}
            }
            if levels > LEVELS_MAX {
                return true;
            }
            at += 1;
        }
        false
    }

    /// Whether the word at the place is one of [`NO_NUMBERS`]; the reader may have given up at its
    /// first letter or at the second.
    fn is_no_number(self) -> bool {
        let mut at = self.offset.saturating_sub(1).min(self.document.len());
        let in_word = self.document.get(at).is_some_and(u8::is_ascii_alphabetic);
        while in_word && at > 0 && self.document[at - 1].is_ascii_alphabetic() {
            at -= 1;
        }
        let word = &self.document[at..];
        NO_NUMBERS.iter().any(|name| word.starts_with(name))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::base::{ItemId, Refusal, json};

    fn refused(text: &[u8]) -> Refusal {
        json::parse::<json::UniqueMap<f32>>(text).unwrap_err()
    }

    #[test]
    fn numbers_that_json_does_not_have_are_told_from_other_words() {
        for text in ["NaN", "nan", "Infinity", "-Infinity", "-inf", "1e999"] {
            let refusal = refused(format!("{{\"a\": {text}}}").as_bytes());
            assert!(
                matches!(&refusal, Refusal::NotANumber { field, .. } if field == "a"),
                "{text}: {refusal:?}"
            );
        }
        assert!(matches!(refused(b"{\"a\": Never}"), Refusal::Field { .. }));
        assert!(matches!(refused(b"{\"a\": \"NaN\"}"), Refusal::Field { .. }));
    }

    #[test]
    fn a_key_twice_depth_and_broken_text_have_each_their_own_refusal() {
        assert!(matches!(refused(b"{\"a\": 1, \"a\": 1}"), Refusal::DuplicateKey { .. }));
        for text in ["[".repeat(1_000), format!("{{\"a\": {}", "[{\"b\":".repeat(33))] {
            let deep = refused(text.as_bytes());
            assert!(matches!(deep, Refusal::TooDeep { .. }), "{deep:?}");
        }
        assert!(matches!(refused("[".repeat(32).as_bytes()), Refusal::Field { .. }));
        assert!(matches!(
            refused(b"[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]"),
            Refusal::Field { .. }
        ));
        let broken = json::parse::<BTreeMap<String, String>>(b"{\"a\": \"x\xffy\"}").unwrap_err();
        assert!(matches!(&broken, Refusal::NotUtf8 { field, .. } if field == "a"), "{broken:?}");
        // What stands behind the fault is not looked at.
        assert!(matches!(refused(b"{\"a\": x, \"b\": \"\xff\"}"), Refusal::Field { .. }));
    }

    #[test]
    fn a_control_character_in_an_id_and_one_in_a_string_are_told() {
        for text in [&b"{\"a\": \"x\\u0007\"}"[..], b"{\"a\": \"x\x07\"}"] {
            let refusal = json::parse::<BTreeMap<String, ItemId>>(text).unwrap_err();
            assert!(matches!(&refusal, Refusal::ControlCharacter { .. }), "{refusal:?}");
        }
    }
}
