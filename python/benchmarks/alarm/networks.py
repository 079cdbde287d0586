"""The networks of the benchmark: what people train, in sizes that two cores can afford."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Residual(nn.Module):
    """Two convolutions with batch norm and a shortcut (He et al., 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        changes = stride != 1 or inputs != outputs
        self.short = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            if changes
            else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the outputs."""
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.short(x))


class ResNet(nn.Module):
    """ResNet of 6n+2 layers for 32 x 32 images."""

    def __init__(self, depth: int, width: int = 16, classes: int = 10, channels: int = 3) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        self.stem = nn.Conv2d(channels, width, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        stages, inputs = [], width
        for stage in range(3):
            for block in range(blocks):
                outputs = width * 2**stage
                stages.append(Residual(inputs, outputs, 2 if stage and not block else 1))
                inputs = outputs
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the outputs."""
        x = self.stages(functional.relu(self.norm(self.stem(x))))
        return self.head(x.mean((2, 3)))


def mlp(
    inputs: int, outputs: int, hidden: int = 256, layers: int = 3, *, norm: bool = False, dropout: float = 0.0
) -> nn.Module:
    """Fully connected layers with ReLU."""
    parts: list[nn.Module] = [nn.Flatten()]
    for number in range(layers):
        parts.append(nn.Linear(inputs if number == 0 else hidden, hidden))
        if norm:
            parts.append(nn.BatchNorm1d(hidden))
        parts.append(nn.ReLU())
        if dropout:
            parts.append(nn.Dropout(dropout))
    return nn.Sequential(*parts, nn.Linear(hidden, outputs))


class Convolutions(nn.Module):
    """Two convolutions with pooling and a hidden layer."""

    def __init__(self, channels: int, side: int, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.hidden = nn.Linear(32 * (side // 4) ** 2, 128)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(128, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the outputs."""
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        return self.head(self.dropout(functional.relu(self.hidden(x.flatten(1)))))


class TextEncoder(nn.Module):
    """A transformer encoder over words, its output averaged over the words of a question."""

    def __init__(
        self, vocabulary: int, classes: int, width: int = 64, layers: int = 2, length: int = 20, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width, padding_idx=0)
        self.places = nn.Parameter(0.02 * torch.randn(length, width))
        block = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns the logits of word numbers."""
        pad = tokens == 0
        pad[:, 0] = False
        x = self.encoder(self.words(tokens) + self.places, src_key_padding_mask=pad)
        kept = (~pad).unsqueeze(2).float()
        return self.head((x * kept).sum(1) / kept.sum(1))


class Recurrent(nn.Module):
    """An LSTM over words and a linear head, the commonest sequence classifier."""

    def __init__(self, vocabulary: int, classes: int, width: int = 64) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns the logits of word numbers."""
        x, _ = self.lstm(self.words(tokens))
        return self.head(x.amax(1))


class CharacterGpt(nn.Module):
    """A decoder that predicts the next symbol."""

    def __init__(self, symbols: int, width: int = 96, layers: int = 3, length: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.symbols = nn.Embedding(symbols, width)
        self.places = nn.Parameter(0.02 * torch.randn(length, width))
        block = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, symbols)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns the logits of word numbers."""
        length = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=tokens.device)
        x = self.symbols(tokens) + self.places[:length]
        return self.head(self.blocks(x, mask=mask, is_causal=True))


class Addition(nn.Module):
    """Embeds two numbers and answers their sum modulo `modulus`, the task of grokking (Power et al., 2022)."""

    def __init__(self, modulus: int, width: int = 128) -> None:
        super().__init__()
        self.numbers = nn.Embedding(modulus, width)
        self.hidden1 = nn.Linear(2 * width, 256)
        self.hidden2 = nn.Linear(256, 256)
        self.head = nn.Linear(256, modulus)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        """Returns the logits of pairs of numbers."""
        x = functional.relu(self.hidden1(self.numbers(pairs).flatten(1)))
        return self.head(functional.relu(self.hidden2(x)))


class Autoencoder(nn.Module):
    """Compresses an image to a few numbers and back."""

    def __init__(self, inputs: int = 784, hidden: int = 256, code: int = 64) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, code), nn.ReLU()
        )
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, inputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the outputs."""
        return self.decoder(self.encoder(x))
