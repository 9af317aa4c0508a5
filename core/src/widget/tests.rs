//! What is written is read again, and nothing else is.

use std::borrow::Cow;

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::base::{
    ContextId, Days, Error, ItemId, Span, SurfaceId, WeekMinute, WidgetRefusal, limits,
};
use crate::candidates::Sources;
use crate::release::Policy;
use crate::serving::Tier;
use crate::slates::{Reason, ReasonKind, Slate, SlateKey, Slot};

fn slot(name: &str, reasons: Vec<Reason>) -> Slot {
    Slot {
        item: ItemId::new(name).unwrap(),
        title: Arc::from(format!("The {name} \u{1f319}")),
        score: -0.25,
        propensity: 0.75,
        reasons: reasons.into(),
        sources: Sources::default(),
    }
}

fn slate(context: &str, slots: Vec<Slot>) -> Slate {
    Slate {
        key: SlateKey {
            surface: SurfaceId::new("home").unwrap(),
            context: ContextId::new(context).unwrap(),
        },
        generation: 7,
        created_ms: 1_000,
        stale_after_ms: 2_000,
        release: "town@3".into(),
        policy: Policy::Model,
        made_at_night: true,
        personalised: true,
        arm: Some("model".into()),
        fatigue_impressions: 0,
        forgotten_through: 0,
        slots,
        unmet: Vec::new(),
    }
}

fn whole(slate: &Slate, (from, until): (u32, u32)) -> Chosen<'_> {
    let when = Span { days: Days::Weekday, from, until };
    Chosen { slate, when, slots: (0..).zip(slate.slots.iter().map(Cow::Borrowed)).collect() }
}

fn reasons() -> Vec<Reason> {
    let reason = Reason::exact;
    let because = |title: &str| {
        let (item, title) = (ItemId::new("old").unwrap(), title.to_owned());
        ReasonKind::BecauseOf { item, title }
    };
    vec![
        reason(because("La Luna"), 0.5),
        reason(ReasonKind::Nearby, 0.25),
        reason(ReasonKind::Popular, -0.125),
        reason(ReasonKind::Base, 9.0),
        reason(ReasonKind::Rule("spring".into()), 0.0),
    ]
}

fn two_slates() -> [Slate; 2] {
    let lunch = slate("lunch", vec![slot("luna", reasons()), slot("sol", vec![])]);
    let dinner = Slate { arm: None, made_at_night: false, policy: Policy::Baseline, ..lunch };
    let dinner = Slate { key: slate("dinner", vec![]).key, ..dinner };
    [slate("lunch", dinner.slots.clone()), dinner]
}

fn bytes() -> Vec<u8> {
    let slates = two_slates();
    let chosen = [whole(&slates[0], (600, 900)), whole(&slates[1], (1_080, 60))];
    let encoded = encode(&chosen, &WidgetPolicy { reasons_max: 3, ..WidgetPolicy::default() });
    assert_eq!((encoded.slates, encoded.left_out), (2, 0));
    encoded.bytes
}

fn refusal(bytes: &[u8]) -> WidgetRefusal {
    match FlatSlates::parse(bytes) {
        Err(Error::WidgetRefused { refusal }) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_of_a_slate_comes_back() {
    let bytes = bytes();
    let slates: Vec<FlatSlate<'_>> = FlatSlates::parse(&bytes).unwrap().slates().collect();
    let [lunch, dinner] = slates[..] else { panic!("{slates:?}") };
    assert_eq!((lunch.surface, lunch.context, lunch.release), ("home", "lunch", "town@3"));
    assert_eq!((lunch.arm, lunch.generation, lunch.policy), (Some("model"), 7, Policy::Model));
    assert_eq!((dinner.context, dinner.arm, dinner.policy), ("dinner", None, Policy::Baseline));
    assert_eq!(lunch.when, Span { days: Days::Weekday, from: 600, until: 900 });
    let slots: Vec<FlatSlot<'_>> = lunch.slots().collect();
    assert_eq!((slots[0].item, slots[0].title), ("luna", "The luna \u{1f319}"));
    assert_eq!((slots[0].score, slots[0].propensity), (-0.25, Some(0.75)));
    assert_eq!((slots[1].item, slots[1].published_at, slots.len()), ("sol", 1, 2));
    let told: Vec<(FlatReasonKind, f32, &str)> =
        slots[0].reasons().map(|reason| (reason.kind, reason.contribution, reason.text)).collect();
    let expected = [
        (FlatReasonKind::BecauseOf, 0.5, "La Luna"),
        (FlatReasonKind::Nearby, 0.25, ""),
        (FlatReasonKind::Rule, 0.0, "spring"),
    ];
    assert_eq!(told, expected);
    assert_eq!(slots[1].reasons().count(), 0);
}

#[test]
fn tiers_are_those_of_an_answer() {
    let bytes = bytes();
    let slates: Vec<FlatSlate<'_>> = FlatSlates::parse(&bytes).unwrap().slates().collect();
    assert_eq!([1_999, 2_000].map(|now| slates[0].tier(now)), [Tier::Fresh, Tier::Stale]);
    assert_eq!(slates[1].tier(0), Tier::Baseline);
}

#[test]
fn the_context_that_holds_is_found_and_the_first_stands_in() {
    let bytes = bytes();
    let slates = FlatSlates::parse(&bytes).unwrap();
    let at = |minute| slates.at("home", WeekMinute(minute)).unwrap().context;
    assert_eq!([700, 1_100, 1_441, 100].map(at), ["lunch", "dinner", "dinner", "lunch"]);
    assert!(slates.at("elsewhere", WeekMinute(700)).is_none());
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let good = bytes();
    for bit in 0..8 * good.len() {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        refusal(&bad);
    }
    for length in 0..good.len() {
        refusal(&good[..length]);
    }
    refusal(&[&good[..], &[0]].concat());
    assert_eq!(refusal(&vec![0; limits::WIDGET_BYTES_MAX + 1]).to_string(), {
        "1048577 bytes, 40 to 1048576 are read"
    });
}

#[test]
fn of_two_contexts_that_hold_the_first_of_the_plan_is_shown() {
    let slates = two_slates();
    let chosen = [whole(&slates[0], (600, 900)), whole(&slates[1], (600, 900))];
    let encoded = encode(&chosen, &WidgetPolicy::default());
    let shown = FlatSlates::parse(&encoded.bytes).unwrap().at("home", WeekMinute(700));
    assert_eq!(shown.unwrap().context, "lunch");
}

/// The good bytes with some changed, and the checksum as it should be.
fn sealed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = bytes();
    change(&mut bytes);
    let checksum = format::checksum(&bytes).to_le_bytes();
    bytes[format::CHECKSUM_AT..format::CHECKSUM_AT + 4].copy_from_slice(&checksum);
    bytes
}

#[test]
fn what_the_checksum_would_let_through_is_refused_by_its_field() {
    let first_slot = format::HEAD + 2 * format::SLATE;
    let put = |at: usize, value: &'static [u8]| {
        refusal(&sealed(|bytes| bytes[at..at + value.len()].copy_from_slice(value))).to_string()
    };
    let slate = |at, value| put(format::HEAD + at, value);
    assert_eq!(slate(format::slate::SURFACE + 4, &[0; 4]), "slate 0: surface is empty");
    let outside = "slate 0: arm lies outside the texts or inside a character";
    assert_eq!(slate(format::slate::ARM, &[255; 4]), outside);
    assert_eq!(slate(format::slate::FIRST_SLOT, &[1]), "slate 0: slots do not follow those before");
    assert_eq!(slate(format::slate::DAYS, &[3]), "slate 0: days are no known days");
    assert_eq!(slate(format::slate::FROM, &[160, 5]), "slate 0: when is no span of a day");
    let slot = |at, value| put(first_slot + at, value);
    let nan = "slot 0: score is not finite";
    assert_eq!(slot(format::slot::SCORE, &[0, 0, 192, 127]), nan);
    let above = "slot 0: propensity is not between 0 and 1";
    assert_eq!(slot(format::slot::PROPENSITY, &[0, 0, 0, 0, 0, 0, 0, 64]), above);
    let reason = |at, value| put(first_slot + 4 * format::SLOT + at, value);
    assert_eq!(reason(format::reason::KIND, &[9]), "reason 0: kind is not known");
    assert_eq!(put(format::head::VERSION, &[2]), "version 2, 1 is read");
    assert!(put(format::head::SLOTS, &[3]).starts_with("its head tells of "));
    // A slot of the second slate less, and one more of nobody.
    let orphan = put(format::HEAD + format::SLATE + format::slate::FIRST_SLOT + 4, &[1]);
    assert_eq!(orphan, "head 0: slots are not those of the slates");
    let last = bytes().len() - 1;
    let text = refusal(&sealed(|bytes| bytes[last] = 0xff));
    assert!(matches!(text, WidgetRefusal::NotUtf8 { .. }), "{text}");
}

#[test]
fn slates_that_do_not_fit_are_left_out_and_what_is_there_is_whole() {
    let slates = two_slates();
    let chosen = [whole(&slates[0], (600, 900)), whole(&slates[1], (1_080, 60))];
    let most = encode(&chosen, &WidgetPolicy::default()).bytes.len();
    for bytes_max in format::HEAD..=most {
        let policy = WidgetPolicy { bytes_max, ..WidgetPolicy::default() };
        let encoded = encode(&chosen, &policy);
        assert!(encoded.bytes.len() <= bytes_max);
        assert_eq!(encoded.slates + encoded.left_out, 2);
        let read = FlatSlates::parse(&encoded.bytes).unwrap();
        assert_eq!(read.slates().count(), encoded.slates);
        assert_eq!(encoded.left_out == 0, bytes_max == most);
    }
}

#[test]
fn a_moved_item_has_no_known_propensity() {
    let slate = slate("lunch", vec![slot("luna", vec![]), slot("sol", vec![])]);
    let mut chosen = whole(&slate, (0, 60));
    chosen.slots.remove(0);
    let encoded = encode(&[chosen], &WidgetPolicy::default());
    let read = FlatSlates::parse(&encoded.bytes).unwrap().slates().next().unwrap();
    let slots: Vec<FlatSlot<'_>> = read.slots().collect();
    assert_eq!((slots[0].item, slots[0].published_at, slots[0].propensity), ("sol", 1, None));
}

#[test]
fn the_golden_bytes_of_another_writer_are_ours() {
    let golden = include_bytes!("golden/two-slates.bin");
    assert_eq!(bytes(), golden);
    assert_eq!(FlatSlates::parse(golden).unwrap().slates().count(), 2);
}

#[test]
fn numbers_that_no_file_could_have_are_refused_by_their_field() {
    let good = WidgetPolicy::default();
    good.validate().unwrap();
    for (policy, field) in [
        (WidgetPolicy { slots_max: 0, ..good.clone() }, "widget.slots_max"),
        (WidgetPolicy { slates_max: 0, ..good.clone() }, "widget.slates_max"),
        (WidgetPolicy { reasons_max: 17, ..good.clone() }, "widget.reasons_max"),
        (WidgetPolicy { bytes_max: (1 << 20) + 1, ..good.clone() }, "widget.bytes_max"),
        (WidgetPolicy { path: Some("..".into()), ..good.clone() }, "widget.path"),
    ] {
        match policy.validate() {
            Err(Error::InvalidInput { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{other:?}"),
        }
    }
}

prop_compose! {
    fn any_slot()(
        name in "[a-z\u{e9}\u{1f319}]{1,12}",
        score in -1e6f32..1e6,
        propensity in 1e-9f64..1.0,
        told in prop::collection::vec(("[a-z \u{e9}]{0,12}", -1.0f32..1.0), 0..5),
    ) -> Slot {
        let reason = |(name, contribution): (String, f32)| {
            Reason::exact(ReasonKind::Feature(name), contribution)
        };
        let reasons = told.into_iter().map(reason).collect();
        Slot { score, propensity, ..slot(&name, reasons) }
    }
}

proptest! {
    #[test]
    fn any_slates_come_back(
        slates in prop::collection::vec(prop::collection::vec(any_slot(), 0..6), 0..5),
        when in (0u32..1_440, 0u32..=1_440),
        reasons_max in 0usize..4,
    ) {
        let number = |number: usize| format!("context-{number}");
        let slates: Vec<Slate> =
            slates.into_iter().enumerate().map(|(at, slots)| slate(&number(at), slots)).collect();
        let chosen: Vec<Chosen<'_>> = slates.iter().map(|slate| whole(slate, when)).collect();
        let policy = WidgetPolicy { reasons_max, ..WidgetPolicy::default() };
        let encoded = encode(&chosen, &policy);
        prop_assert_eq!(&encoded, &encode(&chosen, &policy));
        let read = FlatSlates::parse(&encoded.bytes).unwrap();
        prop_assert_eq!(read.slates().count(), slates.len());
        for (flat, slate) in read.slates().zip(&slates) {
            prop_assert_eq!(flat.context, slate.key.context.as_str());
            prop_assert_eq!((flat.when.from, flat.when.until), when);
            let slots: Vec<FlatSlot<'_>> = flat.slots().collect();
            prop_assert_eq!(slots.len(), slate.slots.len());
            for (flat, slot) in slots.iter().zip(&slate.slots) {
                prop_assert_eq!(flat.item, slot.item.as_str());
                prop_assert_eq!(flat.title, &*slot.title);
                prop_assert_eq!((flat.score, flat.propensity), (slot.score, Some(slot.propensity)));
                let told = slot.reasons.iter().filter(|reason| reason.contribution > 0.0);
                let told: Vec<&str> = told.take(reasons_max).map(|reason| match &reason.kind {
                    ReasonKind::Feature(name) => name.as_str(),
                    _ => "",
                }).collect();
                let found: Vec<&str> = flat.reasons().map(|reason| reason.text).collect();
                prop_assert_eq!(found, told);
            }
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = FlatSlates::parse(&bytes);
    }
}
