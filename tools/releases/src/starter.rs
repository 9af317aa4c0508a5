//! A starter: a release cut down to the items that most people choose, small enough to ship in an
//! app, so that the first slate needs no network.

use std::path::Path;

use noctule_core::base::order;

use crate::from_directory::read_input;
use crate::pack::{Embedding, PackInput, Packed, pack};
use crate::staging::Staging;
use crate::{Error, Result, SecretKey};

/// What the name of the line gets behind it: a line of its own, so that a starter is never newer
/// than what is delivered.
const ENDING: &str = "-starter";
/// Says in the manifest what it was cut from.
const LINEAGE: &str = "starter_of";
const DAY_MS: i64 = 24 * 3_600_000;
/// Of the items that the size lets hope for, so many are tried: what does not shrink with the items
/// would make it miss again.
const CAUTION: f64 = 0.98;

/// How large a starter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StarterSize {
    /// So many items.
    Items(usize),
    /// Bytes of the whole directory.
    Bytes(u64),
}

/// Packs the release described by the files of `source` for an app to ship, cut to `size`; valid
/// for `valid_days` from `now_ms`, since apps are installed long after they were built.
///
/// Kept are the most popular items: first as many of each context as the longest surface has slots,
/// then by popularity overall. Vectors, shares of popularity and model are those of the release;
/// the sum over the items that folding-in needs is computed anew. Its checks and references are
/// left out: they speak of the whole catalogue. Its line is called as the release's with
/// `-starter` behind it.
///
/// # Errors
/// As [`crate::pack_from_directory`]; [`Error::Part`] for `size` when not one item fits.
pub fn pack_starter(
    source: &Path,
    key: &SecretKey,
    out: &Path,
    now_ms: i64,
    valid_days: u32,
    size: StarterSize,
) -> Result<Packed> {
    let mut input = read_input(source, now_ms)?;
    input.lineage.insert(LINEAGE.to_owned(), format!("{}@{}", input.name, input.version));
    input.name.push_str(ENDING);
    input.created_ms = now_ms;
    input.expires_ms = now_ms.saturating_add(i64::from(valid_days) * DAY_MS);
    (input.checks, input.gram) = (None, None);
    input.health = crate::HealthSource::None;
    let order = by_need(&input);
    let limit = match size {
        StarterSize::Items(items) => return pack(&cut(&input, &order, items)?, key, out),
        StarterSize::Bytes(limit) => limit,
    };
    // Tried beside the place that it is for, so that nothing half-made is seen there.
    let staging = Staging::beside(out)?;
    let mut items = order.len();
    for attempt in 0u32.. {
        let part = cut(&input, &order, items)?;
        let found = pack(&part, key, &staging.path.join(attempt.to_string()))?.bytes;
        if found <= limit {
            return pack(&part, key, out);
        }
        // Smaller by one item at least, so that it ends.
        let hoped = (items as f64 * limit as f64 / found as f64 * CAUTION) as usize;
        items = hoped.min(items - 1);
    }
    Err(Error::part("size", "is too small"))
}

/// All items, the most needed first.
fn by_need(input: &PackInput) -> Vec<usize> {
    let longest = input.plan.surfaces.iter().map(|surface| surface.length).max().unwrap_or(0);
    let falling = |shares: &[f32]| {
        let mut items: Vec<usize> = (0..shares.len()).collect();
        order::sort_by(&mut items, |a, b| shares[*b].total_cmp(&shares[*a]).then(a.cmp(b)));
        items
    };
    let contexts: Vec<Vec<usize>> =
        input.context_popularity.iter().map(|shares| falling(shares)).collect();
    let first = (0..longest).flat_map(|place| {
        contexts.iter().filter_map(move |items| items.get(place)).copied().collect::<Vec<_>>()
    });
    let mut taken = vec![false; input.catalogue.len()];
    let all = first.chain(falling(&input.popularity));
    all.filter(|item| !std::mem::replace(&mut taken[*item], true)).collect()
}

/// The release with the first `count` items of `order`, in the order of the catalogue.
fn cut(input: &PackInput, order: &[usize], count: usize) -> Result<PackInput> {
    if count == 0 {
        return Err(Error::part("size", "has room for not one item"));
    }
    let mut kept = order[..count.min(order.len())].to_vec();
    kept.sort_unstable();
    let of = |values: &[f32]| kept.iter().map(|item| values[*item]).collect::<Vec<f32>>();
    let embedding = input.embedding.as_ref().map(|embedding| {
        let Embedding { values, dimensions, form } = embedding;
        let row = |item: &usize| &values[item * dimensions..(item + 1) * dimensions];
        let values = kept.iter().flat_map(row).copied().collect();
        Embedding { values, dimensions: *dimensions, form: *form }
    });
    Ok(PackInput {
        catalogue: kept.iter().map(|item| input.catalogue[*item].clone()).collect(),
        popularity: of(&input.popularity),
        context_popularity: input.context_popularity.iter().map(|row| of(row)).collect(),
        embedding,
        ..input.clone()
    })
}
