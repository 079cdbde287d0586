//! `rotewatch measure` as a user calls it.

use std::process::{Command, Output};

fn rotewatch(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rotewatch"));
    command.arg("measure").args(arguments).env_remove("ROTEWATCH_KERNEL");
    command.output().expect("the binary was built for this test")
}

fn golden(file: &str) -> String {
    format!("{}/tests/data/golden/{file}.safetensors", env!("CARGO_MANIFEST_DIR"))
}

fn npy(element: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{element}', 'fortran_order': False, 'shape': {shape}, }}");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", length.as_slice(), header.as_bytes(), values].concat()
}

fn error_of(arguments: &[&str]) -> String {
    let output = rotewatch(arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "nothing but the error: {output:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn json_is_one_line_with_null_where_a_number_is_not_finite() {
    let file = golden("edge_cases");
    let output = rotewatch(&[&file, "--tensor", "activations", "--measure", "knn-entropy", "--measure", "mi", "--json"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(text.lines().count(), 1);
    let document: serde_json::Value = serde_json::from_str(&text).expect("one JSON document");
    let tensor = &document["tensors"][0];
    assert_eq!((tensor["rows"].as_u64(), tensor["neurons"].as_u64()), (Some(400), Some(8)));
    assert!(tensor["knn_entropy_nats"][0].is_null());
    assert_eq!(tensor["mi_nats"][3][4], tensor["mi_nats"][4][3]);
    assert!(tensor.get("entropy_nats").is_none(), "only what was asked for");
}

#[test]
fn every_kernel_prints_the_same_document_but_for_its_name() {
    let file = golden("mlp_post_relu");
    let printed = |kernel: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rotewatch"));
        command.args(["measure", &file, "--json", "--measure", "mi", "--measure", "ksg", "--threads", "2"]);
        let output = command.env("ROTEWATCH_KERNEL", kernel).output().expect("the binary was built for this test");
        String::from_utf8(output.stdout).expect("UTF-8").replace(&format!("\"kernel\":\"{kernel}\""), "")
    };
    let scalar = printed("scalar");
    assert!(scalar.contains("ksg_nats"));
    for kernel in rotewatch_info::kernels::Kernel::available() {
        assert_eq!(printed(kernel.name()), scalar, "{}", kernel.name());
    }
}

#[test]
fn what_does_not_fit_is_refused_with_what_there_is() {
    let file = golden("gaussian");
    assert!(error_of(&[&file, "--tensor", "fc1"]).contains("no tensor `fc1`; the file has `entropy_knn3` (F64 8)"));
    assert!(error_of(&[&file, "--tensor", "entropy_knn3"]).contains("it has 1 axis, not two"));
    assert!(
        error_of(&[&file, "--measure", "class"])
            .contains("class information needs a tensor `row:predictions` (or `predictions`)")
    );
    assert!(error_of(&[&file, "--bins", "1"]).contains("bins is 1, which is outside 2 to 256"));
    assert!(error_of(&[&file, "--k", "11"]).contains("k is 11, which is outside 1 to 10"));
    assert!(error_of(&["nowhere.npy"]).contains("cannot read nowhere.npy"));
}

#[test]
fn surprisal_is_told_for_each_row_and_held_against_a_reference() {
    let (file, other) = (golden("gaussian"), golden("edge_cases"));
    let document = |arguments: &[&str]| -> serde_json::Value {
        let output = rotewatch(arguments);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    };
    let own = document(&[&file, "--tensor", "activations", "--measure", "surprisal", "--json"]);
    let rows = |of: &serde_json::Value| of["tensors"][0]["surprisal_nats"].as_array().expect("an array").clone();
    assert_eq!((rows(&own).len(), own.get("reference")), (1_000, None));
    let against = document(&[&file, "--tensor", "activations", "--measure", "surprisal", "--reference", &other, "--json"]);
    assert_eq!(against["reference"], other);
    assert_ne!(rows(&own), rows(&against), "another reference, other numbers");

    let output = rotewatch(&[&file, "--tensor", "activations", "--measure", "surprisal", "--reference", &other]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("surprisal relative to") && text.contains("most surprising rows: "), "{text}");
}

#[test]
fn a_reference_that_does_not_fit_is_refused() {
    let file = golden("gaussian");
    let against =
        |reference: &str| error_of(&[&file, "--tensor", "activations", "--measure", "surprisal", "--reference", reference]);
    let error = against(&golden("mlp_post_relu"));
    assert!(
        error.contains("`activations` has 8 neurons and `activations` of the reference") && error.contains("has 20"),
        "{error}"
    );
    assert!(against("nowhere.npy").contains("cannot read nowhere.npy"));
    let error = error_of(&[&file, "--reference", &file]);
    assert!(error.contains("--reference only applies to surprisal"), "{error}");
    let error = error_of(&[&file, "--tensor", "mi_ksg3", "--measure", "surprisal", "--reference", &golden("no_such")]);
    assert!(error.contains("cannot read"), "{error}");
}

#[test]
fn a_truncated_file_and_integers_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let truncated = folder.path().join("cut.safetensors");
    let whole = std::fs::read(golden("gaussian")).expect("the golden files are committed");
    std::fs::write(&truncated, &whole[..whole.len() / 2]).expect("written");
    let error = error_of(&[truncated.to_str().expect("UTF-8")]);
    assert!(error.contains("truncated") && error.contains("activations"), "{error}");

    let path = folder.path().join("counts.npy");
    std::fs::write(&path, npy("<i8", "(1, 2)", &[0; 16])).expect("written");
    let error = error_of(&[path.to_str().expect("UTF-8")]);
    assert!(error.contains("has no 2-d floating-point tensor to measure") && error.contains("`counts` (I64 1 x 2)"), "{error}");
}

#[test]
fn a_shape_without_values_is_refused_however_many_rows_or_neurons_it_states() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for shape in ["(9000000000000000000, 0)", "(0, 9000000000000000000)", "(0, 0)"] {
        let path = folder.path().join("empty.npy");
        std::fs::write(&path, npy("<f4", shape, &[])).expect("written");
        let path = path.to_str().expect("UTF-8");
        assert!(error_of(&[path, "--measure", "ksg"]).contains("has no 2-d floating-point tensor to measure"), "{shape}");
        assert!(error_of(&[path, "--tensor", "empty"]).contains("it is empty"), "{shape}");
        let file = golden("gaussian");
        let error = error_of(&[&file, "--tensor", "activations", "--measure", "surprisal", "--reference", path]);
        assert!(error.contains("has no tensor `activations`"), "{error}");
    }
}

#[test]
fn matrices_are_written_and_can_be_measured_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("matrices.safetensors");
    let out = out.to_str().expect("UTF-8");
    let output = rotewatch(&[&golden("gaussian"), "--tensor", "activations", "--matrix", out]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("most redundant pairs") && text.contains("bias: rows shuffled"), "{text}");
    assert!(rotewatch(&[out, "--tensor", "activations.mi_nats"]).status.success());
}
