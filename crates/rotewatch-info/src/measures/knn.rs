//! Entropy and mutual information without bins, from distances to nearest neighbours.
//!
//! For one pair of neurons: find each row's distance to its k-th nearest neighbour in the plane (the larger of
//! the two coordinate differences), then count, on each axis alone, the rows that are closer than that. The
//! more rows are close on one axis alone, the less that axis tells about the other.
//!
//! Why it is fast: each neuron is sorted once for all its pairs. A search walks along the axis on which points are
//! further apart, eight points at a time ([`crate::kernels::neighbours`]). Points that are tied with many others on that axis,
//! such as the zeros of a rectifier, are searched along the other one.
//!
//! The conventions for tied values are those of the code that made the golden files: see [`KnnParams`].

use rayon::prelude::*;

use super::digamma::Digamma;
use super::pairwise::PairMatrix;
use super::params::KnnParams;
use super::samples::{Columns, Value};
use crate::kernels::{Kernel, LANES, neighbours};

/// Points tied with more others than this are searched along the other axis, if they have fewer ties there.
const LONG_TIE: u32 = 32;

/// Differential entropy of one neuron in nats, from the distances to the `k`-th nearest neighbours.
///
/// # Shape
/// One value per row; values that are not finite are left out.
///
/// # Estimator
/// `psi(n) - psi(k) + mean ln(2 d)`, where `d` is the distance to the `k`-th nearest other row; `-inf` if ties make a
/// distance 0, NaN if there are not more than `k` rows. Unlike the entropy of bins, it is negative for narrow distributions.
///
/// # Source
/// Kozachenko and Leonenko (1987); Kraskov, Stoegbauer, Grassberger (2004), equation 20.
///
/// # Cost
/// A sort, and one logarithm per row.
#[must_use]
pub fn knn_entropy_nats<V: Value>(column: &[V], params: KnnParams) -> f64 {
    let mut sorted: Vec<f64> = column.iter().filter(|value| value.finite()).map(|value| value.widened()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (n, k) = (sorted.len(), params.k());
    if n <= k {
        return f64::NAN;
    }
    // The k nearest of a sorted row are k consecutive others: try each window of k + 1 that contains the row.
    let kth_distance = |row: usize| {
        let windows = row.saturating_sub(k)..=row.min(n - 1 - k);
        let reach = windows.map(|first| (sorted[row] - sorted[first]).max(sorted[first + k] - sorted[row]));
        reach.fold(f64::INFINITY, f64::min)
    };
    let logarithms: f64 = (0..n).map(|row| (2.0 * kth_distance(row)).ln()).sum();
    let digamma = Digamma::up_to(n);
    digamma.of(n) - digamma.of(k) + logarithms / n as f64
}

/// The neurons of a layer, sorted and prepared for pairing.
#[derive(Debug)]
pub struct Neighbourhoods {
    params: KnnParams,
    kernel: Kernel,
    digamma: Digamma,
    neurons: Vec<SortedNeuron>,
}

/// The memory of one task.
#[derive(Debug, Default)]
pub struct KnnScratch {
    across: Vec<f64>,
    order: Vec<u32>,
    next: Vec<u32>,
    radius: Vec<f64>,
}

/// One neuron, sorted.
#[derive(Debug, Default)]
struct SortedNeuron {
    /// Values by row.
    values: Vec<f64>,
    /// Rows, ascending by value.
    order: Vec<u32>,
    /// Values ascending, padded.
    sorted: Vec<f64>,
    /// By row: where the run of equal values begins in `sorted`, without padding, and how long it is.
    runs: Vec<(u32, u32)>,
    /// Length of the longest run of equal values.
    longest_run: u32,
    /// Whether all rows are finite.
    finite: bool,
    /// Distance between the first and the last tenth, to find the axis on which points are further apart.
    spread: f64,
}

impl SortedNeuron {
    #[expect(clippy::expect_used, reason = "`Neighbourhoods::of` documents the panic for more than 2^32 rows")]
    fn of(values: Vec<f64>) -> Self {
        let n = values.len();
        let rows = u32::try_from(n).expect("fewer than 2^32 rows");
        let finite = values.iter().all(|value| value.is_finite());
        let mut order: Vec<u32> = (0..rows).collect();
        order.sort_unstable_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]).then(a.cmp(&b)));
        let padding = neighbours::padding(n);
        let mut sorted = vec![f64::NEG_INFINITY; padding];
        sorted.extend(order.iter().map(|&row| values[row as usize]));
        sorted.resize(n + 2 * padding, f64::INFINITY);
        let mut runs = vec![(0, 0); n];
        let (mut start, mut longest_run) = (0, 0);
        while start < n {
            let value = sorted[padding + start];
            let length = sorted[padding + start..padding + n].iter().take_while(|&&other| other == value).count().max(1);
            for &row in &order[start..start + length] {
                runs[row as usize] = (start as u32, length as u32);
            }
            longest_run = longest_run.max(length as u32);
            start += length;
        }
        let spread = if n == 0 { 0.0 } else { sorted[padding + n * 9 / 10] - sorted[padding + n / 10] };
        Self { values, order, sorted, runs, longest_run, finite, spread }
    }
}

impl Neighbourhoods {
    /// Sorts every neuron; runs on the current rayon pool.
    ///
    /// # Cost
    /// A sort and about 50 bytes for each value.
    ///
    /// # Panics
    /// If there are 2^32 rows or more.
    #[must_use]
    pub fn of<V: Value>(columns: &Columns<V>, params: KnnParams, kernel: Kernel) -> Self {
        let sorted = |neuron| SortedNeuron::of(columns.column(neuron).iter().map(|value| value.widened()).collect());
        let neurons = (0..columns.neurons()).into_par_iter().map(sorted).collect();
        Self { params, kernel, digamma: Digamma::up_to(columns.rows().max(params.k())), neurons }
    }

    /// Mutual information in nats of every pair of different neurons; runs on the current rayon pool.
    ///
    /// Calls `finished` with the number of newly finished pairs, from the thread that computed them.
    #[must_use]
    pub fn all_pairs(&self, finished: impl Fn(usize) + Sync) -> PairMatrix {
        let neurons = self.neurons.len();
        let row = |scratch: &mut KnnScratch, i: usize| -> Vec<f64> {
            let one = |j| {
                let nats = self.information_nats(i, j, scratch);
                finished(1);
                nats
            };
            (i + 1..neurons).map(one).collect()
        };
        let rows: Vec<Vec<f64>> = (0..neurons).into_par_iter().map_init(KnnScratch::default, row).collect();
        PairMatrix::from_condensed(neurons, rows.concat())
    }

    /// Returns the mutual information in nats between two neurons, which may be the same.
    ///
    /// # Estimator
    /// The first estimator of Kraskov, Stoegbauer and Grassberger: `psi(n) + psi(k) - mean psi(cx) - mean psi(cy)` over the
    /// rows that are finite in both, where `cx` is the number of rows within the radius on the first axis, including the row itself.
    /// The radius is the largest double below the distance to the `k`-th neighbour. If that distance is 0, the radius is 0 and the
    /// tied rows count. The result may be negative and is not clamped; NaN if there are not more than `k` rows.
    ///
    /// # Source
    /// Kraskov, Stoegbauer, Grassberger (2004), equation 8; the radius as in scikit-learn's `mutual_info_regression`.
    ///
    /// # Cost
    /// About `rows * sqrt(k * rows)` distances, eight at a time; `benches/record` has the microseconds.
    ///
    /// # Panics
    /// If a neuron does not exist.
    #[must_use]
    pub fn information_nats(&self, i: usize, j: usize, scratch: &mut KnnScratch) -> f64 {
        let (x, y) = (&self.neurons[i], &self.neurons[j]);
        if x.finite && y.finite {
            return self.information_of(x, y, scratch);
        }
        let both = |&(x, y): &(&f64, &f64)| x.is_finite() && y.is_finite();
        let (x, y) = x.values.iter().zip(&y.values).filter(both).unzip();
        self.information_of(&SortedNeuron::of(x), &SortedNeuron::of(y), scratch)
    }

    fn information_of(&self, x: &SortedNeuron, y: &SortedNeuron, scratch: &mut KnnScratch) -> f64 {
        let n = x.values.len();
        if n <= self.params.k() {
            return f64::NAN;
        }
        let (along, across) = if x.spread >= y.spread { (x, y) } else { (y, x) };
        scratch.radius.clear();
        scratch.radius.resize(n, f64::NAN);
        self.search(along, across, false, scratch);
        if along.longest_run > LONG_TIE {
            self.search(across, along, true, scratch);
        }
        let sums = self.psi_of_counts(x, &scratch.radius) + self.psi_of_counts(y, &scratch.radius);
        self.digamma.of(n) + self.digamma.of(self.params.k()) - Digamma::unfixed(sums) / n as f64
    }

    /// Finds the radius of every point by walking along one axis. Points with many ties are left to a second walk along the other axis.
    fn search(&self, along: &SortedNeuron, across: &SortedNeuron, second: bool, scratch: &mut KnnScratch) {
        let n = along.values.len();
        let padding = neighbours::padding(n);
        let KnnScratch { across: across_values, order, next, radius } = scratch;
        let order = if along.longest_run > LONG_TIE {
            order_ties(along, across, order, next);
            order
        } else {
            &along.order
        };
        across_values.resize(n + 2 * padding, 0.0);
        // An earlier pair may have had more rows.
        across_values[n + padding..].fill(0.0);
        for (value, &row) in across_values[padding..].iter_mut().zip(order) {
            *value = across.values[row as usize];
        }
        for (group, rows) in order.chunks(LANES).enumerate() {
            let mut wanted = [false; LANES];
            for (wanted, &row) in wanted.iter_mut().zip(rows) {
                let (here, there) = (along.runs[row as usize].1, across.runs[row as usize].1);
                *wanted = if second { radius[row as usize].is_nan() } else { here <= LONG_TIE || here <= there };
            }
            if wanted == [false; LANES] {
                continue;
            }
            let first = group * LANES;
            let distances = self.kernel.kth_distance(self.params.k(), &along.sorted, across_values, padding, first, wanted);
            for ((&row, distance), wanted) in rows.iter().zip(distances).zip(wanted) {
                if wanted {
                    radius[row as usize] = if distance > 0.0 { distance.next_down() } else { 0.0 };
                }
            }
        }
    }

    /// Sums `psi` of the number of points within each point's radius on one axis.
    fn psi_of_counts(&self, axis: &SortedNeuron, radius: &[f64]) -> i128 {
        let padding = neighbours::padding(axis.values.len());
        let mut sum = 0;
        for (group, rows) in axis.order.chunks(LANES).enumerate() {
            let mut radii = [0.0; LANES];
            for (lane, &row) in radii.iter_mut().zip(rows) {
                *lane = radius[row as usize];
            }
            let counts = self.kernel.count_within(&axis.sorted, padding, group * LANES, radii);
            let of_group: i64 = counts[..rows.len()].iter().map(|&count| self.digamma.fixed(count as usize)).sum();
            sum += i128::from(of_group);
        }
        sum
    }
}

/// Sorts rows along one axis and ties along the other, so that tied rows are neighbours in the plane.
fn order_ties(along: &SortedNeuron, across: &SortedNeuron, order: &mut Vec<u32>, next: &mut Vec<u32>) {
    let n = along.order.len();
    order.clear();
    order.resize(n, 0);
    next.clear();
    next.resize(n, 0);
    for &row in &across.order {
        let start = along.runs[row as usize].0;
        let taken = &mut next[start as usize];
        order[(start + *taken) as usize] = row;
        *taken += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, computed literally.
    fn plain(x: &[f64], y: &[f64], k: usize) -> f64 {
        let n = x.len();
        let digamma = Digamma::up_to(n.max(k));
        let mut sum = 0.0;
        for i in 0..n {
            let distance = |j: usize| (x[i] - x[j]).abs().max((y[i] - y[j]).abs());
            let mut distances: Vec<f64> = (0..n).filter(|&j| j != i).map(distance).collect();
            distances.sort_by(f64::total_cmp);
            let kth = distances[k - 1];
            let radius = if kth > 0.0 { kth.next_down() } else { 0.0 };
            let within = |axis: &[f64]| axis.iter().filter(|&&other| (other - axis[i]).abs() <= radius).count();
            sum += digamma.of(within(x)) + digamma.of(within(y));
        }
        digamma.of(n) + digamma.of(k) - sum / n as f64
    }

    fn pair_of(x: &[f64], y: &[f64], k: usize, kernel: Kernel) -> f64 {
        let columns = Columns::from_neuron_major(x.len(), 2, [x, y].concat());
        let neighbourhoods = Neighbourhoods::of(&columns, KnnParams::new(k).unwrap(), kernel);
        neighbourhoods.information_nats(0, 1, &mut KnnScratch::default())
    }

    fn assert_plain(x: &[f64], y: &[f64], k: usize) {
        let expected = plain(x, y, k);
        let reference = pair_of(x, y, k, Kernel::available()[0]);
        assert!((reference - expected).abs() < 1e-11, "{reference} for {expected}, k = {k}, {} rows", x.len());
        for kernel in Kernel::available() {
            assert_eq!(pair_of(x, y, k, kernel).to_bits(), reference.to_bits(), "{}", kernel.name());
            assert_eq!(pair_of(y, x, k, kernel).to_bits(), reference.to_bits(), "{} swapped", kernel.name());
        }
    }

    fn noise(n: usize, seed: u64) -> Vec<f64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        (0..n).map(|_| next() + next() + next()).collect()
    }

    #[test]
    fn ties_scales_and_tails_are_as_defined() {
        for n in [4, 7, 8, 9, 15, 16, 17, 100, 331] {
            let (x, y) = (noise(n, 1), noise(n, 2));
            let rectified: Vec<f64> = x.iter().map(|x| x.max(0.0)).collect();
            let also_rectified: Vec<f64> = y.iter().map(|y| y.max(0.0)).collect();
            let rounded: Vec<f64> = y.iter().map(|y| (y * 4.0).round()).collect();
            let tiny: Vec<f64> = y.iter().map(|y| y * 1e-20).collect();
            let heavy: Vec<f64> = y.iter().map(|y| y.powi(9) * 1e12).collect();
            for other in [&y, &rectified, &also_rectified, &rounded, &tiny, &heavy, &vec![3.0; n], &x] {
                for k in [1, 3] {
                    assert_plain(&x, other, k);
                    assert_plain(&rectified, other, k);
                    assert_plain(&rounded, other, k);
                }
            }
        }
    }

    #[test]
    fn a_gaussian_pair_shares_what_its_correlation_says() {
        let (a, b) = (noise(2_000, 3), noise(2_000, 4));
        let correlation: f64 = 0.8;
        let y: Vec<f64> = a.iter().zip(&b).map(|(a, b)| correlation * a + (1.0 - correlation * correlation).sqrt() * b).collect();
        let expected = -0.5 * (1.0 - correlation * correlation).ln();
        // The spread of the estimate over seeds is about 0.02 nats at 2,000 rows.
        assert!((pair_of(&a, &y, 3, Kernel::get()) - expected).abs() < 0.08);
    }

    #[test]
    fn too_few_rows_say_nothing() {
        assert!(pair_of(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], 3, Kernel::get()).is_nan());
        assert!(pair_of(&[], &[], 3, Kernel::get()).is_nan());
        assert!(knn_entropy_nats(&[1.0_f32, 2.0, f32::NAN, 3.0], KnnParams::default()).is_nan());
    }

    #[test]
    fn rows_that_are_not_finite_are_left_out() {
        let (mut x, mut y) = (noise(60, 5), noise(60, 6));
        let expected = pair_of(&x[3..], &y[3..], 3, Kernel::get());
        (x[0], x[1], y[1], y[2]) = (f64::NAN, f64::INFINITY, f64::NAN, f64::NEG_INFINITY);
        assert_eq!(pair_of(&x, &y, 3, Kernel::get()), expected);
    }

    #[test]
    fn a_uniform_neuron_has_the_entropy_of_its_width() {
        let ramp: Vec<f64> = (0..10_000).map(f64::from).collect();
        let entropy = knn_entropy_nats(&ramp, KnnParams::default());
        // Evenly spaced points have a known answer: psi(n) - psi(3) + ln 4, since the third neighbour is two steps away.
        let digamma = Digamma::up_to(10_000);
        let expected = digamma.of(10_000) - digamma.of(3) + 4.0_f64.ln();
        assert!((entropy - expected).abs() < 1e-3);
        assert_eq!(knn_entropy_nats(&[1.0; 10], KnnParams::default()), f64::NEG_INFINITY);
    }

    proptest! {
        #[test]
        fn any_pair_is_as_defined(
            rows in prop::collection::vec((-3_i8..4, -100_i8..100, prop::bool::ANY), 11..200), k in 1_usize..=10,
        ) {
            let x: Vec<f64> = rows.iter().map(|&(coarse, fine, tied)| if tied { f64::from(coarse) } else { f64::from(fine) / 7.0 }).collect();
            let y: Vec<f64> = rows.iter().map(|&(coarse, fine, tied)| if tied { f64::from(fine) } else { f64::from(coarse) }).collect();
            assert_plain(&x, &y, k);
        }
    }
}
