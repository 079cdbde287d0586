"""Compares the numbers of rows with PyTorch's own losses, task by task."""

import functools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from rotewatch import class_scores
from rotewatch.losses import NextTokenLoss
from rotewatch.notices import Notices
from rotewatch.scores import Scoring


def scored(output, labels, rows, *, loss=None, task=None, reduce="mean"):
    scoring = Scoring(loss, task, Notices("r"), reduce=reduce)
    return scoring.numbers(output, labels, rows), scoring.task


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6, equal_nan=True)


LOGITS = torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [1.0, 1.0, 4.0], [5.0, 0.0, 0.0]])
LABELS = torch.tensor([0, 2, 2, 1])


def test_integer_labels_make_cross_entropy(caplog):
    numbers, task = scored(LOGITS, LABELS, 4)
    assert task == "classes"
    close(numbers.losses, functional.cross_entropy(LOGITS, LABELS, reduction="none"))
    assert numbers.errors.tolist() == [0, 1, 0, 1]
    assert numbers.predictions.tolist() == [0, 1, 2, 0] and numbers.predictions.dtype == torch.int64
    chances = LOGITS.softmax(1)
    close(numbers.confidence, chances.amax(1))
    close(numbers.entropy, -(chances * chances.log()).sum(1))
    assert {number.dtype for name, number in numbers.known.items() if name != "predictions"} == {torch.float32}
    assert not caplog.records


@pytest.mark.parametrize("output", [{"logits": LOGITS, "other": None}, (LOGITS, torch.zeros(9)), LOGITS.half()])
def test_logits_are_found_in_what_networks_return(output):
    numbers, _ = scored(output, LABELS.view(4, 1).to(torch.int32), 4)
    close(numbers.losses, functional.cross_entropy(LOGITS, LABELS, reduction="none"))


def test_large_outputs_are_scored_in_parts(monkeypatch):
    whole, _ = scored(LOGITS, LABELS, 4)
    monkeypatch.setattr(class_scores, "_SCORES_AT_ONCE", 6)
    parts, _ = scored(LOGITS, LABELS, 4)
    for name, number in whole.known.items():
        assert torch.equal(getattr(parts, name), number)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), label_smoothing=0.1),
        functools.partial(functional.cross_entropy, weight=torch.tensor([1.0, 2.0, 3.0]), label_smoothing=0.1),
    ],
)
def test_settings_of_the_loss_stay(loss):
    weight = torch.tensor([1.0, 2.0, 3.0])
    numbers, task = scored(LOGITS, LABELS, 4, loss=loss)
    expected = functional.cross_entropy(LOGITS, LABELS, weight=weight, label_smoothing=0.1, reduction="none")
    close(numbers.losses, expected)
    assert task == "classes"
    assert getattr(loss, "reduction", "mean") == "mean", "the training's own loss is unchanged"


def test_a_loss_of_log_probabilities_has_their_confidence():
    numbers, _ = scored(LOGITS.log_softmax(1), LABELS, 4, loss=nn.NLLLoss())
    plain, _ = scored(LOGITS, LABELS, 4)
    close(numbers.losses, plain.losses)
    close(numbers.confidence, plain.confidence)


def test_labels_may_be_probabilities():
    soft = functional.one_hot(LABELS, 3).float() * 0.9 + 0.1 / 3
    numbers, _ = scored(LOGITS, soft, 4, loss=nn.CrossEntropyLoss())
    close(numbers.losses, functional.cross_entropy(LOGITS, soft, reduction="none"))
    assert numbers.errors.tolist() == [0, 1, 0, 1]


def test_ignored_labels_have_no_loss_and_no_error():
    for labels, loss in [
        (torch.tensor([0, -100, 2, 1]), None),
        (torch.tensor([0, 7, 2, 1]), nn.CrossEntropyLoss(ignore_index=7)),
    ]:
        numbers, _ = scored(LOGITS, labels, 4, loss=loss)
        assert numbers.losses.isnan().tolist() == numbers.errors.isnan().tolist() == [False, True, False, False]
        assert not numbers.confidence.isnan().any() and numbers.predictions.tolist() == [0, 1, 2, 0]


def test_nan_stays_nan():
    logits = LOGITS.clone()
    logits[1, 0] = math.nan
    numbers, _ = scored(logits, LABELS, 4)
    for number in (numbers.losses, numbers.confidence, numbers.entropy):
        assert number.isnan().tolist() == [False, True, False, False]


def test_certainty_has_no_entropy():
    numbers, _ = scored(torch.tensor([[0.0, -math.inf], [0.0, 0.0]]), torch.tensor([0, 1]), 2)
    close(numbers.entropy, torch.tensor([0.0, math.log(2)]))


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("loss", [nn.BCEWithLogitsLoss(), functional.binary_cross_entropy_with_logits])
def test_one_logit_a_row_is_binary(shape, loss):
    logits, labels = torch.tensor([2.0, -1.0, 0.5, -3.0]), torch.tensor([1.0, 1.0, 0.0, 0.0])
    numbers, task = scored(logits.view(shape), labels, 4, loss=loss)
    assert task == "binary"
    close(numbers.losses, functional.binary_cross_entropy_with_logits(logits, labels, reduction="none"))
    assert numbers.predictions.tolist() == [1, 0, 1, 0] and numbers.errors.tolist() == [0, 1, 1, 0]
    chance = logits.sigmoid()
    close(numbers.confidence, torch.maximum(chance, 1 - chance))
    close(numbers.entropy, -(chance * chance.log() + (1 - chance) * (1 - chance).log()))
    of_probabilities, _ = scored(chance.view(shape), labels.bool(), 4, loss=nn.BCELoss())
    for name, number in numbers.known.items():
        close(getattr(of_probabilities, name), number)
    said, _ = scored(logits.view(shape), labels.long(), 4, task="binary")
    close(said.losses, numbers.losses)


def test_several_labels_have_losses_alone():
    logits, labels = torch.randn(4, 5), (torch.rand(4, 5) > 0.5).float()
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    numbers, task = scored(logits, labels, 4, loss=nn.BCEWithLogitsLoss(pos_weight=weight))
    losses = functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=weight, reduction="none")
    assert task == "labels" and set(numbers.known) == {"losses"}
    close(numbers.losses, losses.mean(1))


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), nn.HuberLoss(), functional.mse_loss])
def test_values_have_losses_alone(loss):
    output, target = torch.randn(4, 1), torch.randn(4)
    numbers, task = scored(output, target, 4, loss=loss)
    assert task == "values" and set(numbers.known) == {"losses"}
    close(numbers.losses.mean(), loss(output.squeeze(1), target))
    images = torch.randn(4, 3, 5, 5)
    close(scored(images, images + 1, 4, loss=nn.MSELoss())[0].losses, torch.ones(4))


def test_a_position_of_a_sequence_counts_once():
    logits = torch.randn(2, 4, 6)
    labels = torch.tensor([[1, 2, 3, -100], [-100, 5, -100, -100]])
    numbers, task = scored(logits, labels, 2)
    assert task == "tokens"
    each = functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    close(numbers.losses, torch.stack([each[0, :3].mean(), each[1, 1]]))
    best, chances = logits.argmax(2), logits.softmax(2)
    assert numbers.predictions.tolist() == [best[0, 2], best[1, 1]]
    wrong = (best != labels).float()
    close(numbers.errors, torch.stack([wrong[0, :3].mean(), wrong[1, 1]]))
    close(numbers.confidence, torch.stack([chances.amax(2)[0, :3].mean(), chances.amax(2)[1, 1]]))
    entropy = -(chances * chances.log()).sum(2)
    close(numbers.entropy, torch.stack([entropy[0, :3].mean(), entropy[1, 1]]))


def test_the_label_of_a_causal_position_is_the_next_token():
    logits, tokens = torch.randn(3, 5, 7), torch.randint(7, (3, 5))
    numbers, task = scored({"logits": logits}, tokens, 3, loss=NextTokenLoss())
    assert task == "tokens"
    expected = functional.cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")
    close(numbers.losses, expected.mean(1))
    assert torch.equal(numbers.predictions, logits[:, -2].argmax(1))


def test_sequences_without_labels_have_predictions_if_the_task_says_so():
    logits = torch.randn(3, 5, 7)
    numbers, _ = scored(logits, None, 3, task="tokens")
    assert set(numbers.known) == {"predictions", "confidence", "entropy"}
    assert torch.equal(numbers.predictions, logits[:, -1].argmax(1))
    last, _ = scored(logits, None, 3, task="classes", reduce="last")
    close(last.confidence, logits[:, -1].softmax(1).amax(1))


@pytest.mark.parametrize("loss", [None, nn.CrossEntropyLoss(ignore_index=255)])
def test_a_pixel_of_a_segmentation_counts_once(loss):
    logits, labels = torch.randn(2, 3, 4, 5), torch.randint(3, (2, 4, 5))
    ignored = -100 if loss is None else 255
    labels[0, :2] = ignored
    for given in (labels, labels.unsqueeze(1)):
        numbers, task = scored(logits, given, 2, loss=loss)
        each = functional.cross_entropy(logits, labels, ignore_index=ignored, reduction="none")
        close(numbers.losses, torch.stack([each[0, 2:].mean(), each[1].mean()]))
        close(numbers.errors[1], (logits[1].argmax(0) != labels[1]).float().mean())
        assert task == "tokens" and numbers.predictions.shape == (2,)


def test_a_loss_of_ones_own_gives_a_loss_for_each_row():
    def margin(output, labels):
        return (output["margin"] - labels["wanted"]).abs()

    margins, wanted = torch.randn(4, 2), torch.randn(4, 2)
    numbers, task = scored({"margin": margins}, {"wanted": wanted}, 4, loss=margin)
    assert task is None and set(numbers.known) == {"losses"}
    close(numbers.losses, (margins - wanted).abs().mean(1))


def test_a_loss_of_ones_own_on_classes_has_predictions_too():
    class Focal(nn.Module):
        reduction = "mean"

        def __init__(self):
            super().__init__()
            self.reduction = "mean"

        def forward(self, output, labels):
            chance = output.softmax(1).gather(1, labels[:, None]).squeeze(1)
            losses = -((1 - chance) ** 2) * chance.log()
            return losses if self.reduction == "none" else losses.mean()

    focal = Focal()
    numbers, task = scored(LOGITS, LABELS, 4, loss=focal)
    assert task == "classes" and numbers.predictions.tolist() == [0, 1, 2, 0]
    close(numbers.losses.mean(), focal(LOGITS, LABELS))


@pytest.mark.parametrize(
    ("output", "labels", "options", "said"),
    [
        (
            LOGITS,
            LABELS,
            {"loss": lambda output, labels: output.sum()},
            "one number for the whole batch; let it return",
        ),
        (LOGITS, LABELS, {"loss": lambda output, labels: output[:2, 0]}, "shape [2]; expected one loss for each of 4"),
        (LOGITS, LABELS, {"loss": lambda output, labels: 1 / 0}, "loss= failed: ZeroDivisionError"),
        (LOGITS, LABELS, {"loss": lambda output, labels: 3}, "loss= failed: TypeError: it returned int"),
        (LOGITS, torch.randn(4), {}, "pass loss=..."),
        (LOGITS, torch.tensor([31, 40, 2, 90]), {}, "do not say which loss is trained with; pass loss=..."),
        (LOGITS, torch.zeros(4, 2).long(), {"loss": nn.CrossEntropyLoss()}, "do not fit the network's output [4, 3]"),
        (LOGITS, None, {"task": "values"}, "the rows have no labels"),
    ],
)
def test_losses_that_cannot_be_computed_are_told_once(caplog, output, labels, options, said):
    scoring = Scoring(options.get("loss"), options.get("task"), Notices("r"), reduce="mean")
    for _ in range(2):
        assert scoring.numbers(output, labels, 4).losses is None
    assert [said in record.message for record in caplog.records] == [True]


def test_an_output_is_not_taken_for_scores_of_classes(caplog):
    numbers, task = scored(LOGITS, None, 4)
    assert numbers.rows == 0 and task is None
    assert 'no predicted classes: pass loss=... (the loss that you train with), or task="classes"' in caplog.text
    for options in ({"task": "classes"}, {"loss": nn.CrossEntropyLoss()}, {"loss": functional.cross_entropy}):
        numbers, _ = scored(LOGITS, None, 4, **options)
        assert set(numbers.known) == {"predictions", "confidence", "entropy"}
    assert len(caplog.records) == 1


@pytest.mark.parametrize("output", [torch.zeros(4, 1), torch.zeros(3, 3), torch.zeros(4, 3).long(), "text"])
def test_an_output_that_holds_no_classes_is_told(caplog, output):
    numbers, _ = scored(output, None, 4, task="classes")
    assert numbers.rows == 0 and "no predicted classes: the network's output" in caplog.text


def test_classes_are_known_where_labels_do_not_fit():
    numbers, _ = scored(LOGITS, torch.randn(4), 4, task="classes")
    assert set(numbers.known) == {"predictions", "confidence", "entropy"}
