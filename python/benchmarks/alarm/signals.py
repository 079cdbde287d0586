"""What the features of unseen rows say of the classes that the network predicts."""

from __future__ import annotations

import torch
from torch.nn import functional

NEIGHBOURS = 10
BINS = 10
#: Bounds the pairs; the mean over more of them differs little.
PAIRED_AT_MOST = 128


def neighbours(features: torch.Tensor, predictions: torch.Tensor) -> torch.Tensor:
    """Returns how many of each row's nearest other rows have the same predicted class, as uint8 [rows]."""
    values = features.float()
    values = values - values.mean(0)
    squares = values.square().sum(1)
    distances = squares[:, None] + squares[None] - 2 * values @ values.T
    distances.fill_diagonal_(torch.inf)
    nearest = distances.topk(min(NEIGHBOURS, len(values) - 1), largest=False).indices
    return (predictions[nearest] == predictions[:, None]).sum(1).to(torch.uint8)


def class_information(activations: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Returns each neuron's mutual information with the class in nats, [neurons].

    The plug-in estimate of 10 bins of equal width between a neuron's least and greatest activation.
    """
    binned = _binned(activations)
    of_class = functional.one_hot(classes, int(classes.max()) + 1).to(binned)
    return _information(torch.einsum("rnb,rc->nbc", binned, of_class) / len(classes))


def mutual_information(activations: torch.Tensor) -> torch.Tensor:
    """Returns the mean mutual information of two neurons in nats, over all pairs of the first 128."""
    binned = _binned(activations[:, :PAIRED_AT_MOST])
    neurons = binned.shape[1]
    flat = binned.flatten(1)
    joint = (flat.T @ flat / len(flat)).view(neurons, BINS, neurons, BINS).transpose(1, 2)
    information = _information(joint)
    return (information.sum() - information.diagonal().sum()) / max(1, neurons * (neurons - 1))


def cnd(outputs: torch.Tensor, given: torch.Tensor) -> float:
    """Returns the low quantile over the output neurons of their information on the class.

    Of the correctly fitted rows of the training set; NaN without any.

    # Source
    After CND (OpenReview synVz5n0I8): class-conditional against marginal pre-activations of the last layer.
    """
    fitted = outputs.argmax(1) == given
    if not fitted.any():
        return float("nan")
    return float(class_information(outputs[fitted].float(), given[fitted]).quantile(0.1))


def _binned(activations: torch.Tensor) -> torch.Tensor:
    """Returns [rows, neurons, bins] with a one at each row's bin."""
    values = activations.float().nan_to_num(0.0, 0.0, 0.0)  # of a training that diverged
    least = values.amin(0)
    width = (values.amax(0) - least).clamp_min(1e-12) / BINS
    return functional.one_hot(((values - least) / width).long().clamp(0, BINS - 1), BINS).float()


def _information(joint: torch.Tensor) -> torch.Tensor:
    """Returns the mutual information of joint distributions [..., m, n]."""
    apart = joint.sum(-1, keepdim=True) * joint.sum(-2, keepdim=True)
    return torch.xlogy(joint, joint / apart.clamp_min(1e-30)).sum((-1, -2))
