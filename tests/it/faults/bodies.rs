//! Activations with a false header.

use serde_json::json;

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Client, document, frame};
use crate::support::running::Running;

/// The most by which a few small requests may raise the daemon's peak memory.
pub(super) const SLACK_BYTES: u64 = 16 << 20;

/// The message for a header that is too long to be parsed.
const TOO_LONG: &str = "bytes, but at most 1048576 are allowed";

/// A header with more empty tensors than may be read.
fn many_tiny_tensors() -> String {
    let tensors: Vec<String> =
        (0..50_000).map(|place| format!(r#""{place}":{{"dtype":"F32","shape":[0,1],"data_offsets":[0,0]}}"#)).collect();
    format!("{{{}}}", tensors.join(","))
}

#[test]
fn case_14_a_header_that_lies_allocates_nothing() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client::of(daemon.served_address(), state.path());
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let before = daemon.peak_bytes();
    let file = |header: &str, data: &[u8]| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat();
    let tensor =
        |shape: [u64; 2], end: u64| json!({ "a": { "dtype": "F32", "shape": shape, "data_offsets": [0, end] } }).to_string();
    let two = |one: &str, of_one: [u64; 2], other: &str, of_other: [u64; 2]| {
        let tensor = |name: &str, [begin, end]: [u64; 2]| {
            format!(r#""{name}":{{"dtype":"F32","shape":[4,4],"data_offsets":[{begin},{end}]}}"#)
        };
        format!("{{{},{}}}", tensor(one, of_one), tensor(other, of_other))
    };
    let lies = [
        ([&u64::MAX.to_le_bytes()[..], b"{}"].concat(), TOO_LONG),
        ([&(1_u64 << 20).to_le_bytes()[..], b"{}"].concat(), "truncated: the header needs 1048584 bytes"),
        ([&((1_u64 << 20) + 1).to_le_bytes()[..], b"{}"].concat(), TOO_LONG),
        (file(&tensor([1 << 40, 1 << 20], 1 << 62), &[0; 64]), "overflow"),
        (file(&tensor([1 << 20, 1 << 10], 1 << 32), &[0; 64]), "the header declares 4294967378 bytes (a), but the file has 146"),
        (file(&tensor([4, 4], 1 << 32), &[0; 64]), "invalid shape, data type, or offset"),
        (file(&tensor([1 << 63, 2], 0), &[]), "overflow"),
        (file(&tensor([1 << 30, 0], 0), &[]), "is empty"),
        (file(&two("a", [0, 64], "b", [32, 96]), &[0; 96]), "invalid offset"),
        (file(&two("a", [0, 64], "a", [64, 128]), &[0; 128]), "invalid offset"),
        (file(&many_tiny_tensors(), &[0; 64]), TOO_LONG),
        (file(&"[".repeat(100_000), &[]), "invalid JSON"),
    ];
    for (seq, (lie, says)) in (0..).zip(&lies) {
        let refused = document(&client.activations("run", 0, seq, lie), 422);
        assert!(refused["error"].as_str().is_some_and(|reason| reason.contains(says)), "{refused}");
    }
    let grown = daemon.peak_bytes() - before;
    assert!(grown < SLACK_BYTES, "the peak grew by {grown} bytes");
    document(&client.activations("run", 0, 0, &frame(&[("a", &layer(600, 8, 2.0))])), 202);
}
