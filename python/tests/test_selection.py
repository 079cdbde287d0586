import pytest
import torch
from torch import nn

from rotewatch.selection import runs_compiled, selection, unwrapped


def small() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4), nn.Linear(4, 3))


def test_by_default_linear_and_convolutions_are_watched_but_the_last():
    chosen = selection(small(), None)
    assert list(chosen.modules) == ["0", "3", "4"]
    assert chosen.settled(["0", "3", "4"]) == (["0", "3"], [])


def test_the_last_is_the_last_in_forward_order_and_the_unreached_are_told():
    assert selection(small(), None).settled(["4", "0"]) == (["4"], ["3"])


def test_attention_counts_as_one():
    encoder = nn.TransformerEncoderLayer(8, 2, 16)
    assert list(selection(encoder, None).modules) == ["self_attn", "linear1", "linear2"]


def test_names_globs_modules_and_classes():
    model = nn.Module()
    model.first, model.second, model.act = nn.Linear(1, 1), nn.Linear(1, 1), nn.ReLU()
    for choices, names in [
        ("first", ["first"]),
        (["*t", model.second], ["first", "second", "act"]),
        ([nn.ReLU, "second"], ["second", "act"]),
    ]:
        chosen = selection(model, choices)
        assert list(chosen.modules) == names
        assert chosen.settled(names) == (names, [])


def test_a_choice_without_a_match_is_an_error_that_lists_what_there_is():
    with pytest.raises(ValueError, match=r"'fc\*'.*0, 1, 2"):
        selection(small(), ["fc*"])
    with pytest.raises(TypeError):
        selection(small(), [3])


def test_wrappers_leave_no_trace_in_names():
    compiled = torch.compile(small(), backend="eager")
    wrapped = nn.DataParallel(compiled)
    assert unwrapped(wrapped) is compiled._orig_mod
    inner = nn.Sequential(torch.compile(nn.Linear(2, 2), backend="eager"), nn.Linear(2, 2))
    assert list(selection(inner, None).modules) == ["0", "1"]
    assert runs_compiled(compiled) and runs_compiled(inner) and not runs_compiled(small())


def test_a_network_that_is_one_layer_goes_by_its_class():
    assert list(selection(nn.Linear(2, 2), "Linear").modules) == ["Linear"]


def test_no_layer_takes_the_name_of_the_predictions():
    model = nn.Module()
    model.predictions = nn.Linear(1, 1)
    model.add_module("row:losses", nn.Linear(1, 1))
    assert list(selection(model, None).modules) == ["predictions.output", "row_losses"]
