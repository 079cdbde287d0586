use super::*;
use crate::experiment::flags::{TrainerFlags, TrainerOption};
use crate::options::TrainOptions;

/// A command line of four options; the dropout of 0.9 is refused together with any other option.
struct Four;

impl TrainerFlags for Four {
    fn options(&self) -> Vec<TrainerOption> {
        let option = |name: &str, is_switch| TrainerOption { name: name.to_owned(), is_switch };
        vec![
            option("model", false),
            option("dropout", false),
            option("label-noise", false),
            option("augment", true),
            option("run", false),
        ]
    }

    fn value_fault(&self, option: &str, value: &str) -> Option<String> {
        let fine = option == "model" && matches!(value, "mlp" | "cnn") || option != "model" && value.parse::<f64>().is_ok();
        (!fine).then(|| format!("no such {option}"))
    }

    fn training(&self, arguments: &[String]) -> Result<TrainOptions, String> {
        if arguments.iter().any(|argument| argument == "--dropout=0.9") {
            return Err("too much dropout".to_owned());
        }
        let seed = arguments.iter().find_map(|argument| argument.strip_prefix("--seed=")?.parse().ok());
        Ok(TrainOptions { seed: seed.expect("a seed is among the arguments"), ..TrainOptions::default() })
    }
}

fn mistakes(text: &str) -> Vec<String> {
    match Grid::parse(text, "g.yaml", &Four) {
        Ok(grid) => panic!("{} runs and no mistake", grid.runs.len()),
        Err(error) => error.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn cells_seeds_and_roles_make_runs() {
    let text = "\
report: onset
seeds: {tune: [1, 2], judge: [11]}
defaults: {model: cnn, augment: true}
cells:
  - {name: noisy, label-noise: [0.2, 0.4], role: [tune, judge]}
  - {name: clean, model: mlp, augment: false, seeds: {judge: [21, 22]}}
";
    let grid = Grid::parse(text, "g.yaml", &Four).unwrap();
    let names: Vec<String> = grid.runs.iter().map(|run| format!("{} {}", run.role, run.name)).collect();
    let expected = [
        "tune noisy-label-noise0.2-s1",
        "tune noisy-label-noise0.2-s2",
        "tune noisy-label-noise0.4-s1",
        "tune noisy-label-noise0.4-s2",
        "judge noisy-label-noise0.2-s11",
        "judge noisy-label-noise0.4-s11",
        "judge clean-s21",
        "judge clean-s22",
    ];
    assert_eq!(names, expected);
    assert_eq!(grid.runs[0].arguments, ["--model=cnn", "--augment", "--label-noise=0.2", "--seed=1"]);
    assert_eq!(grid.runs[7].arguments, ["--model=mlp", "--seed=22"], "a cell wins over the defaults");
    assert_eq!(grid.runs[7].training.seed, 22);
}

#[test]
fn every_mistake_is_reported_with_its_position() {
    let text = "\
report: onsets
seed: {judge: [11]}
seeds: {judge: [11, x]}
cells:
  - name: one
    model: [mlp, resnet]
    dropuot: 0.1
    run: mine
    augment: perhaps
    role: train
  - {label-noise: 0.1, nmae: two}
  - {name: three, dropout: [], model: {mlp: cnn}}
  - {name: [four], dropout: [0.1, 0.1]}
";
    let expected = [
        "g.yaml:1:1: report: `onsets` is not one of onset, sweep",
        "g.yaml:2:1: seed: unknown key; did you mean `seeds`?",
        "g.yaml:3:21: seeds.judge: `x` is not a whole number",
        "g.yaml:6:18: cells[0].model: no such model",
        "g.yaml:7:5: cells[0].dropuot: unknown key; did you mean `dropout`?",
        "g.yaml:8:5: cells[0].run: a cell cannot set this: every run is named after its cell and seed",
        "g.yaml:9:14: cells[0].augment: `perhaps` is neither true nor false",
        "g.yaml:10:5: cells[0].role: `train` is not one of tune, judge",
        "g.yaml:11:5: cells[1].name: needs the cell's name",
        "g.yaml:11:24: cells[1].nmae: unknown key; did you mean `name`?",
        "g.yaml:12:19: cells[2].dropout: has no value; remove the key to use its default",
        "g.yaml:12:32: cells[2].model: must be one value, not a section",
        "g.yaml:13:6: cells[3].name: must be one value, not a list",
        "g.yaml:13:35: cells[3].dropout: `0.1` is listed twice",
    ];
    assert_eq!(mistakes(text), expected);
}

#[test]
fn combinations_and_seeds_are_told_once_every_key_is_right() {
    let text = "\
report: onset
seeds: {judge: 11}
cells:
  - {name: two, dropout: 0.9}
  - {name: three, role: tune}
  - {name: four, seeds: {judge: []}}
";
    let expected = [
        "g.yaml:4:5: cells[0]: two: too much dropout",
        "g.yaml:5:5: cells[1]: no seeds for the role tune; add them under `seeds`",
        "g.yaml:6:5: cells[2]: no seeds for the role judge; add them under `seeds`",
    ];
    assert_eq!(mistakes(text), expected);
}

#[test]
fn a_file_without_its_two_keys_says_so() {
    assert_eq!(mistakes("# nothing"), ["g.yaml: report: needs onset or sweep", "g.yaml: cells: needs a list of cells"]);
    assert_eq!(mistakes("report: onset\nover: model\ncells: [~]")[0], "g.yaml:2:7: over: `over` is only for a sweep");
}

#[test]
fn a_run_cannot_tune_and_judge() {
    let text = "report: onset\nseeds: {tune: [1], judge: [1]}\ncells: [{name: a, role: [tune, judge]}, {name: a}]\n";
    let told = mistakes(text);
    assert!(told[0].contains("seed 1 of a is listed twice"), "{told:?}");
}

#[test]
fn a_sweep_says_over_which_option() {
    let sweep = |over: &str| format!("report: sweep\n{over}seeds: {{judge: [1]}}\ncells: [{{name: a, label-noise: [0, 1]}}]\n");
    let grid = Grid::parse(&sweep("over: label-noise\n"), "g.yaml", &Four).unwrap();
    assert_eq!(grid.report, ReportKind::Sweep { over: "label-noise".into() });
    assert!(mistakes(&sweep(""))[0].contains("needs the option that the sweep varies"));
    assert!(mistakes(&sweep("over: label_noise\n"))[0].contains("did you mean `label-noise`?"));
}

#[test]
fn a_name_that_no_run_may_have_is_refused() {
    let text = "report: onset\nseeds: {judge: [1]}\ncells: [{name: 'a b'}]\n";
    assert!(mistakes(text)[0].contains("\"a b-s1\""), "{:?}", mistakes(text));
}
