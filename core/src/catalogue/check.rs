//! Checking every value of a catalogue file, column by column.

use std::cmp::Ordering;

use super::columns::{Attribute, Columns, Hours, Places, Values};
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

/// Checks that `order` names rows whose ids strictly ascend. As it has as many entries as there
/// are rows, and an id that ascends is never there twice, it is then a permutation, and no two
/// rows have the same id.
fn check_order(columns: &Columns, file: &[u8]) -> Result<(), Refusal> {
    let order = &columns.order;
    let mut before: Option<(&[u8], u64)> = None;
    for place in 0..columns.items {
        let row = order.uint(file, place).unwrap_or(u64::MAX);
        let id = usize::try_from(row).ok().and_then(|row| columns.ids.raw(file, row));
        let Some(id) = id else {
            return Err(order.refuse(place, format!("is {row}, {} rows are there", columns.items)));
        };
        if let Some((last, last_row)) = before {
            match last.cmp(id) {
                Ordering::Less => {}
                Ordering::Equal if row != last_row => {
                    let id = String::from_utf8_lossy(id).into_owned();
                    let (first_line, line) = (last_row.min(row) + 1, last_row.max(row) + 1);
                    return Err(Refusal::DuplicateItem { id, first_line, line });
                }
                Ordering::Equal | Ordering::Greater => {
                    return Err(order.refuse(place, "names an id that is not after the one before"));
                }
            }
        }
        before = Some((id, row));
    }
    Ok(())
}

fn check_places(places: &Places, file: &[u8]) -> Result<(), Refusal> {
    places.present.check_at_most(file, 1)?;
    for (part, most) in [(&places.latitude, 90.0), (&places.longitude, 180.0)] {
        part.check_finite(file)?;
        let mut values = part.bytes(file).as_chunks().0.iter();
        let out = |bytes: &[u8; 8]| f64::from_le_bytes(*bytes).abs() > most;
        if let Some(row) = values.position(out) {
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
