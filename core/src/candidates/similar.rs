//! Items like those that the user chose last.

use std::collections::HashSet;

use crate::base::Result;
use crate::scoring::{ItemMatrix, TopK};

/// The `count` items nearest to the vectors of the `recent` items, which are not among the result:
/// the best of the first, the best of the second and so on, then the second best of each, each item
/// once. So every recent item has its say, and the last choice the first word.
///
/// # Errors
/// None for items of the matrix; those of [`TopK::search`].
pub fn similar(
    matrix: &ItemMatrix<'_>,
    recent: &[u32],
    count: usize,
    allowed: &(dyn Fn(u32) -> bool + Sync),
) -> Result<Vec<u32>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut taken: HashSet<u32> = recent.iter().copied().collect();
    let rows: Vec<_> = recent.iter().filter_map(|index| matrix.row(*index)).collect();
    let queries: Vec<&[f32]> = rows.iter().map(|row| &**row).collect();
    // Each list may lose all recent items, and one that has nothing new gives way to the others.
    let eligible = |_: usize, index: u32| allowed(index);
    let search = TopK { eligible: Some(&eligible), ..TopK::new(count + recent.len()) };
    let lists = search.search(matrix, &queries)?;
    let mut found = Vec::with_capacity(count.min(matrix.len()));
    for depth in 0..count + recent.len() {
        for list in &lists {
            let Some(scored) = list.get(depth) else { continue };
            if found.len() < count && taken.insert(scored.index) {
                found.push(scored.index);
            }
        }
    }
    Ok(found)
}
