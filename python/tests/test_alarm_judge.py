"""The definitions by which the alarm's benchmark judges, on small series."""

import csv
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.alarm import captures, judge, told, ways
from benchmarks.alarm.captures import Rote, Run
from benchmarks.alarm.ways import Stop

#: As long as the mean that is judged, so that a value counts for itself.
EACH = 3


def run(values, judged_by="accuracy", name="cell.1", **columns) -> Run:
    """A run whose test accuracy (or loss) has these values, each for 3 epochs."""
    series = np.repeat(np.asarray(values, float), EACH)
    series = np.concatenate([series[:1], series])
    flat = np.ones(len(series))
    both = (series, flat) if judged_by == "accuracy" else (flat, series)
    table = {"epoch": np.arange(float(len(series))), "test_accuracy": both[0], "test_loss": both[1]}
    for column, of_column in columns.items():
        table[column] = np.concatenate([[math.nan], np.asarray(of_column, float)])
    cell, _, seed = name.rpartition(".")
    return Run(name=name, cell=cell, seed=int(seed), judged_by=judged_by, table=table, chance=0.1)


def alarm(epoch: int, onset: int, harm: str = "shown", ended: int | None = None, kind: str = "example_level"):
    return {"kind": kind, "harm": harm, "alarm_epoch": epoch, "onset_epoch": onset, "ended_epoch": ended}


def document(name: str, *alarms, epochs=()):
    return {"run": name, "alarms": list(alarms), "epochs": list(epochs)}


@pytest.mark.parametrize(
    ("judged_by", "values", "harm", "drop"),
    [
        ("accuracy", [0.5, 0.8, 0.79], "harm", 1.0),
        ("accuracy", [0.5, 0.8, 0.793], "undecided", 0.7),
        ("accuracy", [0.5, 0.8, 0.798], "none", 0.2),
        ("accuracy", [0.5, 0.7, 0.8], "none", 0.0),
        ("loss", [2.0, 1.0, 1.06], "harm", 6.0),
        ("loss", [2.0, 1.0, 1.03], "undecided", 3.0),
        ("loss", [2.0, 1.0, 1.01], "none", 1.0),
    ],
)
def test_harm(judged_by, values, harm, drop):
    of = run(values, judged_by)
    assert of.harm == harm and of.drop == pytest.approx(drop, abs=1e-9)
    assert of.best == 2 * EACH + (EACH if values[2] == max(values) and judged_by == "accuracy" else 0)


def test_one_epoch_makes_no_harm():
    accuracies = [0.80] * 8 + [0.82] + [0.80] * 8
    table = {"epoch": np.arange(18.0), "test_accuracy": np.array([0.1, *accuracies])}
    assert Run("a.1", "a", 1, "accuracy", table).drop == pytest.approx(2 / 3)


@pytest.mark.parametrize(("gap", "word"), [(0.05, "by heart"), (0.03, "some"), (0.005, "not")])
def test_by_heart_is_the_gap_at_the_end(gap, word):
    assert run([0.5, 0.8], true_gap=[0.2, 0.2, 0.2, gap, gap, gap]).by_heart == word


def test_over_confidence_is_a_loss_that_rises_while_accuracy_holds():
    losses = [0.6, 0.5, 0.5, 0.5, 0.6, 0.6]
    assert run([0.8, 0.8], test_loss=losses).over_confident
    assert not run([0.8, 0.8], test_loss=[0.6, 0.5, 0.5, 0.5, 0.5, 0.52]).over_confident


def test_rote_from_the_start_ends_when_the_network_learns():
    gap = [0.02, 0.06, 0.5, 0.9, 0.9, 0.9, 0.1, 0.0, 0.0]
    assert run([0.1, 0.1, 0.9], true_gap=gap).rote == Rote(begins=2, ends=7)
    assert run([0.1, 0.12, 0.11], true_gap=gap).rote == Rote(begins=2, ends=None)
    assert run([0.5, 0.6, 0.9], true_gap=gap).rote is None, "it learnt from epoch 1 on"
    assert run([0.1, 0.1, 0.1], true_gap=[0.01] * 9).rote is None


#: Best at epoch 6, and 20 points worse from epoch 9 on.
HARMFUL = run([0.5, 0.8, 0.6], name="harmful.1")
#: Falls by 4 points, then reaches its best.
RISES = run([0.74, 0.7, 0.8], name="rises.1")
FLAT = run([0.8, 0.8, 0.8], name="flat.1")


@pytest.mark.parametrize(
    ("of", "stop", "false", "kept", "at_stop"),
    [
        (HARMFUL, Stop(9, 6), False, 0.0, 20.0),
        (HARMFUL, Stop(6, 3), True, 30.0, 0.0),
        (HARMFUL, Stop(9, 7), False, 20 / 3, 20.0),  # nothing better comes after the stop
        (HARMFUL, None, False, 20.0, 20.0),
        (RISES, Stop(6, 3), True, 6.0, 10.0),
        (RISES, None, False, 0.0, 0.0),
        (FLAT, Stop(4, 2), False, 0.0, 0.0),
    ],
)
def test_a_stop_is_false_if_better_weights_come_later(of, stop, false, kept, at_stop):
    assert judge.is_false(of, stop) == false
    assert judge.regret(of, stop) == pytest.approx(kept)
    assert judge.regret_at_stop(of, stop) == pytest.approx(at_stop)


def test_results_of_a_way():
    documents = {
        "harmful.1": document("harmful.1", alarm(5, 4, "suspected"), alarm(8, 6)),
        "rises.1": document("rises.1", alarm(6, 3), alarm(5, 1, kind="heuristic")),
        "flat.1": document("flat.1", alarm(4, 2, "suspected")),
    }
    shown = judge.Results.of(ways.alarms("shown", documents, "shown"), [HARMFUL, RISES, FLAT, run([0.9], name="new.1")])
    assert [of.name for of in shown.runs] == ["harmful.1", "rises.1", "flat.1"], "nothing was told of the fourth"
    assert shown.stopped(shown.with_harm("harm")) == [HARMFUL]
    assert shown.false(shown.with_harm("none")) == [RISES]
    assert shown.stopped(shown.with_harm("none")) == [RISES]
    assert shown.delays().tolist() == [[2, pytest.approx(2 / 9)]]
    any_ = judge.Results.of(ways.alarms("any", documents, "suspected", "shown"), [HARMFUL, FLAT])
    assert any_.stops == {"harmful.1": Stop(5, 4), "flat.1": Stop(4, 2)}
    table = judge.warnings_table([HARMFUL, RISES, FLAT], {"it": documents}).splitlines()
    assert table[2] == "| harm | 1, 0, 0 of 1 |" and table[4] == "| no harm | 1, 1, 0 of 2 |"


def test_random_labels_are_not_harm():
    random = run([0.14, 0.12, 0.1], name="cell-random.1", true_gap=[0.0, 0.0, 0.2, *[0.5] * 6])
    runs = [HARMFUL, random]
    documents = {
        "harmful.1": document("harmful.1", alarm(8, 6)),
        "cell-random.1": document("cell-random.1", alarm(7, 1, "suspected")),
    }
    text = judge.report(runs, {"rotewatch": documents})
    assert "1 of 1 (21 to 100 %)" in text and "found 1 of 2" in text
    assert "| cell-random.1 | 50 | 3 | - | 7 | +4 | - |" in text
    assert [judge.rote_named(runs, documents, within) for within in (3, 4)] == [(0, 1), (1, 1)]


def test_an_alarm_is_withdrawn_when_those_that_continue_it_end():
    first, second = alarm(3, 1, "suspected", ended=9), alarm(7, 1, "shown", ended=12)
    assert judge.Named.by(document("a.1", first, second)) == judge.Named(3, 12)
    assert judge.Named.by(document("a.1", first, alarm(20, 1))) == judge.Named(3, 9)
    assert judge.Named.by(document("a.1", first, alarm(7, 1))) == judge.Named(3, None)
    assert judge.Named.by(document("a.1")) == judge.Named(None, None)


def test_the_error_of_the_estimated_gap():
    of = run([0.8], true_gap=[0.10, 0.20, 0.30])
    epochs = [
        {"epoch": 0, "memorized_share": {"estimate": 0.0}},
        {"epoch": 1, "memorized_share": {"estimate": 0.12}},
        {"epoch": 2, "memorized_share": None},
        {"epoch": 3, "memorized_share": {"estimate": 0.25}},
    ]
    assert judge.gap_errors(of, document("cell.1", epochs=epochs)).tolist() == pytest.approx([2, 5])


def test_the_bootstrap_of_a_known_difference():
    runs = [run([0.5, 0.8, 0.8 - 0.01 * (5 + number % 3)], name=f"run.{number}") for number in range(30)]
    best = judge.Results.of(ways.Way("best", lambda of: Stop(8, of.best)), runs)
    end = judge.Results.of(ways.TO_THE_END, runs)
    count, mean, low, high = judge.difference(best, end)
    assert count == 30 and mean == pytest.approx(-6.0)
    # The standard error of the mean of 5, 6 and 7 in equal parts is 0.149.
    assert (low, high) == (pytest.approx(-6.29, abs=0.03), pytest.approx(-5.71, abs=0.03))
    assert judge.difference(best, end) == (count, mean, low, high), "the seed is fixed"
    half = judge.Results.of(ways.Way("half", lambda of: None, lambda of: of.seed < 15), runs)
    assert judge.difference(best, half)[0] == 15, "on the runs that both can be tried on"


def test_patience():
    way = ways.patience("held", "held_loss", -1)
    assert way.stop(run([0.8] * 3, held_loss=[3, 2, 1, 2, 2, 2, 2, 2, 2])) == Stop(8, 3)
    assert way.stop(run([0.8] * 3, held_loss=[3, 2, 1, 2, 2, 2, 2, 0.5, 2])) is None
    assert way.stop(run([0.8] * 3, held_loss=[math.nan, 2, 3, 3, 3, 3, 3, 3, 3])) == Stop(7, 2)
    assert not way.applies(run([0.8]))


def test_label_wave_stops_at_the_first_minimum():
    changes = [math.nan, 0.9, 0.5, 0.3, 0.3, 0.9, 0.9, 0.1, 0.1]
    assert ways.LABEL_WAVE.stop(run([0.8] * 3, prediction_changes=changes)) == Stop(6, 5)


def test_captures_are_read_and_tables_written(tmp_path):
    folder = tmp_path / "small.2"
    (folder / "judge").mkdir(parents=True)
    (folder / "training.json").write_text(json.dumps({"cell": "small", "seed": 2, "judged_by": "accuracy"}))
    lines = ["epoch,test_accuracy,test_loss,true_gap,gwa", "0,0.1,2.3,,", "1,0.5,1,0.1,0.3", "2,0.6,1,0.2,0.4"]
    (folder / "judge" / "table.csv").write_text("\n".join(lines))
    np.savez(folder / "judge" / "labels.npz", unseen_right=np.array([0, 0, 0, 1]))
    epochs = [{"epoch": n, "verdict": "learning", "memorized_share": {"estimate": n / 10}} for n in range(3)]
    told_of = {"labels": document("small.2", epochs=epochs)}
    (folder / "judge" / "told.json").write_text(json.dumps(told_of))
    (tmp_path / "other.1.part").mkdir()
    (tmp_path / "other.1.part" / "training.json").write_text("{}")
    [of] = captures.read_all([tmp_path])
    assert (of.name, of.chance, of.epochs, of.told) == ("small.2", 0.75, 2, told_of)
    with pytest.raises(SystemExit, match=r"more than one capture of small\.2"):
        captures.read_all([tmp_path, folder])
    sources, notes = judge.told_sources([of])
    assert notes == ["rotewatch without labels: nothing was told of small.2"]
    judge.write_table(of, sources, tmp_path / "small.csv")
    with (tmp_path / "small.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[2] == {
        "epoch": "2",
        "test_accuracy": "0.6",
        "test_loss": "1",
        "true_gap": "0.2",
        "gwa": "0.4",
        "memorized_share": "0.2",
        "verdict": "learning",
    }
    assert rows[0]["true_gap"] == ""


def test_what_is_kept_of_a_replay():
    layer = {
        "layer": "features",
        "class_information_nats": {"mean": 0.123456789, "p05": 0.0, "p90": None},
        "mutual_information_nats": {"mean": 0.5, "p90": 0.7},
        "entropy_neuron_nats": {"mean": 1.0},
    }
    whole = {"run": "a.1", "folder": "/somewhere", "alarms": [], "epochs": [{"epoch": 1, "rows": 9, "layers": [layer]}]}
    kept = {
        "layer": "features",
        "class_information_nats": {"mean": 0.12346, "p90": None},
        "mutual_information_nats": {"mean": 0.5},
    }
    assert told.told_of(whole) == {"run": "a.1", "alarms": [], "epochs": [{"epoch": 1, "layers": [kept]}]}
