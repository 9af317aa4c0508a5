//! Top-k against scoring every row.

use proptest::prelude::*;

use super::*;
use crate::base::{Seed, SeededRandom};
use crate::scoring::testing::{Form, Stored};
use crate::scoring::{Quantised, quantise};

/// Every eligible row scored by a plain loop and fully sorted.
fn brute_force(
    embeddings: &[f32],
    query: &[f32],
    k: usize,
    eligible: &dyn Fn(u32) -> bool,
) -> Vec<Scored> {
    let rows = embeddings.chunks_exact(query.len()).zip(0u32..);
    let mut all: Vec<Scored> = rows
        .filter(|(_, index)| eligible(*index))
        .map(|(row, index)| {
            let mut sum = 0.0f64;
            for (x, y) in query.iter().zip(row) {
                sum += f64::from(*x) * f64::from(*y);
            }
            Scored { index, score: sum as f32 }
        })
        .collect();
    all.sort_by(|a, b| {
        let by_score = b.score.partial_cmp(&a.score).unwrap();
        by_score.then(a.index.cmp(&b.index))
    });
    all.truncate(k);
    all
}

/// Asserts that every kernel gives what brute force gives, for every form of the matrix.
fn check(embeddings: &[f32], query: &[f32], k: usize, eligible: Option<&dyn Fn(u32) -> bool>) {
    for form in Form::all() {
        let stored = Stored::new(embeddings, query.len(), form);
        let matrix = stored.matrix();
        matrix.verify().unwrap();
        let rows = stored.rows();
        let expected = brute_force(&rows, query, k, eligible.unwrap_or(&|_| true));
        for kernel in Kernel::available() {
            let found = top_k_with(kernel, &matrix, query, k, eligible).unwrap();
            assert_eq!(found, expected, "{form:?} {} n={} k={k}", kernel.name(), matrix.len());
        }
    }
}

fn normal_values(random: &mut SeededRandom, count: usize) -> Vec<f32> {
    (0..count).map(|_| random.normal() as f32).collect()
}

proptest! {
    #[test]
    fn equals_brute_force_with_ties_duplicates_and_eligibility(
        d in prop::sample::select(vec![1usize, 2, 7, 32, 33, 64, 65]),
        items in 0usize..400,
        k in 0usize..450,
        levels in prop::sample::select(vec![2.0f64, 5.0, 100.0, 1e9]),
        copies in prop::bool::ANY,
        every in 1u32..6,
        exponent in prop::sample::select(vec![-140i32, -30, 0, 20]),
        seed in any::<u64>(),
    ) {
        let mut random = SeededRandom::new(Seed(seed));
        // Few levels make ties, and copied rows make duplicates.
        let mut value = || ((random.normal() * levels).round() / levels) as f32;
        let mut embeddings: Vec<f32> = (0..items * d).map(|_| value()).collect();
        let query: Vec<f32> = (0..d).map(|_| value() * 2f32.powi(exponent)).collect();
        if copies {
            for row in 1..items {
                let from = random.below(row);
                if random.chance(0.5) {
                    embeddings.copy_within(from * d..(from + 1) * d, row * d);
                }
            }
        }
        check(&embeddings, &query, k, None);
        check(&embeddings, &query, k, Some(&|index| index % every == 0));
    }
}

#[test]
fn equals_brute_force_over_many_blocks() {
    let mut random = SeededRandom::new(Seed(11));
    for (items, d, k) in [(20_003, 16, 100), (9_001, 64, 10), (5_000, 100, 700)] {
        let embeddings = normal_values(&mut random, items * d);
        let query = normal_values(&mut random, d);
        check(&embeddings, &query, k, None);
        check(&embeddings, &query, k, Some(&|index| index % 97 == 5));
    }
}

#[test]
fn rows_of_very_different_length_are_ranked_exactly() {
    let mut random = SeededRandom::new(Seed(12));
    let d = 24;
    let mut embeddings = normal_values(&mut random, 4_000 * d);
    for row in embeddings.chunks_exact_mut(d) {
        let factor = 10f32.powi(random.below(40) as i32 - 30);
        row.iter_mut().for_each(|value| *value *= factor);
    }
    let query = normal_values(&mut random, d);
    check(&embeddings, &query, 50, None);
    // Only the short rows: their scores are tiny and some of them negative.
    let short = |index: u32| embeddings[index as usize * d].abs() < 1e-20;
    check(&embeddings, &query, 1_500, Some(&short));
}

#[test]
fn a_catalogue_of_copies_gives_the_lowest_indices() {
    let embeddings = [0.25f32, -1.0, 0.5].repeat(6_000);
    let found = |query: [f32; 3]| {
        check(&embeddings, &query, 3, None);
        check(&embeddings, &query, 3, Some(&|index| index > 4_321));
    };
    found([1.0, 2.0, 3.0]);
    found([-1.0, 2.0, -3.0]);
    found([0.0; 3]);
}

#[test]
fn no_items_no_eligible_item_and_no_k_give_nothing() {
    check(&[], &[1.0, 2.0], 5, None);
    check(&[1.0, 2.0], &[1.0, 2.0], 0, None);
    check(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0], 2, Some(&|_| false));
    check(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0], usize::MAX, None);
}

#[test]
fn a_query_of_wrong_length_or_with_a_value_that_is_not_finite_is_refused() {
    let matrix = ItemMatrix::new(&[1, 2], &[1.0], &[1.0, 2.0], 2).unwrap();
    let field = |query: &[f32]| match top_k(&matrix, query, 1, None) {
        Err(Error::InvalidInput { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(&[1.0]), "query");
    assert_eq!(field(&[0.0, f32::NAN]), "query[1]");
    assert_eq!(field(&[f32::INFINITY, 0.0]), "query[0]");
}

#[test]
fn a_score_beyond_f32_is_an_error_and_values_near_its_end_are_not() {
    let embeddings = [1e38f32, 3e38, -3e38, 1.0];
    check(&embeddings, &[1.0], 4, None);
    check(&embeddings, &[1e-30], 4, None);
    let Quantised { codes, scales } = quantise(&embeddings, 1).unwrap();
    let matrix = ItemMatrix::new(&codes, &scales, &embeddings, 1).unwrap();
    for k in 1..4 {
        assert!(matches!(top_k(&matrix, &[2.0], k, None), Err(Error::Model { .. })));
    }
}

#[test]
fn a_matrix_that_is_damaged_does_not_panic() {
    let mut random = SeededRandom::new(Seed(13));
    let mut embeddings = normal_values(&mut random, 8 * 40);
    embeddings[17] = f32::NAN;
    let codes: Vec<i8> = (0..8 * 40).map(|_| (random.below(256) as i32 - 128) as i8).collect();
    let mut scales = vec![0.1f32; 40];
    (scales[3], scales[9], scales[20]) = (f32::NAN, f32::INFINITY, -1.0);
    let matrix = ItemMatrix::new(&codes, &scales, &embeddings, 8).unwrap();
    for kernel in Kernel::available() {
        let found = top_k_with(kernel, &matrix, &[1.0; 8], 10, None);
        assert!(found.map_or(true, |found| found.len() <= 10));
    }
}

#[test]
fn scores_equal_those_of_a_folded_in_user() {
    let mut random = SeededRandom::new(Seed(14));
    let (d, items) = (12, 300);
    let embeddings = normal_values(&mut random, d * items);
    let gram = crate::model::gram(&embeddings, d);
    let fold_in = crate::model::FoldIn::new(&gram, d, 0.1, 0.01, 1.0, items).unwrap();
    let user = fold_in.solve(&[(&embeddings[..d], 1.0, 1.0), (&embeddings[d..2 * d], 0.5, 1.0)]);
    let user = user.unwrap();
    for row in embeddings.chunks_exact(d) {
        assert_eq!(exact_score(&user.vector, row), user.score(row));
    }
}

/// Asserts that a search for all of `queries` in one pass gives what each gets alone.
fn check_many(matrix: &ItemMatrix<'_>, rows: &[f32], queries: &[&[f32]], k: usize) {
    let odd_ones = |query: usize, index: u32| query == 0 || index as usize % 3 != query % 3;
    for kernel in Kernel::available() {
        for threads in 1..4 {
            let threads = NonZeroUsize::new(threads).unwrap();
            let search = TopK { kernel, threads, eligible: Some(&odd_ones), ..TopK::new(k) };
            let found = search.search(matrix, queries).unwrap();
            for (number, (found, query)) in found.iter().zip(queries).enumerate() {
                let expected = brute_force(rows, query, k, &|index| odd_ones(number, index));
                assert_eq!(*found, expected, "{} {threads} query {number}", kernel.name());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn many_queries_in_one_pass_find_what_each_finds_alone(
        d in prop::sample::select(vec![1usize, 7, 32, 33, 64, 65, 130]),
        items in 0usize..900,
        count in 0usize..9,
        k in 0usize..40,
        levels in prop::sample::select(vec![2.0f64, 100.0, 1e9]),
        seed in any::<u64>(),
    ) {
        let mut random = SeededRandom::new(Seed(seed));
        let mut value = || ((random.normal() * levels).round() / levels) as f32;
        let embeddings: Vec<f32> = (0..items * d).map(|_| value()).collect();
        let mut queries: Vec<Vec<f32>> =
            (0..count).map(|_| (0..d).map(|_| value()).collect()).collect();
        if let Some(query) = queries.get_mut(2) {
            query.fill(0.0);
        }
        let queries: Vec<&[f32]> = queries.iter().map(|query| &query[..]).collect();
        for form in Form::all() {
            let stored = Stored::new(&embeddings, d, form);
            check_many(&stored.matrix(), &stored.rows(), &queries, k);
        }
    }
}

#[test]
fn a_search_that_is_told_to_stop_ends_with_an_error_and_soon() {
    let mut random = SeededRandom::new(Seed(15));
    let embeddings = normal_values(&mut random, 100_000 * 4);
    let Quantised { codes, scales } = quantise(&embeddings, 4).unwrap();
    let matrix = ItemMatrix::new(&codes, &scales, &embeddings, 4).unwrap();
    for threads in 1..3 {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let stop = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= 1;
        let threads = NonZeroUsize::new(threads).unwrap();
        let search = TopK { threads, stop: Some(&stop), ..TopK::new(3) };
        let query = &[1.0f32, 2.0, 3.0, 4.0][..];
        assert!(matches!(search.search(&matrix, &[query]), Err(Error::Cancelled)));
        assert!(asked.into_inner() <= 1 + threads.get());
    }
}

#[test]
fn a_search_that_gives_pages_back_finds_the_same() {
    let mut random = SeededRandom::new(Seed(16));
    let (d, items) = (64, 30_001);
    let embeddings = normal_values(&mut random, items * d);
    let Quantised { codes, scales } = quantise(&embeddings, d).unwrap();
    let mut bytes: Vec<u8> = codes.iter().map(|code| *code as u8).collect();
    let begin = |bytes: &mut Vec<u8>| {
        bytes.resize(bytes.len().next_multiple_of(64), 0);
        bytes.len() as u64
    };
    let scale = begin(&mut bytes);
    bytes.extend(scales.iter().flat_map(|value| value.to_le_bytes()));
    let embedding = begin(&mut bytes);
    bytes.extend(embeddings.iter().flat_map(|value| value.to_le_bytes()));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("items");
    std::fs::write(&path, &bytes).unwrap();
    let file = MappedFile::open(&path).unwrap();
    let end = |begin: u64, count: usize| begin..begin + 4 * count as u64;
    let mapped = ItemMatrix::new(
        file.i8_values("codes", 0..(items * d) as u64, items * d).unwrap(),
        file.f32_values("scale", end(scale, items), items).unwrap(),
        file.f32_values("embedding", end(embedding, items * d), items * d).unwrap(),
        d,
    )
    .unwrap();
    let queries: Vec<Vec<f32>> = (0..6).map(|_| normal_values(&mut random, d)).collect();
    let queries: Vec<&[f32]> = queries.iter().map(|query| &query[..]).collect();
    let search = TopK { file: Some(&file), ..TopK::new(50) };
    let found = search.search(&mapped, &queries).unwrap();
    for (found, query) in found.iter().zip(&queries) {
        assert_eq!(*found, brute_force(&embeddings, query, 50, &|_| true));
    }
}
