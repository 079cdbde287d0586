//! `serve --web-config`: TLS and basic auth in front of a real daemon, with reloads; and promtool's check of the same files.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::certificate::folder_with_certificate;
use crate::support::http::request;
use crate::support::need::or_skip;
use crate::support::process::{rotewatch, text};
use crate::support::running::Running;
use crate::support::until::until;

/// The password's hash, at the lowest cost.
fn hash() -> String {
    bcrypt::hash("secret", 4).expect("a good cost")
}

/// `alice:secret` and `alice:guess`, base64.
const RIGHT: &str = "Basic YWxpY2U6c2VjcmV0";
const WRONG: &str = "Basic YWxpY2U6Z3Vlc3M=";

fn serve(web: &Path, state: &Path) -> Running {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--state", text(state), "--web-config", text(web)];
    Running::start(&mut rotewatch(arguments))
}

/// Returns status and head of the answer to a GET over TLS, or why there is none.
fn get_encrypted(address: SocketAddr, trusted: &CertificateDer<'static>, headers: &str) -> Result<(u16, String), String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a good certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::from(address.ip()).to_owned();
    let session = ClientConnection::new(Arc::new(config), name).expect("a good name");
    let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    let mut stream = StreamOwned::new(session, stream);
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
    Ok((status, answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase()))
}

#[test]
fn a_daemon_serves_tls_asks_for_a_password_and_follows_its_file() {
    let (folder, certificate) = folder_with_certificate();
    let (web, state) = (folder.path().join("web.yml"), folder.path().join("state"));
    let tls = "tls_server_config: {cert_file: a.crt, key_file: a.key}\n";
    let headers = "http_server_config: {headers: {Strict-Transport-Security: max-age=60}}\n";
    fs::write(&web, format!("{tls}{headers}basic_auth_users: {{alice: {}}}\n", hash())).expect("the folder is writable");
    let mut daemon = serve(&web, &state);
    daemon.says("serving at https://");
    let url = fs::read_to_string(state.join("url")).expect("the address");
    let address: SocketAddr = url.trim().strip_prefix("https://").and_then(|address| address.parse().ok()).expect(&url);
    let token = fs::read_to_string(state.join("token")).expect("the token");
    let get = |authorization: &str| get_encrypted(address, &certificate, authorization).expect("an answer");

    let (status, head) = get("");
    assert_eq!(status, 401);
    assert!(head.contains("www-authenticate: basic realm=\"rotewatch\""), "{head}");
    assert_eq!(get(&format!("Authorization: {WRONG}\r\n")).0, 401);
    let (status, head) = get(&format!("Authorization: {RIGHT}\r\n"));
    assert_eq!(status, 200);
    assert!(head.contains("strict-transport-security: max-age=60"), "{head}");
    assert_eq!(get(&format!("Authorization: Bearer {}\r\n", token.trim())).0, 200, "the token replaces the password");
    assert_eq!(get("Authorization: Bearer 0\r\n").0, 401);
    let plain = std::panic::catch_unwind(|| request(address, "GET", "/metrics", &[("Host", "localhost")]));
    assert!(plain.is_err(), "requests without TLS get no answer");

    // An unusable file changes nothing, and the log says why.
    fs::write(&web, "tls_server_config: {cert_file: nowhere.crt, key_file: a.key}\n").expect("the folder is writable");
    assert_eq!(get("").0, 401);
    daemon.warns("the web configuration stays as it was");
    daemon.warns("nowhere.crt: cannot read it");
    // A usable file applies from the next connection: no password, another certificate.
    let (other, other_certificate) = folder_with_certificate();
    for file in ["a.crt", "a.key"] {
        fs::rename(other.path().join(file), folder.path().join(file)).expect("the same disk");
    }
    fs::write(&web, tls).expect("the folder is writable");
    until("the other certificate, and no password", || {
        get_encrypted(address, &other_certificate, "").ok().filter(|answer| answer.0 == 200)
    });
    assert!(get_encrypted(address, &certificate, "").is_err(), "the old certificate is no longer used");
}

/// Returns whether the program accepts a file: it starts, or it refuses to.
fn is_taken(web: &Path, folder: &Path) -> bool {
    let mut daemon = serve(web, &folder.join("state"));
    let taken = until("a start or a refusal", || {
        if daemon.stdout().contains("serving at") { Some(true) } else { daemon.has_ended().then_some(false) }
    });
    if taken {
        daemon.heeds_signals();
        daemon.signal("TERM");
    }
    daemon.end();
    taken
}

#[test]
fn promtool_agrees_on_good_and_bad_files() {
    let knows = Command::new("promtool").arg("--version").output().ok();
    if or_skip(knows, "promtool is not in PATH (Debian: apt-get install prometheus)").is_none() {
        return;
    }
    let (folder, _) = folder_with_certificate();
    let web = folder.path().join("web.yml");
    let both = "cert_file: a.crt, key_file: a.key";
    let table = [
        ("{}".to_owned(), true),
        (format!("tls_server_config: {{{both}}}"), true),
        (format!("tls_server_config: {{{both}, min_version: TLS12, max_version: TLS13}}"), true),
        (format!("tls_server_config: {{{both}, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]}}"), true),
        (format!("tls_server_config: {{{both}, curve_preferences: [CurveP256], prefer_server_cipher_suites: false}}"), true),
        (format!("tls_server_config: {{{both}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: a.crt}}"), true),
        (format!("tls_server_config: {{{both}}}\nhttp_server_config: {{http2: true, headers: {{X-Frame-Options: deny}}}}"), true),
        (format!("basic_auth_users: {{alice: {}}}", hash()), true),
        ("tls_server_config: {cert_file: a.crt}".to_owned(), false),
        ("tls_server_config: {key_file: a.key}".to_owned(), false),
        ("tls_server_config: {cert_file: gone.crt, key_file: a.key}".to_owned(), false),
        (format!("tls_server_config: {{{both}, client_auth_type: Whatever}}"), false),
        (format!("tls_server_config: {{{both}, client_ca_file: a.crt}}"), false),
        (format!("tls_server_config: {{{both}, min_version: TLS99}}"), false),
        (format!("tls_server_config: {{{both}, cipher_suites: [TLS_NONE]}}"), false),
        (format!("tls_server_config: {{{both}}}\nhttp_server_config: {{headers: {{X-Other: a}}}}"), false),
        ("unknown: 1".to_owned(), false),
    ];
    for (written, good) in table {
        fs::write(&web, &written).expect("the folder is writable");
        let said = Command::new("promtool").args(["check", "web-config", text(&web)]).output().expect("promtool starts");
        assert_eq!(said.status.success(), good, "promtool of {written}: {}", String::from_utf8_lossy(&said.stderr));
        assert_eq!(is_taken(&web, folder.path()), good, "{written}");
    }
}
