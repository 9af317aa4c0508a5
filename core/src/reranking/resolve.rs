//! From the rules of a plan to the candidates of one slate.

use std::collections::BTreeMap;

use super::constraints::{Cap, Constraints, Deadline, Fixed, Lift, Limit, Need};
use crate::base::limits::RULES_MAX;
use crate::base::{ContextId, SurfaceId};
use crate::catalogue::Catalogue;
use crate::release::{Action, Pin, Plan, Rule, Selector};

/// What the rules and exposures of `plan` ask of the slate of `surface` in `context`, for the
/// `candidates` with these indices.
#[must_use]
pub fn constraints_of(
    plan: &Plan,
    surface: &SurfaceId,
    context: &ContextId,
    catalogue: &Catalogue,
    candidates: &[u32],
) -> Constraints {
    let mut resolver = Resolver { catalogue, candidates, attributes: BTreeMap::new() };
    let mut constraints = Constraints::default();
    for (number, rule) in (0u8..).zip(plan.rules.iter().take(RULES_MAX)) {
        if rule.holds(surface, context) {
            resolver.add(number, rule, &mut constraints);
        }
    }
    for (number, exposure) in (RULES_MAX as u8..).zip(&plan.exposure) {
        if !exposure.holds(surface, context) {
            continue;
        }
        let members = resolver.with_word(&exposure.group.attribute, &exposure.group.word);
        if exposure.cap < 1.0 {
            let (members, limit) = (members.clone(), Limit::Prefix(exposure.cap));
            constraints.caps.push(Cap { rule: number, members, limit });
        }
        if exposure.floor > 0.0 {
            let need = Need::Prefix(exposure.floor);
            constraints.deadlines.push(Deadline { rule: number, members, need });
        }
    }
    constraints
}

/// The name of a rule or exposure of `plan` by its number.
#[must_use]
pub fn rule_name(plan: &Plan, number: u8) -> Option<&str> {
    let number = usize::from(number);
    match number.checked_sub(RULES_MAX) {
        None => plan.rules.get(number).map(|rule| rule.id.as_str()),
        Some(number) => plan.exposure.get(number).map(|exposure| exposure.id.as_str()),
    }
}

struct Resolver<'a> {
    catalogue: &'a Catalogue,
    candidates: &'a [u32],
    /// The candidates with each word, by attribute and word.
    attributes: BTreeMap<String, BTreeMap<&'a str, Vec<u32>>>,
}

impl<'a> Resolver<'a> {
    fn add(&mut self, number: u8, rule: &Rule, constraints: &mut Constraints) {
        let groups = match &rule.select {
            Selector::Item(id) => {
                let index = self.catalogue.index_of(id.as_str());
                let place = self.candidates.iter().position(|other| Some(*other) == index);
                vec![place.map(|place| place as u32).into_iter().collect()]
            }
            Selector::Group(group) => vec![self.with_word(&group.attribute, &group.word)],
            Selector::Each(each) => self.words_of(&each.attribute).values().cloned().collect(),
        };
        let one_item = matches!(rule.select, Selector::Item(_));
        for members in groups {
            match rule.action {
                Action::Boost(by) | Action::Bury(by) => {
                    let sign = if matches!(rule.action, Action::Bury(_)) { -1.0 } else { 1.0 };
                    let (factor, offset) = (by.factor, sign * by.offset);
                    constraints.lifts.push(Lift { rule: number, members, factor, offset });
                }
                Action::Pin(Pin::Position(position)) => {
                    constraints.fixed.push(Fixed { rule: number, members, position, one_item });
                }
                Action::Pin(Pin::Top(top)) => {
                    let need = Need::Top(top);
                    constraints.deadlines.push(Deadline { rule: number, members, need });
                }
                Action::Cap(cap) => {
                    let window = cap.window.unwrap_or(usize::MAX);
                    let limit = Limit::Window { slots: cap.slots, window };
                    constraints.caps.push(Cap { rule: number, members, limit });
                }
            }
        }
    }

    fn with_word(&mut self, attribute: &str, word: &str) -> Vec<u32> {
        self.words_of(attribute).get(word).cloned().unwrap_or_default()
    }

    fn words_of(&mut self, attribute: &str) -> &BTreeMap<&'a str, Vec<u32>> {
        if !self.attributes.contains_key(attribute) {
            let mut members: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
            for (place, index) in (0u32..).zip(self.candidates) {
                for word in self.catalogue.words(*index, attribute) {
                    let members = members.entry(word).or_default();
                    // An item may have a word twice.
                    if members.last() != Some(&place) {
                        members.push(place);
                    }
                }
            }
            self.attributes.insert(attribute.to_owned(), members);
        }
        &self.attributes[attribute]
    }
}
