//! Weak labels: what showings say about relevance, and with which weight.
//!
//! `tools/docs/weak-labels.md` says what each label means and where it is wrong.

use serde::{Deserialize, Serialize};

use super::{Examination, Showing, Showings, ShownSlot};
use crate::{Error, Result};

/// What an item that was shown and not opened says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skips {
    /// Nothing: only clicks, hides and dislikes are labels.
    Ignored,
    /// It is a negative where something below it was opened: the user came past it (Joachims,
    /// KDD 2002).
    AboveLastClick,
    /// It is a negative as far as it was looked at: weighted by the probability that it was,
    /// given that it was not opened.
    Examined,
}

/// How labels are made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LabelSettings {
    /// A click whose dwell is known and shorter than this, milliseconds, is a negative: half a
    /// minute is the usual sign of satisfaction (Fox et al., TOIS 2005).
    pub dwell_ms_min: u64,
    /// What was on the screen for less than this, milliseconds, is no example; what has no such
    /// time is one.
    pub visible_ms_min: u64,
    /// What skips say.
    pub skips: Skips,
    /// Whether weights also undo the choice of items: 1 / (examination x propensity). Every item
    /// that could have come at the position then weighs the same. Slots without a propensity,
    /// which were moved at read time, are then no examples.
    pub selection: bool,
    /// The largest weight, above 0; larger ones are cut off to it.
    pub weight_max: f64,
}

impl Default for LabelSettings {
    fn default() -> Self {
        Self {
            dwell_ms_min: 30_000,
            visible_ms_min: 0,
            skips: Skips::Examined,
            selection: false,
            weight_max: 100.0,
        }
    }
}

impl LabelSettings {
    fn check(&self) -> Result<()> {
        if self.weight_max > 0.0 && self.weight_max.is_finite() {
            return Ok(());
        }
        Err(Error::setting("weight_max", format!("{} is not above 0", self.weight_max)))
    }
}

/// One label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeakLabel {
    /// Index of the showing.
    pub showing: u32,
    /// Index of the slot within it.
    pub slot: u32,
    /// Whether the item was wanted.
    pub positive: bool,
    /// Weight if it was looked at.
    pub weight: f64,
    /// P(look) of its position; none when it was looked at for certain.
    pub examination: Option<f64>,
}

impl WeakLabel {
    /// The weight when the item is relevant with probability `relevance`: P(looked at | not opened)
    /// times [`WeakLabel::weight`] for a skip.
    #[must_use]
    pub fn weight_given(&self, relevance: f64) -> f64 {
        let Some(e) = self.examination else { return self.weight };
        let looked = e * (1.0 - relevance) / (1.0 - e * relevance).max(f64::MIN_POSITIVE);
        self.weight * looked.clamp(0.0, 1.0)
    }
}

/// What was made of the slots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelCounts {
    /// Clicks, conversions and likes.
    pub positives: u64,
    /// Hides and dislikes.
    pub refused: u64,
    /// Clicks with a short dwell.
    pub short: u64,
    /// Skips that are labels.
    pub skips: u64,
    /// Slots that are none.
    pub left_out: u64,
    /// Weights that were cut off.
    pub clipped: u64,
    /// Effective number of labels, (sum w)² / sum w², of the weights if all were looked at.
    pub effective: f64,
}

/// Labels in the order of the showings and their slots.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WeakLabels {
    /// The labels.
    pub labels: Vec<WeakLabel>,
    /// How many of which kind.
    pub counts: LabelCounts,
}

impl WeakLabels {
    fn push(&mut self, showing: usize, slot: usize, sign: Sign, weight: f64, e: Option<f64>) {
        let counts = &mut self.counts;
        *match sign {
            Sign::Wanted => &mut counts.positives,
            Sign::Refused => &mut counts.refused,
            Sign::Short => &mut counts.short,
            Sign::Skipped => &mut counts.skips,
        } += 1;
        self.labels.push(WeakLabel {
            showing: showing as u32,
            slot: slot as u32,
            positive: sign == Sign::Wanted,
            weight,
            examination: e,
        });
    }

    fn finish(mut self) -> Self {
        let sum: f64 = self.labels.iter().map(|label| label.weight).sum();
        let squares: f64 = self.labels.iter().map(|label| label.weight.powi(2)).sum();
        self.counts.effective = if squares > 0.0 { sum * sum / squares } else { 0.0 };
        self
    }
}

/// What was done to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Wanted,
    Refused,
    Short,
    Skipped,
}

fn sign(slot: &ShownSlot, dwell_ms_min: u64) -> Sign {
    if slot.hidden || slot.disliked {
        Sign::Refused
    } else if slot.converted || slot.liked {
        Sign::Wanted
    } else if slot.clicked {
        let short = slot.dwell_ms.is_some_and(|dwell| dwell < dwell_ms_min);
        if short { Sign::Short } else { Sign::Wanted }
    } else {
        Sign::Skipped
    }
}

/// Labels as if every slot had been looked at: what was opened, liked or converted is wanted,
/// everything else is not, all with weight 1. What debiased labels are compared with.
#[must_use]
pub fn naive_labels(showings: &Showings) -> WeakLabels {
    let mut labels = WeakLabels::default();
    for (number, showing) in showings.showings.iter().enumerate() {
        for (at, slot) in showing.slots.iter().enumerate() {
            labels.push(number, at, sign(slot, 0), 1.0, None);
        }
    }
    labels.finish()
}

/// Labels with the position bias treated.
///
/// A label that was looked at for certain weighs 1 / examination; a skip weighs that times the
/// probability that it was looked at ([`WeakLabel::weight_given`]). At a position with examination
/// e, an item of relevance r then has the expected weight r as a positive and 1 - r as a
/// negative, whatever e is; and where weights are cut off, both are by the same factor, so that
/// clipping moves attention between positions but does not bias what is learned of an item.
///
/// # Errors
/// [`Error::Setting`]; [`Error::Data`] when no slot is a label.
pub fn weak_labels(
    showings: &Showings,
    examination: &Examination,
    settings: &LabelSettings,
) -> Result<WeakLabels> {
    settings.check()?;
    let mut labels = WeakLabels::default();
    for (number, showing) in showings.showings.iter().enumerate() {
        label(number, showing, examination, settings, &mut labels);
    }
    if labels.labels.is_empty() {
        return Err(Error::data("no slot gives a label"));
    }
    Ok(labels.finish())
}

fn label(
    number: usize,
    showing: &Showing,
    examination: &Examination,
    settings: &LabelSettings,
    labels: &mut WeakLabels,
) {
    let last = showing.slots.iter().rposition(|slot| slot.clicked);
    for (at, slot) in showing.slots.iter().enumerate() {
        let e = examination.at(slot.position).min(1.0);
        let selection = if settings.selection { slot.propensity } else { Some(1.0) };
        let sign = sign(slot, settings.dwell_ms_min);
        let unseen = slot.visible_ms.is_some_and(|visible| visible < settings.visible_ms_min);
        let looked_at = match (sign, settings.skips) {
            (Sign::Wanted | Sign::Refused | Sign::Short, _) => Some(None),
            _ if unseen => None,
            (Sign::Skipped, Skips::Examined) => Some(Some(e)),
            (Sign::Skipped, Skips::AboveLastClick) => last.filter(|last| at < *last).map(|_| None),
            (Sign::Skipped, Skips::Ignored) => None,
        };
        let (Some(selection), Some(uncertain)) = (selection, looked_at) else {
            labels.counts.left_out += 1;
            continue;
        };
        let weight = 1.0 / (e * selection);
        labels.counts.clipped += u64::from(weight > settings.weight_max);
        labels.push(number, at, sign, weight.min(settings.weight_max), uncertain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clicks::{ExaminationSource, PositionExamination};

    fn examination(values: &[f64]) -> Examination {
        let at = |examination: &f64| PositionExamination {
            examination: *examination,
            interval: None,
            effective_clicks: None,
        };
        let positions = values.iter().map(at).collect();
        Examination { source: ExaminationSource::ClickModel, positions }
    }

    /// One showing; `change` is told each slot and its position.
    fn showing(length: u32, change: impl Fn(&mut ShownSlot)) -> Showings {
        let slot = |position| {
            let mut slot = ShownSlot {
                item: position,
                position,
                propensity: Some(0.5),
                visible_ms: None,
                clicked: false,
                dwell_ms: None,
                liked: false,
                converted: false,
                disliked: false,
                hidden: false,
            };
            change(&mut slot);
            slot
        };
        let slots = (0..length).map(slot).collect();
        let (surface, context, generation) = (None, None, None);
        let showing = Showing { installation: 0, surface, context, generation, at_ms: 0, slots };
        Showings { showings: vec![showing], ..Showings::default() }
    }

    /// Position, sign, weight, and whether it was looked at for certain.
    fn made(showings: &Showings, settings: LabelSettings) -> Vec<(u32, bool, f64, bool)> {
        let labels = weak_labels(showings, &examination(&[1.0, 0.5, 0.25]), &settings).unwrap();
        let told = |label: &WeakLabel| {
            (label.slot, label.positive, label.weight, label.examination.is_none())
        };
        labels.labels.iter().map(told).collect()
    }

    #[test]
    fn a_click_weighs_the_inverse_of_the_examination_and_a_skip_as_far_as_it_was_looked_at() {
        let showings = showing(3, |slot| slot.clicked = slot.position == 1);
        let found = made(&showings, LabelSettings::default());
        let expected = [(0, false, 1.0, false), (1, true, 2.0, true), (2, false, 4.0, false)];
        assert_eq!(found, expected);
    }

    #[test]
    fn skips_above_the_last_click_alone_are_negatives_where_that_is_asked_for() {
        let showings = showing(3, |slot| slot.clicked = slot.position == 1);
        let settings = LabelSettings { skips: Skips::AboveLastClick, ..Default::default() };
        assert_eq!(made(&showings, settings), [(0, false, 1.0, true), (1, true, 2.0, true)]);
        let settings = LabelSettings { skips: Skips::Ignored, ..Default::default() };
        assert_eq!(made(&showings, settings), [(1, true, 2.0, true)]);
    }

    #[test]
    fn a_click_with_a_short_dwell_is_a_negative_and_with_an_unknown_one_a_positive() {
        let showings = showing(3, |slot| {
            slot.clicked = true;
            slot.dwell_ms = [Some(29_999), Some(30_000), None][slot.position as usize];
        });
        let signs: Vec<bool> =
            made(&showings, LabelSettings::default()).iter().map(|label| label.1).collect();
        assert_eq!(signs, [false, true, true]);
    }

    #[test]
    fn hides_and_dislikes_are_negatives_whatever_else_was_done() {
        let showings = showing(3, |slot| {
            slot.clicked = true;
            slot.converted = true;
            slot.hidden = slot.position == 1;
            slot.disliked = slot.position == 2;
        });
        let found = made(&showings, LabelSettings::default());
        assert_eq!(found.iter().map(|label| label.1).collect::<Vec<_>>(), [true, false, false]);
        assert!(found.iter().all(|label| label.3));
    }

    #[test]
    fn a_conversion_or_a_like_is_a_positive_without_a_click_and_despite_a_short_dwell() {
        let showings = showing(2, |slot| {
            slot.converted = slot.position == 0;
            slot.liked = slot.position == 1;
            slot.dwell_ms = Some(1);
        });
        assert!(made(&showings, LabelSettings::default()).iter().all(|label| label.1));
    }

    #[test]
    fn selection_is_undone_and_weights_are_cut_off_where_asked_for() {
        let mut showings = showing(3, |slot| slot.clicked = true);
        showings.showings[0].slots[1].propensity = None;
        let settings = LabelSettings { selection: true, weight_max: 5.0, ..Default::default() };
        assert_eq!(made(&showings, settings), [(0, true, 2.0, true), (2, true, 5.0, true)]);
        let counts = weak_labels(&showings, &examination(&[1.0, 0.5, 0.25]), &settings);
        let counts = counts.unwrap().counts;
        assert_eq!((counts.positives, counts.left_out, counts.clipped), (2, 1, 1));
        assert!((counts.effective - 49.0 / 29.0).abs() < 1e-12);
    }

    #[test]
    fn what_was_hardly_on_the_screen_is_no_negative() {
        let showings = showing(2, |slot| slot.visible_ms = Some(u64::from(slot.position) * 900));
        let settings = LabelSettings { visible_ms_min: 500, ..Default::default() };
        assert_eq!(made(&showings, settings), [(1, false, 2.0, false)]);
    }

    #[test]
    fn expected_weights_are_the_relevance_and_its_rest_at_every_position() {
        for (e, r) in [(1.0, 0.3), (0.5, 0.3), (0.1, 0.9), (0.02, 0.01)] {
            let label = |positive, examination| WeakLabel {
                showing: 0,
                slot: 0,
                positive,
                weight: 1.0 / e,
                examination,
            };
            let positive = e * r * label(true, None).weight_given(r);
            let negative = (1.0 - e * r) * label(false, Some(e)).weight_given(r);
            assert!((positive - r).abs() < 1e-12 && (negative - (1.0 - r)).abs() < 1e-12);
        }
    }

    #[test]
    fn naive_labels_take_every_skip_for_a_refusal() {
        let showings = showing(3, |slot| slot.clicked = slot.position == 1);
        let labels = naive_labels(&showings).labels;
        let told: Vec<_> = labels.iter().map(|label| (label.positive, label.weight)).collect();
        assert_eq!(told, [(false, 1.0), (true, 1.0), (false, 1.0)]);
    }

    #[test]
    fn showings_without_a_label_and_impossible_settings_are_refused() {
        let showings = showing(2, |_| {});
        let settings = LabelSettings { skips: Skips::Ignored, ..Default::default() };
        let error = weak_labels(&showings, &examination(&[1.0]), &settings).unwrap_err();
        assert!(matches!(error, Error::Data { .. }), "{error}");
        let settings = LabelSettings { weight_max: f64::INFINITY, ..Default::default() };
        let error = weak_labels(&showings, &examination(&[1.0]), &settings).unwrap_err();
        assert!(matches!(error, Error::Setting { field: "weight_max", .. }), "{error}");
    }
}
