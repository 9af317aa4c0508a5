//! Rows of two tables, added: items and their positions.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::super::arithmetic::{add_scaled, fast};
use super::super::random::Dropout;
use super::{BLOCK_ROWS, numbers, plain, result, slice, tensor};

struct Gather {
    items: Vec<u32>,
    positions: Vec<u32>,
    scale: f32,
    dropout: Option<Dropout>,
}

/// Row r is `scale` * `table`\[items\[r\]\] + `position`\[positions\[r\]\], with dropout; both
/// tables are \[rows, d\], the result \[items, d\].
///
/// # Errors
/// When the widths differ or an index is beyond its table.
pub fn gather(
    (table, items): (&Tensor, Vec<u32>),
    (position, positions): (&Tensor, Vec<u32>),
    scale: f32,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let ((n, d), (p, width)) = (table.dims2()?, position.dims2()?);
    let beyond = |of: &[u32], rows: usize| of.iter().any(|index| *index as usize >= rows);
    if d != width || items.len() != positions.len() || beyond(&items, n) || beyond(&positions, p) {
        bail!("rows of tables of {n} x {d} and {p} x {width} do not fit");
    }
    if !table.device().is_cpu() {
        return plain::gather((table, items), (position, positions), scale, dropout);
    }
    table.apply_op2(position, Gather { items, positions, scale, dropout })
}

impl CustomOp2 for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn cpu_fwd(
        &self,
        table: &CpuStorage,
        table_layout: &Layout,
        position: &CpuStorage,
        position_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (table, position) = (slice(table, table_layout)?, slice(position, position_layout)?);
        let d = table_layout.dims()[1];
        let mut out = vec![0.0; self.items.len() * d];
        let scale = self.scale;
        out.par_chunks_mut(BLOCK_ROWS * d).enumerate().for_each(|(block, out)| {
            fast(
                #[inline(always)]
                || {
                    for (at, out) in out.chunks_exact_mut(d).enumerate() {
                        let row = block * BLOCK_ROWS + at;
                        let item = &table[self.items[row] as usize * d..][..d];
                        let position = &position[self.positions[row] as usize * d..][..d];
                        for ((out, item), position) in out.iter_mut().zip(item).zip(position) {
                            *out = item.mul_add(scale, *position);
                        }
                        if let Some(dropout) = self.dropout {
                            dropout.apply(row as u64, out);
                        }
                    }
                },
            );
        });
        result(out, (self.items.len(), d))
    }

    fn bwd(
        &self,
        table: &Tensor,
        position: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let ((n, d), (p, _)) = (table.dims2()?, position.dims2()?);
        let grad = numbers(grad)?;
        let (mut of_table, mut of_position) = (vec![0.0; n * d], vec![0.0; p * d]);
        let mut kept = vec![0.0; d];
        // Rows meet in these sums, so one thread takes them in order; it is little work.
        fast(
            #[inline(always)]
            || {
                for (row, grad) in grad.chunks_exact(d).enumerate() {
                    kept.copy_from_slice(grad);
                    if let Some(dropout) = self.dropout {
                        dropout.apply(row as u64, &mut kept);
                    }
                    let to = &mut of_table[self.items[row] as usize * d..][..d];
                    add_scaled(to, self.scale, &kept);
                    let to = &mut of_position[self.positions[row] as usize * d..][..d];
                    add_scaled(to, 1.0, &kept);
                }
            },
        );
        Ok((Some(tensor(of_table, (n, d))?), Some(tensor(of_position, (p, d))?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::random::Key;
    use super::super::testing::{check_gradients, some};
    use super::*;

    #[test]
    fn rows_that_meet_add_their_gradients() {
        let dropout = Dropout::new(Key::new(1, "gather"), 0.3);
        check_gradients(&[some((4, 5), 1), some((3, 5), 2)], &|inputs| {
            let items = (&inputs[0], vec![3, 0, 3, 1]);
            gather(items, (&inputs[1], vec![0, 2, 2, 2]), 1.5, dropout)
        });
    }

    #[test]
    fn an_index_beyond_its_table_is_an_error() {
        let (table, position) = (some((4, 5), 1), some((3, 5), 2));
        assert!(gather((&table, vec![4]), (&position, vec![0]), 1.0, None).is_err());
        assert!(gather((&table, vec![0]), (&position, vec![3]), 1.0, None).is_err());
        assert!(gather((&table, vec![0, 1]), (&position, vec![0]), 1.0, None).is_err());
    }
}
