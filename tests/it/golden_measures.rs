//! The measures against numbers from another implementation; `tests/data/golden/README.md` says which.

use std::collections::BTreeMap;

use rotewatch::activations::{Tensor, safetensors};
use rotewatch_info::kernels::Kernel;
use rotewatch_info::measures::KnnParams;
use rotewatch_info::measures::knn::{KnnScratch, Neighbourhoods, knn_entropy_nats};
use rotewatch_info::measures::surprisal::ReferenceBins;
use rotewatch_info::measures::{BinEdges, Binning, Columns, LayerMeasures, LayerSamples, MeasureParams, measure_layers};

const TOLERANCE_NATS: f64 = 1e-9;
const FILES: [&str; 4] = ["edge_cases", "gaussian", "mlp_post_relu", "mlp_pre_relu"];

fn bytes_of(file: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/golden/{file}.safetensors", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("the golden files are committed")
}

fn tensor<'a>(tensors: &'a [Tensor<'_>], name: &str) -> &'a Tensor<'a> {
    tensors.iter().find(|tensor| tensor.name() == name).expect("every golden file holds every tensor")
}

fn measured(columns: &Columns, bins: usize, edges: BinEdges) -> LayerMeasures {
    let params = MeasureParams::new(bins, bins, edges, Binning::EqualWidth, 0, 0).expect("valid choices");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    measure_layers(&[LayerSamples { name: "golden", columns }], None, &params, &pool).remove(0)
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let equal = found == expected || (found.is_nan() && expected.is_nan());
        assert!(equal || (found - expected).abs() <= TOLERANCE_NATS, "{what}[{at}]: {found} for {expected}");
    }
}

#[test]
fn entropies_are_those_of_the_published_code() {
    for file in FILES {
        let bytes = bytes_of(file);
        let tensors = safetensors::read(&bytes).unwrap();
        let columns = tensor(&tensors, "activations").columns_f32().unwrap();
        for bins in [10, 20, 100] {
            let measures = measured(&columns, bins, BinEdges::HalfOpen);
            for (scope, found) in [("network", &measures.entropy_network_nats), ("neuron", &measures.entropy_neuron_nats)] {
                let name = format!("entropy_{scope}_bins{bins}");
                let expected = tensor(&tensors, &name).values_f64().unwrap();
                assert_close(found, &expected, &format!("{file}: {name}"));
            }
        }
    }
}

#[test]
fn mutual_information_is_that_of_scikit_learn() {
    for file in FILES {
        let bytes = bytes_of(file);
        let tensors = safetensors::read(&bytes).unwrap();
        let columns = tensor(&tensors, "activations").columns_f32().unwrap();
        for bins in [10, 20, 100] {
            let name = format!("mi_binned_neuron_bins{bins}_closed");
            let expected = tensor(&tensors, &name).values_f64().unwrap();
            let measures = measured(&columns, bins, BinEdges::Closed);
            let neurons = measures.neurons;
            let found: Vec<f64> = (0..neurons * neurons)
                .map(|at| match (at / neurons, at % neurons) {
                    (i, j) if i == j => measures.entropy_neuron_nats[i],
                    (i, j) => measures.mutual_information.get(i, j),
                })
                .collect();
            assert_close(&found, &expected, &format!("{file}: {name}"));
        }
    }
}

#[test]
fn nearest_neighbour_measures_are_those_of_the_published_code() {
    for file in FILES {
        let bytes = bytes_of(file);
        let tensors = safetensors::read(&bytes).unwrap();
        let columns = tensor(&tensors, "activations").columns_f32().unwrap();
        let entropies: Vec<f64> = columns.columns().map(|column| knn_entropy_nats(column, KnnParams::default())).collect();
        assert_close(&entropies, &tensor(&tensors, "entropy_knn3").values_f64().unwrap(), &format!("{file}: entropy_knn3"));
        let expected = tensor(&tensors, "mi_ksg3").values_f64().unwrap();
        for kernel in Kernel::available() {
            let neighbourhoods = Neighbourhoods::of(&columns, KnnParams::default(), kernel);
            let mut scratch = KnnScratch::default();
            let neurons = columns.neurons();
            let found: Vec<f64> = (0..neurons * neurons)
                .map(|at| neighbourhoods.information_nats(at / neurons, at % neurons, &mut scratch))
                .collect();
            assert_close(&found, &expected, &format!("{file}: mi_ksg3 on {}", kernel.name()));
        }
    }
}

#[test]
fn the_mean_surprisal_is_the_mean_entropy_of_the_published_code() {
    for file in FILES {
        let bytes = bytes_of(file);
        let tensors = safetensors::read(&bytes).unwrap();
        let columns = tensor(&tensors, "activations").columns_f32().unwrap();
        for bins in [10, 20, 100] {
            let entropies = tensor(&tensors, &format!("entropy_neuron_bins{bins}")).values_f64().unwrap();
            let surprisals = measured(&columns, bins, BinEdges::HalfOpen).surprisal_nats;
            assert_eq!(surprisals.len(), columns.rows());
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            assert_close(&[mean(&surprisals)], &[mean(&entropies)], &format!("{file}, {bins} bins"));
        }
    }
}

/// The numbers come from NumPy 2.4.6: `numpy.histogram` of each neuron, `-numpy.log` of a row's share, mean over neurons; against a
/// reference half a count a bin and half a count for what lies outside.
#[test]
fn surprisals_are_those_of_numpy() {
    let bytes = bytes_of("mlp_post_relu");
    let tensors = safetensors::read(&bytes).unwrap();
    let columns = tensor(&tensors, "activations").columns_f32().unwrap();
    let own = measured(&columns, 10, BinEdges::Closed).surprisal_nats;
    let of_numpy = [1.687_662_934_930_773, 1.781_492_222_770_779, 2.055_265_000_309_146, 1.669_056_257_889_931];
    assert_close(&own[..4], &of_numpy, "mlp_post_relu");

    let bytes = bytes_of("gaussian");
    let tensors = safetensors::read(&bytes).unwrap();
    let columns = tensor(&tensors, "activations").columns_f32().unwrap();
    let rows = |from: usize, to: usize| {
        let part = columns.columns().flat_map(|column| column[from..to].iter().copied()).collect();
        Columns::from_neuron_major(to - from, columns.neurons(), part)
    };
    for kernel in Kernel::available() {
        let reference = ReferenceBins::of(&rows(0, 200), 10, Binning::EqualWidth, BinEdges::Closed, kernel);
        let against = reference.surprisals_nats(&rows(200, 1_000), kernel);
        let of_numpy = [2.509_362_332_691_302, 1.800_880_055_735_131, 2.035_128_606_748_064, 1.957_552_546_724_433];
        assert_close(&against[..4], &of_numpy, &format!("gaussian on {}", kernel.name()));
        let mean = against.iter().sum::<f64>() / against.len() as f64;
        assert_close(&[mean], &[2.032_407_117_059_046], "the mean over all 800 rows");
    }
}

#[test]
fn excess_kurtosis_is_that_of_scipy() {
    let path = format!("{}/tests/data/golden/excess_kurtosis.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the golden files are committed");
    let golden: BTreeMap<String, Vec<Option<f64>>> = serde_json::from_str(&text).expect("lists of numbers");
    for file in FILES {
        let bytes = bytes_of(file);
        let tensors = safetensors::read(&bytes).unwrap();
        let columns = tensor(&tensors, "activations").columns_f32().unwrap();
        let expected: Vec<f64> = golden[file].iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        assert_close(&measured(&columns, 10, BinEdges::Closed).excess_kurtosis, &expected, file);
    }
}
