//! Every kernel against sums in i64.

use proptest::prelude::*;

use super::*;
use crate::testing::Random;

const LENGTHS: [usize; 16] = [1, 3, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 96, 127, 128, 130];

/// Greatest codes of the queries of one kernel or another.
const MOST: [i8; 3] = [query::PANEL_MAX_16_BITS, query::ROW_MAX_16_BITS, query::MAX];

/// The dot products of `query` with rows of four streams, `count` each, by their definition.
fn expected(query: &[i8], streams: [&[i8]; STREAMS]) -> Vec<Vec<i64>> {
    let dot = |row: &[i8]| -> i64 {
        row.iter().zip(query).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum()
    };
    streams.iter().map(|rows| rows.chunks_exact(query.len()).map(dot).collect()).collect()
}

fn found(sums: &Sums, count: usize) -> Vec<Vec<i64>> {
    sums.iter().map(|sums| sums[..count].iter().map(|sum| i64::from(*sum)).collect()).collect()
}

/// Whether `kernel` takes such a query.
fn takes(kernel: Kernel, in_panel: bool, query: &[i8]) -> bool {
    query.iter().all(|code| code.abs() <= kernel.query_max(in_panel))
}

/// Packs rows of `d` codes, each -8 to 7, two a byte.
fn pack(codes: &[i8], d: usize) -> Vec<u8> {
    let byte = |pair: &[i8]| (pair[0] & 15) as u8 | (pair.get(1).unwrap_or(&0) << 4) as u8;
    codes.chunks_exact(d).flat_map(|row| row.chunks(2).map(byte)).collect()
}

/// Compares every kernel, on rows one after another and in a panel, with the definition: for
/// `query` alone and, in the panel, for up to six like it at once.
fn check(query: &[i8], count: usize, code: &mut dyn FnMut() -> i8) {
    let d = query.len();
    let rows: Vec<Vec<i8>> =
        (0..STREAMS).map(|_| (0..count * d).map(|_| code()).collect()).collect();
    let streams = std::array::from_fn(|k| &rows[k][..]);
    let scan = ScanQuery::new(query.to_vec());
    let all = expected(query, streams);
    for kernel in Kernel::available() {
        let mut sums = [[i32::MIN; BLOCK]; STREAMS];
        if takes(kernel, false, query) {
            kernel.scan(&scan, streams, count, &mut sums);
            assert_eq!(found(&sums, count), all, "{} d={d}", kernel.name());
        }
        for (row, sum) in rows[1].chunks_exact(d).zip(&all[1]) {
            assert_eq!(i64::from(kernel.dot_product(query, row)), *sum, "{}", kernel.name());
        }
        if takes(kernel, true, query) {
            check_panel(kernel, query, streams, count);
        }
    }
}

fn check_panel(kernel: Kernel, query: &[i8], streams: [&[i8]; STREAMS], count: usize) {
    let d = query.len();
    let mut panel = kernel.panel(d);
    // What a fuller block left behind must not be counted.
    let full = vec![-77; BLOCK * d];
    kernel.lay_out([&full[..]; STREAMS], d, BLOCK, &mut panel);
    kernel.lay_out(streams, d, count, &mut panel);
    // The query, turned so far, so that no two are alike.
    let turned = |by: usize| -> Vec<i8> {
        (0..d).map(|i| query[(i + by) % d] / if by.is_multiple_of(2) { 1 } else { -1 }).collect()
    };
    let queries: Vec<Vec<i8>> = (0..6).map(turned).collect();
    let scans: Vec<ScanQuery> = queries.iter().cloned().map(ScanQuery::new).collect();
    let scans: Vec<&ScanQuery> = scans.iter().collect();
    for several in 1..=scans.len() {
        let mut sums = vec![[[i32::MIN; BLOCK]; STREAMS]; several];
        kernel.scan_panel(&scans[..several], &panel, &mut sums);
        for (query, sums) in queries.iter().zip(&sums) {
            let expected = expected(query, streams);
            let name = kernel.name();
            assert_eq!(found(sums, count), expected, "{several} in a panel, {name} d={d}");
        }
    }
}

/// Compares every kernel that reads packed rows with the definition.
fn check_int4(query: &[i8], count: usize, code: &mut dyn FnMut() -> i8) {
    let d = query.len();
    let rows: Vec<Vec<i8>> =
        (0..STREAMS).map(|_| (0..count * d).map(|_| code()).collect()).collect();
    let packed: Vec<Vec<u8>> = rows.iter().map(|rows| pack(rows, d)).collect();
    let expected = expected(query, std::array::from_fn(|k| &rows[k][..]));
    let scan = ScanQuery::new(query.to_vec());
    for kernel in Kernel::available().into_iter().filter(|kernel| takes(*kernel, false, query)) {
        let mut sums = [[i32::MIN; BLOCK]; STREAMS];
        let streams = std::array::from_fn(|k| &packed[k][..]);
        let taken = kernel.scan_int4(&scan, streams, count, &mut sums);
        let least = if kernel.name() == "portable" || d < 64 { 0 } else { count - count % 4 };
        assert!((least..=count).contains(&taken), "{} d={d}", kernel.name());
        for (found, expected) in found(&sums, taken).iter().zip(&expected) {
            assert_eq!(found, &expected[..taken], "{} d={d}", kernel.name());
        }
    }
}

/// The planes of a row of codes: the high four bits, then the low ones.
fn planes(codes: &[i8]) -> [Vec<u8>; 2] {
    [4, 0].map(|shift| {
        let half = |code: i8| code as u8 >> shift & 15;
        codes.chunks(2).map(|two| half(two[0]) | two.get(1).map_or(0, |c| half(*c)) << 4).collect()
    })
}

proptest! {
    #[test]
    fn every_kernel_reads_codes_out_of_planes(
        d in 1usize..140,
        rows in prop::collection::vec(0u32..7, 0..12),
        codes in prop::collection::vec(any::<i8>(), 140 * 7),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let query: Vec<i8> = (0..d).map(|_| (random.below(255) as i32 - 127) as i8).collect();
        let codes: Vec<&[i8]> = codes.chunks(140).map(|row| &row[..d]).collect();
        let [mut high, mut low] = [Vec::new(), Vec::new()];
        for row in &codes {
            let row = planes(row);
            high.extend_from_slice(&row[0]);
            low.extend_from_slice(&row[1]);
        }
        let expected = rows.iter().map(|row| portable::dot_product(&query, codes[*row as usize]));
        let expected: Vec<i32> = expected.collect();
        let scan = ScanQuery::new(query.clone());
        for kernel in Kernel::available() {
            let mut dots = vec![i32::MIN; rows.len() + 1];
            kernel.dot_planes(&scan, [&high, &low], &rows, &mut dots);
            prop_assert_eq!(&dots[..rows.len()], &expected[..], "{}", kernel.name());
            prop_assert_eq!(dots[rows.len()], i32::MIN, "{}", kernel.name());
            let width = d.div_ceil(2);
            let mut back = vec![99; 2 * width];
            kernel.join_planes(&high[..width], &low[..width], &mut back);
            prop_assert_eq!(&back[..d], codes[0], "{}", kernel.name());
        }
    }

    #[test]
    fn all_kernels_agree_on_random_rows(
        d in prop::sample::select(LENGTHS.to_vec()),
        count in 0..=BLOCK,
        most in prop::sample::select(MOST.to_vec()),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let most = most as i32;
        let mut code = || (random.below(2 * most as usize + 1) as i32 - most) as i8;
        let query: Vec<i8> = (0..d).map(|_| code()).collect();
        check(&query, count, &mut || (random.below(256) as i32 - 128) as i8);
        check_int4(&query, count, &mut || (random.below(16) as i32 - 8) as i8);
    }

    #[test]
    fn fine_queries_are_multiplied_exactly_too(
        d in prop::sample::select(LENGTHS.to_vec()),
        seed in any::<u64>(),
    ) {
        let mut random = Random::new(seed);
        let query: Vec<i8> = (0..d).map(|_| (random.below(255) as i32 - 127) as i8).collect();
        let row: Vec<i8> = (0..d).map(|_| (random.below(256) as i32 - 128) as i8).collect();
        for kernel in Kernel::available() {
            let expected = portable::dot_product(&query, &row);
            prop_assert_eq!(kernel.dot_product(&query, &row), expected);
        }
    }
}

#[test]
fn all_kernels_agree_at_the_ends_of_the_range() {
    for d in [1, 7, 15, 16, 17, 63, 64, 65, 96, 128, 1000, 1024] {
        for query_code in MOST.into_iter().flat_map(|most| [most, -most]) {
            let query = vec![query_code; d];
            for row_code in [-128, -127, 0, 127] {
                check(&query, 5, &mut || row_code);
            }
            let mut sign = 1;
            check(&query, 4, &mut || {
                sign = -sign;
                127 * sign
            });
            for row_code in [-8, 7] {
                check_int4(&query, 8, &mut || row_code);
            }
        }
        for kernel in Kernel::available() {
            for (query, row) in [(127, -128), (-127, 127)] {
                let [high, low] = planes(&vec![row; d]);
                let (query_codes, mut dots) = (ScanQuery::new(vec![query; d]), [0]);
                kernel.dot_planes(&query_codes, [&high, &low], &[0], &mut dots);
                assert_eq!(dots, [d as i32 * i32::from(query) * i32::from(row)]);
            }
            for (query, row) in [(127, -128), (-127, -128), (127, 127), (-127, 127)] {
                let sum = kernel.dot_product(&vec![query; d], &vec![row; d]);
                assert_eq!(sum, d as i32 * i32::from(query) * i32::from(row));
            }
        }
    }
}

#[test]
#[should_panic(expected = "rows.len() == count")]
fn codes_of_another_length_are_not_read() {
    let rows: [&[i8]; STREAMS] = [&[1; 64 * 3]; STREAMS];
    let query = ScanQuery::new(vec![1; 64]);
    Kernel::fastest().scan(&query, rows, 4, &mut [[0; BLOCK]; STREAMS]);
}

proptest! {
    #[test]
    fn all_kernels_find_the_same_rows_reaching_the_floor(
        count in 0..=BLOCK,
        sums in prop::collection::vec(-2_000_000i32..2_000_000, BLOCK),
        scales in prop::collection::vec(prop::num::f32::ANY, BLOCK),
        at in 0..BLOCK,
        (step, slack) in (1e-4f32..1.0, 0.0f32..1e3),
    ) {
        let sums: [i32; BLOCK] = sums.try_into().unwrap();
        // A floor that a row reaches exactly, one that is NaN, and one that all reach.
        let upper = Reach { step, slack, floor: 0.0 }.upper(scales[at], sums[at]);
        for floor in [upper, upper.next_up(), f32::NAN, f32::NEG_INFINITY] {
            let reach = Reach { step, slack, floor };
            let expected = portable::reaching_from(0, reach, &sums, &scales[..count]);
            for kernel in Kernel::available() {
                prop_assert_eq!(kernel.reaching(reach, &sums, &scales[..count]), expected);
            }
        }
    }
}
