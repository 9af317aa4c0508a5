//! Rows in double precision: what goes into the systems that [`crate::cholesky`] solves.

/// Copies `from` to `to` in double precision, as far as both go.
#[inline(never)]
pub fn widen(to: &mut [f64], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = f64::from(*from);
    }
}

/// `to` += factor * `row`, as far as both go.
#[inline(never)]
pub fn add_scaled(to: &mut [f64], factor: f64, row: &[f64]) {
    for (to, value) in to.iter_mut().zip(row) {
        *to += factor * value;
    }
}

/// Appends factor * `row` to `to`.
#[inline(never)]
pub fn append_scaled(to: &mut Vec<f64>, factor: f64, row: &[f32]) {
    to.extend(row.iter().map(|value| factor * f64::from(*value)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_value_is_the_one_operation_on_its_own(
            row in prop::collection::vec(-1e3f32..1e3, 0..40),
            factor in -5.0f64..5.0,
            start in -1e3f64..1e3,
        ) {
            let mut wide = vec![start; row.len()];
            widen(&mut wide, &row);
            prop_assert!(wide.iter().zip(&row).all(|(wide, value)| *wide == f64::from(*value)));
            let mut sum = vec![start; row.len()];
            add_scaled(&mut sum, factor, &wide);
            let mut appended = vec![start];
            append_scaled(&mut appended, factor, &row);
            prop_assert_eq!(appended.len(), row.len() + 1);
            for (at, value) in row.iter().enumerate() {
                let product = factor * f64::from(*value);
                prop_assert_eq!(sum[at].to_bits(), (start + product).to_bits());
                prop_assert_eq!(appended[at + 1].to_bits(), product.to_bits());
            }
        }
    }
}
