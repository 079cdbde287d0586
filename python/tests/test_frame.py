"""The document of a frame is one that the format's own library reads."""

import json

import pytest
import torch
from safetensors.torch import load

from rotewatch.frame import Frame


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_document_is_safetensors(dtype):
    layers = {
        'a "quoted" layer': torch.randn(3, 5).to(dtype),
        "every second": torch.randn(3, 4).to(dtype)[:, ::2],
        "single": torch.randn(3, 1),
    }
    frame = Frame(layers, torch.tensor([2, 0, 1]))
    document = b"".join(frame.document())
    read = load(document)
    assert set(read) == {*layers, "predictions"}
    for name, layer in layers.items():
        assert read[name].dtype == layer.dtype
        assert torch.equal(read[name], layer)
    assert read["predictions"].tolist() == [2, 0, 1]
    length = int.from_bytes(document[:8], "little")
    for tensor in json.loads(document[8 : 8 + length]).values():
        width = {"I64": 8, "F32": 4}.get(tensor["dtype"], 2)
        assert (8 + length + tensor["data_offsets"][0]) % width == 0, "aligned"


def test_a_document_outlives_its_frame():
    pieces = Frame({"a": torch.full((64, 64), 7.0)}).document()
    torch.full((64, 64), 3.0)
    assert load(b"".join(pieces))["a"].eq(7).all()
