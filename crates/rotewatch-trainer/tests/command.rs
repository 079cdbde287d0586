//! The trainer's own command line. What a training does is tested in the root's `tests/it`, through `rotewatch train`; that this package has
//! an integration test makes `cargo test --workspace` build the binary for them.

use std::process::Command;

#[test]
fn help_lists_both_commands() {
    let help = Command::new(env!("CARGO_BIN_EXE_rotewatch-trainer")).arg("--help").output().expect("the trainer starts");
    let text = String::from_utf8(help.stdout).expect("text");
    assert!(help.status.success() && text.contains("train ") && text.contains("experiment "), "{text}");
}
