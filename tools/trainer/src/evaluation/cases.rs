//! The users of an evaluation, their targets, and the negatives drawn for them.

use std::collections::BTreeMap;

use noctule_core::base::{Seed, SeededRandom};

use super::EvaluationSettings;
use crate::datasets::{Interaction, Interactions};
use crate::split::Split;

/// A user with known history and test targets.
pub(super) struct TestCase {
    pub(super) user: u32,
    pub(super) history: Vec<Interaction>,
    pub(super) targets: Vec<u32>,
    pub(super) context: Option<u16>,
}

/// The users with a test event, or as many of them as the settings allow, in order.
pub(super) fn of(
    data: &Interactions,
    split: &Split,
    settings: &EvaluationSettings,
) -> Vec<TestCase> {
    let mut parts: BTreeMap<u32, (Vec<u32>, Vec<u32>)> = BTreeMap::new();
    for index in &split.test {
        parts.entry(data.events[*index as usize].user).or_default().1.push(*index);
    }
    for index in split.train.iter().chain(&split.validation) {
        if let Some((known, _)) = parts.get_mut(&data.events[*index as usize].user) {
            known.push(*index);
        }
    }
    let mut users: Vec<u32> = parts.keys().copied().collect();
    if let Some(limit) = settings.users_max.filter(|limit| *limit < users.len()) {
        let seed = Seed(settings.seed).derive(&["evaluation", "users"]);
        SeededRandom::new(seed).shuffle(&mut users);
        users.truncate(limit);
        users.sort_unstable();
    }
    let event = |index: u32| data.events[index as usize];
    let case = |user: u32| {
        let (mut known, test) = parts.remove(&user).unwrap_or_default();
        known.sort_by_key(|index| (event(*index).at_ms, *index));
        let mut targets: Vec<u32> = test.iter().map(|index| event(*index).item).collect();
        targets.sort_unstable();
        targets.dedup();
        let context = test.first().and_then(|index| event(*index).context);
        TestCase { user, history: known.into_iter().map(event).collect(), targets, context }
    };
    users.into_iter().map(case).collect()
}

/// Marks the targets and `negatives` items that the user never chose; all of them where there are
/// not so many.
pub(super) fn sample(case: &TestCase, negatives: usize, seed: u64, candidate: &mut [bool]) {
    let mut chosen = vec![false; candidate.len()];
    for item in case.history.iter().map(|event| event.item).chain(case.targets.iter().copied()) {
        chosen[item as usize] = true;
    }
    let free = chosen.iter().filter(|chosen| !**chosen).count();
    let user = case.user.to_string();
    let mut random = SeededRandom::new(Seed(seed).derive(&["evaluation", "negatives", &user]));
    for _ in 0..negatives.min(free) {
        loop {
            let item = random.below(candidate.len());
            if !chosen[item] {
                (chosen[item], candidate[item]) = (true, true);
                break;
            }
        }
    }
    for target in &case.targets {
        candidate[*target as usize] = true;
    }
}
