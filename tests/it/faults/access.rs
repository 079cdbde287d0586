//! Who may change something, and who may read.

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Client, daemon, document, frame};
use crate::support::http::{exchange, get, request};
use crate::support::monitored::{config, monitor};

const ROWS: usize = 600;

#[test]
fn case_26_nothing_changes_without_the_token() {
    let daemon = daemon();
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    let body = frame(&[("a", &layer(ROWS, 4, 2.0))]);
    let end = format!("runs/run/epochs/0/end?attempt={ATTEMPT}");
    let activations = format!("runs/run/epochs/0/activations?attempt={ATTEMPT}&seq=0");
    let finish = format!("runs/run/finish?attempt={ATTEMPT}");
    let routes = [("PUT", "runs/run"), ("POST", &activations), ("POST", &end), ("POST", &finish), ("POST", "runs/run/stop")];
    for (method, path) in routes {
        for token in ["", "wrong", &client.token[1..], &format!("{}x", client.token)] {
            let stranger = Client { token: token.to_owned(), ..client.clone() };
            let answer = stranger.send(method, path, &body);
            document(&answer, 401);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        let (length, bearer) = (body.len().to_string(), format!("Bearer {}", client.token));
        let bare = [("Host", "localhost"), ("Content-Length", length.as_str())];
        assert_eq!(exchange(client.address, method, &format!("/api/v1/{path}"), &bare, &body).status, 401);
        let foreign = [("Host", "evil.example"), ("Content-Length", &length), ("Authorization", &bearer)];
        assert_eq!(exchange(client.address, method, &format!("/api/v1/{path}"), &foreign, &body).status, 403);
    }
    assert_eq!(daemon.monitor.flow().offered, 0);
    assert_eq!(client.read("runs/run")["status"], "training");
}

#[test]
fn case_27_a_foreign_host_reaches_nothing() {
    let monitor = monitor(config());
    let address = monitor.address().expect("HTTP is on");
    for path in ["/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/no/such/page"] {
        for method in ["GET", "POST"] {
            for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
                let answer = request(address, method, path, &[("Host", host), ("Content-Length", "0")]);
                assert_eq!(answer.status, 403, "{method} {path} for {host:?}");
                assert!(!answer.body.contains("rotewatch_"), "{method} {path} for {host:?}");
            }
        }
    }
    let nameless = request(address, "GET", "/metrics", &[]);
    assert!(matches!(nameless.status, 400 | 403), "{}", nameless.status);
    for host in ["127.0.0.1", "localhost:1", "[::1]:19787"] {
        assert_eq!(request(address, "GET", "/metrics", &[("Host", host)]).status, 200, "{host}");
    }
}

#[test]
fn case_26_to_read_changes_nothing() {
    let daemon = daemon();
    let client = &daemon.client;
    client.alarming("run");
    let before = ["runs", "runs/run", "runs/run/epochs"].map(|path| client.read(path));
    let end = format!("runs/run/epochs/6/end?attempt={ATTEMPT}");
    for path in ["runs/new", "runs/run", &end, "runs/run/stop", "runs/run/finish", "hooks/alertmanager"] {
        for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            let status = request(client.address, method, &format!("/api/v1/{path}"), &[("Host", "localhost")]).status;
            assert!([200, 404, 405].contains(&status), "{method} {path}: {status}");
        }
    }
    assert_eq!(get(client.address, "/-/reload").status, 405);
    assert_eq!(["runs", "runs/run", "runs/run/epochs"].map(|path| client.read(path)), before);
}

#[test]
fn case_27_a_foreign_page_may_neither_read_nor_change() {
    let daemon = daemon();
    let client = &daemon.client;
    client.alarming("run");
    let (host, bearer) = (client.address.to_string(), format!("Bearer {}", client.token));
    let foreign: [&[(&str, &str)]; 4] = [
        &[("Origin", "http://evil.example")],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
        &[("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "cors"), ("Origin", "http://127.0.0.1:3000")],
    ];
    for (method, path) in [
        ("GET", "/metrics"),
        ("GET", "/"),
        ("GET", "/api/v1/runs"),
        ("GET", "/api/v1/events"),
        ("GET", "/api/v1/runs/run/verdict"),
        ("GET", "/api/v1/sd"),
        ("PUT", "/api/v1/runs/run"),
        ("POST", "/api/v1/runs/run/stop"),
        ("POST", "/-/reload"),
    ] {
        for headers in foreign {
            let own = [("Host", host.as_str()), ("Authorization", &bearer), ("Content-Length", "0")];
            let answer = request(client.address, method, path, &[&own, headers].concat());
            assert_eq!(answer.status, 403, "{method} {path} {headers:?}");
            assert!(!answer.body.contains("hidden1") && !answer.body.contains("rotewatch_"), "{}", answer.body);
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
    assert_eq!(client.read("runs/run")["stop"], true, "the stop comes from the alarm, not from the foreign page");
    let own_page = [("Host", host.as_str()), ("Origin", &format!("http://{host}")), ("Sec-Fetch-Site", "same-origin")];
    assert_eq!(request(client.address, "GET", "/api/v1/runs", &own_page).status, 200);
}
