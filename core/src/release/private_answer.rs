//! Which answers leave the device with noise.

use serde::{Deserialize, Serialize};

use super::validate::{Check, count, refuse};
use crate::base::limits::PRIVATE_ANSWERS_MAX;

/// An answer of the user that is told the collector by randomised response: local differential
/// privacy (Kasiviswanathan et al., SIAM J. Comput. 2011).
///
/// Two values are possible of `like` (like and dislike), as many as declared of a flag or a word of
/// an own kind. What the collector hears is at most e^`epsilon` times as likely from one value than
/// from any other. That there was an answer, and about which item, it hears as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateAnswer {
    /// `like`, for whether it was a like or a dislike; or an own kind of the app.
    pub kind: String,
    /// The field of the own kind, a flag or a word; none for `like`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The bound for one answer about one item, 0.01 to 16.
    pub epsilon: f64,
}

/// What an epsilon may be: below, nothing is learned from millions; above, nothing is hidden.
pub const EPSILON: std::ops::RangeInclusive<f64> = 0.01..=16.0;

pub(super) fn check(answers: &[PrivateAnswer]) -> Check {
    count("number of private answers", answers.len(), PRIVATE_ANSWERS_MAX)?;
    for (number, answer) in answers.iter().enumerate() {
        let place = format!("private[{number}]");
        if !EPSILON.contains(&answer.epsilon) {
            let (low, high) = (EPSILON.start(), EPSILON.end());
            let reason = format!("is {}, {low} to {high} is allowed", answer.epsilon);
            return refuse(format!("{place}.epsilon"), reason);
        }
        match (answer.kind.as_str(), &answer.field) {
            ("like", None) => {}
            (
                "impression" | "click" | "dwell" | "like" | "dislike" | "hide" | "undo"
                | "conversion",
                _,
            ) => {
                let reason = "must be `like` without a field, or an own kind of the app";
                return refuse(format!("{place}.kind"), reason);
            }
            (_, None) => return refuse(format!("{place}.field"), "an own kind needs one"),
            (kind, Some(field)) => {
                plain(&format!("{place}.kind"), kind)?;
                plain(&format!("{place}.field"), field)?;
            }
        }
        let same = |other: &PrivateAnswer| other.kind == answer.kind && other.field == answer.field;
        if answers[..number].iter().any(same) {
            return refuse(place, "is there twice");
        }
    }
    Ok(())
}

fn plain(place: &str, name: &str) -> Check {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    if (1..=32).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    refuse(place, "must be 1 to 32 of a-z, 0-9 and _")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: &str, field: Option<&str>, epsilon: f64) -> PrivateAnswer {
        PrivateAnswer { kind: kind.into(), field: field.map(Into::into), epsilon }
    }

    #[test]
    fn likes_and_fields_of_own_kinds_may_be_private() {
        assert!(check(&[answer("like", None, 2.0), answer("rated", Some("why"), 0.5)]).is_ok());
    }

    #[test]
    fn what_cannot_be_told_with_noise_is_refused() {
        for wrong in [
            answer("like", Some("why"), 1.0),
            answer("click", None, 1.0),
            answer("rated", None, 1.0),
            answer("Rated", Some("why"), 1.0),
            answer("rated", Some("a b"), 1.0),
            answer("like", None, 0.0),
            answer("like", None, 17.0),
            answer("like", None, f64::NAN),
        ] {
            assert!(check(std::slice::from_ref(&wrong)).is_err(), "{wrong:?}");
        }
        let twice = answer("like", None, 1.0);
        assert!(check(&[twice.clone(), twice]).is_err());
        let many = (0..=PRIVATE_ANSWERS_MAX).map(|n| answer(&format!("k{n}"), Some("f"), 1.0));
        assert!(check(&many.collect::<Vec<_>>()).is_err());
    }
}
