//! Requests with false lengths, compressed requests, and malformed requests.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::bodies::SLACK_BYTES;
use crate::support::client::{ATTEMPT, Client, document};
use crate::support::http::{exchange, get};
use crate::support::raw::Raw;
use crate::support::running::Running;

/// A separate daemon with a run.
fn daemon(state: &tempfile::TempDir) -> (Running, Client) {
    let mut daemon = Running::serve(state.path(), &[]);
    let client = Client::of(daemon.served_address(), state.path());
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    (daemon, client)
}

/// The head of a POST of activations, with additional headers.
fn head(client: &Client, headers: &str) -> String {
    format!(
        "POST /api/v1/runs/run/epochs/0/activations?attempt={ATTEMPT}&seq=0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \
         {}\r\n{headers}\r\n",
        client.token
    )
}

#[test]
fn case_12_a_length_that_is_too_large_a_lie_or_unknown_costs_no_memory() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let (daemon, client) = daemon(&state);
    let before = daemon.peak_bytes();

    let mut huge = Raw::open(client.address);
    huge.send(head(&client, "Content-Length: 10000000000\r\nExpect: 100-continue\r\n"));
    assert_eq!(huge.refusal(), Some(413), "before any byte of the body is sent");

    let liars: Vec<Raw> = (0..20)
        .map(|_| {
            let mut liar = Raw::open(client.address);
            liar.send(head(&client, "Content-Length: 200000000\r\n") + "ten bytes.");
            liar
        })
        .collect();
    assert_eq!(get(client.address, "/metrics").status, 200);
    drop(liars);

    let mut endless = Raw::open(client.address);
    endless.send(head(&client, "Transfer-Encoding: chunked\r\n"));
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    // More than the daemon reads and discards.
    let sent = (0..8192).take_while(|_| endless.send(&chunk)).count();
    assert!(sent < 8192, "half a gigabyte was read");
    let grown = daemon.peak_bytes() - before;
    assert!(grown < SLACK_BYTES, "the peak grew by {grown} bytes");
    let mut unknown = Raw::open(client.address);
    unknown.send(head(&client, "Transfer-Encoding: chunked\r\n") + "1\r\nx\r\n0\r\n\r\n");
    assert_eq!(unknown.refusal(), Some(411));
    assert_eq!(get(client.address, "/metrics").status, 200);
}

#[test]
fn case_13_packed_bodies_are_refused_unpacked() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let (daemon, client) = daemon(&state);
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![0; 64 << 20]).expect("memory is writable");
    let bomb = bomb.finish().expect("memory is writable");
    let before = daemon.peak_bytes();
    let (length, bearer) = (bomb.len().to_string(), format!("Bearer {}", client.token));
    for coding in ["gzip", "deflate", "zstd", "br", "gzip, gzip", "x-gzip"] {
        let headers = [
            ("Host", "localhost"),
            ("Content-Length", length.as_str()),
            ("Authorization", &bearer),
            ("Content-Encoding", coding),
        ];
        for (method, path) in [
            ("PUT", "/api/v1/runs/other".to_owned()),
            ("POST", format!("/api/v1/runs/run/epochs/0/activations?attempt={ATTEMPT}&seq=0")),
            ("POST", format!("/api/v1/runs/run/epochs/0/end?attempt={ATTEMPT}")),
            ("POST", "/api/v1/hooks/alertmanager".to_owned()),
        ] {
            let refused = exchange(client.address, method, &path, &headers, &bomb);
            let says = document(&refused, 415)["error"].clone();
            assert!(says.as_str().is_some_and(|says| says.contains("Content-Encoding")), "{says}");
        }
    }
    let grown = daemon.peak_bytes() - before;
    assert!(grown < SLACK_BYTES, "the peak grew by {grown} bytes");
}

#[test]
fn case_15_what_two_programs_could_read_differently_reaches_no_handler() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let (_daemon, client) = daemon(&state);
    let put = |head: &str, body: &str| {
        let token = &client.token;
        format!("PUT /api/v1/runs/smuggled HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{head}\r\n{body}")
    };
    let declaration = format!("{{\"attempt\": \"{ATTEMPT}\", \"layers\": [\"a\"]}}");
    let length = declaration.len();
    let chunked = format!("{length:x}\r\n{declaration}\r\n0\r\n\r\n");
    let host = "Host: localhost\r\n";
    let table = [
        ("both lengths", put(&format!("{host}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), &chunked)),
        ("both, the other way round", put(&format!("{host}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), &chunked)),
        (
            "a chunk with an extension",
            put(&format!("{host}Transfer-Encoding: chunked\r\n"), &chunked.replace("\r\n{", ";x=\"\r\n{")),
        ),
        ("a coding that is not the last", put(&format!("{host}Transfer-Encoding: chunked, identity\r\n"), &chunked)),
        ("a coding that nobody knows", put(&format!("{host}Transfer-Encoding: xchunked\r\n"), &chunked)),
        ("two lengths", put(&format!("{host}Content-Length: {length}\r\nContent-Length: 4\r\n"), &declaration)),
        ("two lengths in one", put(&format!("{host}Content-Length: {length}, 4\r\n"), &declaration)),
        ("a length with a sign", put(&format!("{host}Content-Length: +{length}\r\n"), &declaration)),
        ("a length in another base", put(&format!("{host}Content-Length: 0x{length:x}\r\n"), &declaration)),
        ("a folded header", put(&format!("{host}X-Folded: a\r\n b\r\nContent-Length: {length}\r\n"), &declaration)),
        ("a space before a colon", put(&format!("{host}Content-Length : {length}\r\n"), &declaration)),
        ("a zero byte", put(&format!("{host}X-Zero: a\0b\r\nContent-Length: {length}\r\n"), &declaration)),
        ("a lone carriage return", put(&format!("{host}X-Alone: a\rb\r\nContent-Length: {length}\r\n"), &declaration)),
        (
            "a body without a length where none is asked for",
            format!("GET /api/v1/runs HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        ("two hosts", put(&format!("{host}Host: evil.example\r\nContent-Length: {length}\r\n"), &declaration)),
        ("no host", put(&format!("Content-Length: {length}\r\n"), &declaration)),
        ("a version that nobody speaks", put(&format!("{host}Content-Length: {length}\r\n"), &declaration).replace("1.1", "9.9")),
        ("a thousand headers", put(&format!("{host}{}Content-Length: {length}\r\n", "X-Many: a\r\n".repeat(1000)), &declaration)),
        (
            "a header of 100 kB",
            put(&format!("{host}X-Long: {}\r\nContent-Length: {length}\r\n", "a".repeat(100_000)), &declaration),
        ),
        ("a path of 100 kB", format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(100_000))),
        ("another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("no protocol at all", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned()),
    ];
    for (what, request) in table {
        let mut connection = Raw::open(client.address);
        connection.send(&request);
        // The daemon does not wait for a client that sends nothing more.
        let refused = connection.refusal();
        assert!(matches!(refused, None | Some(400 | 403 | 411 | 414 | 431)), "{what}: {refused:?}");
        assert_eq!(get(client.address, "/api/v1/runs/smuggled").status, 404, "{what}");
    }
    let right = put(&format!("{host}Connection: close\r\nContent-Length: {length}\r\n"), &declaration);
    let mut connection = Raw::open(client.address);
    connection.send(&right);
    assert_eq!(connection.refusal(), Some(200), "the same request without the fault is accepted");
}
