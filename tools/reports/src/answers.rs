//! Answers that phones told with noise, and what they say of the truth.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;

use noctule_core::feedback::private::{RandomisedParts, RandomisedResponse};
use noctule_core::feedback::{Detail, Details};
use serde::Serialize;

use crate::csv::field;
use crate::error::{Error, Result};
use crate::feedback::{Feedback, Word};
use crate::files::{Cells, Refused, Wrong, day_folders, scan};
use crate::privacy::frequencies;

/// Different questions, values and epsilons that are told apart; more is no feedback of one app.
const QUESTIONS_MAX: usize = 4_096;

/// Answers that are held at once: some two gigabytes.
const ANSWERS_MAX: usize = 1 << 24;

const COLUMNS: [(&str, bool); 7] = [
    ("installation", true),
    ("sequence", true),
    ("kind", true),
    ("item", true),
    ("undoes", false),
    ("details", false),
    ("randomised", false),
];

/// One question with what was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrivateAnswers {
    /// `like`, or kind and field as in `rated.why`.
    pub question: String,
    /// The bound for each answer.
    pub epsilon: f64,
    /// How many values are possible.
    pub possible: u32,
    /// Answers, one for each installation and item.
    pub answers: u64,
    /// Installations that they come from.
    pub installations: u64,
    /// Values that were told, by name: at most as many as are possible, those told most.
    pub values: Vec<AnsweredValue>,
    /// Answers with other values: no phone that keeps to the plan gives them. In no share.
    pub strange: u64,
}

/// One value of a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnsweredValue {
    /// The value.
    pub value: String,
    /// How often it was told; the noise is in it.
    pub told: u64,
    /// The share that it has in truth, estimated without bias; below 0 at times.
    pub share: f64,
    /// Standard error of the share.
    pub standard_error: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A question as it is drawn: name, bits of epsilon, possible values.
type Question = (String, u64, u32);

/// Reads the answers that phones told with noise below the collector's folder `directory`.
///
/// Of what an installation answered about an item the last counts. What was undone does not.
///
/// # Errors
/// [`Error::NoFeedback`], [`Error::File`], [`Error::Parquet`], [`Error::Row`] with file, row and
/// column, also above 4,096 different questions; [`Error::TooMuch`] above 16 million answers.
pub fn private_answers(directory: &Path, app: &str) -> Result<Vec<PrivateAnswers>> {
    let mut words = Feedback::new(app);
    let (mut questions, mut held) = (BTreeMap::new(), 0);
    for folder in day_folders(directory, app)? {
        for path in &folder.files {
            scan(path, &COLUMNS, |cells| {
                held += take(&cells, &mut words, &mut questions)?;
                if held > ANSWERS_MAX {
                    let (path, limit) = (path.clone(), ANSWERS_MAX);
                    return Err(Error::TooMuch { path, limit }.into());
                }
                Ok(())
            })?;
        }
    }
    let found = questions.into_iter().map(|(question, answers)| estimate(&question, answers));
    found.filter_map(Result::transpose).collect()
}

/// The last answer of an installation about an item; none when it was undone.
struct Latest {
    sequence: u64,
    value: Option<String>,
}

/// Takes the answers of a row; gives how many installations and items are new with a question.
fn take(
    cells: &Cells<'_, 7>,
    words: &mut Feedback,
    questions: &mut BTreeMap<Question, HashMap<(Word, Word), Latest>>,
) -> Result<usize, Refused> {
    let Some(randomised) = cells.text(6)? else { return Ok(0) };
    let randomised: RandomisedParts =
        serde_json::from_str(randomised).map_err(|_| ("randomised", "is not as it should be"))?;
    let (installation, item) =
        (words.word(cells.needed_text(0)?), words.word(cells.needed_text(3)?));
    let sequence = cells.unsigned(1)?.ok_or_else(|| cells.missing(1))?;
    let kind = cells.needed_text(2)?;
    let mut new = 0;
    // Pure noise, told once a budget was spent, says nothing of the truth.
    for (part, how) in randomised.into_iter().filter(|(_, how)| how.epsilon > 0.0) {
        let (name, value) = match part.strip_prefix("details.") {
            Some(name) => (format!("{kind}.{name}"), Some(detail(cells, name)?)),
            None if cells.text(4)?.is_some() => ("like".to_owned(), None),
            None => ("like".to_owned(), Some(kind.to_owned())),
        };
        let asked = (name, how.epsilon.to_bits(), how.values);
        if questions.len() >= QUESTIONS_MAX && !questions.contains_key(&asked) {
            return Err(Wrong::from(("randomised", "there are too many different ones")).into());
        }
        let question = questions.entry(asked).or_default();
        let before = question.len();
        let latest = question
            .entry((installation, item))
            .or_insert_with(|| Latest { sequence, value: value.clone() });
        if latest.sequence <= sequence {
            *latest = Latest { sequence, value };
        }
        new += question.len() - before;
    }
    Ok(new)
}

fn detail(cells: &Cells<'_, 7>, name: &str) -> Result<String, Wrong> {
    let wrong = ("details", "is not as `randomised` says");
    let details: Details = serde_json::from_str(cells.text(5)?.ok_or(wrong)?).map_err(|_| wrong)?;
    match details.get(name).ok_or(wrong)? {
        Detail::Flag(flag) => Ok(flag.to_string()),
        Detail::Word(word) => Ok(word.clone()),
        Detail::Number(number) => Ok(number.to_string()),
    }
}

fn estimate(
    (question, epsilon, possible): &Question,
    answers: HashMap<(Word, Word), Latest>,
) -> Result<Option<PrivateAnswers>> {
    let epsilon = f64::from_bits(*epsilon);
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    let who: HashSet<Word> = answers.keys().map(|(installation, _)| *installation).collect();
    let installations = who.len() as u64;
    for value in answers.into_values().filter_map(|latest| latest.value) {
        *told.entry(value).or_default() += 1;
    }
    // What a phone tells is bounded by its declarations; what claims to be one may tell anything.
    let mut told: Vec<(String, u64)> = told.into_iter().collect();
    told.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let strange = told.split_off(told.len().min(*possible as usize));
    let strange = strange.into_iter().map(|(_, count)| count).sum();
    told.sort();
    let n: u64 = told.iter().map(|(_, count)| count).sum();
    if n == 0 {
        return Ok(None);
    }
    let wrong = |reason| Error::InvalidSetting { setting: "randomised", reason };
    let response = RandomisedResponse::new(*possible, epsilon)
        .map_err(|error| wrong(format!("{question}: {error}")))?;
    let mut counts: Vec<u64> = told.iter().map(|(_, count)| *count).collect();
    counts.resize(*possible as usize, 0);
    let estimates = frequencies(&response, &counts)?;
    let values = told.into_iter().zip(estimates).map(|((value, told), share)| {
        let (low, high) = share.interval();
        let standard_error = share.standard_error;
        AnsweredValue { value, told, share: share.value, standard_error, low, high }
    });
    let (question, possible) = (question.clone(), *possible);
    let values = values.collect();
    let answers = n;
    Ok(Some(PrivateAnswers {
        question,
        epsilon,
        possible,
        answers,
        installations,
        values,
        strange,
    }))
}

/// The answers as CSV (RFC 4180), with a header.
#[must_use]
pub fn answers_csv(answers: &[PrivateAnswers]) -> String {
    let mut csv =
        "question,epsilon,possible,answers,value,told,share,standard_error,low,high\r\n".to_owned();
    for (of, value) in rows(answers) {
        let AnsweredValue { value, told, share, standard_error, low, high } = value;
        let (question, value) = (field(&of.question), field(value));
        let PrivateAnswers { epsilon, possible, answers, .. } = of;
        // Writing to a string does not fail.
        let _ = write!(csv, "{question},{epsilon},{possible},{answers},{value},{told},");
        let _ = write!(csv, "{share},{standard_error},{low},{high}\r\n");
    }
    csv
}

/// The answers as a table for people, shares in percent.
#[must_use]
pub fn answers_table(answers: &[PrivateAnswers]) -> String {
    let mut table = format!(
        "{:<24} {:<16} {:>7} {:>9} {:>9}   share (95 %)\n",
        "question", "value", "epsilon", "answers", "told"
    );
    for (of, value) in rows(answers) {
        let _ = writeln!(
            table,
            "{:<24} {:<16} {:>7} {:>9} {:>9}   {:.1} % ({:.1} to {:.1})",
            of.question,
            value.value,
            of.epsilon,
            of.answers,
            value.told,
            100.0 * value.share,
            100.0 * value.low,
            100.0 * value.high,
        );
    }
    table
}

fn rows(answers: &[PrivateAnswers]) -> impl Iterator<Item = (&PrivateAnswers, &AnsweredValue)> {
    answers.iter().flat_map(|of| of.values.iter().map(move |value| (of, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_those_possible_spoil_nothing() {
        let mut words = Feedback::new("town");
        let mut answers = HashMap::new();
        let mut say = |installation: u32, value: &str| {
            let who = words.word(&format!("phone-{installation}"));
            let latest = Latest { sequence: 1, value: Some(value.to_owned()) };
            answers.insert((who, words.word("luna")), latest);
        };
        (0..60).for_each(|phone| say(phone, "like"));
        (60..100).for_each(|phone| say(phone, "dislike"));
        (100..103).for_each(|phone| say(phone, "whatever"));
        let question = ("like".to_owned(), 1.0f64.to_bits(), 2);
        let found = estimate(&question, answers).unwrap().unwrap();
        assert_eq!((found.answers, found.strange, found.installations), (100, 3, 103));
        let values: Vec<_> = found.values.iter().map(|v| (v.value.as_str(), v.told)).collect();
        assert_eq!(values, [("dislike", 40), ("like", 60)]);
        assert!((found.values.iter().map(|v| v.share).sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
