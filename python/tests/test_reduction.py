import pytest
import torch
from torch import nn

from rotewatch.reduction import UnusableOutputError, rows_by_neurons


def reduced(output, module=None, *, rows, reduce="mean", **options):
    return rows_by_neurons(output, module or nn.Linear(1, 1), rows=rows, reduce=reduce, seed=(0,), **options)


def test_two_dimensions_stay_and_are_copied():
    output = torch.randn(4, 3)
    kept = reduced(output, rows=4)
    expected = output.clone()
    output.relu_()
    assert torch.equal(kept, expected)


@pytest.mark.parametrize(("reduce", "expected"), [("mean", 2.0), ("max", 3.0), ("last", 3.0)])
def test_positions_of_a_sequence_become_one_number(reduce, expected):
    sequence = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1).expand(5, 3, 2)
    assert torch.equal(reduced(sequence, rows=5, reduce=reduce), torch.full((5, 2), expected))


def test_channels_of_a_convolution_are_neurons():
    maps = torch.randn(4, 6, 5, 3)
    assert torch.allclose(reduced(maps, nn.Conv2d(1, 6, 1), rows=4), maps.mean(dim=(2, 3)))
    signal = torch.randn(4, 6, 5)
    assert torch.allclose(reduced(signal, nn.Conv1d(1, 6, 1), rows=4), signal.mean(dim=2))


def test_features_of_a_linear_layer_on_a_grid_are_neurons():
    grid = torch.randn(4, 5, 3, 6)
    assert torch.allclose(reduced(grid, nn.Linear(1, 6), rows=4), grid.mean(dim=(1, 2)))


def test_attention_that_is_not_batch_first_is_turned():
    attention = nn.MultiheadAttention(4, 2)
    output, weights = torch.randn(7, 5, 4), torch.randn(5, 7, 7)
    assert torch.allclose(reduced((output, weights), attention, rows=5), output.mean(dim=0))
    square = torch.randn(5, 5, 4)
    assert torch.allclose(reduced((square, None), attention, rows=5), square.mean(dim=0))
    assert torch.allclose(reduced(square, nn.Linear(1, 4), rows=5), square.mean(dim=1))


def test_a_sampled_position_is_one_of_the_row_and_the_same_again():
    sequence = torch.arange(40.0).view(5, 8, 1)
    once, again = (reduced(sequence, rows=5, reduce="sample") for _ in range(2))
    assert torch.equal(once, again)
    assert all(value in row for value, row in zip(once, sequence, strict=True))


def test_chosen_rows_are_those_of_the_input():
    output = torch.randn(6, 3)
    assert torch.equal(reduced(output, rows=6, chosen=torch.tensor([1, 4])), output[[1, 4]])


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (torch.zeros(4, 3, dtype=torch.int64), "int64"),
        (torch.zeros(4), "shape [4]"),
        (torch.zeros(8, 3), "expected one row for each of the 4"),
        ("text", "a str without a tensor"),
        (torch.zeros(4, 0, 3), "no positions"),
    ],
)
def test_what_cannot_be_read_says_why(output, says):
    with pytest.raises(UnusableOutputError) as unusable:
        reduced(output, rows=4)
    assert says in str(unusable.value)
