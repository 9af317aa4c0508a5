//! From facts to sentences.

use super::{Facts, Finding, Level, nights};
use crate::base::order;
use crate::consent::DataConsent;

/// Events that wait for so long are no longer a day's.
const MANY_EVENTS: u64 = 20_000;

/// Everything that was looked at, the worst first.
pub(super) fn of(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![database(facts), release(facts), slates(facts)];
    findings.extend(nights::of(facts));
    findings.extend(slates_unmet(facts));
    findings.extend(widget(facts));
    findings.extend(reverted(facts));
    findings.push(consent(facts));
    findings.extend(deletions(facts));
    findings.push(feedback(facts));
    findings.extend(set_aside(facts));
    findings.extend(evicted(facts));
    findings.extend(lost(facts));
    findings.push(sizes(facts));
    order::sort_by_key(&mut findings, |finding| std::cmp::Reverse(finding.level));
    findings
}

pub(super) fn found(level: Level, about: &'static str, text: String) -> Finding {
    Finding { level, about, text, advice: None }
}

impl Finding {
    pub(super) fn advise(self, advice: &'static str) -> Self {
        Self { advice: Some(advice), ..self }
    }
}

fn database(facts: &Facts) -> Finding {
    let about = "database";
    let wrong: Vec<&str> =
        facts.database.iter().chain(&facts.status.damaged).map(String::as_str).collect();
    match wrong.first() {
        None => found(Level::Fine, about, "the database is whole".into()),
        Some(first) => {
            let text = format!("the database has {} damaged places: {first}", wrong.len());
            found(Level::Problem, about, text).advise(
                "The next night makes damaged slates again. When this stays, keep a copy of the \
                 directory for us and let the app begin with an empty one.",
            )
        }
    }
}

fn release(facts: &Facts) -> Finding {
    let about = "release";
    let Some(active) = &facts.releases.active else {
        let text = "no release is installed: there is nothing to recommend from".into();
        return found(Level::Problem, about, text).advise(
            "Install one, or let delivery fetch it: the app must carry out what next_transfer \
             says.",
        );
    };
    let name = &active.release;
    if let Some(damage) = &facts.release_damage {
        let text = format!("the files of {name} are no longer what was installed: {damage}");
        return found(Level::Problem, about, text).advise("Install the release again.");
    }
    let probation =
        if facts.releases.on_probation { ", on probation until its first whole night" } else { "" };
    found(
        Level::Fine,
        about,
        format!("{name} is installed and every byte of it is right{probation}"),
    )
}

fn reverted(facts: &Facts) -> Option<Finding> {
    let reverted = facts.status.reverted.as_ref()?;
    let text = format!("release {} was given up: {}", reverted.release, reverted.reason);
    Some(
        found(Level::Note, "release", text)
            .advise("Publish what is to replace it as a new version."),
    )
}

fn slates(facts: &Facts) -> Finding {
    let Facts { planned, fresh, .. } = *facts;
    let here = facts.status.slates;
    let text = format!("{here} of {planned} slates can be served, {fresh} of them are fresh");
    let about = "slates";
    match () {
        () if facts.releases.active.is_none() => found(Level::Note, about, text),
        () if here < planned || fresh == 0 => found(Level::Problem, about, text)
            .advise("A whole night makes them: see what is said of the nights."),
        () if fresh < planned => found(Level::Note, about, text)
            .advise("The nights do not get to all of them: give them a larger budget."),
        () => found(Level::Fine, about, text),
    }
}

fn slates_unmet(facts: &Facts) -> Option<Finding> {
    let named: Vec<String> =
        facts.unmet.iter().map(|(rule, slates)| format!("{rule} in {slates}")).collect();
    let text = format!("rules that slates do not meet: {}", named.join(", "));
    let found = found(Level::Note, "slates", text).advise(
        "Too few items of the group are eligible, or another rule is in the way: see the plan, \
         and replay such a slate.",
    );
    (!named.is_empty()).then_some(found)
}

fn widget(facts: &Facts) -> Option<Finding> {
    let widget = facts.status.widget.as_ref()?;
    let about = "widget";
    if let Some(failed) = &widget.failed {
        let text = format!("the file for widgets could not be brought up to date: {failed}");
        return Some(found(Level::Problem, about, text).advise(
            "See that its folder is there and may be written; the next night or opening tries \
             again.",
        ));
    }
    let (slates, bytes, left_out) = (widget.slates, widget.bytes, widget.left_out);
    let mut text = format!("the file for widgets has {slates} slates in {bytes} bytes");
    if left_out > 0 {
        text.push_str(&format!(", {left_out} did not fit"));
    }
    let level = if left_out > 0 { Level::Note } else { Level::Fine };
    Some(found(level, about, text))
}

fn consent(facts: &Facts) -> Finding {
    let text = match facts.status.consent {
        DataConsent::NotGiven => {
            "without consent: nothing is recorded, learned or sent, and slates are the same for \
             everybody"
        }
        DataConsent::OnDevice => "consent for this device: nothing that is recorded is sent",
        DataConsent::Full => "consent to record, to learn and to send",
    };
    found(Level::Fine, "consent", text.into())
}

fn deletions(facts: &Facts) -> Option<Finding> {
    let pending = facts.status.deletions_pending;
    let text =
        format!("{pending} requests to delete what was sent wait for the collector's answer");
    let found = found(Level::Note, "consent", text).advise(
        "They are asked again until the collector says that it deletes: see that the app carries \
         out what next_transfer says, also without consent.",
    );
    (pending > 0).then_some(found)
}

fn feedback(facts: &Facts) -> Finding {
    let (pending, rejected) = (facts.status.pending_events, facts.status.rejected);
    let text = format!(
        "{} events were recorded, {pending} wait to be sent, the collector refused {rejected}",
        facts.status.recorded
    );
    let level = if pending >= MANY_EVENTS { Level::Problem } else { Level::Fine };
    let found = found(level, "feedback", text);
    match level {
        Level::Problem => found.advise(
            "Nothing is lost, but nothing arrives: see that the app carries out what \
             next_transfer says, and what the collector answers.",
        ),
        _ => found,
    }
}

fn set_aside(facts: &Facts) -> Option<Finding> {
    let set_aside = facts.status.set_aside;
    let text = format!(
        "{set_aside} events are in batches that the collector refuses as a whole; they are kept"
    );
    let found = found(Level::Problem, "feedback", text).advise(
        "See the collector's log for the reason. They are sent again after an update of the \
         library, and once a week.",
    );
    (set_aside > 0).then_some(found)
}

fn evicted(facts: &Facts) -> Option<Finding> {
    let evicted = facts.status.evicted;
    let text = format!("{evicted} events were given up for room or age before they were delivered");
    let found = found(Level::Note, "feedback", text).advise(
        "The collector is told how many. Keep more with the settings of retention, or see why \
         nothing was sent for so long.",
    );
    (evicted > 0).then_some(found)
}

fn lost(facts: &Facts) -> Option<Finding> {
    let lost = facts.status.lost;
    let text =
        format!("{lost} events were recorded and are gone: the database was damaged or cut short");
    let found = found(Level::Problem, "feedback", text).advise(
        "A drive that lost power or wears out does this. The numbers of the events are not used \
         again, so the audit of the collector shows the gap.",
    );
    (lost > 0).then_some(found)
}

fn sizes(facts: &Facts) -> Finding {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let (database, releases) = (megabytes(facts.sizes.database), megabytes(facts.sizes.releases));
    let text = format!("the database takes {database:.1} MB, the releases take {releases:.1} MB");
    found(Level::Fine, "storage", text)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
