//! Monitors your own training: set up a monitor, declare a run, pass unseen and seen rows through the network, and end every epoch.
//!
//! Run `cargo run --release --example watch_your_trainer`, and meanwhile `curl 127.0.0.1:19787/metrics`.

use rotewatch::config::Config;
use rotewatch::{Monitor, Setup};
use rotewatch_core::intake::run::Declaration;
use rotewatch_core::vocabulary::choices::Mode;
use rotewatch_core::vocabulary::metrics::EpochMetrics;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_tch::tap::{Rows, TensorTap};
use tch::nn::{self, Module, OptimizerConfig};
use tch::{Device, Kind, Tensor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tch::manual_seed(1);
    let variables = nn::VarStore::new(Device::Cpu);
    let first = nn::linear(variables.root() / "first", 40, 256, nn::LinearConfig::default());
    let second = nn::linear(variables.root() / "second", 256, 256, nn::LinearConfig::default());
    let output = nn::linear(variables.root() / "output", 256, 10, nn::LinearConfig::default());
    let mut optimizer = nn::adam(0.9, 0.999, 0.0).build(&variables, 1e-3)?;

    // The forward pass gives each hidden layer's output to `record`, with the layer's index in the declaration.
    let forward = |inputs: &Tensor, record: &mut dyn FnMut(usize, &Tensor)| {
        let first = first.forward(inputs);
        record(0, &first);
        let second = second.forward(&first.relu());
        record(1, &second);
        output.forward(&second.relu())
    };
    let centres = Tensor::randn([10, 40], (Kind::Float, Device::Cpu)) * 0.7;
    // Ten clouds of points, 40 % of the labels redrawn. The last 1,000 rows are held out: the probe.
    let draw = |rows: i64| {
        let classes = Tensor::randint(10, [rows], (Kind::Int64, Device::Cpu));
        let noise = Tensor::randn([rows, 40], (Kind::Float, Device::Cpu));
        (centres.index_select(0, &classes) + noise, classes)
    };
    let (inputs, truth) = draw(3_000);
    let redrawn = Tensor::rand([3_000], (Kind::Float, Device::Cpu)).lt(0.4);
    let labels = Tensor::randint(10, [3_000], (Kind::Int64, Device::Cpu)).where_self(&redrawn, &truth);
    let part = |from, rows| (inputs.narrow(0, from, rows), labels.narrow(0, from, rows));
    let rows = |(inputs, labels)| Rows { inputs, labels: Some(labels) };
    let (probe, seen) = (rows(part(2_000, 1_000)), rows(part(0, 1_000)));
    let (inputs, labels) = part(0, 2_000);

    let monitor = Monitor::set_up(Setup { config: Config::default(), any_port_will_do: true, ..Setup::default() })?;
    let layers = vec!["first".parse()?, "second".parse()?];
    let probed = Some("1000 points of seed 1".to_owned());
    let run = Declaration { probe: probed, ..Declaration::new("example".parse()?, layers, Mode::Probe, "tch") };
    let tap = TensorTap::new(monitor.declare(run)?, monitor.sampling());

    for epoch in (0..=40).map(Epoch) {
        let mut loss = 0.0;
        let batches = inputs.split(100, 0).into_iter().zip(labels.split(100, 0));
        for (inputs, labels) in batches.take(if epoch == Epoch::UNTRAINED { 0 } else { usize::MAX }) {
            let batch_loss = forward(&inputs, &mut |_, _| ()).cross_entropy_for_logits(&labels);
            optimizer.backward_step(&batch_loss);
            loss += batch_loss.double_value(&[]) / 20.0;
        }
        tap.probe(epoch, &probe, forward);
        tap.seen(epoch, &seen, |inputs| forward(inputs, &mut |_, _| ()));
        let newest = tap.end_epoch(epoch, EpochMetrics::new([("train_loss", loss)])?);
        if epoch.0.is_multiple_of(2) {
            println!("epoch {epoch}: loss {loss:.3}, {}", newest.verdict);
        }
        if let Some(reason) = tap.run().stop().reason() {
            println!("stopped after epoch {epoch}: {reason}");
            break;
        }
    }
    Ok(())
}
