"""Renders noisy seven-segment digits, shifted and of varying brightness, with a share of wrong labels.

A network first learns what the digits have in common, then memorizes the wrong labels. Uses NumPy only; seeded.
"""

import numpy as np

SIDE = 10
CLASSES = 10

# Segments of each digit: top, upper left, upper right, middle, lower left, lower right, bottom.
_SEGMENTS = [
    "1110111",
    "0010010",
    "1011101",
    "1011011",
    "0111010",
    "1101011",
    "1101111",
    "1010010",
    "1111111",
    "1111011",
]
# Rows and columns of each segment on a grid of 9 x 5.
_PLACES = [
    (slice(0, 1), slice(0, 5)),
    (slice(0, 5), slice(0, 1)),
    (slice(0, 5), slice(4, 5)),
    (slice(4, 5), slice(0, 5)),
    (slice(4, 9), slice(0, 1)),
    (slice(4, 9), slice(4, 5)),
    (slice(8, 9), slice(0, 5)),
]


def noisy_digits(examples: int, *, label_noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns images ``[examples, 10, 10]`` in float32 and labels ``[examples]`` in int64.

    A share ``label_noise`` of the labels is redrawn from all ten classes.
    """
    rng = np.random.default_rng(seed)
    digits = rng.integers(CLASSES, size=examples)
    images = np.zeros((examples, SIDE, SIDE), dtype=np.float32)
    for image, digit in zip(images, digits, strict=True):
        top, left = rng.integers(2), 2 + rng.integers(2)
        field = image[top : top + 9, left : left + 5]
        for lit, place in zip(_SEGMENTS[digit], _PLACES, strict=True):
            if lit == "1":
                field[place] = rng.uniform(0.5, 1.0)
    images += rng.normal(scale=0.15, size=images.shape).astype(np.float32)
    redrawn = rng.random(examples) < label_noise
    labels = np.where(redrawn, rng.integers(CLASSES, size=examples), digits)
    return images, labels.astype(np.int64)
