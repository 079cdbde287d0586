import pytest
import torch
from torch.utils.data import IterableDataset, TensorDataset

import rotewatch


def test_held_out_rows_are_no_training_rows():
    before = torch.get_rng_state()
    train, held_out = rotewatch.hold_out(TensorDataset(torch.arange(100)), rows=30, seed=1)
    assert len(train) == 70 and len(held_out) == 30
    assert sorted([*train.indices, *held_out.indices]) == list(range(100))
    assert train.indices == sorted(train.indices) and held_out.indices == sorted(held_out.indices)
    assert held_out.indices != list(range(30)), "drawn from all rows"
    assert torch.equal(torch.get_rng_state(), before)
    assert held_out[0][0] == held_out.indices[0]


def test_the_seed_chooses_the_rows():
    data = TensorDataset(torch.arange(100))
    first, again, other = (rotewatch.hold_out(data, 20, seed)[1].indices for seed in (0, 0, 1))
    assert first == again != other


class Endless(IterableDataset):
    def __iter__(self):
        return iter(range(5))


@pytest.mark.parametrize(
    ("dataset", "rows", "said"),
    [
        (TensorDataset(torch.arange(1999)), 1000, "1999 examples, fewer than twice the 1000.*pass rows=999 or fewer"),
        (TensorDataset(torch.arange(10)), 0, "rows is 0"),
        (Endless(), 1000, "Endless has no length; split its source"),
    ],
)
def test_a_data_set_that_cannot_be_split_is_an_error_with_a_remedy(dataset, rows, said):
    with pytest.raises(ValueError, match=said):
        rotewatch.hold_out(dataset, rows)
