"""Variants of the alarm's rule that the benchmark tries."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.alarm import ablate
from benchmarks.alarm.trainings import cells


@pytest.mark.daemon
@pytest.mark.parametrize("group", ablate.GROUPS)
def test_the_program_takes_each_configuration(group, tmp_path, binary):
    for variant in ablate.GROUPS[group]:
        file = tmp_path / "variant.yaml"
        file.write_text(variant.config())
        done = subprocess.run([binary, "check-config", str(file)], capture_output=True, text=True)
        assert done.returncode == 0, f"{variant.name}: {done.stderr}"


def test_right_labels_change_errors_of_unseen_rows_alone(tmp_path):
    folder, made = tmp_path / "small.1", tmp_path / "right" / "small.1"
    inbox = folder / "inbox" / "small.1"
    inbox.mkdir(parents=True)
    assert not ablate.with_right_labels(folder, made), "it has no classes"
    (folder / "judge").mkdir()
    np.savez(folder / "judge" / "labels.npz", unseen_right=np.array([0, 1, 2, 0]), unseen_given=np.array([0, 0, 0, 0]))
    predictions, losses = np.array([0, 1, 0, 0]), np.ones(4, np.float32)
    sent = {"row:predictions": predictions, "row:errors": np.float32([0, 1, 0, 0]), "row:losses": losses}
    for suffix in ("safetensors", "seen.safetensors"):
        save_file(sent, inbox / f"3.0.{suffix}")
    assert ablate.with_right_labels(folder, made)
    changed, seen = (
        load_file(made / "inbox" / "small.1" / f"3.0.{end}") for end in ("safetensors", "seen.safetensors")
    )
    assert set(changed) == {"row:predictions", "row:errors"} and changed["row:errors"].tolist() == [0, 0, 1, 0]
    assert set(seen) == set(sent) and seen["row:errors"].tolist() == [0, 1, 0, 0]
    assert load_file(inbox / "3.0.safetensors")["row:errors"].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("cell", "rate", "optimizer", "augmentation", "norm"),
    [
        ("cifar-resnet8-cosine-sym40", "cosine", "SGD with momentum", "none", "yes"),
        ("cifar-resnet8-adam-aug-clean", "constant", "Adam", "crop and flip", "yes"),
        ("cifar-resnet8-warmup-smooth-clean", "warm-up, then cosine", "SGD with momentum", "none", "yes"),
        ("cifar-resnet8-mixup-aug-sym40", "cosine", "SGD with momentum", "mixup, crop and flip", "yes"),
        ("cifar-resnet8-small-clean", "constant", "Adam", "none", "yes"),
        ("cifar-finetune-clean", "constant", "Adam", "none", "yes"),
        ("fashion-mlp-norm-clean", "constant", "Adam", "none", "yes"),
        ("adult-mlp-sym30", "constant", "Adam", "none", "no"),
    ],
)
def test_traits_are_those_of_the_training(cell, rate, optimizer, augmentation, norm):
    assert cell in cells()
    found = ablate.traits(cell)
    told = tuple(found[trait] for trait in ("learning rate", "optimizer", "augmentation", "batch norm"))
    assert told == (rate, optimizer, augmentation, norm)
