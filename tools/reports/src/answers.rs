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
    /// Values that were told, by name.
    pub values: Vec<AnsweredValue>,
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
/// column; [`Error::InvalidSetting`] when more values were told than are possible.
pub fn private_answers(directory: &Path, app: &str) -> Result<Vec<PrivateAnswers>> {
    let mut words = Feedback::new(app);
    let mut questions: BTreeMap<Question, HashMap<(Word, Word), Latest>> = BTreeMap::new();
    for folder in day_folders(directory, app)? {
        for path in &folder.files {
            scan(path, &COLUMNS, |cells| take(&cells, &mut words, &mut questions))?;
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

fn take(
    cells: &Cells<'_, 7>,
    words: &mut Feedback,
    questions: &mut BTreeMap<Question, HashMap<(Word, Word), Latest>>,
) -> Result<(), Refused> {
    let Some(randomised) = cells.text(6)? else { return Ok(()) };
    let randomised: RandomisedParts =
        serde_json::from_str(randomised).map_err(|_| ("randomised", "is not as it should be"))?;
    let (installation, item) =
        (words.word(cells.needed_text(0)?), words.word(cells.needed_text(3)?));
    let sequence = cells.unsigned(1)?.ok_or_else(|| cells.missing(1))?;
    let kind = cells.needed_text(2)?;
    for (part, how) in randomised {
        let (name, value) = match part.strip_prefix("details.") {
            Some(name) => (format!("{kind}.{name}"), Some(detail(cells, name)?)),
            None if cells.text(4)?.is_some() => ("like".to_owned(), None),
            None => ("like".to_owned(), Some(kind.to_owned())),
        };
        if questions.len() >= QUESTIONS_MAX {
            return Err(Wrong::from(("randomised", "there are too many different ones")).into());
        }
        let question = questions.entry((name, how.epsilon.to_bits(), how.values)).or_default();
        let latest = question
            .entry((installation, item))
            .or_insert_with(|| Latest { sequence, value: value.clone() });
        if latest.sequence <= sequence {
            *latest = Latest { sequence, value };
        }
    }
    Ok(())
}

fn detail(cells: &Cells<'_, 7>, name: &str) -> Result<String, Wrong> {
    let wrong = ("details", "is not as `randomised` says");
    let details: Details = serde_json::from_str(cells.text(5)?.ok_or(wrong)?).map_err(|_| wrong)?;
    match details.get(name).ok_or(wrong)? {
        Detail::Flag(flag) => Ok(flag.to_string()),
        Detail::Word(word) => Ok(word.clone()),
        Detail::Number(_) => Err(wrong),
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
    let n: u64 = told.values().sum();
    if n == 0 {
        return Ok(None);
    }
    let wrong = |reason| Error::InvalidSetting { setting: "randomised", reason };
    let response = RandomisedResponse::new(*possible, epsilon)
        .map_err(|error| wrong(format!("{question}: {error}")))?;
    let mut counts: Vec<u64> = told.values().copied().collect();
    if counts.len() > *possible as usize {
        return Err(wrong(format!("{question}: {} values of {possible}", counts.len())));
    }
    counts.resize(*possible as usize, 0);
    let estimates = frequencies(&response, &counts)?;
    let values = told.into_iter().zip(estimates).map(|((value, told), share)| {
        let (low, high) = share.interval();
        let standard_error = share.standard_error;
        AnsweredValue { value, told, share: share.value, standard_error, low, high }
    });
    let (question, possible) = (question.clone(), *possible);
    let values = values.collect();
    Ok(Some(PrivateAnswers { question, epsilon, possible, answers: n, installations, values }))
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
