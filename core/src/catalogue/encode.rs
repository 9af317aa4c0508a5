//! Writing a catalogue as columns.

use std::collections::BTreeSet;

use super::columns::DAYS;
use super::container::{Container, u32s};
use super::dictionary::Dictionary;
use super::{AttributeValue, Item, JSONL_FILE};
use crate::base::limits::{COLUMNS_MAX, ITEMS_MAX};
use crate::base::{Dtype, Error, Refusal, Result, Span};

/// The content of `catalogue.safetensors` for `items`. The same items give the same bytes.
///
/// # Errors
/// [`Error::ReleaseRefused`] for `catalogue.jsonl`, with the line that the item has or would have,
/// when an item holds a value out of range or the id of an earlier one, or when there are too many
/// items or attributes.
pub fn encode(items: &[Item]) -> Result<Vec<u8>> {
    let refused = |row: usize, refusal| {
        let place = format!("{JSONL_FILE}:{}", row + 1);
        Error::refused(place, refusal)
    };
    if items.len() > ITEMS_MAX {
        let (found, limit) = (items.len() as u64, ITEMS_MAX as u64);
        return Err(refused(
            ITEMS_MAX,
            Refusal::TooLarge { what: "number of items", found, limit },
        ));
    }
    for (row, item) in items.iter().enumerate() {
        item.check().map_err(|refusal| refused(row, refusal))?;
    }
    let mut file = Container::default();
    file.add_text("id", items.iter().map(|item| item.id.as_str()));
    file.add_text("title", items.iter().map(|item| item.title.as_str()));
    let order = order(items).map_err(|(row, refusal)| refused(row, refusal))?;
    file.add("order", Dtype::U32, u32s(&order));
    let available = items.iter().map(|item| u8::from(item.available)).collect();
    file.add("available", Dtype::U8, available);
    add_places(&mut file, items);
    add_hours(&mut file, items);
    add_attributes(&mut file, items).map_err(|refusal| Error::refused(JSONL_FILE, refusal))?;
    Ok(file.into_bytes())
}

/// The rows in the order of their ids, or the row whose id is there already.
fn order(items: &[Item]) -> Result<Vec<u32>, (usize, Refusal)> {
    // Lossless: the number of items is bounded by `ITEMS_MAX`.
    let mut order: Vec<u32> = (0..items.len() as u32).collect();
    let id = |row: u32| items[row as usize].id.as_str();
    order.sort_unstable_by(|a, b| id(*a).cmp(id(*b)).then_with(|| a.cmp(b)));
    let twice = order.windows(2).filter(|pair| id(pair[0]) == id(pair[1]));
    match twice.min_by_key(|pair| pair[1]) {
        Some(pair) => {
            let (first_line, line) = (u64::from(pair[0]) + 1, u64::from(pair[1]) + 1);
            let id = id(pair[0]).to_owned();
            Err((pair[1] as usize, Refusal::DuplicateItem { id, first_line, line }))
        }
        None => Ok(order),
    }
}

fn add_places(file: &mut Container, items: &[Item]) {
    if items.iter().all(|item| item.place.is_none()) {
        return;
    }
    let present = items.iter().map(|item| u8::from(item.place.is_some())).collect();
    file.add("place.present", Dtype::U8, present);
    let places = || items.iter().map(|item| item.place);
    let latitudes = places().map(|place| place.map_or(0.0, |place| place.latitude));
    file.add("place.latitude", Dtype::F64, f64s(latitudes));
    let longitudes = places().map(|place| place.map_or(0.0, |place| place.longitude));
    file.add("place.longitude", Dtype::F64, f64s(longitudes));
}

fn add_hours(file: &mut Container, items: &[Item]) {
    if items.iter().all(|item| item.hours.is_empty()) {
        return;
    }
    let numbers = |span: &Span| {
        let days = DAYS.iter().position(|days| *days == span.days).unwrap_or_default();
        // Lossless: 3 kinds of days, and minutes were checked to be at most 1440.
        [days as u16, span.from as u16, span.until as u16]
    };
    let mut table = Dictionary::new();
    let mut code = |item: &Item| match item.hours.is_empty() {
        true => 0,
        false => table.place(item.hours.iter().map(numbers).collect::<Vec<_>>()) + 1,
    };
    let codes: Vec<u32> = items.iter().map(&mut code).collect();
    file.add_unsigned("hours.codes", &codes);
    file.add("hours.ends", Dtype::U32, u32s(&ends(table.entries())));
    let spans = table.entries().concat();
    let bytes = spans.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    file.add_shaped("hours.spans", Dtype::U16, vec![spans.len(), 3], bytes);
}

/// The number of a kind of attribute in the file.
fn kind(value: &AttributeValue) -> u8 {
    match value {
        AttributeValue::Flag(_) => 0,
        AttributeValue::Number(_) => 1,
        AttributeValue::Text(_) => 2,
        AttributeValue::Words(_) => 3,
    }
}

fn add_attributes(file: &mut Container, items: &[Item]) -> Result<(), Refusal> {
    let all = items.iter().flat_map(|item| &item.attributes);
    let columns: BTreeSet<(&str, u8)> =
        all.map(|(name, value)| (name.as_str(), kind(value))).collect();
    if columns.len() > COLUMNS_MAX {
        let (found, limit) = (columns.len() as u64, COLUMNS_MAX as u64);
        return Err(Refusal::TooLarge { what: "number of attributes", found, limit });
    }
    file.add_text("attribute.names", columns.iter().map(|(name, _)| *name));
    file.add("attribute.kinds", Dtype::U8, columns.iter().map(|(_, kind)| *kind).collect());
    for (index, (name, wanted)) in columns.into_iter().enumerate() {
        let values = items
            .iter()
            .map(|item| item.attributes.get(name).filter(|value| kind(value) == wanted));
        add_attribute(file, &format!("attribute.{index}"), wanted, values);
    }
    Ok(())
}

/// Adds the tensors of one attribute; every value of `values` is of `kind`.
fn add_attribute<'a>(
    file: &mut Container,
    name: &str,
    kind: u8,
    values: impl Iterator<Item = Option<&'a AttributeValue>> + Clone,
) {
    match kind {
        0 => {
            let flag = |value: Option<&AttributeValue>| match value {
                Some(AttributeValue::Flag(flag)) => 1 + u8::from(*flag),
                _ => 0,
            };
            file.add(format!("{name}.flags"), Dtype::U8, values.map(flag).collect());
        }
        1 => {
            let number = |value: Option<&AttributeValue>| match value {
                Some(AttributeValue::Number(number)) => *number,
                _ => 0.0,
            };
            file.add(format!("{name}.numbers"), Dtype::F64, f64s(values.clone().map(number)));
            let present = values.map(|value| u8::from(value.is_some())).collect();
            file.add(format!("{name}.present"), Dtype::U8, present);
        }
        _ => add_words(file, name, kind, values),
    }
}

/// Adds a text or words: the words once, and where there are several, each list of them once.
fn add_words<'a>(
    file: &mut Container,
    name: &str,
    kind: u8,
    values: impl Iterator<Item = Option<&'a AttributeValue>>,
) {
    let (mut words, mut lists) = (Dictionary::new(), Dictionary::new());
    let mut code = |value: Option<&'a AttributeValue>| {
        let Some(value) = value else { return 0 };
        let places: Vec<u32> = value.words().map(|word| words.place(word)).collect();
        1 + match (kind, places.first()) {
            (2, Some(place)) => *place,
            _ => lists.place(places),
        }
    };
    let codes: Vec<u32> = values.map(&mut code).collect();
    file.add_unsigned(format!("{name}.codes"), &codes);
    file.add_text(&format!("{name}.words"), words.entries().iter().copied());
    if kind == 3 {
        file.add(format!("{name}.ends"), Dtype::U32, u32s(&ends(lists.entries())));
        file.add_unsigned(format!("{name}.lists"), &lists.entries().concat());
    }
}

/// Where each list ends when all stand one after another.
fn ends<T>(lists: &[Vec<T>]) -> Vec<u32> {
    let mut end = 0;
    let add = |list: &Vec<T>| {
        end += list.len() as u32;
        end
    };
    lists.iter().map(add).collect()
}

fn f64s(values: impl Iterator<Item = f64>) -> Vec<u8> {
    values.flat_map(f64::to_le_bytes).collect()
}
