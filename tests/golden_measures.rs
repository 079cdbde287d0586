//! The measures against numbers from another implementation; `tests/data/golden/README.md` says which.

use rotewatch::activations::{Tensor, safetensors};
use rotewatch::info::knn::{KnnParams, KnnScratch, Neighbourhoods, knn_entropy_nats};
use rotewatch::info::{BinEdges, Binning, Columns, LayerMeasures, LayerSamples, MeasureParams, measure_layers};
use rotewatch::kernels::Kernel;

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
