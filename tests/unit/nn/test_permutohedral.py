import pytest
import torch

from auxseg.nn.permutohedral import PermutohedralFilter


def gaussian(points: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Means of values, weighed by exp(-|f_i - f_j|^2 / 2)."""
    weights = torch.exp(-(torch.cdist(points.double(), points.double()) ** 2) / 2)
    return (weights @ values.double()) / weights.sum(dim=1, keepdim=True)


def means(points: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    filtered = PermutohedralFilter(points)
    return filtered(values) / filtered(torch.ones(len(points), 1))


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
def test_it_averages_as_a_gaussian_does(dimensions):
    torch.manual_seed(0)
    points = torch.rand(800, dimensions) * 4
    values = torch.sin(points.sum(dim=1, keepdim=True))

    difference = means(points, values) - gaussian(points, values)

    assert difference.abs().max() < 0.15
    assert difference.abs().mean() < 0.04


def test_points_far_from_one_another_do_not_mix():
    points = torch.tensor([[0.0, 0.0], [0.1, 0.0], [90.0, -70.0]])
    values = torch.tensor([[1.0], [1.0], [5.0]])

    assert torch.allclose(means(points, values), values, atol=1e-5)


def test_it_is_linear_and_the_same_every_time():
    torch.manual_seed(1)
    points, values = torch.randn(300, 5), torch.rand(300, 3)
    filtered = PermutohedralFilter(points)

    assert torch.equal(filtered(values), PermutohedralFilter(points)(values))
    assert torch.allclose(filtered(3 * values), 3 * filtered(values), rtol=1e-5)
    assert torch.allclose(filtered(values)[:, 1:2], filtered(values[:, 1:2]), rtol=1e-5)


def test_points_that_spread_beyond_the_keys_are_refused():
    points = torch.randn(10, 5) * 1e5

    with pytest.raises(ValueError, match="spread too far"):
        PermutohedralFilter(points)
