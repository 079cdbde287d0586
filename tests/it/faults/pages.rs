//! A real browser: pages of other origins, and names that contain markup.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use serde_json::{Value, json};

use crate::support::activations::layer;
use crate::support::browser::Browser;
use crate::support::client::{ATTEMPT, Client, daemon, document, frame};
use crate::support::monitored::scrape;
use crate::support::process::{rotewatch, text};
use crate::support::running::Running;
use crate::support::until::until;

const ROWS: usize = 600;
/// Names that would run something if they were used as markup.
const LAYERS: [&str; 2] = [r#""><img src=x onerror="window.struck=1">"#, "<script>window.struck=1</script>"];

/// A web server that answers every request with one page.
fn elsewhere(page: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { return };
            let _ = connection.read(&mut [0; 4096]);
            let length = page.len();
            let _ = write!(
                connection,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
            );
        }
    });
    address
}

#[test]
fn case_27_a_page_of_another_origin_reads_and_changes_nothing_in_a_browser() {
    let Some(browser) = Browser::start() else { return };
    let daemon = daemon();
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &["secret"]), 200);
    let (address, token) = (client.address, &client.token);
    let counted = |code: u16| -> f64 {
        let seen = scrape(&daemon.monitor);
        seen.series("http_requests_total")
            .filter(|(sample, _)| sample.contains(&format!("code=\"{code}\"")) && !sample.contains("/metrics"))
            .map(|(_, count)| count)
            .sum()
    };
    browser.open(&format!("http://{}/", elsewhere("<title>elsewhere</title><body></body>")));
    let before = (counted(200), counted(403));
    let read = format!(
        "const done = arguments[0]; const base = 'http://{address}/api/v1/'; const told = [];\
         const tried = async (what) => {{ try {{ const answer = await what(); told.push(answer.type === 'opaque' ? 'opaque' : await answer.text()); }} \
         catch (fault) {{ told.push('refused'); }} }};\
         const source = () => new Promise((_, refuse) => {{ const events = new EventSource(base + 'events'); events.onmessage = () => told.push('event'); \
         events.onerror = () => {{ events.close(); refuse(); }}; }});\
         (async () => {{ await tried(() => fetch(base + 'runs')); await tried(() => fetch(base + 'runs', {{mode: 'no-cors'}}));\
         await tried(() => fetch(base + 'runs/run/stop', {{method: 'POST', headers: {{Authorization: 'Bearer {token}'}}, body: '{{\"reason\": \"x\"}}'}}));\
         await tried(() => fetch(base + 'runs/run/stop', {{method: 'POST', mode: 'no-cors', body: '{{}}'}})); await tried(source); done(told); }})()"
    );
    let told = browser.run_async(&read);
    assert_eq!(told, json!(vec!["refused"; 5]));
    browser.run(&format!(
        "const form = document.createElement('form'); form.method = 'POST'; form.action = 'http://{address}/api/v1/runs/run/stop'; \
         document.body.append(form); form.submit();"
    ));
    until("every request to be refused", || (counted(403) >= before.1 + 5.0).then_some(()));
    assert_eq!(counted(200), before.0, "no request succeeded");
    assert_eq!(client.read("runs/run")["stop"], false);

    // A name that its owner points at this machine; browsers resolve all names below localhost to it.
    browser.open(&format!("http://evil.localhost:{}/api/v1/runs", address.port()));
    assert!(!browser.text().contains("secret") && browser.text().contains("Host"), "{}", browser.text());
    // Following a link is allowed.
    browser.open(&format!("http://{}/", elsewhere("<a href='#'>link</a>")));
    browser.run(&format!("location.href = 'http://{address}/'"));
    browser.shows("run");
}

#[test]
fn case_28_names_and_reasons_stay_text_in_the_page() {
    let Some(browser) = Browser::start() else { return };
    let daemon = daemon();
    let client = &daemon.client;
    document(&client.declare("run", ATTEMPT, &LAYERS), 200);
    for epoch in 0..2 {
        let body = frame(&[(LAYERS[0], &layer(ROWS, 6, 2.0)), (LAYERS[1], &layer(ROWS, 6, 1.0))]);
        document(&client.activations("run", epoch, 0, &body), 202);
        client.judged("run", epoch);
    }
    let reason = r#"<img src=x onerror="window.struck=1">"#;
    document(&client.send("POST", "runs/run/stop", json!({ "reason": reason }).to_string().as_bytes()), 200);
    browser.open(&format!("http://{}/", client.address));
    browser.shows(reason);
    until("the layers", || {
        let options = browser.run("return [...document.querySelectorAll('option')].map((name) => name.textContent)");
        LAYERS.iter().all(|layer| options.as_array().is_some_and(|all| all.contains(&json!(layer)))).then_some(())
    });
    // Even if a name got through as markup, it would not run.
    browser.run(
        "const script = document.createElement('script'); script.textContent = 'window.struck = 1'; document.body.append(script);\
         const image = document.createElement('img'); image.setAttribute('onerror', 'window.struck = 1'); image.src = 'x'; document.body.append(image);",
    );
    until("the image to fail", || {
        (browser.run("return [...document.images].every((image) => image.complete)") == true).then_some(())
    });
    assert_eq!(browser.run("return window.struck === undefined"), true);
    assert_ne!(browser.complaints(), Vec::<String>::new(), "the browser reports the violations of the policy");
}

#[test]
fn case_28_the_log_holds_no_control_characters() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let config = state.path().join("rotewatch.yaml");
    // The log shows the output of the first command at level `debug`, and that of the second, which fails, as the reason.
    let loud = r"{name: loud, command: {argv: [printf, '\033[31mred\007\rover\177\302\233m']}}";
    let failing = r#"{name: failing, command: {argv: [sh, -c, 'printf "\033[31mwhy\007\rover\177\302\233m"; exit 1']}}"#;
    std::fs::write(&config, format!("log: {{level: debug}}\nhooks: [{loud}, {failing}]\n")).expect("the folder is writable");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--state", text(state.path()), "--config", text(&config)];
    let mut daemon = Running::start(&mut rotewatch(arguments));
    let client = Client::of(daemon.served_address(), state.path());
    client.alarming("run");
    daemon.warns("red");
    daemon.warns("; output: ");
    let reason = json!({ "alerts": [{ "status": "firing", "labels": { "alertname": "a\u{1b}[2J", "run": "run" }, "startsAt": "now",
        "fingerprint": "f", "annotations": { "summary": "x\u{7}\ny" } }] });
    client.send("POST", "hooks/alertmanager", reason.to_string().as_bytes());
    let told: Value = client.read("runs/run");
    assert!(told["reason"].is_string());
    let log = daemon.stderr();
    let control = |letter: &char| letter.is_control() && *letter != '\n';
    assert_eq!(log.chars().filter(control).collect::<String>(), "", "{log:?}");
}
