//! What holds for every slate, whatever is asked of it.

use proptest::prelude::*;

use super::world::{random, ranked};
use crate::release::{Exploration, Exposure};
use crate::reranking::filling::{Filling, Next};
use crate::reranking::*;

/// Candidates, their groups (one each of four), and what is asked.
#[derive(Debug)]
struct Case {
    all: Vec<Ranked>,
    length: usize,
    exploration: Exploration,
    constraints: Constraints,
    seed: u64,
}

impl Case {
    fn settings(&self) -> Settings<'_> {
        Settings {
            length: self.length,
            diversity: None,
            exploration: self.exploration,
            constraints: &self.constraints,
        }
    }

    fn slate(&self) -> Reranked {
        rerank(&self.all, &self.settings(), &mut random(self.seed))
    }
}

fn members(groups: &[u8], group: u8) -> Vec<u32> {
    (0u32..).zip(groups).filter(|(_, of)| **of == group).map(|(at, _)| at).collect()
}

fn limits() -> impl Strategy<Value = Limit> {
    prop_oneof![
        (0usize..4, 1usize..8).prop_map(|(slots, window)| Limit::Window { slots, window }),
        (0usize..9).prop_map(|slots| Limit::Window { slots, window: usize::MAX }),
        (0.0..1.0f64).prop_map(Limit::Prefix),
    ]
}

fn explorations() -> impl Strategy<Value = Exploration> {
    let temperature = prop_oneof![Just(0.0), 0.05..2.0f64];
    (0.0..1.0f64, temperature, 1usize..12).prop_map(|(epsilon, temperature, pool)| Exploration {
        epsilon,
        temperature,
        pool,
    })
}

fn cases() -> impl Strategy<Value = Case> {
    // Few different scores, so that many are equal.
    let items = prop::collection::vec((0u8..5, 0u8..4), 0..40);
    let caps = prop::collection::vec((0u8..4, limits()), 0..4);
    let pins = prop::collection::vec((0u32..40, 0usize..12), 0..4);
    let floors = prop::collection::vec((0u8..4, 0.0..0.5f64), 0..4);
    let tops = prop::collection::vec((0u32..40, 1usize..12), 0..3);
    (items, caps, pins, floors, tops, explorations(), 0usize..50, any::<u64>()).prop_map(
        |(items, caps, pins, floors, tops, exploration, length, seed)| {
            let scores: Vec<f32> = items.iter().map(|(score, _)| f32::from(*score)).collect();
            let groups: Vec<u8> = items.iter().map(|(_, group)| *group).collect();
            let caps = (0u8..).zip(caps);
            let caps =
                caps.map(|(rule, (of, limit))| Cap { rule, members: members(&groups, of), limit });
            let fixed = (10u8..).zip(pins).map(|(rule, (member, position))| Fixed {
                rule,
                members: vec![member],
                position,
                one_item: true,
            });
            let floors = (20u8..).zip(floors).map(|(rule, (of, share))| Deadline {
                rule,
                members: members(&groups, of),
                need: Need::Prefix(share),
            });
            let tops = (30u8..).zip(tops).map(|(rule, (member, top))| Deadline {
                rule,
                members: vec![member],
                need: Need::Top(top),
            });
            let constraints = Constraints {
                lifts: Vec::new(),
                fixed: fixed.collect(),
                caps: caps.collect(),
                deadlines: floors.chain(tops).collect(),
            };
            Case { all: ranked(&scores), length, exploration, constraints, seed }
        },
    )
}

/// Whether the slots, as candidates, keep within the cap: counted window by window.
fn keeps(cap: &Cap, slots: &[usize]) -> bool {
    let is = |at: &&usize| cap.members.contains(&(**at as u32));
    match cap.limit {
        Limit::Window { slots: most, window } => {
            let width = window.min(slots.len()).max(1);
            slots.windows(width).all(|window| window.iter().filter(is).count() <= most)
        }
        Limit::Prefix(share) => (1..=slots.len())
            .all(|k| slots[..k].iter().filter(is).count() <= Exposure::most(share, k)),
    }
}

fn candidates(slate: &Reranked) -> Vec<usize> {
    slate.slots.iter().map(|placed| placed.candidate).collect()
}

proptest! {
    #[test]
    fn no_item_comes_twice_and_no_cap_is_broken(case in cases()) {
        let slate = case.slate();
        let slots = candidates(&slate);
        prop_assert!(slots.len() <= case.length.min(case.all.len()));
        let mut different = slots.clone();
        different.sort_unstable();
        different.dedup();
        prop_assert_eq!(different.len(), slots.len());
        for cap in &case.constraints.caps {
            prop_assert!(keeps(cap, &slots), "{:?}: {:?}", cap, slots);
        }
        for placed in &slate.slots {
            prop_assert!(placed.propensity > 0.0 && placed.propensity <= 1.0);
        }
        prop_assert_eq!(case.slate(), slate);
    }

    #[test]
    fn watching_changes_nothing_and_tells_every_slot_with_its_probability(case in cases()) {
        let (slate, watched) =
            rerank_watched(&case.all, &case.settings(), &mut random(case.seed));
        prop_assert_eq!(&slate, &case.slate());
        prop_assert_eq!(watched.steps.len(), slate.slots.len());
        prop_assert_eq!(watched.standings.len(), case.all.len());
        for (step, placed) in watched.steps.iter().zip(&slate.slots) {
            match step {
                Step::Pinned { candidate, rules } => {
                    prop_assert_eq!((*candidate, *rules), (placed.candidate, placed.rules));
                    prop_assert_eq!(placed.propensity, 1.0);
                }
                Step::Drawn { candidate, greedy, pool, kept_out, .. } => {
                    prop_assert_eq!(*candidate, placed.candidate);
                    prop_assert_eq!(*candidate != *greedy, placed.explored);
                    let own = pool.iter().find(|other| other.candidate == *candidate);
                    prop_assert_eq!(own.map(|own| own.probability), Some(placed.propensity));
                    let is_out = |one: &Considered| kept_out.iter().any(|o| o.0 == one.candidate);
                    prop_assert!(!pool.iter().any(is_out));
                }
            }
        }
    }

    #[test]
    fn without_caps_a_slate_is_as_long_as_it_can_be(mut case in cases()) {
        case.constraints.caps.clear();
        prop_assert_eq!(case.slate().slots.len(), case.length.min(case.all.len()));
    }

    #[test]
    fn probabilities_at_a_position_sum_to_one(case in cases()) {
        let settings = case.settings();
        let mut filling = Filling::new(&case.all, &settings);
        let mut random = random(case.seed);
        loop {
            let rank = match filling.next() {
                Next::End => break,
                Next::Forced(rank, _) => rank,
                Next::Among(choices) => {
                    let each = 0..choices.pool.len();
                    let sum: f64 = each.map(|at| choices.probability(at)).sum();
                    prop_assert!((sum - 1.0).abs() < 1e-9);
                    let (rank, probability) = choices.draw(&mut random);
                    let at = choices.pool.binary_search(&rank).unwrap();
                    prop_assert_eq!(probability, choices.probability(at));
                    rank
                }
            };
            filling.place(rank);
        }
    }

    #[test]
    fn without_caps_a_pinned_item_stands_at_its_position(mut case in cases()) {
        case.constraints.caps.clear();
        let slots = candidates(&case.slate());
        for pin in &case.constraints.fixed {
            let (member, position) = (pin.members[0] as usize, pin.position);
            let clash = |(one, at): &(usize, usize)| *one == member || *at == position;
            let others = case.constraints.fixed.iter().filter(|other| *other != pin);
            let mut others = others.map(|other| (other.members[0] as usize, other.position));
            // Every pinned position must lie within the slate, or pins move up.
            let within = case.constraints.fixed.iter().all(|pin| pin.position < slots.len());
            if !others.any(|other| clash(&other)) && member < case.all.len() && within {
                prop_assert_eq!(slots[position], member);
            }
        }
    }

    #[test]
    fn floors_of_separate_groups_hold_in_every_prefix(
        groups in prop::collection::vec(0u8..5, 1..60),
        shares in prop::collection::vec(0.0..1.0f64, 5),
        whole in 0.3..1.0f64,
        length in 1usize..40,
        exploration in explorations(),
        seed in any::<u64>(),
    ) {
        let sum: f64 = shares.iter().sum::<f64>().max(1e-9);
        let length = length.min(groups.len());
        let mut deadlines = Vec::new();
        for (group, share) in (0u8..).zip(&shares) {
            let (members, share) = (members(&groups, group), share / sum * whole);
            // As many as there are: the others are counted as not met, and tested elsewhere.
            prop_assume!(members.len() >= Exposure::least(share, length));
            deadlines.push(Deadline { rule: group, members, need: Need::Prefix(share) });
        }
        let scores: Vec<f32> = groups.iter().map(|group| f32::from(*group)).collect();
        let constraints = Constraints { deadlines, ..Constraints::default() };
        let case = Case { all: ranked(&scores), length, exploration, constraints, seed };
        let slate = case.slate();
        prop_assert!(slate.unmet.is_empty(), "{:?}", slate.unmet);
        let slots = candidates(&slate);
        for Deadline { members, need, .. } in &case.constraints.deadlines {
            for k in 1..=length {
                let there = slots[..k].iter().filter(|at| members.contains(&(**at as u32)));
                prop_assert!(there.count() >= need.among(k));
            }
        }
    }

    #[test]
    fn what_is_counted_as_not_met_is_what_is_not_met(case in cases()) {
        let slate = case.slate();
        let slots = candidates(&slate);
        for deadline in &case.constraints.deadlines {
            let there = |k: usize| {
                let is = |at: &&usize| deadline.members.contains(&(**at as u32));
                slots[..k.min(slots.len())].iter().filter(is).count()
            };
            let short = match deadline.need {
                Need::Top(top) => usize::from(there(top) == 0),
                Need::Prefix(_) => {
                    (1..=slots.len()).filter(|k| there(*k) < deadline.need.among(*k)).count()
                }
            };
            let counted = slate.unmet.iter().find(|(rule, _)| *rule == deadline.rule);
            prop_assert_eq!(counted.map_or(0, |(_, count)| *count), short);
        }
    }
}
