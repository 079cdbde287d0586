//! The live page in a real browser: what it shows, that it updates without a reload or other servers, and that it is accessible.

use std::path::Path;
use std::time::Duration;

use rotewatch_core::vocabulary::clock::Stopwatch;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::activations::{self, declaration, layer};
use crate::support::browser::Browser;
use crate::support::client::{ATTEMPT, Client, daemon, document, frame};
use crate::support::http::get;
use crate::support::process::{ended, rotewatch, text};
use crate::support::running::Running;
use crate::support::until::until;

const ROWS: usize = 600;
/// Both signals are high at epoch 2 and fall afterwards: the alarm names epoch 3.
const SIGNALS: [f32; 6] = [0.2, 3.0, 4.0, 4.0, 1.5, 1.0];
/// Names that would run something if they were used as markup.
const LAYERS: [&str; 2] = [r#""><img src=x onerror="alert(1)">"#, "<b>bold</b> & 'quoted' %{x} $a$"];

fn serve(state: &Path, listen: &str) -> Running {
    Running::start(&mut rotewatch(["serve", "--listen", listen, "--state", text(state)]))
}

fn send(client: &Client, run: &str, epoch: u32, signal: f32) {
    let body = frame(&[(LAYERS[0], &layer(ROWS, 12, 2.0)), (LAYERS[1], &layer(ROWS, 12, signal))]);
    document(&client.activations(run, epoch, 0, &body), 202);
    client.judged(run, epoch);
}

fn train(client: &Client, run: &str) {
    document(&client.declare(run, ATTEMPT, &LAYERS), 200);
    for (epoch, signal) in (0..).zip(SIGNALS) {
        send(client, run, epoch, signal);
    }
}

fn marks(browser: &Browser) -> Value {
    browser.run("return [...document.querySelectorAll('.annotation-text')].map((mark) => mark.textContent)")
}

/// Checks that every layer's name is shown in its place, as text and not as markup.
fn names_are_text(browser: &Browser) {
    let legend = browser.run("return [...document.querySelectorAll('section .bar .legend li')].map((name) => name.textContent)");
    assert_eq!(legend, json!(LAYERS));
    let options = browser.run("return [...document.querySelectorAll('option')].map((name) => name.textContent)");
    assert!(options.as_array().is_some_and(|options| LAYERS.iter().all(|layer| options.contains(&json!(layer)))), "{options}");
    assert_eq!(browser.run("return document.querySelectorAll('img, b, main script').length"), 0);
}

#[test]
fn a_run_is_followed_without_a_reload_and_beyond_a_restart_of_the_daemon() {
    let Some(browser) = Browser::start() else { return };
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = serve(state.path(), "127.0.0.1:0");
    let address = daemon.served_address();
    let client = Client::of(address, state.path());
    browser.open(&format!("http://{address}/"));
    browser.shows("No runs yet");
    browser.run("window.loaded_once = true");
    train(&client, "trained");
    browser.shows("Memorizing wrong labels or single examples since epoch 3");
    browser.shows("What to do");
    until("the onset in the charts", || marks(&browser).as_array()?.contains(&json!("onset 3")).then_some(()));
    until("the matrix", || (browser.run("return document.querySelectorAll('.heatmaplayer image').length") == 1).then_some(()));
    until("the rows", || (browser.run("return document.querySelectorAll('.barlayer .point').length > 5") == true).then_some(()));
    names_are_text(&browser);
    assert_eq!(browser.run("return window.loaded_once"), true);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let elsewhere = |url: &String| !url.starts_with(&format!("http://{address}/")) && !url.starts_with("data:");
    let requested = browser.requested();
    assert!(requested.iter().any(|url| url.contains("/assets/plotly-")), "{requested:?}");
    assert_eq!(requested.into_iter().filter(elsewhere).collect::<Vec<_>>(), Vec::<String>::new());

    daemon.signal("KILL");
    daemon.end();
    browser.shows("not connected");
    browser.shows("Memorizing wrong labels or single examples since epoch 3");
    let mut daemon = serve(state.path(), &address.to_string());
    daemon.served_address();
    until("the connection", || (browser.run("return document.getElementById('connection').textContent") == "live").then_some(()));
    document(&client.declare("trained", ATTEMPT, &LAYERS), 200);
    send(&client, "trained", 6, 1.0);
    browser.shows("epoch 6");
    browser.shows("Memorizing wrong labels or single examples since epoch 3");
    browser.run("document.querySelector('figure details').open = true");
    // The list may show an epoch a moment before its row exists.
    let every_epoch: Vec<String> = (0..=SIGNALS.len()).map(|epoch| epoch.to_string()).collect();
    until("the table, with what was seen before the restart", || {
        let epochs = browser.run("return [...document.querySelectorAll('figure tbody th')].map((epoch) => epoch.textContent)");
        (epochs == json!(every_epoch)).then_some(())
    });
    assert_eq!(browser.run("return window.loaded_once"), true);
    let own = |complaint: &String| !complaint.contains("net::ERR_");
    assert_eq!(browser.complaints().into_iter().filter(own).collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(browser.requested().into_iter().filter(elsewhere).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn an_alarm_that_ended_stays_in_the_list_the_card_and_the_charts() {
    let Some(browser) = Browser::start() else { return };
    let daemon = daemon();
    train(&daemon.client, "calm");
    for (epoch, signal) in (6..).zip([4.0, 4.01, 4.02, 4.03]) {
        send(&daemon.client, "calm", epoch, signal);
    }
    let told = daemon.client.read("runs/calm/verdict");
    let (alarm, ended) = (&told["alarm_epoch"], &told["ended_epoch"]);
    let words = format!("alarm at {alarm}, ended at {ended}");
    browser.open(&format!("http://{}/", daemon.client.address));
    browser.shows(&format!("Learning; {words}"));
    browser.shows("Memorizing wrong labels or single examples since epoch 3");
    until("the list", || (browser.run("return document.querySelector('nav .state.ended')?.textContent") == words).then_some(()));
    let all = [json!("onset 3"), json!(format!("alarm {alarm}")), json!(format!("ended {ended}"))];
    until("the marks", || {
        all.iter().all(|mark| marks(&browser).as_array().is_some_and(|marks| marks.contains(mark))).then_some(())
    });
    assert_eq!(
        browser.run("return document.querySelectorAll('.verdict.learning, nav .state.learning').length"),
        0,
        "no plain green"
    );
    if let Some(barriers) = browser.barriers() {
        assert_eq!(barriers, Vec::<String>::new());
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn everybody_can_read_it_on_any_screen_by_day_and_by_night() {
    let Some(browser) = Browser::start() else { return };
    let daemon = daemon();
    let first = daemon.monitor.declare(declaration("first", &LAYERS)).expect("the name is free");
    for (epoch, signal) in (0..).zip(SIGNALS) {
        assert!(activations::send(&first, epoch, ROWS, &[layer(ROWS, 12, 2.0), layer(ROWS, 12, signal)]));
        activations::judged(&first, epoch);
    }
    train(&daemon.client, "second");
    document(&daemon.client.finish("second"), 200);
    for (width, lights) in [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")] {
        browser.as_on(width, 800, lights);
        browser.open(&format!("http://{}/#run=second&beside=first", daemon.client.address));
        browser.run("location.reload()");
        browser.shows("Memorizing wrong labels or single examples since epoch 3");
        until("every chart", || {
            (browser.run("return document.querySelectorAll('.main-svg').length >= 7").as_bool()?).then_some(())
        });
        browser.run("for (const behind of document.querySelectorAll('details')) behind.open = true");
        until("the tables", || {
            (browser.run("return document.querySelectorAll('figure table').length >= 6").as_bool()?).then_some(())
        });
        assert_eq!(browser.run("return document.documentElement.scrollWidth"), width, "nothing overflows the page");
        if let Some(barriers) = browser.barriers() {
            assert_eq!(barriers, Vec::<String>::new(), "{width} pixels, {lights}");
        }
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn runs_side_by_side_are_compared_and_the_reader_says_what_is_feared() {
    let Some(browser) = Browser::start() else { return };
    let daemon = daemon();
    let client = &daemon.client;
    train(client, "alarmed");
    document(&client.declare("sound", ATTEMPT, &LAYERS), 200);
    for epoch in 0..6 {
        send(client, "sound", epoch, SIGNALS[(epoch as usize).min(3)]);
    }
    browser.open(&format!("http://{}/#run=alarmed&beside=sound", client.address));
    browser.shows("Too early to compare");
    browser.shows("5 trained epochs in common, 6 are needed");
    for epoch in 6..10 {
        send(client, "alarmed", epoch, 1.0);
        send(client, "sound", epoch, 4.0);
    }
    browser.shows("sound generalises better");
    browser.shows("by both measures since epoch 4");
    browser.shows("only valid if all networks were measured on the same rows");
    let told = client.read("compare?a=alarmed&b=sound");
    let nats = |place: usize| format!("{:.4}", told["measures"][1]["nats"][place].as_f64().expect("a number"));
    let expected = json!(["mean mutual information", nats(0), nats(1)]);
    // The sentence may appear one epoch before the newest numbers.
    until("the newest numbers", || {
        let row = browser.run(
            "return [...document.querySelectorAll('[aria-label=Comparison] tbody tr')[1].cells].slice(0, 3).map((cell) => cell.textContent)",
        );
        (row == expected).then_some(())
    });
    browser.run(
        "const fear = document.querySelector('[aria-label=Comparison] select');\
         fear.value = 'heuristic'; fear.dispatchEvent(new Event('change'));",
    );
    browser.shows("alarmed generalises better");
    assert_eq!(browser.run("return location.hash"), "#run=alarmed&beside=sound&against=heuristic");
    document(&client.declare("narrow", ATTEMPT, &LAYERS[..1]), 200);
    document(&client.activations("narrow", 0, 0, &frame(&[(LAYERS[0], &layer(ROWS, 12, 2.0))])), 202);
    client.judged("narrow", 0);
    browser.open(&format!("http://{}/#run=alarmed&beside=narrow", client.address));
    browser.shows("These two runs cannot be compared");
    browser.shows("have different layers");
    assert_eq!(browser.run("return document.querySelectorAll('img, b, main script').length"), 0);
    if let Some(barriers) = browser.barriers() {
        assert_eq!(barriers, Vec::<String>::new());
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_run_is_stopped_by_who_has_the_token() {
    let Some(browser) = Browser::start() else { return };
    let daemon = daemon();
    document(&daemon.client.declare("young", ATTEMPT, &LAYERS), 200);
    send(&daemon.client, "young", 0, 1.0);
    browser.open(&format!("http://{}/", daemon.client.address));
    browser.shows("Too early");
    let fill = |token: &str| {
        let (token, reason) = (json!(token), json!(r#"<i>"because"</i>"#));
        browser.run(&format!(
            "const form = document.querySelector('dialog form'); form.elements.token.value = {token}; form.elements.reason.value = {reason}; \
             form.requestSubmit();"
        ));
    };
    browser.run("document.querySelector('button.stop').click()");
    fill("wrong");
    browser.shows("The token is wrong.");
    assert_eq!(daemon.client.read("runs/young")["stop"], false);
    fill(&daemon.client.token);
    browser.shows(r#"The trainer was asked to stop: <i>"because"</i>"#);
    assert_eq!(daemon.client.read("runs/young")["reason"], r#"<i>"because"</i>"#);
    assert_eq!(browser.run("return document.querySelectorAll('main i').length"), 0);
    // The event may arrive before the response to the form.
    until("the end of the dialog", || (browser.run("return document.querySelector('dialog').open") == false).then_some(()));
}

/// The text alternative of every chart, and the verdict's text, without the rows, which the history does not keep.
fn told(browser: &Browser) -> Value {
    let charts = "[...document.querySelectorAll('.plot')].filter((plot) => !plot.closest('figure').textContent.includes('Unusual rows'))\
                  .map((plot) => plot.getAttribute('aria-label'))";
    browser.run(&format!("return [document.querySelector('.verdict').innerText, {charts}]"))
}

#[test]
fn a_report_opens_from_a_disk_without_a_network_and_shows_what_the_page_showed() {
    let Some(browser) = Browser::start() else { return };
    let daemon = daemon();
    train(&daemon.client, "kept");
    document(&daemon.client.finish("kept"), 200);
    browser.open(&format!("http://{}/", daemon.client.address));
    browser.shows("Memorizing wrong labels or single examples since epoch 3");
    let drawn = || (browser.run("return document.querySelectorAll('.heatmaplayer image').length") == 1).then_some(());
    until("the matrix", drawn);
    let live = told(&browser);
    let report = daemon.state.path().join("kept.html");
    let made = ended(&mut rotewatch(["runs", "report", "kept", text(&report), "--state", text(daemon.state.path())]));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    // The live page would keep polling.
    browser.open("about:blank");
    assert_eq!(daemon.monitor.close(), Vec::<&str>::new());
    browser.devtools("Network.enable", &json!({}));
    browser.devtools(
        "Network.emulateNetworkConditions",
        &json!({ "offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 }),
    );
    browser.complaints();
    browser.requested();
    browser.open(&format!("file://{}", report.display()));
    browser.shows("saved on");
    until("the onset in the charts", || marks(&browser).as_array()?.contains(&json!("onset 3")).then_some(()));
    until("the matrix", drawn);
    assert_eq!(told(&browser), live);
    names_are_text(&browser);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let elsewhere = |url: &String| !url.starts_with("file:") && !url.starts_with("data:") && !url.starts_with("blob:");
    assert_eq!(browser.requested().into_iter().filter(elsewhere).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn runs_of_the_history_are_found_among_a_thousand_and_open() {
    let Some(browser) = Browser::start() else { return };
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut daemon = serve(state.path(), "127.0.0.1:0");
    let client = Client::of(daemon.served_address(), state.path());
    train(&client, "kept");
    document(&client.finish("kept"), 200);
    daemon.signal("TERM");
    daemon.end();
    let history = Connection::open(state.path().join("history.sqlite")).expect("the history is there");
    let many = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 999)
         INSERT INTO runs (name, attempt, framework, mode, layers, declared_at, status, updated_at, standing)
         SELECT printf('run%03d', n), attempt, framework, mode, layers, declared_at, 'failed', updated_at + n, standing FROM runs, numbers";
    assert_eq!(history.execute(many, []).expect("the history can be written"), 999);
    drop(history);
    let mut daemon = serve(state.path(), "127.0.0.1:0");
    let address = daemon.served_address();
    browser.open(&format!("http://{address}/"));
    let names = || browser.run("return [...document.querySelectorAll('nav .name')].map((name) => name.textContent)");
    let listed = |count: usize| names().as_array().filter(|names| names.len() == count).cloned();
    assert_eq!(until("the newest runs", || listed(100))[0], "run999");
    browser.run("document.querySelector('nav button').click()");
    until("more of them", || listed(200));
    browser.run("const word = document.querySelector('nav input'); word.value = 'KEP'; word.dispatchEvent(new Event('input'))");
    assert_eq!(until("the run in the search results", || listed(1)), [json!("kept")]);
    browser.run("document.querySelector('nav a').click()");
    browser.shows("Memorizing wrong labels or single examples since epoch 3");
    until("the onset in the charts", || marks(&browser).as_array()?.contains(&json!("onset 3")).then_some(()));
    until("the matrix", || (browser.run("return document.querySelectorAll('.heatmaplayer image').length") == 1).then_some(()));
    names_are_text(&browser);
    assert_eq!(browser.run("return document.querySelector('button.stop').hidden"), true, "it is over");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// Time limits for the page of a daemon with a long history, and for the daemon to start and to list its runs.
#[test]
#[ignore = "measures with the state folder in ROTEWATCH_HISTORY, which `cargo bench --bench history` leaves there"]
fn a_history_of_a_thousand_runs_is_listed_and_painted_at_once() {
    let state = std::env::var("ROTEWATCH_HISTORY").expect("a state folder");
    let browser = Browser::start().expect("a browser");
    let starting = Stopwatch::start();
    let mut daemon = serve(Path::new(&state), "127.0.0.1:0");
    let address = daemon.served_address();
    let restart = starting.elapsed();
    let mut lists: Vec<Duration> = (0..21)
        .map(|_| {
            let asking = Stopwatch::start();
            assert_eq!(get(address, "/api/v1/runs").status, 200);
            asking.elapsed()
        })
        .collect();
    lists.sort();
    let list = lists[lists.len() / 2];
    println!("the daemon serves after {restart:.1?}, and lists its runs in {list:.1?}");
    assert!(restart < Duration::from_secs(2) && list < Duration::from_millis(100));
    for opening in 1..=5 {
        browser.open(&format!("http://{address}/?{opening}"));
        until("the list", || (browser.run("return document.querySelectorAll('nav li').length") == 100).then_some(()));
        until("its charts", || browser.run("return document.querySelectorAll('.main-svg').length >= 5").as_bool()?.then_some(()));
        let paints = browser.run("return performance.getEntriesByType('paint').map((paint) => [paint.name, paint.startTime])");
        let whole = browser.run("return performance.now()");
        println!("opening {opening}: {paints}, the newest run's charts within {whole} ms");
        let first = paints[0][1].as_f64().expect("it was painted");
        assert!(first < 1000.0, "{first} ms");
    }
}
