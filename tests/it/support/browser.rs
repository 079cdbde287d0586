//! Chromium, driven over `WebDriver`.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::http::exchange;
use super::need::or_skip;
use super::running::Running;
use super::until::until;

const STARTED: &str = "started successfully on port ";

/// A browser with one tab, closed at the end of its test.
pub(crate) struct Browser {
    driver: SocketAddr,
    session: String,
    _process: Running,
}

impl Browser {
    /// Starts a browser. Skips with a message if there is none.
    ///
    /// # Panics
    /// If the browser exists and does not start.
    pub(crate) fn start() -> Option<Self> {
        let found =
            Command::new("chromedriver").arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
        or_skip(found.then_some(()), "chromedriver is not in PATH (Debian: apt-get install chromium chromium-driver)")?;
        let mut process = Running::start(Command::new("chromedriver").arg("--port=0").stdin(Stdio::null()));
        process.says(STARTED);
        let port = until("the driver's port", || {
            let said = process.stdout();
            let (_, rest) = said.split_once(STARTED)?;
            rest.split_once('.')?.0.parse().ok()
        });
        let driver = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--hide-scrollbars",
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let answer = ask(driver, "POST", "/session", &capabilities);
        let session = answer["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}")).to_owned();
        Some(Browser { driver, session, _process: process })
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        let answer = ask(self.driver, "POST", &format!("/session/{}/{path}", self.session), body);
        assert!(answer.get("error").is_none_or(Value::is_null), "{path}: {answer}");
        answer
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url }));
    }

    /// Returns what a function's body returns when it runs in the page.
    pub(crate) fn run(&self, body: &str) -> Value {
        self.command("execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// Like `run`, for a function that passes its result to its first argument.
    pub(crate) fn run_async(&self, body: &str) -> Value {
        self.command("execute/async", &json!({ "script": body, "args": [] }))
    }

    /// Waits until the page's text contains `part`.
    ///
    /// # Panics
    /// If it never does.
    pub(crate) fn shows(&self, text: &str) {
        until(text, || self.text().contains(text).then_some(()));
    }

    /// Returns all visible text.
    pub(crate) fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Sets the page's width and colour scheme, as on another device.
    pub(crate) fn as_on(&self, width: u32, height: u32, lights: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
        self.devtools(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [{ "name": "prefers-color-scheme", "value": lights }] }),
        );
    }

    /// A command of the `DevTools` protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Returns warnings and errors of the console since the last call.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        let is_complaint = |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        entries.iter().filter(is_complaint).filter_map(|entry| entry["message"].as_str()).map(str::to_owned).collect()
    }

    /// Returns the addresses that the page has requested since the last call.
    pub(crate) fn requested(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({ "type": "performance" }));
        let entries = log.as_array().cloned().unwrap_or_default();
        let address = |entry: &Value| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            (message["method"] == "Network.requestWillBeSent")
                .then(|| message["params"]["request"]["url"].as_str().map(str::to_owned))?
        };
        entries.iter().filter_map(address).collect()
    }

    /// Returns the accessibility problems that axe-core finds. Skips with a message if axe-core is missing.
    pub(crate) fn barriers(&self) -> Option<Vec<String>> {
        let axe = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/axe/package/axe.min.js")).ok();
        let axe = or_skip(axe, "axe-core is not in target/axe (make axe)")?;
        self.run(&axe);
        let found = self.run_async(
            "const done = arguments[0];\
             axe.run().then(({ violations }) => done(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => \
             `${html.slice(0, 160)} (${failureSummary.slice(0, 200)})`).slice(0, 3).join(' | ')}`)), (error) => done([String(error)]));",
        );
        let found = found.as_array().expect("axe returns a list").iter().map(|found| found.as_str().unwrap_or("?").to_owned());
        Some(found.collect())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Also closes the browser, which would survive if the driver was killed.
        let path = format!("/session/{}", self.session);
        let driver = self.driver;
        let _ = std::panic::catch_unwind(|| ask(driver, "DELETE", &path, &Value::Null));
    }
}

fn ask(driver: SocketAddr, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (host, length) = (driver.to_string(), body.len().to_string());
    let headers = [("Host", host.as_str()), ("Content-Length", &length), ("Content-Type", "application/json")];
    let answer = exchange(driver, method, path, &headers, body.as_bytes());
    let document: Value = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body));
    document["value"].clone()
}
