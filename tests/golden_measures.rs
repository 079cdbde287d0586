//! The measures against numbers from another implementation; `tests/data/golden/README.md` says which.

use rotewatch::activations::{Tensor, safetensors};
use rotewatch::info::{BinEdges, Binning, Columns, LayerMeasures, LayerSamples, MeasureParams, measure_layers};

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
    let params = MeasureParams::new(bins, bins, edges, Binning::EqualWidth, 0, 0).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    measure_layers(&[LayerSamples { name: "golden", columns }], None, &params, &pool).remove(0)
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= TOLERANCE_NATS, "{what}[{at}]: {found} for {expected}");
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
