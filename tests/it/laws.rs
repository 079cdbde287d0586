//! Laws that the measures keep on any input, and one value that is known.

use proptest::prelude::*;
use rotewatch_info::kernels::Kernel;
use rotewatch_info::measures::surprisal::ReferenceBins;
use rotewatch_info::measures::{BinEdges, Binning, Columns, LayerMeasures, LayerSamples, MeasureParams, measure_layers};

const BINS: usize = 8;

fn measured(columns: &Columns, bins: usize, binning: Binning) -> LayerMeasures {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    let params = MeasureParams::new(bins, 100, BinEdges::Closed, binning, 0, 0).expect("good numbers");
    measure_layers(&[LayerSamples { name: "fc", columns }], None, &params, &pool).remove(0)
}

/// A few neurons with ties among their values.
fn layer() -> impl Strategy<Value = Vec<Vec<i8>>> {
    (20_usize..120).prop_flat_map(|rows| prop::collection::vec(prop::collection::vec(-20_i8..20, rows), 2..5))
}

fn columns(neurons: &[Vec<i8>], map: impl Fn(f32) -> f32) -> Columns {
    let values = neurons.iter().flatten().map(|value| map(f32::from(*value))).collect();
    Columns::from_neuron_major(neurons[0].len(), neurons.len(), values)
}

proptest! {
    #[test]
    fn a_monotone_map_changes_nothing_with_equal_frequency_bins(neurons in layer()) {
        let plain = measured(&columns(&neurons, |x| x), BINS, Binning::EqualFrequency);
        let mapped = measured(&columns(&neurons, |x| x * x * x + 3.0 * x - 7.0), BINS, Binning::EqualFrequency);
        prop_assert_eq!(plain.entropy_neuron_nats, mapped.entropy_neuron_nats);
        prop_assert_eq!(plain.mutual_information.condensed(), mapped.mutual_information.condensed());
    }

    #[test]
    fn the_order_of_the_rows_changes_nothing(neurons in layer()) {
        let reversed: Vec<Vec<i8>> = neurons.iter().map(|neuron| neuron.iter().rev().copied().collect()).collect();
        for binning in [Binning::EqualWidth, Binning::EqualFrequency] {
            let forward = measured(&columns(&neurons, |x| x), BINS, binning);
            let backward = measured(&columns(&reversed, |x| x), BINS, binning);
            prop_assert_eq!(forward.entropy_neuron_nats, backward.entropy_neuron_nats);
            prop_assert_eq!(forward.mutual_information.condensed(), backward.mutual_information.condensed());
        }
    }

    #[test]
    fn information_lies_between_nothing_and_the_smaller_entropy(neurons in layer()) {
        let of = measured(&columns(&neurons, |x| x), BINS, Binning::EqualWidth);
        for (i, j, nats) in of.mutual_information.iter() {
            let smaller = of.entropy_neuron_nats[i].min(of.entropy_neuron_nats[j]);
            prop_assert!((-1e-12..=smaller + 1e-12).contains(&nats), "{} against {}", nats, smaller);
        }
        for entropy in &of.entropy_neuron_nats {
            prop_assert!((0.0..=(BINS as f64).ln() + 1e-12).contains(entropy));
        }
    }

    #[test]
    fn a_neuron_tells_of_its_double_all_that_it_holds(neuron in prop::collection::vec(-20_i8..20, 20..120)) {
        let of = measured(&columns(&[neuron.clone(), neuron], |x| x), BINS, Binning::EqualWidth);
        prop_assert!((of.mutual_information.get(0, 1) - of.entropy_neuron_nats[0]).abs() < 1e-12);
    }
}

proptest! {
    #[test]
    fn the_mean_surprisal_is_the_mean_entropy(neurons in layer()) {
        for binning in [Binning::EqualWidth, Binning::EqualFrequency] {
            let of = measured(&columns(&neurons, |x| x), BINS, binning);
            prop_assert!((mean(&of.surprisal_nats) - mean(&of.entropy_neuron_nats)).abs() < 1e-9);
        }
    }

    #[test]
    fn surprisals_go_with_their_rows(neurons in layer()) {
        let reversed: Vec<Vec<i8>> = neurons.iter().map(|neuron| neuron.iter().rev().copied().collect()).collect();
        let forward = measured(&columns(&neurons, |x| x), BINS, Binning::EqualWidth).surprisal_nats;
        let mut backward = measured(&columns(&reversed, |x| x), BINS, Binning::EqualWidth).surprisal_nats;
        backward.reverse();
        prop_assert_eq!(forward, backward);
    }

    /// Gibbs' inequality: no distribution, and so no smoothed one, codes rows in fewer nats than their own.
    #[test]
    fn a_reference_is_never_less_surprised_than_the_rows_themselves(neurons in layer(), other in layer()) {
        let width = neurons.len().min(other.len());
        let (rows, reference) = (columns(&neurons[..width], |x| x), columns(&other[..width], |x| x));
        for of in [&rows, &reference] {
            let bins = ReferenceBins::of(of, BINS, Binning::EqualWidth, BinEdges::Closed, Kernel::get());
            let own = measured(of, BINS, Binning::EqualWidth).surprisal_nats;
            prop_assert!(mean(&bins.surprisals_nats(of, Kernel::get())) >= mean(&own) - 1e-12);
            let against = bins.surprisals_nats(&rows, Kernel::get());
            let most = ((2 * of.rows() + BINS + 1) as f64).ln();
            prop_assert!(against.iter().all(|nats| (0.0..=most + 1e-12).contains(nats)), "{:?} above {}", against, most);
        }
    }

    #[test]
    fn nothing_is_more_surprising_than_what_lies_outside(neurons in layer()) {
        let bins = ReferenceBins::of(&columns(&neurons, |x| x), BINS, Binning::EqualWidth, BinEdges::Closed, Kernel::get());
        let near = bins.surprisals_nats(&columns(&neurons, |x| x + 100.0), Kernel::get());
        let far = bins.surprisals_nats(&columns(&neurons, |x| x - 1e30), Kernel::get());
        let inside = bins.surprisals_nats(&columns(&neurons, |x| x), Kernel::get());
        prop_assert_eq!(&near, &far);
        prop_assert!(inside.iter().all(|nats| *nats <= near[0]));
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Two Gaussians with correlation rho share -ln(1 - rho^2) / 2 nats; bins can only lose some of it, and the plug-in estimate
/// adds its bias of about (B - 1)^2 / (2 rows).
#[test]
fn gaussians_share_what_their_correlation_says() {
    const ROWS: usize = 100_000;
    // The polar method on a small linear generator: any fair source of normal numbers will do.
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut normal = || (-2.0 * (1.0 - uniform()).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
    for rho in [0.0, 0.5, 0.9_f64] {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for _ in 0..ROWS {
            let (a, b) = (normal(), normal());
            x.push(a as f32);
            y.push((rho * a + (1.0 - rho * rho).sqrt() * b) as f32);
        }
        x.extend(y);
        let bins = 32;
        let of = measured(&Columns::from_neuron_major(ROWS, 2, x), bins, Binning::EqualFrequency);
        let truth = -0.5 * (1.0 - rho * rho).ln();
        let bias = (bins as f64 - 1.0).powi(2) / (2.0 * ROWS as f64);
        let nats = of.mutual_information.get(0, 1);
        assert!(nats <= truth + 2.0 * bias && nats >= 0.9 * truth - bias, "rho {rho}: {nats} against {truth}, bias {bias}");
    }
}
