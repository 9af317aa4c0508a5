//! Reports of small worlds, counted by hand; `tools/trainer/tests/golden` has larger ones.

use super::*;

fn groups(side: Side, of: &[Option<u16>]) -> Groups {
    let names = ["a", "b"].map(String::from).to_vec();
    Groups { by: "kind".into(), side, names, of: of.to_vec() }
}

/// A user whose targets have these ranks and who is shown `best`.
fn result(user: u32, targets: &[(u32, usize)], best: &[u32]) -> UserResult {
    let (targets, ranks) = targets.iter().copied().unzip();
    let best = best.to_vec();
    UserResult { user, history: 1, context: None, targets, ranks, ranked: 4, best }
}

fn measured(groups: &Groups, results: &[UserResult]) -> FairnessReport {
    let settings = BootstrapSettings { resamples: 200, threads: 2, ..Default::default() };
    measure_fairness(groups, results, 2, &settings).unwrap()
}

#[test]
fn items_that_are_shown_and_found_alike_have_no_gap_and_full_parity() {
    let groups = groups(Side::Items, &[Some(0), Some(0), Some(1), Some(1)]);
    let results = [result(0, &[(0, 1)], &[0, 2]), result(1, &[(3, 1)], &[3, 1])];
    let found = measured(&groups, &results);
    assert_eq!(found.ndcg_gap.unwrap().value, 0.0);
    assert_eq!(found.opportunity_gap.unwrap().value, 0.0);
    assert!((found.parity.unwrap().value - 1.0).abs() < 1e-12);
    assert!(found.from_catalogue.unwrap() < 1e-12 && found.from_wanted.unwrap() < 1e-12);
}

#[test]
fn a_group_that_is_never_shown_has_no_parity_and_no_opportunity() {
    let groups = groups(Side::Items, &[Some(0), Some(0), Some(1), Some(1)]);
    let results = [result(0, &[(0, 1), (2, 3)], &[0, 1]), result(1, &[(3, 4)], &[1, 0])];
    let found = measured(&groups, &results);
    assert_eq!(found.parity.unwrap().value, 0.0);
    assert_eq!(found.opportunity_gap.unwrap().value, 1.0);
    let [a, b] = &found.groups[..] else { panic!() };
    assert_eq!((a.exposure, b.exposure), (Some(1.0), Some(0.0)));
    assert_eq!((a.opportunity, b.opportunity), (Some(1.0), Some(0.0)));
    assert_eq!((b.members, b.targets, b.wanted), (2, 2, Some(2.0 / 3.0)));
    assert!((found.from_catalogue.unwrap() - 2f64.ln()).abs() < 1e-12);
}

#[test]
fn users_are_compared_by_their_ndcg_and_have_no_exposure() {
    let groups = groups(Side::Users, &[Some(0), Some(1), None]);
    let second = 1.0 / 3f64.log2();
    let lists = [(0, 1), (1, 2), (2, 9)].map(|(user, rank)| result(user, &[(0, rank)], &[0, 1]));
    let found = measured(&groups, &lists);
    assert!((found.ndcg_gap.unwrap().value - (1.0 - second)).abs() < 1e-12);
    assert_eq!(found.opportunity_gap.unwrap().value, 0.0);
    assert!(found.parity.is_none() && found.from_catalogue.is_none());
    assert!(found.groups.iter().all(|group| group.exposure.is_none() && group.members == 1));
}

#[test]
fn one_group_alone_and_no_users_at_all_have_no_gaps() {
    let groups = groups(Side::Items, &[Some(0), None]);
    let found = measured(&groups, &[result(0, &[(0, 1)], &[0, 1])]);
    assert_eq!((found.ndcg_gap, found.opportunity_gap, found.parity), (None, None, None));
    let found = measured(&groups, &[]);
    assert!(found.groups.iter().all(|group| group.ndcg.is_none()));
}

#[test]
fn threads_change_nothing_and_the_interval_holds_the_gap() {
    let of: Vec<Option<u16>> = (0..60).map(|user| Some(u16::from(user % 3 == 0))).collect();
    let groups = groups(Side::Users, &of);
    let lists: Vec<UserResult> = (0..60)
        .map(|user| result(user, &[(0, 1 + (user as usize * 7) % (2 + user as usize % 3))], &[0]))
        .collect();
    let of = |threads| {
        let settings = BootstrapSettings { resamples: 200, threads, ..Default::default() };
        measure_fairness(&groups, &lists, 3, &settings).unwrap()
    };
    assert_eq!(of(1), of(3));
    let gap = of(1).ndcg_gap.unwrap();
    assert!(gap.low < gap.high && gap.low <= gap.value && gap.value <= gap.high, "{gap:?}");
}
