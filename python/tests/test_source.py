"""Which rows of a source are kept."""

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from rotewatch.batch import labels_of
from rotewatch.notices import Notices
from rotewatch.probe import Probe
from rotewatch.source import kept_batches

DATA = TensorDataset(torch.arange(1000), torch.arange(1000) // 100)


def kept(source, rows=200, seed=0):
    return kept_batches(source, rows=rows, seed=seed, notices=Notices("r"))


def places(batches):
    return torch.cat([batch[0] for batch in batches]).tolist()


class Thirds(Sampler):
    """A sampler of one's own that counts its epochs."""

    def __init__(self):
        self.epochs = 0

    def __iter__(self):
        self.epochs += 1
        return iter(range(0, 1000, 3))

    def __len__(self):
        return 334


@pytest.mark.parametrize(
    "loader",
    [
        DATA,
        DataLoader(DATA, batch_size=64),
        DataLoader(DATA, batch_size=64, shuffle=True),
        DataLoader(DATA, batch_size=64, sampler=WeightedRandomSampler([1.0] * 1000, 50)),
        DataLoader(DATA, batch_sampler=BatchSampler(RandomSampler(DATA), 64, drop_last=True)),
    ],
)
def test_rows_of_a_data_set_are_chosen_from_all_of_it(loader, caplog):
    before = torch.get_rng_state()
    batches = kept(loader)
    chosen = places(batches)
    assert chosen == sorted(set(chosen)) and len(chosen) == 200
    assert chosen == places(kept(DATA)), "the same rows however they are loaded"
    assert torch.cat([batch[1] for batch in batches]).unique().numel() == 10, "of every class, though it is sorted"
    assert chosen != places(kept(loader, seed=1))
    assert torch.equal(torch.get_rng_state(), before) and not caplog.records
    assert len(batches[0][0]) == (200 if loader is DATA else 64)


def test_rows_that_a_loader_does_not_draw_are_not_kept():
    half = DataLoader(DATA, batch_size=50, sampler=SubsetRandomSampler(range(500, 1000)))
    chosen = places(kept(half))
    assert min(chosen) >= 500 and len(chosen) == 200
    for source in (
        DataLoader(DATA, batch_size=50, sampler=Thirds()),
        DataLoader(DATA, batch_sampler=[[0, 3], [6, 9, 12]]),
        DataLoader(DATA, batch_sampler=BatchSampler(SequentialSampler(range(40)), 10, drop_last=False)),
    ):
        chosen = places(kept(source, rows=30))
        assert max(chosen) < 40 or all(place % 3 == 0 for place in chosen)


def test_a_sampler_that_counts_epochs_stays_as_it_was():
    sampler = Thirds()
    kept(DataLoader(DATA, batch_size=50, sampler=sampler))
    assert sampler.epochs == 0


def test_the_loaders_own_collation_is_used():
    loader = DataLoader(DATA, batch_size=8, collate_fn=lambda rows: {"ids": torch.tensor([int(r[0]) for r in rows])})
    assert [len(batch["ids"]) for batch in kept(loader, rows=20)] == [8, 8, 4]


class Stream(IterableDataset):
    def __iter__(self):
        return ((torch.tensor(place), torch.tensor(0)) for place in range(1000))


class Batches(Dataset):
    def __getitem__(self, place):
        return torch.full((5, 2), float(place))

    def __len__(self):
        return 10


def test_other_loaders_give_their_first_rows(caplog):
    assert places(kept(DataLoader(Stream(), batch_size=64), rows=100)) == list(range(100))
    assert places(kept(([torch.arange(3), 0] for _ in range(9)), rows=4)) == [0, 1, 2, 0]
    assert torch.cat(kept(DataLoader(Batches(), batch_size=None), rows=7))[:, 0].tolist() == [0.0] * 5 + [1.0] * 2
    assert not caplog.records
    kept(DataLoader(Batches(), batch_size=None, shuffle=True), rows=7)
    assert "the loader of the probe shuffles batches" in caplog.text


X = torch.randn(10, 8)


@pytest.mark.parametrize(
    ("source", "batches", "labelled"),
    [
        (X, 1, False),
        ((X, torch.arange(10)), 1, True),
        ([X, torch.arange(10)], 1, True),
        ([X, torch.zeros(10).bool()], 1, True),
        ([X, torch.randn(10)], 1, True),
        ([X, torch.randn(10, 1)], 1, True),
        ((X, torch.randn(10, 8)), 1, True),
        ([X, torch.randn(10, 8)], 2, False),
        ([X, torch.randn(4, 8)], 2, False),
        ([X, X, X], 3, False),
        ([X.numpy(), X.numpy()[:4]], 2, False),
        ([X], 1, False),
        ([torch.arange(10), torch.arange(10), torch.arange(10)], 1, True),
        ([(X, torch.arange(10)), (X, torch.arange(10))], 2, True),
        ({"x": X, "label": torch.arange(10)}, 1, True),
    ],
)
def test_a_list_of_batches_is_told_from_a_batch_by_its_shapes(source, batches, labelled):
    found = kept(source)
    assert len(found) == batches
    assert all((labels_of(batch) is not None) == labelled for batch in found)


def test_all_batches_of_a_list_are_probed():
    probe = Probe.of(list(torch.randn(300, 8).split(90)), rows=1000, forward=None, notices=Notices("r"))
    assert probe.rows == 300 and probe.classes is None


def test_arrays_of_numpy_are_labels_too():
    probe = Probe.of((np.ones((6, 2)), np.array([0, 1, 1, 0, 0, 0])), rows=9, forward=None, notices=Notices("r"))
    assert probe.classes == {0, 1}
