"""The affinity against the formulas of docs/method.md, restated in NumPy."""

import numpy as np
import torch

from auxseg.nn.affinity import CrossTaskAffinity, TaskAffinity, propagate


def softmax(values: np.ndarray, axis: int) -> np.ndarray:
    exponent = np.exp(values - values.max(axis=axis, keepdims=True))
    return exponent / exponent.sum(axis=axis, keepdims=True)


def one_by_one(layer: torch.nn.Conv2d, features: np.ndarray) -> np.ndarray:
    """A 1x1 convolution of (D, N) as a matrix product."""
    weight = layer.weight.detach().numpy()[:, :, 0, 0]
    return weight @ features + layer.bias.detach().numpy()[:, None]


def test_task_affinity_is_the_softmax_of_theta_times_phi_and_enhances_the_features():
    torch.manual_seed(0)
    layer = TaskAffinity(5)
    features = torch.randn(1, 5, 3, 4)
    flat = features.numpy().reshape(5, 12)

    enhanced, affinity = layer(features)

    expected = softmax(one_by_one(layer.theta, flat).T @ one_by_one(layer.phi, flat), axis=1)
    context = (expected @ one_by_one(layer.value, flat).T).T
    result = flat + one_by_one(layer.project, context)
    assert np.allclose(affinity[0].detach(), expected, atol=1e-6)
    assert np.allclose(enhanced[0].detach().reshape(5, 12), result, atol=1e-5)


def test_a_unary_affinity_adds_one_context_for_all_positions():
    torch.manual_seed(0)
    layer = TaskAffinity(5, with_unary=True)
    features = torch.randn(1, 5, 3, 4)
    flat = features.numpy().reshape(5, 12)

    enhanced, affinity = layer(features)

    attention = softmax(one_by_one(layer.unary, flat), axis=1)  # (1, 12)
    values = one_by_one(layer.value, flat)
    context = (affinity[0].detach().numpy() @ values.T).T + values @ attention.T
    result = flat + one_by_one(layer.project, context)
    assert np.allclose(enhanced[0].detach().reshape(5, 12), result, atol=1e-5)


def test_rows_of_a_task_affinity_add_up_to_one():
    _, affinity = TaskAffinity(4)(torch.randn(2, 4, 3, 3))

    assert torch.allclose(affinity.sum(dim=2), torch.ones(2, 9))


def test_cross_task_affinity_gates_each_pair_of_positions():
    torch.manual_seed(0)
    layer = CrossTaskAffinity()
    first, second = torch.softmax(torch.randn(2, 1, 6, 6), dim=3)
    stack = np.stack((first[0].numpy(), second[0].numpy()))  # (2, 6, 6)

    mixed = layer(first, second)

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

    assert propagate(affinity, maps).tolist() == [[[[2.5, 0.0], [0.0, 4.0]]]]
