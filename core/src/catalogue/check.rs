//! Checking every value of a catalogue file, column by column.

use super::columns::{Attribute, Columns, Hours, Places, Values};
use super::order::check_order;
use super::part::Part;
use crate::base::Refusal;
use crate::base::limits::{
    HOURS_MAX, ID_BYTES_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX, WORD_BYTES_MAX, WORDS_MAX,
};

/// Checks all `columns` of `file`. What is checked when they are opened (types, shapes, and the
/// names of the attributes) is not checked again.
pub(super) fn check(columns: &Columns, file: &[u8]) -> Result<(), Refusal> {
    columns.ids.check(file, &(1..=ID_BYTES_MAX))?;
    check_order(columns, file)?;
    columns.titles.check(file, &(0..=TITLE_BYTES_MAX))?;
    columns.available.check_at_most(file, 1)?;
    if let Some(places) = &columns.places {
        check_places(places, file)?;
    }
    if let Some(hours) = &columns.hours {
        check_hours(hours, file)?;
    }
    columns.attributes.iter().try_for_each(|attribute| check_attribute(attribute, file))
}

fn check_places(places: &Places, file: &[u8]) -> Result<(), Refusal> {
    places.present.check_at_most(file, 1)?;
    for (part, most) in [(&places.latitude, 90.0), (&places.longitude, 180.0)] {
        part.check_finite(file)?;
        if let Some(row) = part.first_number(file, |number| number.abs() > most) {
            return Err(part.refuse(row, format!("must be between -{most} and {most} degrees")));
        }
    }
    Ok(())
}

fn check_hours(hours: &Hours, file: &[u8]) -> Result<(), Refusal> {
    hours.lists.check(file, HOURS_MAX)?;
    for row in 0..hours.spans.rows {
        if hours.span(file, row).is_none() {
            let reason = "must be 0 to 2 days, from 0 to 1439 and until 0 to 1440 minutes";
            return Err(hours.spans.refuse(row, reason));
        }
    }
    check_codes(&hours.codes, file, hours.lists.rows())
}

fn check_attribute(attribute: &Attribute, file: &[u8]) -> Result<(), Refusal> {
    match &attribute.values {
        Values::Flags(flags) => flags.check_at_most(file, 2),
        Values::Numbers { numbers, present } => {
            present.check_at_most(file, 1)?;
            numbers.check_finite(file)
        }
        Values::Text { codes, words } => {
            words.check(file, &(0..=TEXT_BYTES_MAX))?;
            check_codes(codes, file, words.rows())
        }
        Values::Words { codes, lists, values, words } => {
            words.check(file, &(0..=WORD_BYTES_MAX))?;
            lists.check(file, WORDS_MAX)?;
            match words.rows().checked_sub(1) {
                Some(last) => values.check_at_most(file, last as u64)?,
                None if values.rows > 0 => return Err(values.refuse(0, "no word is there")),
                None => {}
            }
            check_codes(codes, file, lists.rows())
        }
    }
}

/// Checks codes into a table of `entries`: 0 stands for none.
fn check_codes(codes: &Part, file: &[u8], entries: usize) -> Result<(), Refusal> {
    codes.check_at_most(file, entries as u64)
}
