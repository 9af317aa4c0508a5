//! The order of the night's work.

use crate::base::{Day, Openings};
use crate::release::{Context, Plan, Surface};
use crate::slates::SlateKey;

/// A night slice begun now serves mostly the day that holds so many milliseconds later: at two in
/// the morning the same day, at eleven in the evening the next.
const AHEAD_MS: i64 = 8 * 60 * 60 * 1_000;

/// The number of a night turns at noon, local time.
const NOON_MS: i64 = 12 * 60 * 60 * 1_000;

/// The number of the night that `now_ms` belongs to: from noon to noon of the local time, so that
/// a night that begins before midnight and is cut goes on after it with the same inputs.
///
/// ```
/// use noctule_core::night::night_of;
/// const HOUR_MS: i64 = 3_600_000;
/// let eleven_in_the_evening = 20_720 * 24 * HOUR_MS + 23 * HOUR_MS;
/// let night = night_of(eleven_in_the_evening, 0);
/// assert_eq!(night, night_of(eleven_in_the_evening + 4 * HOUR_MS, 0));
/// assert_ne!(night, night_of(eleven_in_the_evening + 24 * HOUR_MS, 0));
/// ```
#[must_use]
pub fn night_of(now_ms: i64, offset_minutes: i32) -> i64 {
    Day::at(now_ms.saturating_add(NOON_MS), offset_minutes).0
}

/// The day for which slates that are made at `now_ms` are meant.
#[must_use]
pub fn coming_day(now_ms: i64, offset_minutes: i32) -> Day {
    Day::at(now_ms.saturating_add(AHEAD_MS), offset_minutes)
}

/// One slate to make.
#[derive(Debug, Clone, Copy)]
pub struct WorkItem<'a> {
    /// Its surface.
    pub surface: &'a Surface,
    /// Its context.
    pub context: &'a Context,
    /// The context's row in the release.
    pub context_index: usize,
}

impl WorkItem<'_> {
    /// Which slate it is.
    #[must_use]
    pub fn key(&self) -> SlateKey {
        SlateKey { surface: self.surface.id.clone(), context: self.context.id.clone() }
    }
}

/// The slates of `plan`: the one that is expected to be opened most on `coming` first, then in the
/// order of the plan.
#[must_use]
pub fn order_of_work<'a>(plan: &'a Plan, openings: &Openings, coming: Day) -> Vec<WorkItem<'a>> {
    let items = plan.surfaces.iter().flat_map(|surface| {
        surface.contexts.iter().filter_map(move |id| {
            let (context_index, context) = plan.context(id.as_str())?;
            Some(WorkItem { surface, context, context_index })
        })
    });
    let expected = |item: &WorkItem<'_>| {
        let (surface, context) = (item.surface.id.as_str(), item.context.id.as_str());
        openings.expected(surface, context, coming, Some(item.context.when.days))
    };
    let mut items: Vec<_> = items.map(|item| (expected(&item), item)).collect();
    // Stable: equal expectations stay in the order of the plan.
    items.sort_by(|a, b| b.0.total_cmp(&a.0));
    items.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Monday.
    const MONDAY: i64 = 20_717;

    fn plan() -> Plan {
        let span =
            |days, from, until| serde_json::json!({"days": days, "from": from, "until": until});
        serde_json::from_value(serde_json::json!({
            "contexts": [
                {"id": "breakfast", "when": span("every", 0, 600)},
                {"id": "lunch", "when": span("weekday", 600, 900)},
                {"id": "brunch", "when": span("weekend", 600, 900)},
                {"id": "dinner", "when": span("every", 900, 1440)},
            ],
            "surfaces": [
                {"id": "home", "length": 5, "contexts": ["breakfast", "lunch", "brunch", "dinner"]},
            ],
        }))
        .unwrap()
    }

    fn order(openings: &Openings, coming: i64) -> Vec<String> {
        let plan = plan();
        let order = order_of_work(&plan, openings, Day(coming));
        order.iter().map(|item| item.context.id.to_string()).collect()
    }

    #[test]
    fn without_openings_what_holds_on_the_coming_day_comes_first_in_the_order_of_the_plan() {
        let nothing = Openings::default();
        assert_eq!(order(&nothing, MONDAY), ["breakfast", "lunch", "dinner", "brunch"]);
        assert_eq!(order(&nothing, MONDAY + 5), ["breakfast", "brunch", "dinner", "lunch"]);
    }

    #[test]
    fn a_habit_of_weekdays_leads_before_a_weekday_and_one_of_a_year_ago_does_not() {
        let mut openings = Openings::default();
        (0..50).for_each(|_| openings.note("home", "dinner", Day(MONDAY - 365)));
        (0..5).for_each(|day| openings.note("home", "lunch", Day(MONDAY + day)));
        assert_eq!(order(&openings, MONDAY + 7)[0], "lunch");
        assert_eq!(order(&openings, MONDAY + 5)[3], "lunch");
    }

    #[test]
    fn a_night_is_one_from_noon_to_noon_in_any_zone() {
        let (hour, evening) = (3_600_000, MONDAY * 86_400_000 + 20 * 3_600_000);
        assert_eq!(night_of(evening, 0), night_of(evening + 15 * hour, 0));
        assert_ne!(night_of(evening, 0), night_of(evening + 16 * hour, 0));
        assert_ne!(night_of(evening, 0), night_of(evening, -9 * 60));
        for extreme in [i64::MIN, i64::MAX] {
            let _ = (night_of(extreme, 1_080), coming_day(extreme, -1_080));
        }
    }
}
