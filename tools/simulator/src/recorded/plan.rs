//! The plan of an app whose data a person brought.

use noctule_core::base::{ContextId, Days, Span, SurfaceId};
use noctule_core::catalogue::Item;
use noctule_core::release::{Candidates, Consumed, Context, Diversity, Exploration, Plan, Surface};

use crate::Result;
use crate::town::town_plan;

/// The plan for a catalogue that came with data: with opening hours, the meals of the town; else
/// morning and evening of any day. What was chosen is not shown again.
///
/// # Errors
/// None in practice; the names pass the checks of the core.
pub fn recorded_plan(items: &[Item]) -> Result<Plan> {
    let has = |name: &str| items.iter().any(|item| item.words(name).next().is_some());
    let attribute = ["cuisine", "genres"].into_iter().find(|name| has(name));
    let diversity =
        attribute.map(|name| Diversity { attribute: Some(name.to_owned()), weight: 0.1 });
    if items.iter().any(|item| !item.hours.is_empty()) {
        return Ok(Plan { consumed: Consumed::Exclude, diversity, ..town_plan()? });
    }
    let mut contexts = Vec::new();
    for (name, from, until) in [("morning", 5 * 60, 15 * 60), ("evening", 15 * 60, 5 * 60)] {
        let when = Span { days: Days::Every, from, until };
        contexts.push(Context { id: ContextId::new(name)?, when });
    }
    Ok(Plan {
        surfaces: vec![Surface {
            id: SurfaceId::new("home")?,
            length: 10,
            contexts: contexts.iter().map(|context| context.id.clone()).collect(),
        }],
        contexts,
        candidates: Candidates::default(),
        consumed: Consumed::Exclude,
        only_open: true,
        radius_km: None,
        rules: Vec::new(),
        exposure: Vec::new(),
        diversity,
        exploration: Exploration::default(),
        fresh_hours: 36,
        fatigue_impressions: 12,
        latency_factor: 8.0,
        private: Vec::new(),
        private_budget: None,
    })
}
