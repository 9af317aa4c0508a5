//! Items that the rules of a plan cannot do without: a pin or a floor that no candidate meets would
//! mean nothing.

use crate::base::{ContextId, SurfaceId};
use crate::catalogue::Catalogue;
use crate::release::{Action, Exposure, Group, Plan, Selector};

use super::best_of;

/// The eligible items that pins name, and as many of each pinned or floored group as may be asked
/// for, the most popular first. An item may be there several times.
///
/// `length` is that of the slate; `popularity` and `eligible` have one value for each item.
#[must_use]
pub fn needed(
    plan: &Plan,
    surface: (&SurfaceId, usize),
    context: &ContextId,
    catalogue: &Catalogue,
    popularity: &[f32],
    eligible: &[bool],
) -> Vec<u32> {
    let (surface, length) = surface;
    let mut needed = Vec::new();
    let mut groups: Vec<(&Group, usize)> = Vec::new();
    for rule in plan.rules.iter().filter(|rule| rule.holds(surface, context)) {
        match (&rule.action, &rule.select) {
            (Action::Pin(_), Selector::Item(id)) => {
                let index = catalogue.index_of(id.as_str());
                let is_eligible = |index: &u32| eligible.get(*index as usize) == Some(&true);
                needed.extend(index.filter(is_eligible));
            }
            (Action::Pin(_), Selector::Group(group)) => groups.push((group, 1)),
            _ => {}
        }
    }
    for exposure in plan.exposure.iter().filter(|exposure| exposure.holds(surface, context)) {
        groups.push((&exposure.group, Exposure::least(exposure.floor, length)));
    }
    groups.retain(|(_, count)| *count > 0);
    groups.sort_unstable();
    for same in groups.chunk_by(|one, other| one.0 == other.0) {
        let (group, count) = (same[0].0, same.iter().map(|(_, count)| count).sum());
        let members = catalogue.with_word(&group.attribute, &group.word).into_iter();
        let members = members.filter(|index| eligible.get(*index as usize) == Some(&true));
        let popular = |index: u32| popularity.get(index as usize).copied().unwrap_or(0.0);
        let scored = members.map(|index| (index, f64::from(popular(index))));
        needed.extend(best_of(scored, count));
    }
    needed
}
