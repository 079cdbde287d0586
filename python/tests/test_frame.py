"""The safetensors library reads the documents of frames."""

import json

import pytest
import torch
from safetensors.torch import load

from rotewatch.frame import Frame, document, joined, packed
from rotewatch.row_numbers import RowNumbers


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_document_is_safetensors(dtype):
    layers = {
        'a "quoted" layer': torch.randn(3, 5).to(dtype),
        "every second": torch.randn(3, 4).to(dtype)[:, ::2],
        "single": torch.randn(3, 1),
    }
    losses = torch.tensor([0.5, float("nan"), 2.0])
    frame = Frame(layers, RowNumbers(losses=losses, predictions=torch.tensor([2, 0, 1])))
    written = b"".join(document([frame]))
    read = load(written)
    assert set(read) == {*layers, "row:predictions", "row:losses"}
    for name, layer in layers.items():
        assert read[name].dtype == layer.dtype
        assert torch.equal(read[name], layer)
    assert read["row:predictions"].tolist() == [2, 0, 1]
    assert torch.equal(read["row:losses"].nan_to_num(7), losses.nan_to_num(7))
    length = int.from_bytes(written[:8], "little")
    for tensor in json.loads(written[8 : 8 + length]).values():
        width = {"I64": 8, "F32": 4}.get(tensor["dtype"], 2)
        assert (8 + length + tensor["data_offsets"][0]) % width == 0, "aligned"


def test_a_document_outlives_its_frame():
    pieces = document([Frame({"a": torch.full((64, 64), 7.0)})])
    torch.full((64, 64), 3.0)
    assert load(b"".join(pieces))["a"].eq(7).all()


def test_frames_that_follow_one_another_are_one_document():
    rows = torch.randn(50, 3)
    labels = torch.arange(50)
    frames = [
        Frame({"a": rows[:20], "b": rows[:20].half()}, RowNumbers(predictions=labels[:20])),
        Frame({"a": rows[20:], "b": rows[20:]}, RowNumbers(predictions=labels[20:])),
    ]
    alike, left_out = joined(frames)
    read = load(b"".join(document(alike)))
    assert not left_out
    assert torch.equal(read["a"], rows)
    assert torch.equal(read["row:predictions"], labels)
    assert read["b"].dtype == torch.float32 and torch.equal(read["b"], torch.cat([rows[:20].half().float(), rows[20:]]))


def test_what_is_not_alike_in_all_frames_is_left_out():
    both = RowNumbers(losses=torch.zeros(2), predictions=torch.zeros(2).long())
    frames = [Frame({"a": torch.zeros(2, 3), "b": torch.zeros(2, 3), "c": torch.zeros(2, 1)}, both)]
    frames.append(Frame({"a": torch.zeros(2, 4), "c": torch.zeros(2, 1)}, RowNumbers(losses=torch.ones(2))))
    alike, left_out = joined(frames)
    assert [set(frame.layers) for frame in alike] == [{"c"}, {"c"}]
    assert [set(frame.numbers.known) for frame in alike] == [{"losses"}] * 2
    assert left_out == {
        "a": "its number of neurons differs between batches: [3, 4]",
        "b": "it has usable outputs in 1 of 2 batches only",
    }


def test_rows_are_packed_into_documents_of_a_bounded_size():
    rows = torch.arange(100.0).view(100, 1)
    frames = [Frame({"a": rows[:7]}), Frame({"a": rows[7:9]}), Frame({"a": rows[9:]})]
    groups = list(packed(frames, 40))
    assert all(sum(frame.nbytes for frame in group) <= 40 for group in groups)
    assert torch.equal(torch.cat([frame.layers["a"] for group in groups for frame in group]), rows)
    assert [frame.rows for frame in groups[0]] == [7, 2], "several frames in one document"
    assert [group[0].rows for group in packed([Frame({"a": rows[:2].expand(2, 20)})], 40)] == [1, 1], "a row is whole"


def test_a_frame_without_layers_has_the_rows_of_its_numbers():
    numbers = RowNumbers(losses=torch.arange(10.0), predictions=torch.arange(10))
    frame = Frame({}, numbers)
    assert (frame.rows, frame.nbytes, Frame({}).rows) == (10, 120, 0)
    groups = list(packed([frame], 40))
    assert [group[0].rows for group in groups] == [3, 3, 3, 1]
    read = [load(b"".join(document(group))) for group in groups]
    assert torch.equal(torch.cat([part["row:losses"] for part in read]), numbers.losses)
    assert frame.on_host().as_float32().numbers.predictions.dtype == torch.int64
