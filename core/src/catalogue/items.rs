//! The catalogue of a release: columns in a mapped file, read where they are asked for.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use super::check;
use super::columns::{Attribute, Columns};
use super::encode::encode;
use super::{Item, JSONL_FILE};
use crate::base::{Error, GeoPoint, ItemId, MappedFile, Result, TensorLayout, WeekMinute};

/// Codes of opening hours that are read at once.
const CODES_AT_ONCE: usize = 256;

/// All items of a release, by index and by id.
///
/// ```
/// use noctule_core::catalogue::Catalogue;
/// let line = r#"{"id": "luna", "title": "La Luna"}"#;
/// let catalogue = Catalogue::from_items(&[serde_json::from_str(line)?])?;
/// assert_eq!(catalogue.index_of("luna"), Some(0));
/// assert_eq!(catalogue.title(0), Some("La Luna"));
/// assert_eq!(catalogue.item(0).map(|item| item.title), Some("La Luna".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Catalogue {
    file: Bytes,
    name: String,
    columns: Columns,
}

/// Where the bytes of the file are.
#[derive(Debug)]
enum Bytes {
    Mapped(MappedFile),
    Memory(Vec<u8>),
}

impl Catalogue {
    /// Opens the file at `path`, which errors call `name` (`catalogue.safetensors`).
    ///
    /// Reads the header and the names of the attributes, whatever the number of items; see
    /// [`Self::check`] for the rest.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read; [`Error::ReleaseRefused`] when it is no container,
    /// or a tensor is missing, unknown, or of another type or shape than a catalogue's.
    pub fn open(path: &Path, name: &str) -> Result<Self> {
        Self::new(Bytes::Mapped(MappedFile::open(path)?), name)
    }

    /// Reads the catalogue in `bytes`, the content of a file that errors call `name`.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] as for [`Self::open`].
    pub fn from_bytes(bytes: Vec<u8>, name: &str) -> Result<Self> {
        Self::new(Bytes::Memory(bytes), name)
    }

    /// A catalogue of `items` in memory, as [`encode`] writes it.
    ///
    /// # Errors
    /// Those of [`encode`].
    pub fn from_items(items: &[Item]) -> Result<Self> {
        Self::from_bytes(encode(items)?, JSONL_FILE)
    }

    fn new(file: Bytes, name: &str) -> Result<Self> {
        let refused = |refusal| Error::refused(name, refusal);
        let layout = TensorLayout::of_bytes(file.get()).map_err(refused)?;
        layout.check_names().map_err(refused)?;
        let columns = Columns::of(&layout, file.get()).map_err(refused)?;
        Ok(Self { file, name: name.to_owned(), columns })
    }

    /// Checks every value: lengths and text, order and ids, places, hours, attributes. Goes over
    /// each column once and holds 2 bytes for each item beside it.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] with the tensor and the row of the first value that is not
    /// allowed.
    pub fn check(&self) -> Result<()> {
        check::check(&self.columns, self.file.get())
            .map_err(|refusal| Error::refused(&self.name, refusal))
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.items
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The indices of all items.
    pub fn indices(&self) -> impl Iterator<Item = u32> + use<> {
        // Lossless: the number of items is bounded by `ITEMS_MAX`.
        0..self.len() as u32
    }

    /// The index of the item called `id`, by binary search.
    #[must_use]
    pub fn index_of(&self, id: &str) -> Option<u32> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.columns.order.uint(self.file.get(), middle)?;
            let row = u32::try_from(row).ok()?;
            let found = self.columns.ids.raw(self.file.get(), row as usize)?;
            match found.cmp(id.as_bytes()) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(row),
            }
        }
        None
    }

    /// The id of the item at `index`.
    #[must_use]
    pub fn id(&self, index: u32) -> Option<&str> {
        self.columns.ids.get(self.file.get(), index as usize)
    }

    /// The title of the item at `index`.
    #[must_use]
    pub fn title(&self, index: u32) -> Option<&str> {
        self.columns.titles.get(self.file.get(), index as usize)
    }

    /// Where the item at `index` is, when it is somewhere.
    #[must_use]
    pub fn place(&self, index: u32) -> Option<GeoPoint> {
        self.columns.places.as_ref()?.get(self.file.get(), index as usize)
    }

    /// The words of attribute `name` of the item at `index`; none when the item lacks it.
    #[must_use]
    pub fn words(&self, index: u32, name: &str) -> Vec<&str> {
        let row = index as usize;
        let mut columns = self.columns.attributes.iter().filter(|column| column.name == name);
        let column = columns.find(|column| column.values.has(self.file.get(), row));
        column.and_then(|column| column.values.words(self.file.get(), row)).unwrap_or_default()
    }

    /// The columns of the attribute `name`, in the order in which an item's value is looked for.
    pub(super) fn columns_named(&self, name: &str) -> Vec<&Attribute> {
        self.columns.attributes.iter().filter(|column| column.name == name).collect()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.file.get()
    }

    /// For each item, whether it may be recommended at all.
    #[must_use]
    pub fn available(&self) -> Vec<bool> {
        let flags = self.columns.available.bytes(self.file.get());
        let mut available: Vec<bool> = flags.iter().map(|flag| *flag == 1).collect();
        available.resize(self.len(), false);
        available
    }

    /// Whether the item at `index` may be recommended at all.
    #[must_use]
    pub fn is_available(&self, index: u32) -> bool {
        let flags = self.columns.available.bytes(self.file.get());
        flags.get(index as usize) == Some(&1)
    }

    /// Which sets of opening hours hold `moment`, by their code: 0 stands for no hours, which is
    /// always open.
    pub(super) fn open_codes(&self, moment: WeekMinute) -> Vec<bool> {
        let Some(hours) = &self.columns.hours else { return Vec::new() };
        let is_open = |list: usize| {
            let spans = hours.spans(self.file.get(), list);
            spans.is_some_and(|spans| spans.is_empty() || spans.iter().any(|s| s.holds(moment)))
        };
        std::iter::once(true).chain((0..hours.lists.rows()).map(is_open)).collect()
    }

    /// Whether the opening hours of the item at `index` are among the `open` ones; one without
    /// hours always is.
    pub(super) fn is_open(&self, index: u32, open: &[bool]) -> bool {
        let Some(hours) = &self.columns.hours else { return true };
        let code = hours.codes.uint(self.file.get(), index as usize);
        let code = code.and_then(|code| usize::try_from(code).ok());
        code.and_then(|code| open.get(code)).copied().unwrap_or(false)
    }

    /// Takes the items that are not open at `moment` out of `eligible`. The spans are looked at
    /// once for each different set of opening hours.
    pub fn keep_open(&self, moment: WeekMinute, eligible: &mut [bool]) {
        let Some(hours) = &self.columns.hours else { return };
        let open = self.open_codes(moment);
        let mut codes = [0; CODES_AT_ONCE];
        for (part, eligible) in eligible.chunks_mut(CODES_AT_ONCE).enumerate() {
            let known = hours.codes.read(self.file.get(), part * CODES_AT_ONCE, &mut codes);
            // Without a branch for each item.
            for (eligible, code) in eligible.iter_mut().zip(&codes[..known]) {
                *eligible &= open.get(*code as usize).copied().unwrap_or(false);
            }
            eligible.iter_mut().skip(known).for_each(|eligible| *eligible = false);
        }
    }

    /// The item at `index`, decoded.
    ///
    /// None when there is none, or when the file was damaged since it was checked.
    #[must_use]
    pub fn item(&self, index: u32) -> Option<Item> {
        let (file, row) = (self.file.get(), index as usize);
        let mut attributes = BTreeMap::new();
        for column in &self.columns.attributes {
            if column.values.has(file, row) && !attributes.contains_key(&column.name) {
                attributes.insert(column.name.clone(), column.values.get(file, row)?);
            }
        }
        let hours = match &self.columns.hours {
            None => Vec::new(),
            Some(hours) => match usize::try_from(hours.codes.uint(file, row)?).ok()? {
                0 => Vec::new(),
                code => hours.spans(file, code - 1)?,
            },
        };
        Some(Item {
            id: ItemId::new(self.id(index)?).ok()?,
            title: self.title(index)?.to_owned(),
            attributes,
            place: self.place(index),
            hours,
            available: self.columns.available.uint(file, row)? == 1,
        })
    }
}

impl Bytes {
    fn get(&self) -> &[u8] {
        match self {
            Self::Mapped(file) => file.as_bytes(),
            Self::Memory(bytes) => bytes,
        }
    }
}
