//! Symmetric int8 quantisation by row, as the release format defines it.

/// Greatest code; -128 is left out, so that codes are as many below zero as above.
const CODE_MAX: f32 = 127.0;

/// Codes (`[n, d]`, row-major) and scales (`[n]`) of `rows`: a value is about its code times the
/// scale of its row. The error of a value is at most half a scale. `rows` are finite.
pub(crate) fn quantise_rows(rows: &[f32], dimensions: usize) -> (Vec<i8>, Vec<f32>) {
    let (mut codes, mut scales) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows.chunks_exact(dimensions) {
        let greatest = row.iter().fold(0.0_f32, |greatest, value| greatest.max(value.abs()));
        let scale = greatest / CODE_MAX;
        scales.push(scale);
        // A row of zeros, or of values too small for a scale, has codes 0.
        let code = |value: &f32| if scale > 0.0 { (value / scale).round() } else { 0.0 };
        codes.extend(row.iter().map(|value| code(value).clamp(-CODE_MAX, CODE_MAX) as i8));
    }
    (codes, scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_value_of_a_row_has_the_greatest_code() {
        let (codes, scales) = quantise_rows(&[0.5, -1.0, 4.0, 2.0], 2);
        assert_eq!(codes, [64, -127, 127, 64]);
        assert_eq!(scales, [1.0 / 127.0, 4.0 / 127.0]);
    }

    #[test]
    fn a_row_of_zeros_or_next_to_nothing_has_codes_0() {
        let (codes, scales) = quantise_rows(&[0.0, -0.0, 1e-45, 0.0], 2);
        assert_eq!((codes, scales), (vec![0; 4], vec![0.0; 2]));
        assert_eq!(quantise_rows(&[f32::MAX, -f32::MAX], 2).0, [127, -127]);
        assert_eq!(quantise_rows(&[], 2), (vec![], vec![]));
    }

    #[test]
    fn the_error_is_at_most_half_a_scale() {
        let rows: Vec<f32> = (0..640).map(|i| ((i * 7919) % 1000) as f32 / 300.0 - 1.6).collect();
        let (codes, scales) = quantise_rows(&rows, 64);
        for (index, value) in rows.iter().enumerate() {
            let scale = scales[index / 64];
            assert!((f32::from(codes[index]) * scale - value).abs() <= 0.5001 * scale);
        }
    }
}
