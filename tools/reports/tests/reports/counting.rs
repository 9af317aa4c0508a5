//! What is counted.

use noctule_reports::{AbReport, AbSettings, ArmReport, Error, ab_report};

use crate::fixture::{Event, Phone, feedback};

fn report(phones: Vec<Phone>) -> AbReport {
    let events: Vec<Event> = phones.into_iter().flat_map(|phone| phone.events).collect();
    ab_report(&feedback(&events), &AbSettings::default()).unwrap()
}

fn arm<'a>(report: &'a AbReport, name: &str) -> &'a ArmReport {
    report.arms.iter().find(|arm| arm.name == name).unwrap()
}

#[test]
fn a_visit_is_one_showing_and_accepted_once() {
    let mut phone = Phone::new("a", "model");
    phone.show(0, "breakfast", &["cafe", "bakery"]);
    phone.event("conversion", 0, "breakfast", "cafe");
    phone.event("conversion", 0, "breakfast", "bakery");
    phone.show(0, "dinner", &["ramen"]);
    phone.show(1, "breakfast", &["cafe"]);
    let report = report(vec![phone]);
    let arm = arm(&report, "model");
    assert_eq!((arm.visits, arm.accepted, arm.impressions), (3, 1, 4));
    assert_eq!(arm.acceptance.unwrap().value, 1.0 / 3.0);
    let nights: Vec<(u64, u64)> =
        arm.nights.iter().map(|night| (night.accepted, night.visits)).collect();
    assert_eq!(nights, [(1, 2), (0, 1)]);
}

#[test]
fn an_outcome_elsewhere_accepts_nothing() {
    let mut phone = Phone::new("a", "model");
    phone.show(0, "breakfast", &["cafe"]);
    phone.event("conversion", 0, "dinner", "cafe");
    phone.event("conversion", 1, "breakfast", "cafe");
    phone.event("conversion", 0, "breakfast", "never shown");
    phone.event("click", 0, "breakfast", "cafe");
    let mut other_generation = phone.events[0].clone();
    other_generation.sequence = 9;
    other_generation.kind = "conversion";
    other_generation.generation = Some(77);
    phone.events.push(other_generation);
    let report = report(vec![phone]);
    assert_eq!(arm(&report, "model").accepted, 0);
    assert_eq!(arm(&report, "model").clicks, 1);
}

#[test]
fn an_outcome_without_a_generation_counts_for_the_place() {
    let mut phone = Phone::new("a", "model");
    phone.show(0, "breakfast", &["cafe"]);
    phone.event("conversion", 0, "breakfast", "cafe");
    phone.events[1].generation = None;
    assert_eq!(arm(&report(vec![phone]), "model").accepted, 1);
}

#[test]
fn repeated_rows_are_counted_once_and_told() {
    let mut phone = Phone::new("a", "model");
    phone.show(0, "breakfast", &["cafe", "bakery"]);
    let again = phone.events[0].clone();
    phone.events.push(again);
    let report = report(vec![phone]);
    assert_eq!(arm(&report, "model").impressions, 2);
    assert_eq!((report.audit.repeated, report.audit.lost), (1, 0));
}

#[test]
fn the_control_comes_last_and_the_others_are_compared_with_it() {
    let phones = || -> Vec<Phone> {
        (0..12)
            .map(|index| {
                let model = index % 2 == 0;
                let mut phone =
                    Phone::new(index.to_string(), if model { "model" } else { "baseline" });
                for day in 0..3 {
                    phone.show(day, "breakfast", &["cafe"]);
                    if (index / 2 + day) % if model { 2 } else { 3 } == 0 {
                        phone.event("conversion", day, "breakfast", "cafe");
                    }
                }
                phone
            })
            .collect()
    };
    let by_name = report(phones());
    let names: Vec<&str> = by_name.arms.iter().map(|arm| arm.name.as_str()).collect();
    assert_eq!(names, ["model", "baseline"]);
    let comparison = &by_name.comparisons[0];
    let difference = arm(&by_name, "model").acceptance.unwrap().value
        - arm(&by_name, "baseline").acceptance.unwrap().value;
    assert_eq!((comparison.acceptance.value, comparison.acceptance.clusters), (difference, 12));
    assert!(comparison.change.is_some());

    let events: Vec<Event> = phones().into_iter().flat_map(|phone| phone.events).collect();
    let turned = AbSettings { control: Some("model".into()), ..AbSettings::default() };
    let turned = ab_report(&feedback(&events), &turned).unwrap();
    assert!((turned.comparisons[0].acceptance.value + difference).abs() < 1e-12);
    let wrong = AbSettings { control: Some("nobody".into()), ..AbSettings::default() };
    let error = ab_report(&feedback(&events), &wrong).unwrap_err();
    assert!(matches!(error, Error::InvalidSetting { setting: "control", .. }));
}

#[test]
fn contexts_stand_in_the_order_of_the_day_and_days_in_local_time() {
    let mut phone = Phone::new("a", "model");
    phone.show(0, "dinner", &["ramen"]);
    phone.show(0, "breakfast", &["cafe"]);
    let events = phone.events;
    let report = ab_report(&feedback(&events), &AbSettings::default()).unwrap();
    let contexts: Vec<_> =
        report.arms[0].contexts.iter().map(|part| part.context.as_deref()).collect();
    assert_eq!(contexts, [Some("breakfast"), Some("dinner")]);
    assert_eq!(report.days.len(), 1);
    // Dinner is at 18:00 UTC: in Kiritimati it is the next day already.
    let there = AbSettings { offset_minutes: 14 * 60, ..AbSettings::default() };
    assert_eq!(ab_report(&feedback(&events), &there).unwrap().days.len(), 2);
}

#[test]
fn groups_of_too_few_installations_are_left_out_and_counted() {
    let mut events = Vec::new();
    for number in 0..5 {
        let mut phone = Phone::new(format!("m{number}"), "model");
        phone.show(0, "breakfast", &["cafe", "bakery"]);
        if number < 2 {
            phone.show(1, "dinner", &["ramen"]);
        }
        events.extend(phone.events);
    }
    let mut alone = Phone::new("b", "baseline");
    alone.show(0, "breakfast", &["cafe"]);
    events.extend(alone.events);

    let shown = |installations_min| {
        let settings = AbSettings { installations_min, ..AbSettings::default() };
        ab_report(&feedback(&events), &settings).unwrap()
    };
    let all = shown(1);
    assert_eq!((all.arms.len(), all.withheld.arms, all.withheld.parts), (2, 0, 0));
    let report = shown(3);
    assert_eq!((report.withheld.arms, report.withheld.parts), (1, 2));
    assert!(report.comparisons.is_empty(), "{:?}", report.comparisons);
    let [model] = &report.arms[..] else { panic!("{:?}", report.arms) };
    assert_eq!((model.name.as_str(), model.installations), ("model", 5));
    let contexts: Vec<_> = model.contexts.iter().map(|part| part.context.as_deref()).collect();
    assert_eq!(contexts, [Some("breakfast")]);
    assert_eq!((model.nights.len(), model.change), (1, None));
    assert!(shown(6).arms.is_empty());
}

#[test]
fn feedback_outside_the_experiment_is_left_out() {
    let mut phone = Phone::new("a", "model");
    phone.show(0, "breakfast", &["cafe", "bakery"]);
    phone.events[0].experiment = Some("spring");
    phone.events[1].arm = None;
    let mut other = Phone::new("a", "baseline");
    other.show(1, "breakfast", &["cafe"]);
    other.events[0].sequence = 3;
    let events = [phone.events, other.events].concat();
    let all = ab_report(&feedback(&events), &AbSettings::default()).unwrap();
    assert_eq!((all.impressions_without_arm, all.mixed_installations), (1, 1));
    let of = |name: &str| {
        let settings = AbSettings { experiment: Some(name.into()), ..AbSettings::default() };
        ab_report(&feedback(&events), &settings).unwrap().arms.len()
    };
    assert_eq!((of("spring"), of("autumn")), (1, 0));
}

#[test]
fn coverage_and_positions_are_of_what_was_shown() {
    let mut phone = Phone::new("a", "model");
    phone.show(0, "breakfast", &["cafe", "bakery", "bar"]);
    phone.show(1, "breakfast", &["cafe", "bar", "bakery"]);
    phone.event("click", 1, "breakfast", "bar");
    let events = phone.events;
    let settings = AbSettings { catalogue_items: Some(12), ..AbSettings::default() };
    let report = ab_report(&feedback(&events), &settings).unwrap();
    let arm = &report.arms[0];
    assert_eq!((arm.coverage.items_shown, arm.coverage.share), (3, Some(0.25)));
    let clicks: Vec<(u32, u64, u64)> =
        arm.positions.iter().map(|at| (at.position, at.clicks, at.impressions)).collect();
    assert_eq!(clicks, [(0, 0, 2), (1, 1, 2), (2, 0, 2)]);
}

#[test]
fn a_confidence_that_is_none_is_refused() {
    for confidence in [0.0, 1.0, f64::NAN] {
        let settings = AbSettings { confidence, ..AbSettings::default() };
        let error = ab_report(&feedback(&[]), &settings).unwrap_err();
        assert!(matches!(error, Error::InvalidSetting { setting: "confidence", .. }));
    }
}
