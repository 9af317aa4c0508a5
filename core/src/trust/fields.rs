//! Typed access to the fields of metadata; what is wrong is named by the path of the field.

use std::collections::BTreeMap;

use super::json::Json;
use crate::base::{Day, TrustRefusal};

/// An object and its path.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    path: String,
    object: &'a BTreeMap<String, Json>,
}

pub(super) fn field(path: impl Into<String>, reason: impl Into<String>) -> TrustRefusal {
    TrustRefusal::Field { field: path.into(), reason: reason.into() }
}

impl<'a> Fields<'a> {
    pub(super) fn of(path: impl Into<String>, value: &'a Json) -> Result<Self, TrustRefusal> {
        let path = path.into();
        match value {
            Json::Object(object) => Ok(Self { path, object }),
            _ => Err(field(path, "an object is needed")),
        }
    }

    pub(super) fn path(&self, name: &str) -> String {
        let shown: String = name.chars().take(96).collect();
        if self.path.is_empty() { shown } else { format!("{}.{shown}", self.path) }
    }

    pub(super) fn wrong(&self, name: &str, reason: impl Into<String>) -> TrustRefusal {
        field(self.path(name), reason)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.object.get(name)
    }

    pub(super) fn need(&self, name: &str) -> Result<&'a Json, TrustRefusal> {
        self.get(name).ok_or_else(|| self.wrong(name, "is missing"))
    }

    pub(super) fn object(&self, name: &str) -> Result<Self, TrustRefusal> {
        Self::of(self.path(name), self.need(name)?)
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, TrustRefusal> {
        match self.need(name)? {
            Json::Text(text) => Ok(text),
            _ => Err(self.wrong(name, "a string is needed")),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, TrustRefusal> {
        match self.need(name)? {
            Json::Bool(value) => Ok(*value),
            _ => Err(self.wrong(name, "true or false is needed")),
        }
    }

    pub(super) fn number(&self, name: &str, min: u64, max: u64) -> Result<u64, TrustRefusal> {
        let found = match self.need(name)? {
            Json::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        let allowed = found.filter(|number| (min..=max).contains(number));
        allowed.ok_or_else(|| self.wrong(name, format!("an integer {min} to {max} is needed")))
    }

    pub(super) fn list(&self, name: &str) -> Result<&'a [Json], TrustRefusal> {
        match self.need(name)? {
            Json::List(items) => Ok(items),
            _ => Err(self.wrong(name, "a list is needed")),
        }
    }

    /// The SHA-256 in the field `hashes`, which may hold others beside it.
    pub(super) fn sha256(&self, name: &str) -> Result<String, TrustRefusal> {
        let hashes = self.object(name)?;
        let text = hashes.text("sha256")?;
        if is_sha256(text) {
            return Ok(text.to_owned());
        }
        Err(hashes.wrong("sha256", "64 lower-case hexadecimal digits are needed"))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Json)> + use<'a> {
        self.object.iter()
    }
}

pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Unix milliseconds of `YYYY-MM-DDTHH:MM:SSZ`.
#[must_use]
pub fn date_time_ms(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
    if bytes.len() != 20 || marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = &bytes[from..to];
        let all = digits.iter().all(u8::is_ascii_digit);
        all.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let date = Day::of_date(year, month, day)?;
    Some(((date.0 * 24 + hour) * 60 + minute) * 60_000 + second * 1_000)
}
