//! The plan of the town's app.

use noctule_core::base::{ContextId, Days, Span, SurfaceId};
use noctule_core::release::{Candidates, Consumed, Context, Diversity, Exploration, Plan, Surface};

use crate::Result;

/// A part of the day with its own appetite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daypart {
    /// 06:00 to 12:00.
    Breakfast,
    /// 12:00 to 17:00.
    Lunch,
    /// 17:00 to 24:00.
    Dinner,
}

/// Dayparts in the order of the day.
pub const DAYPARTS: [Daypart; 3] = [Daypart::Breakfast, Daypart::Lunch, Daypart::Dinner];

/// Contexts of the plan: three dayparts by weekday and weekend.
pub const CONTEXTS: usize = 6;

/// Daypart of the context `index` of [`town_plan`], and whether it is at the weekend.
#[must_use]
pub fn circumstances(index: usize) -> (Daypart, bool) {
    (DAYPARTS[index % 3], index % CONTEXTS >= 3)
}

/// The plan: one surface `home` of ten slots, breakfast, lunch and dinner by weekday and weekend.
///
/// Between midnight and six no context holds, and the surface's first, breakfast, is served: the
/// meal that comes next.
///
/// # Errors
/// None in practice; the names pass the checks of the core.
pub fn town_plan() -> Result<Plan> {
    let mut contexts = Vec::with_capacity(CONTEXTS);
    for (days, suffix) in [(Days::Weekday, "weekday"), (Days::Weekend, "weekend")] {
        for (name, from, until) in [("breakfast", 6, 12), ("lunch", 12, 17), ("dinner", 17, 24)] {
            let when = Span { days, from: from * 60, until: until * 60 };
            contexts.push(Context { id: ContextId::new(format!("{name}-{suffix}"))?, when });
        }
    }
    let home = Surface {
        id: SurfaceId::new("home")?,
        length: 10,
        contexts: contexts.iter().map(|context| context.id.clone()).collect(),
    };
    Ok(Plan {
        surfaces: vec![home],
        contexts,
        candidates: Candidates::default(),
        consumed: Consumed::Keep,
        only_open: true,
        radius_km: None,
        rules: Vec::new(),
        exposure: Vec::new(),
        diversity: Some(Diversity { attribute: Some("cuisine".into()), weight: 0.1 }),
        exploration: Exploration::default(),
        fresh_hours: 36,
        fatigue_impressions: 12,
        latency_factor: 8.0,
        private: Vec::new(),
        private_budget: None,
    })
}
