"""The affinity against the formulas of docs/method.md, restated in NumPy."""

import numpy as np
import pytest
import torch

from auxseg.nn import affinity as affinities
from auxseg.nn.affinity import Affinity, CrossTaskAffinity, TaskAffinity


def softmax(values: np.ndarray, axis: int) -> np.ndarray:
    exponent = np.exp(values - values.max(axis=axis, keepdims=True))
    return exponent / exponent.sum(axis=axis, keepdims=True)


def one_by_one(layer: torch.nn.Conv2d, features: np.ndarray) -> np.ndarray:
    """A 1x1 convolution of (D, N) as a matrix product."""
    weight = layer.weight.detach().numpy()[:, :, 0, 0]
    return weight @ features + layer.bias.detach().numpy()[:, None]


def given(whole: torch.Tensor) -> Affinity:
    return Affinity(lambda first, last: whole[:, first:last], *whole.shape[:2])


def test_task_affinity_is_the_softmax_of_theta_times_phi_and_enhances_the_features():
    torch.manual_seed(0)
    layer = TaskAffinity(5)
    features = torch.randn(1, 5, 3, 4)
    flat = features.numpy().reshape(5, 12)

    enhanced, affinity = layer(features)

    expected = softmax(one_by_one(layer.theta, flat).T @ one_by_one(layer.phi, flat), axis=1)
    context = (expected @ one_by_one(layer.value, flat).T).T
    result = flat + one_by_one(layer.project, context)
    assert np.allclose(affinity.dense()[0].detach(), expected, atol=1e-6)
    assert np.allclose(enhanced[0].detach().reshape(5, 12), result, atol=1e-5)


def test_a_unary_affinity_adds_one_context_for_all_positions():
    torch.manual_seed(0)
    layer = TaskAffinity(5, with_unary=True)
    features = torch.randn(1, 5, 3, 4)
    flat = features.numpy().reshape(5, 12)

    enhanced, affinity = layer(features)

    attention = softmax(one_by_one(layer.unary, flat), axis=1)  # (1, 12)
    values = one_by_one(layer.value, flat)
    context = (affinity.dense()[0].detach().numpy() @ values.T).T + values @ attention.T
    result = flat + one_by_one(layer.project, context)
    assert np.allclose(enhanced[0].detach().reshape(5, 12), result, atol=1e-5)


def test_rows_of_a_task_affinity_add_up_to_one():
    _, affinity = TaskAffinity(4)(torch.randn(2, 4, 3, 3))

    assert torch.allclose(affinity.dense().sum(dim=2), torch.ones(2, 9))


def test_cross_task_affinity_gates_each_pair_of_positions():
    torch.manual_seed(0)
    layer = CrossTaskAffinity()
    first, second = torch.softmax(torch.randn(2, 1, 6, 6), dim=3)
    stack = np.stack((first[0].numpy(), second[0].numpy()))  # (2, 6, 6)

    mixed = layer(given(first), given(second)).dense()

    padded = np.pad(stack, ((0, 0), (1, 1), (1, 1)))
    kernel = layer.mix.weight.detach().numpy()
    hidden = np.zeros_like(stack)
    for row in range(6):
        for column in range(6):
            patch = padded[:, row : row + 3, column : column + 3]
            hidden[:, row, column] = (kernel * patch).sum(axis=(1, 2, 3))
    gate = one_by_one(layer.gate, np.maximum(hidden, 0).reshape(2, 36)).reshape(2, 6, 6)
    expected = (softmax(gate, axis=0) * stack).sum(axis=0)
    assert np.allclose(mixed[0].detach(), expected, atol=1e-6)


def test_propagation_averages_positions_by_their_affinity():
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    affinity = torch.zeros(1, 4, 4)
    affinity[0, 0] = torch.tensor([0.0, 0.5, 0.5, 0.0])
    affinity[0, 3, 3] = 1.0

    assert given(affinity).apply(maps).tolist() == [[[[2.5, 0.0], [0.0, 4.0]]]]


def applied(maps: torch.Tensor, transposed: bool) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Maps under the cross-task affinity of random features, and all gradients."""
    torch.manual_seed(0)
    features = torch.randn(2, 5, 7, 8, dtype=torch.float64, requires_grad=True)
    layers = torch.nn.ModuleList([TaskAffinity(5), TaskAffinity(5), CrossTaskAffinity()]).double()
    *tasks, cross = layers
    enhanced, found = zip(*(task(features) for task in tasks), strict=True)
    affinity = cross(*found)
    result = (affinity.transpose() if transposed else affinity).apply(maps)
    loss = (result * torch.arange(result.numel()).view_as(result)).sum() + sum(
        (e * e).sum() for e in enhanced
    )
    gradients = torch.autograd.grad(loss, [features, *layers.parameters()])
    names = ["features", *(name for name, _ in layers.named_parameters())]
    return result.detach(), dict(zip(names, gradients, strict=True))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("rows", [1, 5, 55])
def test_blocks_of_rows_give_the_values_and_gradients_of_the_whole(monkeypatch, rows, transposed):
    maps = torch.randn(2, 3, 7, 8, dtype=torch.float64)
    whole, expected = applied(maps, transposed)
    monkeypatch.setitem(affinities.BLOCK_BYTES, "cpu", rows * 2 * 56 * 4 * affinities._COPIES)

    blocked, found = applied(maps, transposed)

    assert torch.allclose(blocked, whole, atol=1e-12)
    for name, gradient in expected.items():
        assert torch.allclose(found[name], gradient, atol=1e-9), name


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("learning", [False, True])
def test_in_mixed_precision_blocks_are_as_near_to_the_truth_as_the_whole(
    monkeypatch, transposed, learning
):
    whole = torch.softmax(torch.randn(1, 600, 600), dim=2)
    maps = torch.rand(1, 3, 20, 30) + 1
    affinity = given(whole.transpose(1, 2) if transposed else whole)
    affinity = affinity.transpose() if transposed else affinity
    truth = (whole.double() @ maps.double().flatten(2).transpose(1, 2)).transpose(1, 2)
    monkeypatch.setitem(affinities.BLOCK_BYTES, "cpu", 600 * 4 * affinities._COPIES)  # of one row

    with torch.autocast("cpu", torch.bfloat16), torch.set_grad_enabled(learning):
        blocked = affinity.apply(maps)

    assert blocked.dtype == maps.dtype
    error = (blocked.double().flatten(2) / truth - 1).abs().max()
    assert error < 2 * 2**-8  # of bfloat16's factors and of its result


def test_a_large_affinity_is_never_whole_in_memory(monkeypatch):
    monkeypatch.setitem(affinities.BLOCK_BYTES, "cpu", 10 * 400 * 4 * affinities._COPIES)
    asked = []

    def rows(first: int, last: int) -> torch.Tensor:
        asked.append(last - first)
        return torch.full((1, last - first, 400), 1 / 400)

    result = Affinity(rows, 1, 400).apply(torch.ones(1, 2, 20, 20))

    assert set(asked) == {10}
    assert torch.allclose(result, torch.ones(1, 2, 20, 20))


def test_without_gradients_a_small_one_is_made_once_block_by_block(monkeypatch):
    monkeypatch.setitem(affinities.BLOCK_BYTES, "cpu", 10 * 400 * 4 * affinities._COPIES)
    monkeypatch.setattr(affinities, "_COPIES", 4000)  # a block of one row and less
    asked = []

    def rows(first: int, last: int) -> torch.Tensor:
        asked.append((first, last))
        return torch.full((1, last - first, 400), 1 / 400)

    affinity = Affinity(rows, 1, 400)
    with torch.inference_mode():
        for _ in range(2):
            assert torch.allclose(
                affinity.apply(torch.ones(1, 2, 20, 20)), torch.ones(1, 2, 20, 20)
            )

    assert asked == [(i, i + 1) for i in range(400)]
