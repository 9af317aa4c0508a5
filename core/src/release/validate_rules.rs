//! What the rules of a plan may say, each alone and all together.

use super::rules::{Action, Cap, Pin, Rule, Scaling, Selector};
use super::validate::{Check, count, name, refuse, share, unique, within};
use super::{Exposure, Group, Plan, Surface};
use crate::base::ContextId;
use crate::base::limits::{EXPOSURES_MAX, RULES_MAX, SLATE_LENGTH_MAX};

/// Past this a factor or an offset only says "first" or "last".
const SCALING_MAX: f32 = 100.0;

impl Plan {
    pub(super) fn check_rules(&self) -> Check {
        count("number of rules", self.rules.len(), RULES_MAX)?;
        count("number of exposures", self.exposure.len(), EXPOSURES_MAX)?;
        let exposures = self.exposure.iter().map(|exposure| exposure.id.as_str());
        unique("rules", self.rules.iter().map(|rule| rule.id.as_str()))?;
        unique("exposure", exposures)?;
        for (index, rule) in self.rules.iter().enumerate() {
            let field = format!("rules[{index}]");
            name(&format!("{field}.id"), &rule.id)?;
            self.check_scope(&field, &rule.surfaces, &rule.contexts)?;
            check_selector(&field, rule)?;
            self.check_action(&field, rule)?;
            self.agree(&field, rule, &self.rules[..index])?;
        }
        for (index, exposure) in self.exposure.iter().enumerate() {
            let field = format!("exposure[{index}]");
            name(&format!("{field}.id"), &exposure.id)?;
            check_group(&format!("{field}.group"), &exposure.group)?;
            self.check_scope(&field, &exposure.surfaces, &exposure.contexts)?;
            self.check_exposure(&field, exposure, &self.exposure[..index])?;
        }
        self.surfaces.iter().try_for_each(|surface| {
            surface.contexts.iter().try_for_each(|context| self.pins_fit(surface, context))
        })
    }

    fn check_scope(
        &self,
        field: &str,
        surfaces: &[crate::base::SurfaceId],
        contexts: &[ContextId],
    ) -> Check {
        for (place, id) in surfaces.iter().enumerate() {
            if self.surface(id.as_str()).is_none() {
                let reason = format!("{id:?} is not among the plan's surfaces");
                return refuse(format!("{field}.surfaces[{place}]"), reason);
            }
        }
        for (place, id) in contexts.iter().enumerate() {
            if self.context(id.as_str()).is_none() {
                let reason = format!("{id:?} is not among the plan's contexts");
                return refuse(format!("{field}.contexts[{place}]"), reason);
            }
        }
        Ok(())
    }

    fn check_action(&self, field: &str, rule: &Rule) -> Check {
        match rule.action {
            Action::Pin(pin) => {
                let (name, least, most) = match pin {
                    Pin::Position(position) => ("position", position, position.saturating_add(1)),
                    Pin::Top(top) => ("top", top, top),
                };
                let field = format!("{field}.do.pin.{name}");
                within(&field, least, usize::from(name == "top"), SLATE_LENGTH_MAX)?;
                let holds = |surface: &&Surface| {
                    rule.surfaces.is_empty() || rule.surfaces.contains(&surface.id)
                };
                match self.surfaces.iter().filter(holds).find(|surface| surface.length < most) {
                    Some(Surface { id, length, .. }) => {
                        let reason = format!("is {least}, but {id:?} has {length} slots");
                        refuse(field, reason)
                    }
                    None => Ok(()),
                }
            }
            Action::Boost(scaling) => {
                check_scaling(&format!("{field}.do.boost"), scaling, 1.0, SCALING_MAX)
            }
            Action::Bury(scaling) => check_scaling(&format!("{field}.do.bury"), scaling, 0.0, 1.0),
            Action::Cap(Cap { slots, window }) => {
                within(&format!("{field}.do.cap.slots"), slots, 0, SLATE_LENGTH_MAX)?;
                let Some(window) = window else { return Ok(()) };
                let field = format!("{field}.do.cap.window");
                within(&field, window, 1, SLATE_LENGTH_MAX)?;
                if window <= slots {
                    let reason = format!("is {window}, which {slots} slots always fit: no cap");
                    return refuse(field, reason);
                }
                Ok(())
            }
        }
    }

    /// Holds `rule` against those before it.
    fn agree(&self, field: &str, rule: &Rule, before: &[Rule]) -> Check {
        for other in before.iter().filter(|other| self.meet(rule, other)) {
            let same = rule.select == other.select;
            let reason = match (rule.action, other.action) {
                (Action::Pin(Pin::Position(one)), Action::Pin(Pin::Position(another)))
                    if one == another =>
                {
                    format!("both pin position {one}")
                }
                (Action::Pin(_), Action::Pin(_))
                    if same && matches!(rule.select, Selector::Item(_)) =>
                {
                    "both pin the same item".to_owned()
                }
                (Action::Pin(_), Action::Cap(cap)) | (Action::Cap(cap), Action::Pin(_))
                    if same && cap.slots == 0 =>
                {
                    "one pins what the other caps at 0".to_owned()
                }
                (Action::Boost(_), Action::Bury(_)) | (Action::Bury(_), Action::Boost(_))
                    if same =>
                {
                    "one boosts what the other buries".to_owned()
                }
                _ => continue,
            };
            return refuse(field, format!("contradicts the rule {:?}: {reason}", other.id));
        }
        Ok(())
    }

    /// Whether two rules hold for one slate.
    fn meet(&self, one: &Rule, other: &Rule) -> bool {
        self.slates().any(|(surface, context)| {
            one.holds(&surface.id, context) && other.holds(&surface.id, context)
        })
    }

    fn slates(&self) -> impl Iterator<Item = (&Surface, &ContextId)> {
        self.surfaces
            .iter()
            .flat_map(|surface| surface.contexts.iter().map(move |context| (surface, context)))
    }

    fn check_exposure(&self, field: &str, exposure: &Exposure, before: &[Exposure]) -> Check {
        share(&format!("{field}.floor"), exposure.floor)?;
        share(&format!("{field}.cap"), exposure.cap)?;
        if exposure.floor > exposure.cap {
            let reason = format!("is {}, the cap is {}", exposure.floor, exposure.cap);
            return refuse(format!("{field}.floor"), reason);
        }
        let both = |surfaces: &dyn Fn(&Surface, &ContextId) -> bool| {
            self.slates().any(|(surface, context)| {
                exposure.holds(&surface.id, context) && surfaces(surface, context)
            })
        };
        let other = before.iter().find(|other| {
            other.group == exposure.group
                && both(&|surface, context| other.holds(&surface.id, context))
        });
        if let Some(other) = other {
            return refuse(field, format!("{:?} is about the same group", other.id));
        }
        for rule in &self.rules {
            let same = matches!(&rule.select, Selector::Group(group) if *group == exposure.group);
            let clash = match rule.action {
                Action::Cap(cap) => cap.slots == 0 && exposure.floor > 0.0,
                Action::Pin(_) => exposure.cap == 0.0,
                _ => false,
            };
            if same && clash && both(&|surface, context| rule.holds(&surface.id, context)) {
                let reason = format!(
                    "contradicts the rule {:?}: one asks for what the other \
                                      keeps out",
                    rule.id
                );
                return refuse(field, reason);
            }
        }
        Ok(())
    }

    /// Items that are pinned among the first n must be at most n.
    fn pins_fit(&self, surface: &Surface, context: &ContextId) -> Check {
        let pins = self.rules.iter().enumerate().filter_map(|(index, rule)| match rule.action {
            Action::Pin(pin) if rule.holds(&surface.id, context) => Some((index, rule, pin)),
            _ => None,
        });
        let mut ends: Vec<(usize, usize)> = pins
            .filter(|(_, rule, pin)| {
                matches!(pin, Pin::Position(_)) || matches!(rule.select, Selector::Item(_))
            })
            .map(|(index, _, pin)| match pin {
                Pin::Position(position) => (position + 1, index),
                Pin::Top(top) => (top, index),
            })
            .collect();
        ends.sort_unstable();
        for (place, (end, index)) in ends.iter().enumerate() {
            if place >= *end {
                let reason = format!(
                    "{} items are pinned to the first {end} slots of {:?}",
                    place + 1,
                    surface.id
                );
                return refuse(format!("rules[{index}].do.pin"), reason);
            }
        }
        Ok(())
    }
}

fn check_selector(field: &str, rule: &Rule) -> Check {
    let field = format!("{field}.select");
    match &rule.select {
        Selector::Item(_) => Ok(()),
        Selector::Group(group) => check_group(&format!("{field}.group"), group),
        Selector::Each(each) => {
            name(&format!("{field}.each.attribute"), &each.attribute)?;
            match rule.action {
                Action::Cap(_) => Ok(()),
                _ => refuse(format!("{field}.each"), "only a cap holds for each word alone"),
            }
        }
    }
}

fn check_group(field: &str, group: &Group) -> Check {
    name(&format!("{field}.attribute"), &group.attribute)?;
    crate::catalogue::item::check_text(
        &format!("{field}.word"),
        &group.word,
        crate::base::limits::WORD_BYTES_MAX,
    )
}

fn check_scaling(field: &str, scaling: Scaling, from: f32, to: f32) -> Check {
    let Scaling { factor, offset } = scaling;
    if !(from..=to).contains(&factor) {
        let reason = format!("is {factor}, {from} to {to} is allowed");
        return refuse(format!("{field}.factor"), reason);
    }
    if !(0.0..=SCALING_MAX).contains(&offset) {
        let reason = format!("is {offset}, 0 to {SCALING_MAX} is allowed");
        return refuse(format!("{field}.offset"), reason);
    }
    if factor == 1.0 && offset == 0.0 {
        return refuse(field, "changes nothing: a factor other than 1 or an offset is needed");
    }
    Ok(())
}
