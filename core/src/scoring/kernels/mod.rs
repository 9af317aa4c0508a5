//! Integer dot products of one query with many rows: one portable implementation and faster ones
//! that are chosen when the program runs. All of them give the same integers.

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// An implementation that this machine can run.
///
/// ```
/// use noctule_core::scoring::Kernel;
/// assert_eq!(Kernel::available().last().map(|kernel| kernel.name()), Some("portable"));
/// assert_eq!(Kernel::available()[0], Kernel::fastest());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Kind);

// The fields of `Kernel` are private, and only `available` makes one: that is what the unsafe
// calls below rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Kernel {
    /// The implementations that this machine can run, the fastest first and the portable one last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut kinds = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            kinds.push(Kind::Avx2);
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            kinds.push(Kind::Neon);
        }
        kinds.push(Kind::Portable);
        kinds.into_iter().map(Self).collect()
    }

    /// The fastest implementation that this machine can run.
    #[must_use]
    pub fn fastest() -> Self {
        Self::available().first().copied().unwrap_or(Self(Kind::Portable))
    }

    /// Its name, for reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
        }
    }

    /// Writes the dot products of `query` with the rows of `codes` to `sums`.
    ///
    /// `codes` holds `sums.len()` rows of the query's length. The query's codes are -127 to 127,
    /// the rows' may be any i8: with up to 1,024 dimensions a sum stays below 2^24.
    ///
    /// # Panics
    /// When the lengths are others than that, which no caller gives.
    pub(super) fn dot_products(self, query: &[i8], codes: &[i8], sums: &mut [i32]) {
        assert_eq!(codes.len(), sums.len() * query.len());
        debug_assert!(query.iter().all(|code| *code != i8::MIN));
        match self.0 {
            Kind::Portable => portable::dot_products_from(0, query, codes, sums),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: this kind is made only where the processor has AVX2, and the lengths were
            // checked above.
            Kind::Avx2 => unsafe { x86::dot_products(query, codes, sums) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: this kind is made only where the processor has NEON, and the lengths were
            // checked above.
            Kind::Neon => unsafe { neon::dot_products(query, codes, sums) },
        }
    }
}

/// The last `W` codes of a query of at least `W`, zero where whole blocks of `W` counted before.
///
/// With it the last, partial block of a row is read as the row's last `W` bytes: no byte outside
/// the row is touched and none is counted twice.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn tail<const W: usize>(query: &[i8]) -> [i8; W] {
    let mut tail = [0; W];
    let rest = query.len() % W;
    tail[W - rest..].copy_from_slice(&query[query.len() - rest..]);
    tail
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::{Seed, SeededRandom};

    /// Compares every kernel with sums in i64, over `rows` rows.
    fn check(query: &[i8], rows: usize, code: &mut dyn FnMut() -> i8) {
        let codes: Vec<i8> = (0..rows * query.len()).map(|_| code()).collect();
        let dot = |row: &[i8]| -> i64 {
            row.iter().zip(query).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum()
        };
        let expected: Vec<i64> = codes.chunks_exact(query.len()).map(dot).collect();
        for kernel in Kernel::available() {
            let mut sums = vec![i32::MIN; rows];
            kernel.dot_products(query, &codes, &mut sums);
            let found: Vec<i64> = sums.into_iter().map(i64::from).collect();
            assert_eq!(found, expected, "{} d={}", kernel.name(), query.len());
        }
    }

    proptest! {
        #[test]
        fn all_kernels_agree_on_random_rows(
            d in prop::sample::select(vec![1usize, 7, 31, 32, 33, 63, 64, 65, 128]),
            rows in 0usize..14,
            seed in any::<u64>(),
        ) {
            let mut random = SeededRandom::new(Seed(seed));
            let query: Vec<i8> = (0..d).map(|_| (random.below(255) as i32 - 127) as i8).collect();
            check(&query, rows, &mut || (random.below(256) as i32 - 128) as i8);
        }
    }

    #[test]
    fn all_kernels_agree_at_the_ends_of_the_range() {
        for d in [1, 7, 15, 16, 17, 63, 64, 65, 96, 128, 1000, 1024] {
            for query_code in [-127, 127] {
                for row_code in [-128, -127, 127] {
                    check(&vec![query_code; d], 5, &mut || row_code);
                }
                let mut sign = 1;
                check(&vec![query_code; d], 4, &mut || {
                    sign = -sign;
                    127 * sign
                });
            }
        }
    }

    #[test]
    #[should_panic(expected = "left == right")]
    fn codes_of_another_length_are_not_read() {
        Kernel::fastest().dot_products(&[1; 64], &[1; 64 * 3], &mut [0; 4]);
    }
}
