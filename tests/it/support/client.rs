//! A protocol client that only sends what it is asked to send.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rotewatch::config::Config;
use rotewatch::{Monitor, Setup};
use rotewatch_core::intake::event::LayerActivations;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::activations::{layer, predictions};
use super::http::{Answer, exchange, get};
use super::monitored::config;

/// The attempt id of tests that need only one.
pub(crate) const ATTEMPT: &str = "00000000000000aa";
/// A second attempt id.
pub(crate) const NEXT_ATTEMPT: &str = "00000000000000ab";
/// A run in which memorization is found: both signals are high at epoch 2 and fall from there.
pub(crate) const ALARMING: [f32; 6] = [0.2, 3.0, 4.0, 4.0, 1.5, 1.0];
/// The `probe` that [`Client::alarming`] declares.
pub(crate) const ALARMING_PROBE: &str = "600 rows";
/// Time limit for any verdict here, which is also the daemon's maximum.
pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// A daemon's address and token.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub address: SocketAddr,
    pub token: String,
}

/// A daemon in this process.
pub(crate) struct Daemon {
    pub monitor: Monitor,
    pub client: Client,
    /// Removed with the daemon.
    pub state: TempDir,
}

/// Starts a daemon with the defaults.
///
/// # Panics
/// If it does not start.
pub(crate) fn daemon() -> Daemon {
    daemon_with(|_| ())
}

/// Starts a daemon with its own state folder.
///
/// # Panics
/// If it does not start.
pub(crate) fn daemon_with(change: impl FnOnce(&mut Config)) -> Daemon {
    super::log::switch();
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut config = Config { state: Some(state.path().to_owned()), ..config() };
    change(&mut config);
    let monitor = Monitor::set_up(Setup { config, ingest: true, history: true, ..Setup::default() }).expect("the daemon starts");
    let client = Client::of(monitor.address().expect("HTTP is on"), state.path());
    Daemon { monitor, client, state }
}

impl Client {
    /// Creates a client with the token of a state folder.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn of(address: SocketAddr, state: &Path) -> Self {
        Client { address, token: std::fs::read_to_string(state.join("token")).expect("the daemon wrote its token") }
    }

    /// Sends a body with the token.
    pub(crate) fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let (host, length) = (self.address.to_string(), body.len().to_string());
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("Host", host.as_str()),
            ("Content-Length", &length),
            ("Authorization", &bearer),
            ("Rotewatch-Verdicts", "cannot_judge"),
        ];
        exchange(self.address, method, &format!("/api/v1/{path}"), &headers, body)
    }

    /// Declares a run with the minimal document.
    pub(crate) fn declare(&self, run: &str, attempt: &str, layers: &[&str]) -> Answer {
        let declaration = json!({ "attempt": attempt, "layers": layers, "framework": "test" });
        self.send("PUT", &format!("runs/{run}"), declaration.to_string().as_bytes())
    }

    /// Sends a frame of [`ATTEMPT`].
    pub(crate) fn activations(&self, run: &str, epoch: u32, seq: u64, body: &[u8]) -> Answer {
        self.send("POST", &format!("runs/{run}/epochs/{epoch}/activations?attempt={ATTEMPT}&seq={seq}"), body)
    }

    /// Ends an epoch of [`ATTEMPT`] and waits for its verdict.
    ///
    /// # Panics
    /// If there is no verdict.
    pub(crate) fn judged(&self, run: &str, epoch: u32) -> Value {
        let ended = self.send("POST", &format!("runs/{run}/epochs/{epoch}/end?attempt={ATTEMPT}&wait={}", WAIT.as_secs()), b"{}");
        let document = document(&ended, 200);
        assert_eq!(document["epoch"], epoch, "{document}");
        document
    }

    /// Ends [`ATTEMPT`].
    pub(crate) fn finish(&self, run: &str) -> Answer {
        self.send("POST", &format!("runs/{run}/finish?attempt={ATTEMPT}"), br#"{"status": "finished"}"#)
    }

    /// Trains a run until its alarm, epoch by epoch.
    ///
    /// # Panics
    /// If an epoch is not committed.
    pub(crate) fn alarming(&self, run: &str) {
        let layers = ["hidden1", "<b>\"hidden2\""];
        let declaration = json!({ "attempt": ATTEMPT, "layers": layers, "framework": "test", "probe_digest": ALARMING_PROBE });
        document(&self.send("PUT", &format!("runs/{run}"), declaration.to_string().as_bytes()), 200);
        for (epoch, signal) in (0..).zip(ALARMING) {
            let layers = [layer(600, 12, 2.0), layer(600, 12, signal)];
            let body = frame(&[("hidden1", &layers[0]), ("<b>\"hidden2\"", &layers[1])]);
            document(&self.activations(run, epoch, 0, &body), 202);
            assert_eq!(self.judged(run, epoch)["committed_epoch"], epoch);
        }
    }

    /// Reads a document that needs no token.
    ///
    /// # Panics
    /// If it cannot.
    pub(crate) fn read(&self, path: &str) -> Value {
        document(&get(self.address, &format!("/api/v1/{path}")), 200)
    }
}

/// Returns the JSON of an answer, which must have this status.
///
/// # Panics
/// If the status is another, or the body is not JSON.
pub(crate) fn document(answer: &Answer, status: u16) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/json")), "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

/// Encodes layers and the classes of [`predictions`] as a frame.
///
/// # Panics
/// If the layers have different numbers of rows.
pub(crate) fn frame(layers: &[(&str, &LayerActivations)]) -> Vec<u8> {
    let rows = layers.first().map_or(0, |(_, layer)| layer.values.len() / layer.neurons);
    let bytes = |layer: &LayerActivations| layer.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut tensors: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> =
        layers.iter().map(|(name, layer)| (*name, Dtype::F32, vec![rows, layer.neurons], bytes(layer))).collect();
    let classes = predictions(rows).iter().flat_map(|class| class.to_le_bytes()).collect();
    tensors.push(("predictions", Dtype::I64, vec![rows], classes));
    serialized(&tensors)
}

/// The same with losses and errors of each row, of which the first `wrong` are errors.
///
/// # Panics
/// If the layers have different numbers of rows.
pub(crate) fn labelled_frame(layers: &[(&str, &LayerActivations)], wrong: usize) -> Vec<u8> {
    let rows = layers.first().map_or(0, |(_, layer)| layer.values.len() / layer.neurons);
    let bytes = |layer: &LayerActivations| layer.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut tensors = numbers(rows, wrong);
    tensors.extend(layers.iter().map(|(name, layer)| (*name, Dtype::F32, vec![rows, layer.neurons], bytes(layer))));
    let classes = predictions(rows).iter().flat_map(|class| class.to_le_bytes()).collect();
    tensors.push(("row:predictions", Dtype::I64, vec![rows], classes));
    serialized(&tensors)
}

/// Encodes the losses and errors of seen rows, of which the first `wrong` are errors.
pub(crate) fn seen_frame(rows: usize, wrong: usize) -> Vec<u8> {
    serialized(&numbers(rows, wrong))
}

fn numbers(rows: usize, wrong: usize) -> Vec<(&'static str, Dtype, Vec<usize>, Vec<u8>)> {
    let of_rows = |right: f32, otherwise: f32| {
        (0..rows).flat_map(|row| if row < wrong { otherwise } else { right }.to_le_bytes()).collect()
    };
    let number = |name, values| (name, Dtype::F32, vec![rows], values);
    vec![number("row:losses", of_rows(0.1, 2.0)), number("row:errors", of_rows(0.0, 1.0))]
}

/// Encodes any tensors as safetensors.
///
/// # Panics
/// If bytes and shapes do not match.
pub(crate) fn serialized(tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Vec<u8> {
    let view = |(name, dtype, shape, bytes): &'_ (&str, Dtype, Vec<usize>, Vec<u8>)| {
        ((*name).to_owned(), *dtype, shape.clone(), bytes.clone())
    };
    let owned: Vec<_> = tensors.iter().map(view).collect();
    let views = owned.iter().map(|(name, dtype, shape, bytes)| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).expect("bytes match the shape"))
    });
    safetensors::serialize(views, None).expect("names are distinct")
}
