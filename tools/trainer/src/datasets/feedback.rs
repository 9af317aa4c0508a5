//! Choices in the feedback of phones, with the propensities of the slots that showed them.

use std::collections::HashMap;

use noctule_core::base::ContextId;
use noctule_core::base::limits::ITEMS_MAX;
use noctule_core::catalogue::Item;

use super::{Interaction, Interactions, Names, ReadCounts, bare_item};
use crate::clicks::Showings;
use crate::{Error, Result};

/// Choices from feedback.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FeedbackChoices {
    /// Users are installations; events stand in time order.
    pub data: Interactions,
    /// For each event, the probability with which the logging policy put the item where it was
    /// shown; none where it was chosen elsewhere, or the policy did not say.
    pub propensities: Vec<Option<f64>>,
    /// Choices of items that the catalogue lacks, left out.
    pub unknown_items: u64,
}

/// The choices in `showings`: what was converted or liked, on a slate or elsewhere, unless it was
/// disliked or hidden in the same showing. Clicks alone are no choices: they depend on the position
/// (see [`crate::clicks`]). Contexts get the places of their names in `contexts`; others are none.
/// With a `catalogue` items get its order, else that of their first choice.
///
/// # Errors
/// [`Error::Data`] when nothing was chosen or there are more than [`ITEMS_MAX`] items.
pub fn choices(
    showings: &Showings,
    contexts: &[ContextId],
    catalogue: Option<Vec<Item>>,
) -> Result<FeedbackChoices> {
    let place = |name: &String| contexts.iter().position(|known| known.as_str() == name);
    let places: Vec<Option<u16>> = showings
        .contexts
        .iter()
        .map(|name| place(name).and_then(|place| u16::try_from(place).ok()))
        .collect();
    let context = |context: Option<u32>| context.and_then(|index| places[index as usize]);
    let mut rows = Vec::new();
    let mut not_positive = 0;
    for showing in &showings.showings {
        for slot in &showing.slots {
            if slot.disliked || slot.hidden {
                not_positive += 1;
            } else if slot.converted || slot.liked {
                let event =
                    event(showing.installation, slot.item, showing.at_ms, context(showing.context));
                rows.push((event, slot.propensity));
            }
        }
    }
    for chosen in &showings.elsewhere {
        let event = event(chosen.installation, chosen.item, chosen.at_ms, context(chosen.context));
        rows.push((event, None));
    }
    rows.sort_by_key(|(event, _)| event.at_ms);
    assemble(showings, rows, not_positive, catalogue)
}

fn event(user: u32, item: u32, at_ms: i64, context: Option<u16>) -> Interaction {
    Interaction { user, item, at_ms: Some(at_ms), context, weight: 1.0 }
}

fn assemble(
    showings: &Showings,
    rows: Vec<(Interaction, Option<f64>)>,
    not_positive: u64,
    catalogue: Option<Vec<Item>>,
) -> Result<FeedbackChoices> {
    let is_open = catalogue.is_none();
    let mut items = catalogue.unwrap_or_default();
    let named = items.iter().enumerate();
    let mut index: HashMap<String, u32> =
        named.map(|(at, item)| (item.id.as_str().to_owned(), at as u32)).collect();
    let mut users = Names::default();
    let (mut events, mut propensities, mut unknown_items) = (Vec::new(), Vec::new(), 0);
    for (mut row, propensity) in rows {
        let name = &showings.items[row.item as usize];
        row.item = match index.get(name) {
            Some(item) => *item,
            None if is_open && items.len() < ITEMS_MAX => {
                items.push(bare_item(name)?);
                index.insert(name.clone(), items.len() as u32 - 1);
                items.len() as u32 - 1
            }
            None if is_open => return Err(Error::data(format!("more than {ITEMS_MAX} items"))),
            None => {
                unknown_items += 1;
                continue;
            }
        };
        row.user = users.index(&showings.installations[row.user as usize]);
        events.push(row);
        propensities.push(propensity);
    }
    if events.is_empty() {
        return Err(Error::data("nothing was converted or liked in the feedback"));
    }
    let counts = ReadCounts { duplicates: showings.counts.repeats, not_positive };
    let data = Interactions { users: users.names, places: Vec::new(), items, events, counts };
    Ok(FeedbackChoices { data, propensities, unknown_items })
}

#[cfg(test)]
mod tests {
    use noctule_core::base::ItemId;
    use noctule_core::feedback::{EventKind, FeedbackEvent};

    use super::*;
    use crate::clicks::FeedbackLog;

    fn log() -> FeedbackLog {
        let mut log = FeedbackLog::default();
        let mut sequence = 0;
        let mut push = |kind, item: &str, at_ms, position, propensity| {
            sequence += 1;
            let context = Some(ContextId::new("dinner").unwrap());
            let item = ItemId::new(item).unwrap();
            let (position, at_ms) = (position, Some(at_ms));
            let event = FeedbackEvent {
                position,
                at_ms,
                propensity,
                context,
                ..FeedbackEvent::new(kind, item)
            };
            log.push("phone", sequence, &event).unwrap();
        };
        push(EventKind::Impression, "tea", 1_000, Some(0), Some(0.25));
        push(EventKind::Impression, "rye", 1_000, Some(1), None);
        push(EventKind::Conversion, "tea", 2_000, None, None);
        push(EventKind::Hide, "rye", 3_000, None, None);
        push(EventKind::Conversion, "fig", 500, None, None);
        log
    }

    #[test]
    fn choices_keep_their_propensity_and_their_context() {
        let contexts = [ContextId::new("lunch").unwrap(), ContextId::new("dinner").unwrap()];
        let found = choices(&Showings::of(log()), &contexts, None).unwrap();
        let names: Vec<&str> = found.data.items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(names, ["fig", "tea"]);
        assert_eq!(found.propensities, [None, Some(0.25)]);
        assert!(found.data.events.iter().all(|event| event.context == Some(1)));
        assert_eq!(found.data.counts.not_positive, 1);
    }

    #[test]
    fn a_catalogue_decides_which_items_there_are() {
        let catalogue = vec![bare_item("tea").unwrap()];
        let found = choices(&Showings::of(log()), &[], Some(catalogue)).unwrap();
        assert_eq!((found.data.events.len(), found.unknown_items), (1, 1));
        let none = choices(&Showings::of(FeedbackLog::default()), &[], None);
        assert!(matches!(none, Err(Error::Data { .. })));
    }
}
