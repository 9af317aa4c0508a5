//! Every field of every record, before anything is taken from a file.

use super::format::{self, REASON, SLATE, SLOT};
use super::read::{Range32, bytes_at, days, range_at, record, u32_at};
use super::{FlatReasonKind, FlatSlates};
use crate::base::{Error, Result, WidgetRefusal};

impl FlatSlates<'_> {
    pub(super) fn check(self) -> Result<()> {
        let (mut slots, mut reasons) = (0_u64, 0_u64);
        let there = |records: &[u8], size: usize| (records.len() / size) as u64;
        for number in 0..self.slates.len() / SLATE {
            let check = Check { record: "slate", number };
            let bytes = record(self.slates, number, SLATE);
            self.check_slate(bytes, &check)?;
            check.follows("slots", range_at(bytes, format::slate::FIRST_SLOT), &mut slots)?;
        }
        for number in 0..self.slots.len() / SLOT {
            let check = Check { record: "slot", number };
            let bytes = record(self.slots, number, SLOT);
            self.check_slot(bytes, &check)?;
            check.follows("reasons", range_at(bytes, format::slot::FIRST_REASON), &mut reasons)?;
        }
        for number in 0..self.reasons.len() / REASON {
            let check = Check { record: "reason", number };
            self.check_reason(record(self.reasons, number, REASON), &check)?;
        }
        let head = Check { record: "head", number: 0 };
        head.that(slots == there(self.slots, SLOT), "slots", "are not those of the slates")?;
        head.that(reasons == there(self.reasons, REASON), "reasons", "are not those of the slots")
    }

    fn check_slate(self, bytes: &[u8], check: &Check) -> Result<()> {
        use format::slate as at;
        self.check_text(bytes, at::SURFACE, false, "surface", check)?;
        self.check_text(bytes, at::CONTEXT, false, "context", check)?;
        self.check_text(bytes, at::RELEASE, false, "release", check)?;
        self.check_text(bytes, at::ARM, true, "arm", check)?;
        check.that(bytes[at::AT_NIGHT] <= 1, "at_night", "is neither 0 nor 1")?;
        check.that(bytes[at::POLICY] <= 1, "policy", "is neither 0 nor 1")?;
        check.that(days(bytes[at::DAYS]).is_some(), "days", "are no known days")?;
        check.that(bytes[at::ZERO] == 0, "zero", "is not 0")?;
        check.that(self.slate(check.number).when.is_in_range(), "when", "is no span of a day")
    }

    fn check_slot(self, bytes: &[u8], check: &Check) -> Result<()> {
        use format::slot as at;
        self.check_text(bytes, at::ITEM, false, "item", check)?;
        self.check_text(bytes, at::TITLE, true, "title", check)?;
        let score = f32::from_le_bytes(bytes_at(bytes, at::SCORE));
        check.that(score.is_finite(), "score", "is not finite")?;
        let propensity = f64::from_le_bytes(bytes_at(bytes, at::PROPENSITY));
        check.that((0.0..=1.0).contains(&propensity), "propensity", "is not between 0 and 1")
    }

    fn check_reason(self, bytes: &[u8], check: &Check) -> Result<()> {
        use format::reason as at;
        let known = (u32_at(bytes, at::KIND) as usize) < FlatReasonKind::ALL.len();
        check.that(known, "kind", "is not known")?;
        let contribution = f32::from_le_bytes(bytes_at(bytes, at::CONTRIBUTION));
        check.that(contribution.is_finite(), "contribution", "is not finite")?;
        self.check_text(bytes, at::TEXT, true, "text", check)
    }

    fn check_text(
        self,
        record: &[u8],
        at: usize,
        may_be_empty: bool,
        field: &'static str,
        check: &Check,
    ) -> Result<()> {
        let text = self.text_of(range_at(record, at));
        check.that(text.is_some(), field, "lies outside the texts or inside a character")?;
        check.that(may_be_empty || text.is_some_and(|text| !text.is_empty()), field, "is empty")
    }
}

/// The record that is being checked.
pub(super) struct Check {
    pub(super) record: &'static str,
    pub(super) number: usize,
}

impl Check {
    pub(super) fn that(
        &self,
        holds: bool,
        field: &'static str,
        reason: &'static str,
    ) -> Result<()> {
        let Self { record, number } = *self;
        let refusal = WidgetRefusal::Field { record, number, field, reason };
        if holds { Ok(()) } else { Err(Error::WidgetRefused { refusal }) }
    }

    /// Records belong to one owner after the other, without gaps.
    /// Counted in 64 bits, which no file overflows where addresses have 32.
    fn follows(&self, field: &'static str, range: Range32, next: &mut u64) -> Result<()> {
        self.that(u64::from(range.first) == *next, field, "do not follow those before")?;
        *next += u64::from(range.count);
        Ok(())
    }
}
