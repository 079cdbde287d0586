//! A common fast way to count a pair: four interleaved tables, so that equal rows in succession do not wait for each other.

use rotewatch_info::measures::bits::Marginal;
use rotewatch_info::measures::terms::Terms;

const TABLES: usize = 4;

/// Mutual information in nats of two columns of finite bins.
pub(crate) fn information_nats(
    x: &[u16],
    y: &[u16],
    bins: usize,
    of: (&Marginal, &Marginal),
    terms: &Terms,
    tables: &mut Vec<u32>,
) -> f64 {
    let cells = bins * bins;
    tables.clear();
    tables.resize(TABLES * cells, 0);
    let (first, rest) = tables.split_at_mut(cells);
    let (second, rest) = rest.split_at_mut(cells);
    let (third, fourth) = rest.split_at_mut(cells);
    let cell = |x: u16, y: u16| usize::from(x) * bins + usize::from(y);
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<TABLES>(), y.as_chunks::<TABLES>());
    for (x, y) in x.iter().zip(y) {
        first[cell(x[0], y[0])] += 1;
        second[cell(x[1], y[1])] += 1;
        third[cell(x[2], y[2])] += 1;
        fourth[cell(x[3], y[3])] += 1;
    }
    for (&x, &y) in x_rest.iter().zip(y_rest) {
        first[cell(x, y)] += 1;
    }
    let counts = (0..cells).map(|at| u64::from(first[at]) + u64::from(second[at]) + u64::from(third[at]) + u64::from(fourth[at]));
    let joint: i64 = counts.map(|count| terms.fixed(count)).sum();
    let rows = of.0.rows;
    (joint - of.0.sum.fixed - of.1.sum.fixed + terms.fixed(rows)) as f64 * terms.nats_per_unit(rows)
}
