//! The cheapest assignment of tokens to triplets (Hungarian algorithm, by the crate `pathfinding`).

use pathfinding::kuhn_munkres::kuhn_munkres_min;
use pathfinding::matrix::Matrix;

/// Costs are rounded to this part of the largest of them: the solver counts in whole numbers, so that the result is the
/// same on every machine.
const STEPS: f64 = (1u64 << 44) as f64;

/// Pairs (row, column) of the smallest total cost, `min(rows, columns)` of them, by ascending row. `costs` is
/// `[rows, columns]`, row-major. A cost that is no finite number counts as twice the largest.
#[must_use]
pub fn assign(costs: &[f64], columns: usize) -> Vec<(usize, usize)> {
    if columns == 0 || costs.is_empty() {
        return Vec::new();
    }
    let rows = costs.len() / columns;
    let finite = costs.iter().filter(|cost| cost.is_finite());
    let largest = finite.fold(f64::MIN_POSITIVE, |most, cost| most.max(cost.abs()));
    let whole = |cost: f64| if cost.is_finite() { (cost / largest * STEPS).round() as i64 } else { 2 * STEPS as i64 };
    // The solver wants no more rows than columns.
    let transposed = rows > columns;
    let (short, long) = if transposed { (columns, rows) } else { (rows, columns) };
    let at = |i: usize, j: usize| if transposed { j * columns + i } else { i * columns + j };
    let table = Matrix::from_fn(short, long, |(i, j)| whole(costs[at(i, j)]));
    let (_, chosen) = kuhn_munkres_min(&table);
    let pair = |(i, j): (usize, usize)| if transposed { (j, i) } else { (i, j) };
    let mut pairs: Vec<(usize, usize)> = chosen.into_iter().enumerate().map(pair).collect();
    pairs.sort_unstable();
    pairs
}
