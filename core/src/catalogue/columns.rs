//! What a catalogue file consists of.

use super::AttributeValue;
use super::part::{Part, Parts, UNSIGNED};
use super::text::{Lists, Text};
use crate::base::limits::{COLUMNS_MAX, ID_BYTES_MAX, ITEMS_MAX};
use crate::base::{Days, Dtype, GeoPoint, Refusal, Span, TensorLayout};

/// All columns, where they lie; each value is read from the file when it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    pub(super) items: usize,
    pub(super) order: Part,
    pub(super) ids: Text,
    pub(super) titles: Text,
    pub(super) available: Part,
    pub(super) places: Option<Places>,
    pub(super) hours: Option<Hours>,
    pub(super) attributes: Vec<Attribute>,
}

#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) present: Part,
    pub(super) latitude: Part,
    pub(super) longitude: Part,
}

/// Opening hours: codes into a table of lists of spans.
#[derive(Debug, Clone)]
pub(super) struct Hours {
    pub(super) codes: Part,
    pub(super) lists: Lists,
    pub(super) spans: Part,
}

#[derive(Debug, Clone)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) values: Values,
}

/// The values of one attribute. A code 0 stands for none, c for entry c - 1 of the table.
#[derive(Debug, Clone)]
pub(super) enum Values {
    /// 0 none, 1 false, 2 true.
    Flags(Part),
    Numbers {
        numbers: Part,
        present: Part,
    },
    Text {
        codes: Part,
        words: Text,
    },
    Words {
        codes: Part,
        lists: Lists,
        values: Part,
        words: Text,
    },
}

impl Columns {
    /// The columns of `file`, whose header is `layout`.
    pub(super) fn of(layout: &TensorLayout, file: &[u8]) -> Result<Self, Refusal> {
        let mut parts = Parts::of(layout);
        let order = parts.take("order".into(), &[Dtype::U32])?;
        let items = order.rows;
        if items > ITEMS_MAX {
            let (found, limit) = (items as u64, ITEMS_MAX as u64);
            return Err(Refusal::TooLarge { what: "number of items", found, limit });
        }
        let ids = Text::take_rows(&mut parts, "id", items)?;
        let titles = Text::take_rows(&mut parts, "title", items)?;
        let available = parts.take_rows("available".into(), &[Dtype::U8], items)?;
        let places = Places::take(&mut parts, items)?;
        let hours = Hours::take(&mut parts, items)?;
        let kinds = parts.take("attribute.kinds".into(), &[Dtype::U8])?;
        if kinds.rows > COLUMNS_MAX {
            let (found, limit) = (kinds.rows as u64, COLUMNS_MAX as u64);
            return Err(Refusal::TooLarge { what: "number of attributes", found, limit });
        }
        let names = Text::take_rows(&mut parts, "attribute.names", kinds.rows)?;
        names.check(file, &(1..=ID_BYTES_MAX))?;
        let mut attributes = Vec::with_capacity(kinds.rows);
        for row in 0..kinds.rows {
            let kind = kinds.uint(file, row).unwrap_or(u64::MAX);
            let values = Values::take(&mut parts, row, kind, items)?
                .ok_or_else(|| kinds.refuse(row, format!("is {kind}, 0 to 3 are known")))?;
            let name = names.get(file, row).unwrap_or_default().to_owned();
            attributes.push(Attribute { name, values });
        }
        parts.finish()?;
        Ok(Self { items, order, ids, titles, available, places, hours, attributes })
    }
}

impl Places {
    fn take(parts: &mut Parts<'_>, items: usize) -> Result<Option<Self>, Refusal> {
        if !parts.has("place.present") {
            return Ok(None);
        }
        Ok(Some(Self {
            present: parts.take_rows("place.present".into(), &[Dtype::U8], items)?,
            latitude: parts.take_rows("place.latitude".into(), &[Dtype::F64], items)?,
            longitude: parts.take_rows("place.longitude".into(), &[Dtype::F64], items)?,
        }))
    }

    pub(super) fn get(&self, file: &[u8], row: usize) -> Option<GeoPoint> {
        if self.present.uint(file, row)? != 1 {
            return None;
        }
        GeoPoint::new(self.latitude.number(file, row)?, self.longitude.number(file, row)?).ok()
    }
}

impl Hours {
    fn take(parts: &mut Parts<'_>, items: usize) -> Result<Option<Self>, Refusal> {
        if !parts.has("hours.codes") {
            return Ok(None);
        }
        let codes = parts.take_rows("hours.codes".into(), UNSIGNED, items)?;
        let spans = parts.take_wide("hours.spans".into(), &[Dtype::U16], &[3])?;
        let lists = Lists::take(parts, "hours.ends".into(), spans.rows)?;
        if lists.rows() > items {
            // What is computed once for each list would cost more than once for each item.
            let (found, limit) = (lists.rows() as u64, items as u64);
            return Err(Refusal::TooLarge { what: "number of opening hours", found, limit });
        }
        Ok(Some(Self { codes, lists, spans }))
    }

    /// The spans of entry `list` of the table; none when there is no such entry.
    pub(super) fn spans(&self, file: &[u8], list: usize) -> Option<Vec<Span>> {
        self.lists.range(file, list)?.map(|index| self.span(file, index)).collect()
    }

    pub(super) fn span(&self, file: &[u8], index: usize) -> Option<Span> {
        let [a, b, c, d, e, f] = *self.spans.bytes(file).as_chunks::<6>().0.get(index)?;
        let [days, from, until] = [[a, b], [c, d], [e, f]].map(u16::from_le_bytes);
        let days = *DAYS.get(usize::from(days))?;
        Some(Span { days, from: from.into(), until: until.into() }).filter(|s| s.is_in_range())
    }
}

impl Values {
    /// The attribute of `row`; none when the kind is unknown.
    fn take(
        parts: &mut Parts<'_>,
        row: usize,
        kind: u64,
        items: usize,
    ) -> Result<Option<Self>, Refusal> {
        let name = |part: &str| format!("attribute.{row}.{part}");
        Ok(Some(match kind {
            0 => Self::Flags(parts.take_rows(name("flags"), &[Dtype::U8], items)?),
            1 => Self::Numbers {
                numbers: parts.take_rows(name("numbers"), &[Dtype::F64], items)?,
                present: parts.take_rows(name("present"), &[Dtype::U8], items)?,
            },
            2 => Self::Text {
                codes: parts.take_rows(name("codes"), UNSIGNED, items)?,
                words: Text::take(parts, &name("words"))?,
            },
            3 => {
                let codes = parts.take_rows(name("codes"), UNSIGNED, items)?;
                let values = parts.take(name("lists"), UNSIGNED)?;
                let lists = Lists::take(parts, name("ends"), values.rows)?;
                let words = Text::take(parts, &name("words"))?;
                Self::Words { codes, lists, values, words }
            }
            _ => return Ok(None),
        }))
    }

    /// The value of `row`; none when it has none.
    pub(super) fn get(&self, file: &[u8], row: usize) -> Option<AttributeValue> {
        match self {
            Self::Flags(flags) => match flags.uint(file, row)? {
                1 => Some(AttributeValue::Flag(false)),
                2 => Some(AttributeValue::Flag(true)),
                _ => None,
            },
            Self::Numbers { numbers, present } => {
                let is_there = present.uint(file, row)? == 1;
                is_there.then(|| numbers.number(file, row)).flatten().map(AttributeValue::Number)
            }
            Self::Text { .. } => {
                self.words(file, row)?.first().map(|word| AttributeValue::Text((*word).into()))
            }
            Self::Words { .. } => {
                let words = self.words(file, row)?;
                Some(AttributeValue::Words(words.into_iter().map(str::to_owned).collect()))
            }
        }
    }

    /// The words of `row`, of a text or of several words; none when it has none.
    pub(super) fn words<'a>(&self, file: &'a [u8], row: usize) -> Option<Vec<&'a str>> {
        let entry = |codes: &Part| usize::try_from(codes.uint(file, row)?.checked_sub(1)?).ok();
        match self {
            Self::Flags(_) | Self::Numbers { .. } => None,
            Self::Text { codes, words } => Some(vec![words.get(file, entry(codes)?)?]),
            Self::Words { codes, lists, values, words } => {
                let word = |at| words.get(file, usize::try_from(values.uint(file, at)?).ok()?);
                lists.range(file, entry(codes)?)?.map(word).collect()
            }
        }
    }

    /// Whether `row` has a value.
    pub(super) fn has(&self, file: &[u8], row: usize) -> bool {
        let part = match self {
            Self::Flags(part) => part,
            Self::Numbers { present, .. } => present,
            Self::Text { codes, .. } | Self::Words { codes, .. } => codes,
        };
        part.uint(file, row).is_some_and(|code| code != 0)
    }
}

/// The days that a catalogue file writes as a number.
pub(super) const DAYS: [Days; 3] = [Days::Every, Days::Weekday, Days::Weekend];
