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


def class_scores(model, images, batch, counts):
    return {"classification": 100 * model(images).sum()}


def a_batch() -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 32, 32), generator=draws, dtype=torch.uint8)
    return {"image": images, "classes": torch.ones(2, 2), "seed": torch.tensor([1, 2])}


@pytest.mark.parametrize("progress", [0.0, 0.5, 0.96])
def test_a_step_learns_at_the_rate_of_the_poly_schedule(progress):
    options = ClassifyOptions(learning_rate=0.01, head_rate_factor=10, poly_power=0.9)
    learner = Learner(network(), class_scores, options, Runtime(1))

    told = learner.step(a_batch(), progress, 0)["learning_rate"]

    expected = 0.01 * (1 - progress) ** 0.9
    groups = learner.state()["optimiser"]["param_groups"]
    assert told == pytest.approx(expected)
    assert [group["lr"] for group in groups] == pytest.approx([expected, 10 * expected])


def test_a_step_moves_the_weights_by_rate_and_gradient():
    model = network()
    options = ClassifyOptions(learning_rate=0.01, weight_decay=0, clip_gradient=0)
    learner = Learner(model, class_scores, options, Runtime(1))
    weight = model.classification.classifier.weight
    before = weight.detach().clone()

    learner.step(a_batch(), 0.75, 0)

    rate = 0.01 * 0.25**options.poly_power * options.head_rate_factor
    assert weight.grad.abs().max() > 1e-3
    assert torch.allclose(weight, before - rate * weight.grad, rtol=1e-5, atol=1e-8)


def test_gradients_are_cut_to_their_largest_norm():
    def norm_of(limit: float) -> float:
        torch.manual_seed(0)
        model = network()
        options = ClassifyOptions(clip_gradient=limit)
        Learner(model, class_scores, options, Runtime(1)).step(a_batch(), 0.0, 0)
        known = [value.grad for value in model.parameters() if value.grad is not None]
        return float(torch.nn.utils.get_total_norm(known))

    assert norm_of(0) > 0.02
    assert norm_of(0.01) == pytest.approx(0.01, rel=1e-3)


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
