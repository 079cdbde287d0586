//! Server-sent events: their content, their repetition after a reconnect, and that a slow client delays nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use crate::support::activations::layer;
use crate::support::client::{ATTEMPT, Client, Daemon, daemon, document, frame};
use crate::support::http::get;
use crate::support::until::DEADLINE;

const ROWS: usize = 600;

/// A subscriber.
struct Reader(BufReader<TcpStream>);

/// An event as received.
#[derive(Debug)]
struct Event {
    id: String,
    kind: String,
    data: Value,
}

impl Reader {
    fn open(address: SocketAddr, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out above zero");
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n").expect("the request is taken");
        let mut reader = Reader(BufReader::new(stream));
        let head = reader.until_empty_line();
        assert!(head[0].contains("200") && head.iter().any(|line| line == "content-type: text/event-stream"), "{head:?}");
        reader
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line comes");
        line.trim_end().to_owned()
    }

    fn until_empty_line(&mut self) -> Vec<String> {
        std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty())).collect()
    }

    /// Returns the next event with data.
    fn next(&mut self) -> Event {
        let (mut id, mut kind) = (String::new(), String::new());
        loop {
            let line = self.line();
            match line.split_once(": ") {
                Some(("id", value)) => value.clone_into(&mut id),
                Some(("event", value)) => value.clone_into(&mut kind),
                Some(("data", value)) => return Event { id, kind, data: serde_json::from_str(value).expect("events are JSON") },
                // Chunk lengths, comments, the reconnection time.
                _ => {}
            }
        }
    }
}

fn end(client: &Client, epoch: u32, signal: f32) {
    let body = frame(&[("a", &layer(ROWS, 12, signal))]);
    document(&client.activations("run", epoch, 0, &body), 202);
    client.judged("run", epoch);
}

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

#[test]
fn what_happens_is_told_in_order_and_told_again_to_who_was_away() {
    let Daemon { client, monitor, state: _state } = daemon();
    let mut reader = Reader::open(client.address, None);
    assert_eq!(reader.next().data, json!({ "status": "resync" }));
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    for (epoch, signal) in (0..).zip([0.2, 3.0, 4.0, 4.0, 1.5, 1.0]) {
        end(&client, epoch, signal);
    }
    document(&client.finish("run"), 200);
    let mut events = Vec::new();
    while events.last().is_none_or(|event: &Event| event.data["status"] != "finished") {
        events.push(reader.next());
    }
    assert_eq!((events[0].kind.as_str(), &events[0].data["status"]), ("status", &json!("training")));
    let epochs: Vec<&Value> = events.iter().filter(|event| event.kind == "epoch").map(|event| &event.data["epoch"]).collect();
    assert_eq!(epochs, [0, 1, 2, 3, 4, 5]);
    let finding = events.iter().find(|event| event.kind == "finding").expect("there was an alarm");
    assert_eq!((&finding.data["kind"], &finding.data["onset_epoch"]), (&json!("example_level"), &json!(3)));
    let verdicts: Vec<&Value> =
        events.iter().filter(|event| event.kind == "verdict").map(|event| &event.data["verdict"]).collect();
    assert_eq!(verdicts, ["too_early", "learning", "memorizing"]);

    let mut again = Reader::open(client.address, Some(&events[2].id));
    let told: Vec<Event> = events[3..].iter().map(|_| again.next()).collect();
    assert_eq!(kinds(&told), kinds(&events[3..]));
    assert!(told.iter().zip(&events[3..]).all(|(told, event)| told.id == event.id && told.data == event.data));
    assert_eq!(Reader::open(client.address, Some("0000000000000000-1")).next().data["status"], "resync");
    assert_eq!(monitor.close(), Vec::<&str>::new(), "open streams do not delay the end");
}

#[test]
fn a_client_asks_for_the_epochs_that_it_does_not_have() {
    let Daemon { client, monitor: _monitor, state: _state } = daemon();
    document(&client.declare("run", ATTEMPT, &["a"]), 200);
    for epoch in 0..3 {
        end(&client, epoch, 2.0);
    }
    let numbers = |document: &Value| -> Vec<u64> {
        document["epochs"].as_array().expect("a list").iter().filter_map(|epoch| epoch["epoch"].as_u64()).collect()
    };
    assert_eq!(numbers(&client.read("runs/run/epochs")), [0, 1, 2]);
    let newest = client.read("runs/run/epochs?after=1");
    assert_eq!(numbers(&newest), [2]);
    let layer = &newest["epochs"][0]["layers"][0];
    assert_eq!((&layer["layer"], &layer["neurons"]), (&json!("a"), &json!(12)));
    let pairs: u64 =
        layer["mutual_information_density"]["counts"].as_array().expect("counts").iter().filter_map(Value::as_u64).sum();
    assert_eq!(pairs, 66);
    let quartiles: Vec<f64> = layer["entropy_network_box"].as_array().expect("a box").iter().filter_map(Value::as_f64).collect();
    assert!(quartiles.len() == 5 && quartiles.is_sorted(), "{quartiles:?}");
    assert_eq!(numbers(&client.read("runs/run/epochs?after=2")), Vec::<u64>::new());
    document(&get(client.address, "/api/v1/runs/run/epochs?after=-1"), 422);
    document(&get(client.address, "/api/v1/runs/run/epochs?before=1"), 422);
}
