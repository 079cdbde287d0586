//! A daemon that cannot start says why in one line.

use std::fs;
use std::net::TcpListener;

use crate::support::certificate::folder_with_certificate;
use crate::support::http::get;
use crate::support::process::{rotewatch, text};
use crate::support::running::Running;

#[test]
fn case_31_a_web_configuration_that_cannot_be_used_ends_the_start() {
    let (folder, _) = folder_with_certificate();
    let web = folder.path().join("web.yml");
    fs::write(folder.path().join("empty.crt"), "").expect("the folder is writable");
    let table = [
        ("tls_server_config: {cert_file: a.crt}", "tls_server_config.cert_file is set, but key_file or key is missing"),
        ("tls_server_config: {cert_file: a.crt, key_file: gone.key}", "gone.key: cannot read it"),
        ("tls_server_config: {cert_file: empty.crt, key_file: a.key}", "it contains no certificate"),
        ("tls_server_config: {cert_file: a.crt, key_file: a.crt}", "tls_server_config.key_file"),
        ("basic_auth_users: {alice: secret}", "basic_auth_users.alice: not a bcrypt hash"),
        ("tls_server_confg: {}", "did you mean `tls_server_config`?"),
        // promtool accepts this file: without a CA, Go trusts the CAs of the system.
        (
            "tls_server_config: {cert_file: a.crt, key_file: a.key, client_auth_type: RequireAndVerifyClientCert}",
            "tls_server_config.client_auth_type is set, but client_ca_file or client_ca is missing",
        ),
    ];
    for (written, says) in table {
        fs::write(&web, written).expect("the folder is writable");
        let state = folder.path().join("state");
        let refused = Running::serve(&state, &["--web-config", text(&web)]).end();
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{written}");
        assert!(refused.stderr.contains(says) && refused.stderr.trim().lines().count() == 1, "{written}: {}", refused.stderr);
    }
}

#[test]
fn case_31_an_address_that_is_taken_ends_the_start_and_never_the_daemon_that_has_it() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut first = Running::serve(state.path(), &[]);
    let address = first.served_address();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    for address in [address, taken.local_addr().expect("it is bound")] {
        let other = tempfile::tempdir().expect("a temporary folder");
        let serve = ["serve", "--listen", &address.to_string(), "--state", text(other.path())];
        let refused = Running::start(&mut rotewatch(serve)).end();
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
        let told: Vec<&str> = refused.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(told.len() == 1 && told[0].contains(&address.to_string()) && told[0].contains("--listen"), "{}", refused.stderr);
    }
    assert_eq!(get(address, "/metrics").status, 200);
}
