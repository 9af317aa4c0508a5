//! A check as its line has it: every field of every level, and which belong together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Check, CheckEvent, Demand, Level, Situation, WithinTop, at_most, field};
use crate::base::limits::{
    CHECK_HISTORY_MAX, CHECK_ITEMS_MAX, ID_BYTES_MAX, SLATE_LENGTH_MAX, TITLE_BYTES_MAX,
};
use crate::base::{ContextId, GeoPoint, ItemId, LabelWeights, Refusal, SurfaceId, json};
use crate::catalogue::item::check_text;

/// Ten years.
const DAYS_AGO_MAX: f64 = 3_650.0;
/// A minute: no slate may take longer, whatever a check allows.
const SLATE_MS_MAX: f64 = 60_000.0;
/// A GiB: beyond it no phone is asked.
const MEMORY_BYTES_MAX: u64 = 1 << 30;
/// Last millisecond of the year 9999.
const TIME_MS_MAX: i64 = 253_402_300_799_999;

/// One flat object, so that errors name the field and its place, and no level has fields of its own
/// that a reader must guess at.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    id: String,
    level: Level,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<CheckEvent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    surface: Option<SurfaceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<ContextId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<GeoPoint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefer: Option<[ItemId; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within_top: Option<WithinTop>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    must_show: Option<Vec<ItemId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    must_not_show: Option<Vec<ItemId>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed_history: Option<Vec<CheckEvent>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    same_top: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scores: Option<json::UniqueMap<f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tolerance: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    relative: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slate_ms_max: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory_bytes_max: Option<u64>,
}

impl Line {
    /// The line of `check`.
    pub(super) fn of(check: &Check) -> Self {
        let Situation { history, surface, context, place, at_ms } = check.situation.clone();
        let mut line = Self {
            id: check.id.clone(),
            level: check.level(),
            description: check.description.clone(),
            history,
            surface,
            context,
            place,
            at_ms,
            prefer: None,
            within_top: None,
            must_show: None,
            must_not_show: None,
            changed_history: None,
            same_top: None,
            scores: None,
            tolerance: None,
            relative: None,
            slate_ms_max: None,
            memory_bytes_max: None,
        };
        let listed = |items: Vec<ItemId>| (!items.is_empty()).then_some(items);
        match check.demand.clone() {
            Demand::Sanity { prefer, within_top, must_show, must_not_show } => {
                (line.prefer, line.within_top) = (prefer, within_top);
                (line.must_show, line.must_not_show) = (listed(must_show), listed(must_not_show));
            }
            Demand::Invariance { changed_history, tolerance, same_top } => {
                line.changed_history = Some(changed_history);
                (line.tolerance, line.same_top) = (tolerance, same_top);
            }
            Demand::Regression { scores, tolerance, relative } => {
                let scores = scores.into_iter().map(|(item, score)| (item.to_string(), score));
                line.scores = Some(json::UniqueMap(scores.collect()));
                let given = |value: f64| (value != 0.0).then_some(value);
                (line.tolerance, line.relative) = (given(tolerance), given(relative));
                if line.tolerance.is_none() && line.relative.is_none() {
                    // One is needed, also where the scores must be the very same.
                    line.tolerance = Some(0.0);
                }
            }
            Demand::Budget { slate_ms_max, memory_bytes_max } => {
                (line.slate_ms_max, line.memory_bytes_max) = (slate_ms_max, memory_bytes_max);
            }
        }
        line
    }

    /// The check that the line describes.
    pub(super) fn check(self) -> Result<Check, Refusal> {
        self.check_head()?;
        self.check_fields()?;
        check_history("history", &self.history)?;
        let Self { id, level, description, history, surface, context, place, at_ms, .. } = self;
        let demand = match level {
            Level::Sanity => {
                let must_show = self.must_show.unwrap_or_default();
                let must_not_show = self.must_not_show.unwrap_or_default();
                sanity(self.prefer, self.within_top, must_show, must_not_show)?
            }
            Level::Invariance => invariance(self.changed_history, self.tolerance, self.same_top)?,
            Level::Regression => regression(self.scores, self.tolerance, self.relative)?,
            Level::Budget => budget(self.slate_ms_max, self.memory_bytes_max)?,
        };
        let situation = Situation { history, surface, context, place, at_ms };
        Ok(Check { id, description, situation, demand })
    }

    fn check_head(&self) -> Result<(), Refusal> {
        check_text("id", &self.id, ID_BYTES_MAX)?;
        if self.id.is_empty() {
            return Err(field("id", "is empty"));
        }
        check_text(
            "description",
            self.description.as_deref().unwrap_or_default(),
            TITLE_BYTES_MAX,
        )?;
        if let Some(GeoPoint { latitude, longitude }) = self.place
            && let Err(error) = GeoPoint::new(latitude, longitude)
        {
            return Err(field("place", error.to_string()));
        }
        if self.at_ms.is_some_and(|at_ms| !(0..=TIME_MS_MAX).contains(&at_ms)) {
            return Err(field("at_ms", format!("must be 0 to {TIME_MS_MAX}")));
        }
        Ok(())
    }

    /// A field of another level would be passed over, and its author would think it was asked.
    fn check_fields(&self) -> Result<(), Refusal> {
        use Level::{Budget, Invariance, Regression, Sanity};
        let fields: [(&str, bool, &[Level]); 11] = [
            ("prefer", self.prefer.is_some(), &[Sanity]),
            ("within_top", self.within_top.is_some(), &[Sanity]),
            ("must_show", self.must_show.is_some(), &[Sanity]),
            ("must_not_show", self.must_not_show.is_some(), &[Sanity]),
            ("changed_history", self.changed_history.is_some(), &[Invariance]),
            ("same_top", self.same_top.is_some(), &[Invariance]),
            ("tolerance", self.tolerance.is_some(), &[Invariance, Regression]),
            ("scores", self.scores.is_some(), &[Regression]),
            ("relative", self.relative.is_some(), &[Regression]),
            ("slate_ms_max", self.slate_ms_max.is_some(), &[Budget]),
            ("memory_bytes_max", self.memory_bytes_max.is_some(), &[Budget]),
        ];
        let stray = fields.iter().find(|(_, is_there, of)| *is_there && !of.contains(&self.level));
        match stray {
            Some((name, ..)) => {
                Err(field(*name, format!("does not belong to the level {}", self.level)))
            }
            None => Ok(()),
        }
    }
}

fn sanity(
    prefer: Option<[ItemId; 2]>,
    within_top: Option<WithinTop>,
    must_show: Vec<ItemId>,
    must_not_show: Vec<ItemId>,
) -> Result<Demand, Refusal> {
    let items = must_show.len() + must_not_show.len();
    at_most("number of items", items as u64, CHECK_ITEMS_MAX as u64)?;
    if prefer.is_none() && within_top.is_none() && items == 0 {
        let reason = "is missing, as are within_top, must_show and must_not_show: one is needed";
        return Err(field("prefer", reason));
    }
    if prefer.as_ref().is_some_and(|[above, below]| above == below) {
        return Err(field("prefer", "names one item twice"));
    }
    if let Some(WithinTop { k, .. }) = &within_top {
        slots("within_top.k", *k)?;
    }
    Ok(Demand::Sanity { prefer, within_top, must_show, must_not_show })
}

fn invariance(
    changed_history: Option<Vec<CheckEvent>>,
    tolerance: Option<f64>,
    same_top: Option<usize>,
) -> Result<Demand, Refusal> {
    let changed_history = changed_history.ok_or_else(|| field("changed_history", "is missing"))?;
    check_history("changed_history", &changed_history)?;
    if tolerance.is_none() && same_top.is_none() {
        return Err(field("tolerance", "is missing, as is same_top: one is needed"));
    }
    difference("tolerance", tolerance)?;
    if let Some(same_top) = same_top {
        slots("same_top", same_top)?;
    }
    Ok(Demand::Invariance { changed_history, tolerance, same_top })
}

fn regression(
    scores: Option<json::UniqueMap<f64>>,
    tolerance: Option<f64>,
    relative: Option<f64>,
) -> Result<Demand, Refusal> {
    let Some(json::UniqueMap(named)) = scores else {
        return Err(field("scores", "is missing"));
    };
    if named.is_empty() {
        return Err(field("scores", "is empty"));
    }
    at_most("number of items", named.len() as u64, CHECK_ITEMS_MAX as u64)?;
    if tolerance.is_none() && relative.is_none() {
        return Err(field("tolerance", "is missing, as is relative: one is needed"));
    }
    let tolerance = difference("tolerance", tolerance)?;
    let relative = difference("relative", relative)?;
    let mut scores = BTreeMap::new();
    for (item, score) in named {
        let item = ItemId::new(item).map_err(|error| field("scores", error.to_string()))?;
        if !score.is_finite() {
            return Err(field("scores", "holds a number that is not finite"));
        }
        scores.insert(item, score);
    }
    Ok(Demand::Regression { scores, tolerance, relative })
}

fn budget(slate_ms_max: Option<f64>, memory_bytes_max: Option<u64>) -> Result<Demand, Refusal> {
    if slate_ms_max.is_none() && memory_bytes_max.is_none() {
        let reason = "is missing, as is memory_bytes_max: one is needed";
        return Err(field("slate_ms_max", reason));
    }
    if slate_ms_max.is_some_and(|ms| !(ms > 0.0 && ms <= SLATE_MS_MAX)) {
        return Err(field("slate_ms_max", format!("must be above 0 and at most {SLATE_MS_MAX}")));
    }
    if memory_bytes_max.is_some_and(|bytes| !(1..=MEMORY_BYTES_MAX).contains(&bytes)) {
        return Err(field("memory_bytes_max", format!("must be 1 to {MEMORY_BYTES_MAX}")));
    }
    Ok(Demand::Budget { slate_ms_max, memory_bytes_max })
}

fn check_history(name: &'static str, history: &[CheckEvent]) -> Result<(), Refusal> {
    at_most("number of events", history.len() as u64, CHECK_HISTORY_MAX as u64)?;
    let most = LabelWeights::default().confidence_max;
    for (index, event) in history.iter().enumerate() {
        if event.weight.is_some_and(|weight| !(weight > 0.0 && weight <= most)) {
            let reason = format!("must be above 0 and at most {most}");
            return Err(field(format!("{name}[{index}].weight"), reason));
        }
        if event.days_ago.is_some_and(|days| !(0.0..=DAYS_AGO_MAX).contains(&days)) {
            let reason = format!("must be 0 to {DAYS_AGO_MAX}");
            return Err(field(format!("{name}[{index}].days_ago"), reason));
        }
    }
    Ok(())
}

fn slots(name: &str, count: usize) -> Result<(), Refusal> {
    if (1..=SLATE_LENGTH_MAX).contains(&count) {
        return Ok(());
    }
    Err(field(name, format!("is {count}, 1 to {SLATE_LENGTH_MAX} is allowed")))
}

fn difference(name: &str, value: Option<f64>) -> Result<f64, Refusal> {
    let value = value.unwrap_or(0.0);
    if value.is_finite() && value >= 0.0 {
        return Ok(value);
    }
    Err(field(name, format!("is {value}, a finite number of at least 0 is needed")))
}
