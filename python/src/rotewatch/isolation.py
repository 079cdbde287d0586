"""A forward pass without side effects on gradients, random states, module modes or compilation."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator

import torch
from torch import nn


@contextlib.contextmanager
def isolated(network: nn.Module) -> Iterator[None]:
    """Runs the block in evaluation mode, without gradients and uncompiled; restores everything, also after an error.

    Sets ``training`` on each module instead of calling ``eval()``, which some networks override to do more.
    """
    modes = [(module, module.training) for module in network.modules()]
    # set_stance imports the compiler, which takes seconds. A program that compiles has already imported it.
    uncompiled = (
        torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else contextlib.nullcontext()
    )
    with unmoved_generators(), torch.no_grad(), uncompiled, _ordinary_encoders():
        try:
            for module, _ in modes:
                module.training = False
            yield
        finally:
            for module, training in modes:
                module.training = training


@contextlib.contextmanager
def _ordinary_encoders() -> Iterator[None]:
    """Switches off the fused encoder: with a padding mask, its layers return nested tensors, which have no rows."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


@contextlib.contextmanager
def unmoved_generators(*generators: torch.Generator) -> Iterator[None]:
    """Restores every global random state (Python, NumPy, PyTorch, its devices) and those of ``generators``."""
    python = random.getstate()
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy is not None else None
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    states = [(generator, generator.get_state()) for generator in generators]
    try:
        yield
    finally:
        random.setstate(python)
        if numpy is not None:
            numpy.random.set_state(numpy_state)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)
        for generator, state in states:
            generator.set_state(state)
