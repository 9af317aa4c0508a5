//! Which answers leave the device with noise.

use serde::{Deserialize, Serialize};

use super::validate::{Check, count, refuse};
use crate::base::json;
use crate::base::limits::{PRIVATE_ANSWERS_MAX, PRIVATE_EDGES_MAX};

/// An answer of the user that is told the collector by randomised response: local differential
/// privacy (Kasiviswanathan et al., SIAM J. Comput. 2011).
///
/// Two values are possible of `like` (like and dislike), as many as declared of a flag or a word of
/// an own kind, and as many as `edges` make ranges of a number. What the collector hears is at most
/// e^`epsilon` times as likely from one value than from any other. That there was an answer, and
/// about which item, it hears as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateAnswer {
    /// `like`, for whether it was a like or a dislike; or an own kind of the app.
    pub kind: String,
    /// The field of the own kind; none for `like`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// For a number the bounds between its ranges, rising, each above the least and up to the
    /// greatest number that the app declares: of a number the lower end of its range is told.
    /// Answers of many make a histogram.
    #[serde(
        default,
        deserialize_with = "json::up_to::<PRIVATE_EDGES_MAX, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub edges: Vec<f64>,
    /// The bound for one answer about one item, 0.01 to 16.
    pub epsilon: f64,
}

/// What all private answers of a device may cost together: epsilons add up. What would cost more is
/// told as pure noise, with the epsilon 0, and is in no estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateBudget {
    /// New answers of one UTC day, 0.01 to 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon_a_day: Option<f64>,
    /// New answers until everything is erased, 0.01 to 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon_in_all: Option<f64>,
}

pub(super) fn check_budget(budget: Option<&PrivateBudget>) -> Check {
    let Some(PrivateBudget { epsilon_a_day, epsilon_in_all }) = budget else { return Ok(()) };
    for (name, value, most) in
        [("epsilon_a_day", epsilon_a_day, 1e3), ("epsilon_in_all", epsilon_in_all, 1e6)]
    {
        if let Some(value) = value.filter(|value| !(0.01..=most).contains(value)) {
            let reason = format!("is {value}, 0.01 to {most} is allowed");
            return refuse(format!("private_budget.{name}"), reason);
        }
    }
    Ok(())
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
        check_edges(&place, answer)?;
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

fn check_edges(place: &str, answer: &PrivateAnswer) -> Check {
    count("number of edges", answer.edges.len(), PRIVATE_EDGES_MAX)?;
    let place = format!("{place}.edges");
    if answer.field.is_none() && !answer.edges.is_empty() {
        return refuse(place, "are for numbers of own kinds");
    }
    if !answer.edges.iter().all(|edge| edge.is_finite()) {
        return refuse(place, "must be finite");
    }
    if !answer.edges.is_sorted_by(|one, next| one < next) {
        return refuse(place, "must rise");
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
        PrivateAnswer { kind: kind.into(), field: field.map(Into::into), edges: vec![], epsilon }
    }

    #[test]
    fn likes_and_fields_of_own_kinds_may_be_private() {
        assert!(check(&[answer("like", None, 2.0), answer("rated", Some("why"), 0.5)]).is_ok());
    }

    #[test]
    fn edges_are_finite_rise_and_belong_to_a_field() {
        let with = |field, edges: &[f64]| PrivateAnswer {
            edges: edges.to_vec(),
            ..answer(if field { "rated" } else { "like" }, field.then_some("stars"), 1.0)
        };
        assert!(check(&[with(true, &[2.0, 3.5])]).is_ok());
        for wrong in [
            with(false, &[2.0]),
            with(true, &[3.5, 2.0]),
            with(true, &[2.0, 2.0]),
            with(true, &[f64::NAN]),
            with(true, &[2.0, f64::INFINITY]),
            with(true, &[0.0; PRIVATE_EDGES_MAX + 1]),
        ] {
            assert!(check(std::slice::from_ref(&wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn budgets_are_numbers_that_can_be_spent() {
        let budget =
            |epsilon_a_day, epsilon_in_all| PrivateBudget { epsilon_a_day, epsilon_in_all };
        assert!(check_budget(Some(&budget(Some(4.0), Some(400.0)))).is_ok());
        for wrong in [
            budget(Some(0.0), None),
            budget(Some(f64::NAN), None),
            budget(None, Some(1e7)),
            budget(Some(1.0), Some(-1.0)),
        ] {
            assert!(check_budget(Some(&wrong)).is_err(), "{wrong:?}");
        }
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
