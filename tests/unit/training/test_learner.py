"""What a step learns by: rates, momentum, decay, the moving average, losses that are numbers."""

import pytest
import torch

from auxseg.config import ClassifyOptions, TrainOptions
from auxseg.errors import UserError
from auxseg.nn.backbones import build_backbone
from auxseg.nn.network import Classifier, build_network
from auxseg.runtime import Runtime
from auxseg.training.learner import (
    Learner,
    moving_average,
    parameter_groups,
    refuse_nan,
    set_rate,
)


def network() -> Classifier:
    return Classifier(build_backbone("test_efficientnet", freeze_batch_norm=False), 2)


def test_the_moving_average_follows_by_its_decay():
    model = torch.nn.Linear(1, 1, bias=False)
    average = moving_average(model, 0.9)
    for value in (1.0, 2.0, 3.0):
        model.weight.data.fill_(value)
        average.update_parameters(model)

    assert average.module.weight.item() == pytest.approx(0.9 * (0.9 * 1 + 0.1 * 2) + 0.1 * 3)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_every_value_that_is_not_finite_is_refused(value):
    with pytest.raises(UserError, match=r"lower classify\.learning_rate"):
        refuse_nan({"segmentation": value}, step=7, section="classify")


def test_new_layers_learn_faster_by_their_factor():
    options = ClassifyOptions(learning_rate=0.01, head_rate_factor=10)
    optimiser = torch.optim.SGD(parameter_groups(network(), options), momentum=0.9)

    rate = set_rate(optimiser, options, progress=0.0)

    assert rate == 0.01
    assert [group["lr"] for group in optimiser.param_groups] == pytest.approx([0.01, 0.1])
    assert sum(len(group["params"]) for group in optimiser.param_groups) == len(
        list(network().parameters())
    )


def test_the_cross_task_block_learns_at_the_backbones_rate():
    whole = build_network("test_efficientnet", 2, dense_channels=8)
    options = TrainOptions(learning_rate=0.01, head_rate_factor=10, weight_decay=0.003)

    slow, fast = parameter_groups(whole, options)

    members = {id(parameter) for parameter in slow["params"]}
    parts = {n.split(".")[0] for n, p in whole.named_parameters() if id(p) in members}
    assert parts == {"backbone", "cross_task"}
    assert (slow["factor"], fast["factor"]) == (1, 10)
    assert slow["weight_decay"] == fast["weight_decay"] == 0.003


def no_losses(model, images, batch, counts):
    return {}


def test_the_optimiser_has_the_momentum_and_decay_of_the_options():
    options = ClassifyOptions(momentum=0.7, weight_decay=0.003)

    state = Learner(network(), no_losses, options, Runtime(1)).state()["optimiser"]

    for group in state["param_groups"]:
        assert (group["momentum"], group["weight_decay"], group["nesterov"]) == (0.7, 0.003, False)
