//! Rows of files that are there become a new file: without those of some installations, or those
//! of many files in one.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Repetition, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type,
    Int64Type, Int96Type,
};
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader as _;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{Type, TypePtr};
use uuid::Uuid;

use crate::columns;
use crate::error::{Error, Result};
use crate::rows::{Key, Source, Table, guarded};

/// Rows of a row group: one column of them is in memory at a time.
const ROW_GROUP_ROWS: usize = 1 << 18;

/// Where a row stands: the number of its source and its number there.
type Place = (u32, u32);

/// Copies the rows of `sources` whose installation is to be kept into `file`, sorted by
/// installation and sequence number. Gives the file, not yet written through, and how many rows
/// it has. Columns that this version does not know are copied as well.
pub(crate) fn copy(
    sources: &[PathBuf],
    table: Table,
    app: &str,
    keep: impl Fn(Uuid) -> bool,
    (file, path): (File, &Path),
) -> Result<(File, u64)> {
    let first = sources.first().map_or(path, PathBuf::as_path);
    guarded(first, || {
        let sources = sources.iter().map(|path| Source::open(path)).collect::<Result<Vec<_>>>()?;
        let order = order(&sources, table, keep)?;
        let schema = schema(&sources, table)?;
        let begun = columns::begin(file, Arc::clone(&schema), table.version(), app);
        let mut writer = begun.map_err(Error::parquet(path))?;
        for places in order.chunks(ROW_GROUP_ROWS) {
            let mut group = writer.next_row_group().map_err(Error::parquet(path))?;
            for field in schema.get_fields() {
                copy_field(&sources, field, places, &mut group)?;
            }
            group.close().map_err(Error::parquet(path))?;
        }
        Ok((writer.into_inner().map_err(Error::parquet(path))?, order.len() as u64))
    })
}

/// The rows to be kept, in their new order.
fn order(sources: &[Source], table: Table, keep: impl Fn(Uuid) -> bool) -> Result<Vec<Place>> {
    let mut rows: Vec<(Key, Place)> = Vec::new();
    for (number, source) in (0u32..).zip(sources) {
        let keys = source.keys(table)?;
        let places = (0u32..).map(|row| (number, row));
        rows.extend(keys.into_iter().zip(places).filter(|((name, _), _)| keep(*name)));
    }
    rows.sort_unstable();
    Ok(rows.into_iter().map(|(_, place)| place).collect())
}

/// The columns of the table, and behind them those of the sources that it does not know.
fn schema(sources: &[Source], table: Table) -> Result<TypePtr> {
    let of = |source: &Source| source.path.clone();
    let path = sources.first().map_or_else(PathBuf::new, of);
    let known = parse_message_type(table.schema()).map_err(Error::parquet(&path))?;
    let mut fields = known.get_fields().to_vec();
    for source in sources {
        for field in source.reader.metadata().file_metadata().schema().get_fields() {
            if !field.is_primitive() || field.get_basic_info().repetition() == Repetition::REPEATED
            {
                let reason = "a column holds more than one value a row";
                return Err(Error::Damaged { path: source.path.clone(), reason });
            }
            if fields.iter().all(|known| known.name() != field.name()) {
                fields.push(Arc::clone(field));
            }
        }
    }
    let schema = Type::group_type_builder(known.name()).with_fields(fields).build();
    schema.map(Arc::new).map_err(Error::parquet(&path))
}

fn copy_field(
    sources: &[Source],
    field: &Type,
    places: &[Place],
    group: &mut SerializedRowGroupWriter<'_, File>,
) -> Result<()> {
    match field.get_physical_type() {
        Physical::BOOLEAN => copy_column::<BoolType>(sources, field, places, group),
        Physical::INT32 => copy_column::<Int32Type>(sources, field, places, group),
        Physical::INT64 => copy_column::<Int64Type>(sources, field, places, group),
        Physical::INT96 => copy_column::<Int96Type>(sources, field, places, group),
        Physical::FLOAT => copy_column::<FloatType>(sources, field, places, group),
        Physical::DOUBLE => copy_column::<DoubleType>(sources, field, places, group),
        Physical::BYTE_ARRAY => copy_column::<ByteArrayType>(sources, field, places, group),
        Physical::FIXED_LEN_BYTE_ARRAY => {
            copy_column::<FixedLenByteArrayType>(sources, field, places, group)
        }
    }
}

fn copy_column<T: DataType>(
    sources: &[Source],
    field: &Type,
    places: &[Place],
    group: &mut SerializedRowGroupWriter<'_, File>,
) -> Result<()> {
    let mut parts = Vec::with_capacity(sources.len());
    for (number, source) in (0u32..).zip(sources) {
        let rows = places.iter().filter(|place| place.0 == number).map(|place| place.1 as usize);
        // In sorted sources the rows of a group stand side by side: nothing is read in vain.
        let (first, end) =
            rows.fold((usize::MAX, 0), |(low, high), row| (low.min(row), high.max(row + 1)));
        let column = source.column(field.name());
        let values = match column {
            Some(column) if first < end => source.read::<T>(column, first, end)?,
            _ => Vec::new(),
        };
        parts.push((first, values));
    }
    let value = |(source, row): &Place| {
        let (first, values) = parts.get(*source as usize)?;
        values.get((*row as usize).checked_sub(*first)?)?.clone()
    };
    let values: Vec<Option<T::T>> = places.iter().map(value).collect();
    let is_required = field.get_basic_info().repetition() == Repetition::REQUIRED;
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let present: Vec<T::T> = values.into_iter().flatten().collect();
    let path = sources.first().map_or(Path::new(""), |source| source.path.as_path());
    let written = if !is_required {
        columns::next_column::<T>(group, |column| column.write_batch(&present, Some(&levels), None))
    } else if present.len() == places.len() {
        columns::next_column::<T>(group, |column| column.write_batch(&present, None, None))
    } else {
        Err(ParquetError::General(format!("{}: a required value is absent", field.name())))
    };
    written.map_err(Error::parquet(path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::rows::read_keys;
    use crate::table::{self, tests::write_file as write};

    /// Every row as text.
    fn texts(path: &Path) -> Vec<String> {
        let reader = Source::open(path).unwrap().reader;
        reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_copy_has_exactly_the_rows_that_are_kept_in_order(
            parts in proptest::collection::vec(
                proptest::collection::vec((0u128..4, 1u64..50), 1..40), 1..5),
            gone in 0u128..5,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut sources = Vec::new();
            for (number, part) in parts.iter().enumerate() {
                let path = folder.path().join(format!("{number}.parquet"));
                write(&path, part);
                sources.push(path);
            }
            let path = folder.path().join("copy.parquet");
            let keep = |name: Uuid| name != Uuid::from_u128(gone);
            let target = (File::create(&path).unwrap(), path.as_path());
            let (_, rows) = copy(&sources, Table::Events, "town", keep, target).unwrap();
            let kept: Vec<_> =
                parts.concat().into_iter().filter(|(name, _)| *name != gone).collect();
            prop_assert_eq!(rows as usize, kept.len());
            // The same rows written by the writer of new files, sorted, are the truth.
            let mut sorted = kept;
            sorted.sort_unstable();
            let truth = folder.path().join("truth.parquet");
            write(&truth, &sorted);
            prop_assert_eq!(texts(&path), texts(&truth));
            let keys = read_keys(&path, Table::Events).unwrap();
            prop_assert!(keys.is_sorted());
        }
    }

    #[test]
    fn columns_that_only_some_files_have_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        write(&old, &[(1, 1)]);
        let text = table::FEEDBACK_SCHEMA.replace("}", "  optional int64 later;\n}");
        let schema = Arc::new(parse_message_type(&text).unwrap());
        let source = Source::open(&old).unwrap();
        let file = File::create(&new).unwrap();
        let mut writer =
            columns::begin(file, Arc::clone(&schema), ("noctule.feedback", 1), "town").unwrap();
        let mut group = writer.next_row_group().unwrap();
        for field in schema.get_fields() {
            if field.name() == "later" {
                columns::next_column::<Int64Type>(&mut group, |column| {
                    column.write_batch(&[77], Some(&[1]), None)
                })
                .unwrap();
            } else {
                copy_field(std::slice::from_ref(&source), field, &[(0, 0)], &mut group).unwrap();
            }
        }
        group.close().unwrap();
        writer.close().unwrap();
        let path = folder.path().join("both");
        let target = (File::create(&path).unwrap(), path.as_path());
        copy(&[old, new], Table::Events, "town", |_| true, target).unwrap();
        let rows = texts(&path);
        assert_eq!(rows.len(), 2);
        assert!(rows[0].contains("later: null") && rows[1].contains("later: 77"), "{rows:?}");
    }

    #[test]
    fn a_damaged_source_is_an_error_whatever_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        write(&path, &(1..200).map(|sequence| (7, sequence)).collect::<Vec<_>>());
        let whole = fs::read(&path).unwrap();
        for index in (0..whole.len()).step_by(7) {
            let mut flipped = whole.clone();
            flipped[index] ^= 0x5a;
            fs::write(&path, &flipped).unwrap();
            let copied = folder.path().join("copy");
            let target = (File::create(&copied).unwrap(), copied.as_path());
            // A flip may go unseen or be told; what it may not is panic.
            let _ = copy(std::slice::from_ref(&path), Table::Events, "town", |_| true, target);
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(read_keys(&path, Table::Events).is_err());
    }
}
