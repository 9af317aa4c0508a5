//! Checking that the ids ascend along `order`: the one part of a catalogue that is read in no
//! order, so what it costs is waiting for memory.

use std::cmp::Ordering;

use super::columns::Columns;
use super::text::Located;
use crate::base::Refusal;

/// Rows whose ids are asked for before the first of them is looked at: the processor then waits
/// for many at a time, and they are few enough to stay in its first cache until they are compared.
const TOGETHER: usize = 64;

/// Checks that `order` names rows whose ids strictly ascend. As it has as many entries as there
/// are rows, and an id that ascends is never there twice, it is then a permutation, and no two
/// rows have the same id. The ids themselves were checked.
pub(super) fn check_order(columns: &Columns, file: &[u8]) -> Result<(), Refusal> {
    let Columns { order, ids, .. } = columns;
    let located = ids.locate(file);
    let rows = order.bytes(file).as_chunks().0;
    let (mut last, mut last_row) = (0, None);
    let mut heads = [0; TOGETHER];
    for (at, rows) in rows.chunks(TOGETHER).enumerate() {
        let row = |at: usize| u32::from_le_bytes(rows[at]) as usize;
        // Nothing here depends on what was read for the row before.
        for (at, head) in heads[..rows.len()].iter_mut().enumerate() {
            *head = head_of(&located, row(at));
        }
        for (at_row, head) in heads[..rows.len()].iter().enumerate() {
            // No id has the head 0, so that one above another is there.
            if last >= *head {
                judge(columns, file, at * TOGETHER + at_row, last_row, row(at_row))?;
            }
            (last, last_row) = (*head, Some(row(at_row)));
        }
    }
    Ok(())
}

/// The first 16 bytes of the id of `row` as a number, zeros behind a shorter one; 0 when there is
/// no such row. Ids are in the order of their heads where these differ, as no id holds a zero.
#[inline]
fn head_of(ids: &Located<'_>, row: usize) -> u128 {
    const BYTES: usize = size_of::<u128>();
    let Some((begin, length)) = ids.get(row) else { return 0 };
    let from_there = ids.bytes.get(begin..).unwrap_or_default();
    let sixteen = from_there.first_chunk().copied().unwrap_or_else(|| {
        let mut padded = [0; BYTES];
        padded[..from_there.len()].copy_from_slice(from_there);
        padded
    });
    let behind = 8 * BYTES.saturating_sub(length) as u32;
    u128::from_be_bytes(sixteen) & u128::MAX.checked_shl(behind).unwrap_or_default()
}

/// Compares the whole id of `row`, which stands at `place` of the order, with that of `last_row`.
fn judge(
    columns: &Columns,
    file: &[u8],
    place: usize,
    last_row: Option<usize>,
    row: usize,
) -> Result<(), Refusal> {
    let Columns { order, ids, items, .. } = columns;
    let Some(id) = ids.raw(file, row) else {
        return Err(order.refuse(place, format!("is {row}, {items} rows are there")));
    };
    let Some((last, last_row)) = last_row.and_then(|row| Some((ids.raw(file, row)?, row))) else {
        return Ok(());
    };
    match last.cmp(id) {
        Ordering::Less => Ok(()),
        Ordering::Equal if row != last_row => {
            let id = String::from_utf8_lossy(id).into_owned();
            let [first_line, line] =
                [last_row.min(row), last_row.max(row)].map(|row| row as u64 + 1);
            Err(Refusal::DuplicateItem { id, first_line, line })
        }
        Ordering::Equal | Ordering::Greater => {
            Err(order.refuse(place, "names an id that is not after the one before"))
        }
    }
}
