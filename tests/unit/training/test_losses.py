import math

import pytest
import torch

from auxseg.config import ModelOptions, TrainJob
from auxseg.nn.network import Outputs
from auxseg.training.losses import (
    count_targets,
    multi_task_losses,
    saliency_loss,
    segmentation_loss,
    total,
)


def counts(labels, salient=None):
    batch = {"classes": torch.ones(len(labels), 2), "segmentation": labels}
    return count_targets(batch if salient is None else {**batch, "saliency": salient})


def test_segmentation_loss_is_the_mean_over_pixels_that_are_not_ignored():
    logits = torch.zeros(1, 2, 1, 2)
    logits[0, 1, 0, 1] = 100.0
    labels = torch.tensor([[[1, 255]]], dtype=torch.uint8)

    assert segmentation_loss(logits, labels, counts(labels)).item() == pytest.approx(math.log(2))


def test_a_crop_that_is_ignored_everywhere_has_loss_zero():
    everywhere = torch.full((1, 4, 4), 255, dtype=torch.uint8)
    none = counts(everywhere, everywhere)

    assert segmentation_loss(torch.randn(1, 3, 2, 2), everywhere, none).item() == 0
    assert saliency_loss(torch.randn(1, 1, 2, 2), everywhere, none).item() == 0


def test_balanced_background_and_foreground_weigh_the_same_however_many_they_are():
    logits = torch.zeros(1, 2, 1, 4)
    logits[0, 1, 0, 0] = 3.0
    labels = torch.tensor([[[1, 0, 0, 255]]], dtype=torch.uint8)

    foreground, background = math.log(1 + math.exp(-3)), math.log(2)
    assert segmentation_loss(logits, labels, counts(labels), balance="background").item() == (
        pytest.approx((foreground + background) / 2)
    )


def test_a_balanced_crop_without_foreground_is_half_its_background():
    labels = torch.zeros(1, 4, 4, dtype=torch.uint8)

    loss = segmentation_loss(torch.zeros(1, 2, 2, 2), labels, counts(labels), balance="background")

    assert loss.item() == pytest.approx(math.log(2) / 2)


def test_balanced_classes_weigh_the_same_as_far_as_the_batch_has_them():
    logits = torch.zeros(1, 4, 1, 6)
    logits[0, 1, 0, :3] = 3.0  # one of class 1, two of background; then class 2; class 3 is absent
    labels = torch.tensor([[[1, 0, 0, 2, 2, 255]]], dtype=torch.uint8)
    batch = {"classes": torch.ones(1, 3), "segmentation": labels}

    loss = segmentation_loss(logits, labels, count_targets(batch), balance="classes")

    right, wrong, even = (math.log(3 + math.exp(3)) - 3, math.log(3 + math.exp(3)), math.log(4))
    assert loss.item() == pytest.approx((right + wrong + even) / 3)


def test_training_balances_as_its_options_say():
    given = outputs()
    batch = {**BATCH, "segmentation": BATCH["segmentation"].clone()}
    batch["segmentation"][0, 0, 0] = 0
    known = count_targets(batch)

    for balance in ("none", "background", "classes"):
        found = multi_task_losses(given, batch, known, TrainJob(balance=balance))
        for name in ("segmentation", "refined_segmentation"):
            expected = segmentation_loss(
                getattr(given, name), batch["segmentation"], known, balance=balance
            )
            assert found[name].item() == expected.item()


def test_saliency_loss_is_binary_cross_entropy_of_known_pixels():
    logits = torch.tensor([[[[0.0, 2.0, -50.0]]]])
    salient = torch.tensor([[[1, 0, 255]]], dtype=torch.uint8)

    expected = (math.log(2) + math.log(1 + math.exp(2))) / 2
    assert saliency_loss(logits, salient, counts(salient, salient)).item() == pytest.approx(
        expected
    )


def outputs(saliency: bool = True, affinity: bool = True) -> Outputs:
    dense = torch.randn(2, 3, 4, 4)
    salient = torch.randn(2, 1, 4, 4) if saliency else None
    return Outputs(
        class_logits=torch.randn(2, 2),
        cam=torch.randn(2, 2, 4, 4),
        segmentation=dense,
        refined_segmentation=dense,
        saliency=salient,
        refined_saliency=salient,
        affinity=torch.eye(16).expand(2, 16, 16) if affinity else None,
    )


BATCH = {
    "classes": torch.ones(2, 2),
    "segmentation": torch.ones(2, 8, 8, dtype=torch.uint8),
    "saliency": torch.ones(2, 8, 8, dtype=torch.uint8),
}


COUNTS = count_targets(BATCH)


def test_all_five_losses_are_there_and_weighted():
    plain = multi_task_losses(given := outputs(), BATCH, COUNTS, TrainJob())
    weighted = multi_task_losses(
        given,
        BATCH,
        COUNTS,
        TrainJob(saliency_weight=2, classification_weight=0.5, segmentation_weight=3),
    )

    factors = {
        "classification": 0.5,
        "segmentation": 3,
        "refined_segmentation": 3,
        "saliency": 2,
        "refined_saliency": 2,
    }
    assert plain.keys() == factors.keys()
    for name, factor in factors.items():
        assert weighted[name].item() == pytest.approx(factor * plain[name].item())
    assert total(plain).item() == pytest.approx(sum(v.item() for v in plain.values()))


def test_constraints_on_segmentation_alone_leave_refined_saliency_without_a_loss():
    losses = multi_task_losses(outputs(), BATCH, COUNTS, TrainJob(constraints="seg"))

    assert losses.keys() == {
        "classification", "segmentation", "refined_segmentation", "saliency"
    }  # fmt: skip


def test_absent_branches_and_affinity_leave_their_losses_out():
    job = TrainJob(model=ModelOptions(branches="seg+cls", affinity="none"))

    losses = multi_task_losses(outputs(saliency=False, affinity=False), BATCH, COUNTS, job)

    assert losses.keys() == {"classification", "segmentation"}


@pytest.mark.parametrize("balance", ["none", "background", "classes"])
def test_the_losses_of_a_batch_are_the_sums_of_its_parts(balance):
    draws = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (4, 8, 8), generator=draws, dtype=torch.uint8)
    labels[0] = 255
    logits = torch.randn(4, 3, 4, 4, generator=draws)
    whole = counts(labels)

    together = segmentation_loss(logits, labels, whole, balance=balance)
    parts = [
        segmentation_loss(logits[k : k + 1], labels[k : k + 1], whole, balance=balance)
        for k in range(4)
    ]

    assert sum(parts).item() == pytest.approx(together.item(), rel=1e-6)
