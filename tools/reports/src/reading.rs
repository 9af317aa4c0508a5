//! Feedback from the collector's Parquet files, held in memory.

use std::path::Path;

use crate::error::{Error, Result};
use crate::feedback::{Feedback, FeedbackRow};
use crate::files::{Cells, Refused, Wrong, day_folders, scan};

/// Rows that are held in memory: about 20 GB, more than any machine of a report has to spare.
const ROWS_MAX: usize = 1 << 28;

/// The columns that reports need, and whether a file must have them.
const COLUMNS: [(&str, bool); 12] = [
    ("installation", true),
    ("sequence", true),
    ("at_ms", true),
    ("kind", true),
    ("item", true),
    ("surface", false),
    ("context", false),
    ("position", false),
    ("generation", false),
    ("propensity", false),
    ("arm", false),
    ("experiment", false),
];

/// Reads all feedback of `app` below the collector's output folder, one row group at a time.
///
/// Columns are found by name, so that files of a later version, and files that another tool has
/// merged, are read too.
///
/// # Errors
/// [`Error::NoFeedback`] when there is no file, [`Error::File`] and [`Error::Parquet`] when one
/// cannot be read, [`Error::Row`] with file, row and column where a value is missing or out of
/// range, [`Error::TooMuch`] above 268 million events.
///
/// ```no_run
/// let feedback = noctule_reports::read_feedback("collected".as_ref(), "town")?;
/// println!("{} events", feedback.rows().len());
/// # Ok::<(), noctule_reports::Error>(())
/// ```
pub fn read_feedback(directory: &Path, app: &str) -> Result<Feedback> {
    let mut feedback = Feedback::new(app);
    for folder in day_folders(directory, app)? {
        for path in &folder.files {
            // On an error the rows read so far are dropped together with the whole feedback.
            scan(path, &COLUMNS, |cells| take(path, &cells, &mut feedback))?;
        }
    }
    feedback.sort();
    Ok(feedback)
}

fn take(path: &Path, cells: &Cells<'_, 12>, feedback: &mut Feedback) -> Result<(), Refused> {
    if feedback.rows().len() >= ROWS_MAX {
        return Err(Error::TooMuch { path: path.to_path_buf(), limit: ROWS_MAX }.into());
    }
    let row = decode(cells, feedback)?;
    feedback.push(row);
    Ok(())
}

fn decode(values: &Cells<'_, 12>, feedback: &mut Feedback) -> Result<FeedbackRow, Wrong> {
    let sequence = values.unsigned(1)?.ok_or_else(|| values.missing(1))?;
    let position = values.integer(7)?.map(u32::try_from).transpose();
    let propensity = values.float(9)?;
    if propensity.is_some_and(|propensity| !(propensity > 0.0 && propensity <= 1.0)) {
        return Err(("propensity", "is not above 0 and at most 1"));
    }
    let mut word = |column| Ok::<_, Wrong>(values.text(column)?.map(|text| feedback.word(text)));
    Ok(FeedbackRow {
        installation: word(0)?.ok_or_else(|| values.missing(0))?,
        sequence,
        at_ms: values.needed_integer(2)?,
        kind: word(3)?.ok_or_else(|| values.missing(3))?,
        item: word(4)?.ok_or_else(|| values.missing(4))?,
        surface: word(5)?,
        context: word(6)?,
        position: position.map_err(|_| ("position", "is negative or too large"))?,
        generation: values.unsigned(8)?,
        propensity,
        arm: word(10)?,
        experiment: word(11)?,
    })
}
