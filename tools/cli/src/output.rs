//! Results, on standard output.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::error::{Error, Result};

/// Prints results in the form that was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// As JSON, or as text for people.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether JSON was asked for.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints `value` as JSON, or else `text`, which may be of several lines.
    pub(crate) fn print(self, value: &impl Serialize, text: &str) -> Result<()> {
        if self.json {
            let json = serde_json::to_string_pretty(value).map_err(Error::failed("print JSON"))?;
            write_all(&json)
        } else {
            write_all(text)
        }
    }
}

fn write_all(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = write!(stdout, "{text}{end}").and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Error::ReaderGone,
        _ => Error::failed("write to standard output")(error),
    })
}

/// A number with a comma between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The name of an enum's variant as programs like it: `NoRelease` becomes `no-release`, and
/// `Stopped(OutOfTime)` becomes `stopped-out-of-time`.
pub(crate) fn kebab(variant: &impl std::fmt::Debug) -> String {
    let mut text = String::new();
    for character in format!("{variant:?}").chars() {
        if character.is_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.extend(character.is_alphanumeric().then(|| character.to_ascii_lowercase()));
    }
    text
}

#[cfg(test)]
mod tests {
    use noctule_core::base::StopReason;

    use super::*;

    #[test]
    fn variants_are_told_in_lower_case() {
        assert_eq!(kebab(&StopReason::OutOfTime), "out-of-time");
        assert_eq!(kebab(&Some(StopReason::Cancelled)), "some-cancelled");
    }

    #[test]
    fn thousands_are_grouped() {
        let texts = [0, 999, 1_000, 123_456, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "123,456", "1,234,567"]);
    }
}
