//! Reading the bytes, of a file or of a memory map.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::Path;

use super::check::Check;
use super::format::{self, CHECKSUM_AT, HEAD, MAGIC, REASON, SLATE, SLOT, VERSION, head};
use super::{FlatReason, FlatReasonKind, FlatSlate, FlatSlot};
use crate::base::limits::WIDGET_BYTES_MAX;
use crate::base::{Days, Error, Result, Span, WeekMinute, WidgetRefusal};
use crate::release::Policy;

/// The bytes of the file at `path`, for [`FlatSlates::parse`]; none when there is no file. Opens
/// nothing but this file, and may be called from any process.
///
/// # Errors
/// [`Error::File`]; [`Error::WidgetRefused`] for a file that is longer than any.
pub fn read_file(path: &Path) -> Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file(path, "opening")(error)),
    };
    let mut bytes = Vec::new();
    let read = file.take(WIDGET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(Error::file(path, "reading"))?;
    check_size(&bytes)?;
    Ok(Some(bytes))
}

/// The slates of a file, every byte of it checked. Borrows the bytes and allocates nothing.
///
/// ```
/// use noctule_core::widget::{FlatSlates, WidgetPolicy, encode};
/// let empty = encode(&[], &WidgetPolicy::default());
/// assert_eq!(FlatSlates::parse(&empty.bytes)?.slates().count(), 0);
/// assert!(FlatSlates::parse(&empty.bytes[..20]).is_err());
/// # Ok::<(), noctule_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FlatSlates<'a> {
    pub(super) slates: &'a [u8],
    pub(super) slots: &'a [u8],
    pub(super) reasons: &'a [u8],
    pub(super) text: &'a str,
}

/// First record and number of records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range32 {
    pub(super) first: u32,
    pub(super) count: u32,
}

impl<'a> FlatSlates<'a> {
    /// Checks all of `bytes`: length, version, checksum, and every field of every record.
    ///
    /// # Errors
    /// [`Error::WidgetRefused`] with what is wrong and where.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        check_size(bytes)?;
        let refuse = |refusal| Err(Error::WidgetRefused { refusal });
        if !bytes.starts_with(MAGIC) {
            return refuse(WidgetRefusal::Magic);
        }
        let found = u32_at(bytes, head::VERSION);
        if found != VERSION {
            return refuse(WidgetRefusal::Version { found, known: VERSION });
        }
        let told = u64::from(u32_at(bytes, head::LENGTH));
        if told != bytes.len() as u64 {
            return refuse(WidgetRefusal::Length { told, found: bytes.len() });
        }
        if u32_at(bytes, CHECKSUM_AT) != format::checksum(bytes) {
            return refuse(WidgetRefusal::Checksum);
        }
        let parts = split(bytes)?;
        parts.check()?;
        Ok(parts)
    }

    /// The slates: those of one surface stand in the order of the plan.
    pub fn slates(self) -> impl Iterator<Item = FlatSlate<'a>> {
        (0..self.slates.len() / SLATE).map(move |number| self.slate(number))
    }

    /// The slate of `surface` to show at a `moment` of the local week: the first whose context
    /// holds, else the first of the surface.
    #[must_use]
    pub fn at(self, surface: &str, moment: WeekMinute) -> Option<FlatSlate<'a>> {
        let mut of_surface = self.slates().filter(|slate| slate.surface == surface);
        let first = of_surface.next()?;
        if first.when.holds(moment) {
            return Some(first);
        }
        of_surface.find(|slate| slate.when.holds(moment)).or(Some(first))
    }

    pub(super) fn slate(self, number: usize) -> FlatSlate<'a> {
        use format::slate as at;
        let record = record(self.slates, number, SLATE);
        let arm = self.text_at(record, at::ARM);
        FlatSlate {
            all: self,
            slots: range_at(record, at::FIRST_SLOT),
            surface: self.text_at(record, at::SURFACE),
            context: self.text_at(record, at::CONTEXT),
            release: self.text_at(record, at::RELEASE),
            arm: (!arm.is_empty()).then_some(arm),
            made_ms: i64::from_le_bytes(bytes_at(record, at::MADE_MS)),
            stale_after_ms: i64::from_le_bytes(bytes_at(record, at::STALE_AFTER_MS)),
            generation: u64::from_le_bytes(bytes_at(record, at::GENERATION)),
            made_at_night: record[at::AT_NIGHT] == 1,
            policy: if record[at::POLICY] == 1 { Policy::Model } else { Policy::Baseline },
            when: Span {
                days: days(record[at::DAYS]).unwrap_or(Days::Every),
                from: u32::from(u16::from_le_bytes(bytes_at(record, at::FROM))),
                until: u32::from(u16::from_le_bytes(bytes_at(record, at::UNTIL))),
            },
        }
    }

    pub(super) fn slot(self, number: usize) -> FlatSlot<'a> {
        use format::slot as at;
        let record = record(self.slots, number, SLOT);
        let propensity = f64::from_le_bytes(bytes_at(record, at::PROPENSITY));
        FlatSlot {
            all: self,
            reasons: range_at(record, at::FIRST_REASON),
            item: self.text_at(record, at::ITEM),
            title: self.text_at(record, at::TITLE),
            score: f32::from_le_bytes(bytes_at(record, at::SCORE)),
            published_at: u32_at(record, at::PUBLISHED_AT),
            propensity: (propensity > 0.0).then_some(propensity),
        }
    }

    pub(super) fn reason(self, number: usize) -> FlatReason<'a> {
        use format::reason as at;
        let record = record(self.reasons, number, REASON);
        let kind = FlatReasonKind::ALL.get(u32_at(record, at::KIND) as usize);
        FlatReason {
            kind: kind.copied().unwrap_or(FlatReasonKind::Base),
            contribution: f32::from_le_bytes(bytes_at(record, at::CONTRIBUTION)),
            text: self.text_at(record, at::TEXT),
        }
    }

    /// The text of the place at `at`; empty where that leads nowhere, which a checked file has not.
    fn text_at(self, record: &[u8], at: usize) -> &'a str {
        self.text_of(range_at(record, at)).unwrap_or_default()
    }

    pub(super) fn text_of(self, Range32 { first, count }: Range32) -> Option<&'a str> {
        let first = first as usize;
        self.text.get(first..first.checked_add(count as usize)?)
    }
}

impl Range32 {
    pub(super) fn numbers(self) -> Range<usize> {
        let first = self.first as usize;
        first..first + self.count as usize
    }
}

fn check_size(bytes: &[u8]) -> Result<()> {
    if (HEAD..=WIDGET_BYTES_MAX).contains(&bytes.len()) {
        return Ok(());
    }
    let (found, least, most) = (bytes.len() as u64, HEAD, WIDGET_BYTES_MAX);
    Err(Error::WidgetRefused { refusal: WidgetRefusal::Size { found, least, most } })
}

/// The parts behind the head, whose counts must fill the file.
fn split(bytes: &[u8]) -> Result<FlatSlates<'_>> {
    let lengths = [(head::SLATES, SLATE), (head::SLOTS, SLOT), (head::REASONS, REASON)]
        .map(|(at, size)| u64::from(u32_at(bytes, at)) * size as u64);
    let text = u64::from(u32_at(bytes, head::TEXT));
    let told = HEAD as u64 + lengths.iter().sum::<u64>() + text;
    if told != bytes.len() as u64 {
        let refusal = WidgetRefusal::Length { told, found: bytes.len() };
        return Err(Error::WidgetRefused { refusal });
    }
    let zero = u32_at(bytes, head::ZERO) == 0;
    Check { record: "head", number: 0 }.that(zero, "zero", "is not 0")?;
    // Each is at most the length of the file.
    let [slates, slots, reasons] = lengths.map(|length| length as usize);
    let (slates, rest) = bytes[HEAD..].split_at(slates);
    let (slots, rest) = rest.split_at(slots);
    let (reasons, text) = rest.split_at(reasons);
    let text = std::str::from_utf8(text).map_err(|error| {
        let refusal = WidgetRefusal::NotUtf8 { at: error.valid_up_to() };
        Error::WidgetRefused { refusal }
    })?;
    Ok(FlatSlates { slates, slots, reasons, text })
}

pub(super) fn days(number: u8) -> Option<Days> {
    [Days::Every, Days::Weekday, Days::Weekend].get(usize::from(number)).copied()
}

/// Record `number` of `size` bytes; callers number the records that there are.
pub(super) fn record(records: &[u8], number: usize, size: usize) -> &[u8] {
    &records[number * size..(number + 1) * size]
}

pub(super) fn range_at(record: &[u8], at: usize) -> Range32 {
    Range32 { first: u32_at(record, at), count: u32_at(record, at + 4) }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

/// The `N` bytes at `at`: all places are within their records, and records are of one size.
pub(super) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[at..at + N]);
    value
}
