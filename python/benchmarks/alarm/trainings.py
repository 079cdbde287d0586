"""The trainings of the benchmark: every cell by name, with its data, network and optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from . import data, networks, noise
from .tasks import Classes, Task, Tokens, Values


@dataclass
class Training:
    """One training, ready to run."""

    network: nn.Module
    split: data.Split
    task: Task
    epochs: int
    batch: int
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
    #: Learning rate as a factor of the optimizer's own, by progress in [0, 1].
    schedule: Callable[[float], float] = lambda progress: 1.0
    #: Changes a batch of inputs before the step: augmentation.
    augment: Callable[[torch.Tensor], torch.Tensor] | None = None
    #: Mixes pairs of examples with this concentration; 0 for no mixing (Zhang et al., 2018).
    mixup: float = 0.0
    bf16: bool = False
    #: Steps that count as an epoch; `None` for a pass over the data.
    steps_an_epoch: int | None = None
    clip: float | None = None
    #: What the network learns before this training; called with the network on its device.
    before: Callable[[nn.Module], None] | None = None


@dataclass(frozen=True)
class Cell:
    """A training by name, for any seed."""

    name: str
    make: Callable[[int], Training] = field(repr=False)
    #: Rough seconds on one core, for the estimate.
    seconds: float


def crop_and_flip(images: torch.Tensor) -> torch.Tensor:
    """Shifts each image by up to 4 pixels and mirrors half of them; its random numbers are the same on any device."""
    rows, channels, height, width = images.shape
    device = images.device
    padded = nn.functional.pad(images, (4, 4, 4, 4), mode="reflect")
    top, left = torch.randint(0, 9, (2, rows)).to(device)
    y = (top[:, None] + torch.arange(height, device=device))[:, None, :, None]
    x = (left[:, None] + torch.arange(width, device=device))[:, None, None, :]
    flipped = (torch.rand(rows) < 0.5).to(device)
    x = torch.where(flipped[:, None, None, None], x.flip(3), x)
    of_row = torch.arange(rows, device=device)[:, None, None, None]
    of_channel = torch.arange(channels, device=device)[None, :, None, None]
    return padded[of_row, of_channel, y, x]


def cosine(warm_up: float = 0.0) -> Callable[[float], float]:
    """A cosine from 1 to 0, after a linear warm-up."""

    def factor(progress: float) -> float:
        if progress < warm_up:
            return (progress + 0.01) / (warm_up + 0.01)
        return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))

    return factor


def sgd(rate: float, decay: float = 5e-4) -> Callable[[list[nn.Parameter]], torch.optim.Optimizer]:
    """SGD with Nesterov momentum."""
    return lambda parameters: torch.optim.SGD(parameters, rate, momentum=0.9, nesterov=True, weight_decay=decay)


def adam(rate: float, decay: float = 0.0) -> Callable[[list[nn.Parameter]], torch.optim.Optimizer]:
    """Adam with decoupled weight decay."""
    return lambda parameters: torch.optim.AdamW(parameters, rate, weight_decay=decay)


def _cifar(
    seed: int,
    labels: data.Noise,
    *,
    depth: int = 8,
    rows: int = 8000,
    epochs: int = 25,
    plan: str = "cosine",
    augment: bool = False,
    smoothing: float = 0.0,
    mixup: float = 0.0,
    kind: str = "resnet",
    rate: float = 0.1,
) -> Training:
    images, classes, test_images, test_classes = data.cifar10()
    split = data.split((images, classes), (test_images, test_classes), labels, train=rows, seed=seed)
    return Training(
        network=networks.ResNet(depth) if kind == "resnet" else networks.Convolutions(3, 32, 10),
        split=split,
        task=Classes(smoothing),
        epochs=epochs,
        batch=128,
        optimizer=sgd(rate) if plan != "adam" else adam(2e-3),
        schedule={"cosine": cosine(), "warm-up": cosine(0.1), "adam": lambda progress: 1.0}[plan],
        augment=crop_and_flip if augment else None,
        mixup=mixup,
        bf16=True,
    )


def _fashion(
    seed: int,
    labels: data.Noise,
    *,
    kind: str = "mlp",
    rows: int = 8000,
    epochs: int = 30,
    norm: bool = False,
    dropout: float = 0.0,
    decay: float = 0.0,
    rate: float = 1e-3,
    watched: int = 1000,
    hidden: int = 256,
) -> Training:
    images, classes, test_images, test_classes = data.fashion()
    split = data.split(
        (images, classes),
        (test_images, test_classes),
        labels,
        train=rows,
        seed=seed,
        seen=watched,
        unseen=watched,
        test_rows=5000,
    )
    network = (
        networks.mlp(784, 10, hidden, norm=norm, dropout=dropout)
        if kind == "mlp"
        else networks.Convolutions(1, 28, 10, dropout)
    )
    return Training(network, split, Classes(), epochs, 64, adam(rate, decay))


def _trec(
    seed: int, labels: data.Noise, *, kind: str = "encoder", epochs: int = 20, rows: int = 3000, dropout: float = 0.1
) -> Training:
    words, classes = data.trec_words()
    split = data.split((words, classes), None, labels, train=rows, seed=seed, held=900, test_rows=1000)
    encoder = networks.TextEncoder(4000, 6, dropout=dropout)
    network = encoder if kind == "encoder" else networks.Recurrent(4000, 6)
    return Training(network, split, Classes(), epochs, 32, adam(1e-3))


def _adult(
    seed: int,
    labels: data.Noise,
    *,
    rows: int = 6000,
    epochs: int = 40,
    norm: bool = False,
    dropout: float = 0.0,
    layers: int = 3,
    hidden: int = 256,
) -> Training:
    split = data.split(data.adult(), None, labels, train=rows, seed=seed, held=2000, test_rows=6000)
    network = networks.mlp(92, 2, hidden, layers, norm=norm, dropout=dropout)
    return Training(network, split, Classes(), epochs, 64, adam(1e-3))


def _gpt(seed: int, *, characters: int = 100_000, epochs: int = 17, dropout: float = 0.0) -> Training:
    text = data.shakespeare()
    length = 64
    generator = torch.Generator().manual_seed(seed)

    def windows(part: torch.Tensor, count: int) -> data.Examples:
        starts = torch.randint(0, len(part) - length - 1, (count,), generator=generator)
        rows = part[starts[:, None] + torch.arange(length + 1)]
        return data.Examples(rows[:, :-1], rows[:, 1:], rows[:, 1:])

    # The unseen, held-out and test windows come from the 180,000 characters after those that are trained on.
    first = int(torch.randint(0, len(text) - characters - 180_000, (1,), generator=generator))
    train = windows(text[first : first + characters], 3000)
    unseen, held, test = (
        windows(text[first + characters + part * 60_000 :][:60_000], rows)
        for part, rows in enumerate((1000, 600, 1000))
    )
    seen = torch.randperm(len(train), generator=generator)[:1000]
    return Training(
        network=networks.CharacterGpt(65, dropout=dropout),
        split=data.Split(train, seen, unseen, held, test),
        task=Tokens(),
        epochs=epochs,
        batch=32,
        optimizer=adam(1e-3, 0.01),
        clip=1.0,
    )


def _addition(
    seed: int, *, modulus: int = 97, share: float = 0.45, epochs: int = 60, shuffled: bool = False
) -> Training:
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.cartesian_prod(torch.arange(modulus), torch.arange(modulus))
    sums = pairs.sum(1) % modulus
    if shuffled:
        sums = sums[torch.randperm(len(sums), generator=generator)]
    order = torch.randperm(len(pairs), generator=generator)
    everything = data.Examples(pairs, sums, sums)
    count = int(share * len(pairs))
    rest = order[count:]
    split = data.Split(
        train=everything[order[:count]],
        seen=torch.randperm(count, generator=generator)[:1000],
        unseen=everything[rest[:1000]],
        held=everything[rest[1000:2000]],
        test=everything[rest[2000:4000]],
    )
    return Training(networks.Addition(modulus), split, Classes(), epochs, 512, adam(1e-3, 1.0), steps_an_epoch=100)


def _regression(seed: int, *, rows: int = 3000, epochs: int = 40, decay: float = 0.0) -> Training:
    features, _ = data.adult()
    # The number of hours that a person works, from everything else that is known of them.
    target = features[:, [HOURS]].clone()
    inputs = features.clone()
    inputs[:, HOURS] = 0
    split = data.split((inputs, target), None, noise.clean(), train=rows, seed=seed, held=1500, test_rows=6000)
    return Training(networks.mlp(92, 1), split, Values(), epochs, 64, adam(1e-3, decay))


#: The column of adult/ that has the hours worked in a week.
HOURS = 5


def _autoencoder(seed: int, *, rows: int = 3000, epochs: int = 40) -> Training:
    images, _, test_images, _ = data.fashion()
    flat, test_flat = images.flatten(1), test_images.flatten(1)
    split = data.split((flat, flat), (test_flat, test_flat), noise.clean(), train=rows, seed=seed)
    return Training(networks.Autoencoder(), split, Values(), epochs, 64, adam(1e-3))


def _fine_tuned_resnet(
    seed: int, labels: data.Noise, *, rows: int = 800, epochs: int = 15, augment: bool = False, frozen: bool = False
) -> Training:
    """A ResNet-8 trained on animals' and vehicles' right labels first, then on few rows of the ten classes."""
    images, classes, test_images, test_classes = data.cifar10()
    generator = torch.Generator().manual_seed(77)
    order = torch.randperm(len(images), generator=generator)
    before, after = order[:6000], order[6000:]
    coarse = torch.tensor([1, 1, 0, 0, 0, 0, 0, 0, 1, 1])

    def learn(network: nn.Module) -> None:
        device = next(network.parameters()).device
        torch.manual_seed(77)
        optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
        inputs, targets = images[before].to(device), coarse[classes[before]].to(device)
        for _ in range(4):
            for batch, wanted in zip(inputs.split(128), targets.split(128), strict=True):
                with torch.autocast(device.type, torch.bfloat16):
                    outputs = network(crop_and_flip(batch))
                loss = nn.functional.cross_entropy(outputs.float(), wanted)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        torch.manual_seed(seed)
        network.requires_grad_(not frozen)
        network.head = nn.Linear(64, 10).to(device)

    pool = (images[after], classes[after])
    split = data.split(pool, (test_images, test_classes), labels, train=rows, seed=seed, held=1500)
    network = networks.ResNet(8, classes=2)
    changed = crop_and_flip if augment else None
    return Training(network, split, Classes(), epochs, 32, adam(1e-3), augment=changed, bf16=True, before=learn)


def cells() -> dict[str, Cell]:
    """Every training of the benchmark, by name."""
    none, ten = noise.clean(), 10
    kinds: dict[str, data.Noise] = {
        "clean": none,
        "sym20": noise.symmetric(0.2, ten),
        "sym40": noise.symmetric(0.4, ten),
        "sym60": noise.symmetric(0.6, ten),
        "idn40": noise.instance_dependent(0.4, ten),
        "sub20": noise.subclass(0.2, 10, ten),
        "random": noise.entirely_random(ten),
    }
    cifar = {**kinds, "asym40": noise.asymmetric(0.4, noise.CIFAR_PAIRS)}
    fashion = {**kinds, "asym40": noise.asymmetric(0.4, noise.FASHION_PAIRS)}
    found: dict[str, Cell] = {}

    def add(name: str, seconds: float, make: Callable[[int], Training]) -> None:
        found[name] = Cell(name, make, seconds)

    for label, changed in cifar.items():
        for plan in ("cosine", "adam"):
            for augment in (False, True):
                add(
                    f"cifar-resnet8-{plan}{'-aug' if augment else ''}-{label}",
                    330,
                    lambda seed, c=changed, p=plan, a=augment: _cifar(seed, c, plan=p, augment=a),
                )
    for label in ("clean", "sym40"):
        add(
            f"cifar-resnet14-adam-{label}",
            420,
            lambda seed, c=cifar[label]: _cifar(seed, c, depth=14, plan="adam", epochs=20),
        )
        add(
            f"cifar-resnet8-warmup-smooth-{label}",
            330,
            lambda seed, c=cifar[label]: _cifar(seed, c, plan="warm-up", smoothing=0.1),
        )
        add(
            f"cifar-resnet8-mixup-aug-{label}",
            330,
            lambda seed, c=cifar[label]: _cifar(seed, c, augment=True, mixup=0.4),
        )
        add(f"cifar-finetune-{label}", 120, lambda seed, c=cifar[label]: _fine_tuned_resnet(seed, c))
        add(
            f"cifar-finetune-aug-{label}",
            120,
            lambda seed, c=cifar[label]: _fine_tuned_resnet(seed, c, augment=True),
        )
    add("cifar-resnet8-small-clean", 80, lambda seed: _cifar(seed, none, rows=1000, epochs=40, plan="adam"))
    for label, changed in fashion.items():
        add(f"fashion-mlp-{label}", 80, lambda seed, c=changed: _fashion(seed, c))
        add(f"fashion-cnn-{label}", 150, lambda seed, c=changed: _fashion(seed, c, kind="cnn", epochs=20))
    for label in ("clean", "sym40"):
        add(f"fashion-mlp-norm-{label}", 100, lambda seed, c=fashion[label]: _fashion(seed, c, norm=True))
        add(f"fashion-mlp-dropout-{label}", 90, lambda seed, c=fashion[label]: _fashion(seed, c, dropout=0.5))
        add(f"fashion-mlp-decay-{label}", 80, lambda seed, c=fashion[label]: _fashion(seed, c, decay=1.0))
        add(f"fashion-mlp-rows4000-{label}", 100, lambda seed, c=fashion[label]: _fashion(seed, c, watched=4000))
        add(
            f"fashion-cnn-rows4000-{label}",
            170,
            lambda seed, c=fashion[label]: _fashion(seed, c, kind="cnn", epochs=20, watched=4000),
        )
        add(f"fashion-mlp-small-{label}", 30, lambda seed, c=fashion[label]: _fashion(seed, c, rows=500, epochs=40))
    for label, changed in {"clean": none, "sym30": noise.symmetric(0.3, 6), "random": noise.entirely_random(6)}.items():
        add(f"trec-encoder-{label}", 90, lambda seed, c=changed: _trec(seed, c))
        add(f"trec-lstm-{label}", 90, lambda seed, c=changed: _trec(seed, c, kind="lstm"))
    for label, changed in {"clean": none, "sym30": noise.symmetric(0.3, 2)}.items():
        add(f"adult-mlp-{label}", 70, lambda seed, c=changed: _adult(seed, c))
        add(f"adult-mlp-norm-{label}", 80, lambda seed, c=changed: _adult(seed, c, norm=True))
        add(f"adult-mlp-small-{label}", 40, lambda seed, c=changed: _adult(seed, c, rows=800))
        add(f"adult-mlp-dropout-{label}", 40, lambda seed, c=changed: _adult(seed, c, epochs=20, dropout=0.5))
    for label in ("clean", "sym40"):
        add(
            f"fashion-cnn-dropout-{label}",
            150,
            lambda seed, c=fashion[label]: _fashion(seed, c, kind="cnn", dropout=0.5),
        )
        add(f"fashion-mlp-wide-{label}", 120, lambda seed, c=fashion[label]: _fashion(seed, c, hidden=1024, epochs=20))
        add(f"cifar-cnn-{label}", 200, lambda seed, c=cifar[label]: _cifar(seed, c, kind="cnn", rate=0.02))
        add(
            f"cifar-cnn-aug-{label}",
            200,
            lambda seed, c=cifar[label]: _cifar(seed, c, kind="cnn", rate=0.02, augment=True),
        )
        add(f"cifar-finetune-frozen-{label}", 60, lambda seed, c=cifar[label]: _fine_tuned_resnet(seed, c, frozen=True))
    for label, changed in {"clean": none, "sym30": noise.symmetric(0.3, 6)}.items():
        add(f"trec-encoder-dropout-{label}", 90, lambda seed, c=changed: _trec(seed, c, dropout=0.5))
    for label, changed in {"clean": none, "sym30": noise.symmetric(0.3, 2)}.items():
        add(f"adult-mlp-deep-{label}", 70, lambda seed, c=changed: _adult(seed, c, epochs=15, layers=6, hidden=64))
    add("gpt-300k-dropout", 400, lambda seed: _gpt(seed, characters=300_000, dropout=0.2))
    add("gpt-100k", 400, lambda seed: _gpt(seed))
    add("gpt-100k-dropout", 400, lambda seed: _gpt(seed, dropout=0.2))
    add("gpt-700k", 400, lambda seed: _gpt(seed, characters=700_000))
    add("addition-groks", 150, lambda seed: _addition(seed))
    add("addition-random", 100, lambda seed: _addition(seed, shuffled=True, epochs=30))
    add("regression-mlp", 40, lambda seed: _regression(seed))
    add("regression-mlp-decay", 40, lambda seed: _regression(seed, decay=1.0))
    add("autoencoder", 60, lambda seed: _autoencoder(seed))
    add("autoencoder-small", 40, lambda seed: _autoencoder(seed, rows=500))
    return found
