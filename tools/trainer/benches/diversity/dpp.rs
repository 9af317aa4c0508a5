//! Greedy inference of a determinantal point process.

/// Chooses `length` of the candidates so that the determinant of their kernel is large: at each
/// step the candidate that multiplies it most (Chen, Zhang and Zhou, NeurIPS 2018, algorithm 1).
///
/// The kernel is `L_ij = q_i q_j <d_i, d_j>` with the directions d (`dimensions` values each) and
/// the qualities `q_i = exp(sharpness * relevance_i)`. The first place goes to the most relevant;
/// where the determinant has become zero, what is left follows by relevance.
pub(crate) fn greedy(
    relevance: &[f32],
    directions: &[f32],
    dimensions: usize,
    sharpness: f32,
    length: usize,
) -> Vec<usize> {
    let count = relevance.len();
    let quality: Vec<f32> = relevance.iter().map(|value| (sharpness * value).exp()).collect();
    // What is left of each candidate's variance, and its row of the Cholesky factor.
    let mut left: Vec<f32> = quality.iter().map(|q| q * q).collect();
    let mut rows = vec![0.0_f32; count * length];
    let mut open = vec![true; count];
    let mut chosen = Vec::with_capacity(length);
    while chosen.len() < length.min(count) {
        let open_ones = (0..count).filter(|at| open[*at]);
        let Some(best) = open_ones.max_by(|a, b| {
            left[*a].total_cmp(&left[*b]).then_with(|| relevance[*a].total_cmp(&relevance[*b]))
        }) else {
            break;
        };
        open[best] = false;
        let (turn, root) = (chosen.len(), left[best].max(0.0).sqrt());
        chosen.push(best);
        if root < 1e-6 {
            continue;
        }
        let own = rows[best * length..best * length + turn].to_vec();
        let direction = &directions[best * dimensions..(best + 1) * dimensions];
        for other in (0..count).filter(|at| open[*at]) {
            let that = &directions[other * dimensions..(other + 1) * dimensions];
            let cosine: f32 = direction.iter().zip(that).map(|(a, b)| a * b).sum();
            let row = &mut rows[other * length..(other + 1) * length];
            let known: f32 = own.iter().zip(&*row).map(|(a, b)| a * b).sum();
            let share = (quality[best] * quality[other] * cosine - known) / root;
            row[turn] = share;
            left[other] -= share * share;
        }
    }
    chosen
}
