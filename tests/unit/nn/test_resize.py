import pytest
import torch
import torch.nn.functional as F

from auxseg.nn.resize import interpolation_matrix, resize_bilinear, resize_by_matrices

SIZES = [(1, 1), (3, 9), (17, 5), (41, 41), (64, 50)]


def maps_of(size):
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("target", [(1, 2), (40, 40), (33, 128)])
def test_matrices_resize_as_torch_does_with_the_same_gradients(size, target):
    weights = maps_of(target)
    ours, theirs = maps_of(size).requires_grad_(), maps_of(size).requires_grad_()

    found = resize_by_matrices(ours, target)
    expected = F.interpolate(theirs, size=target, mode="bilinear", align_corners=False)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()

    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_single_precision_is_kept_under_autocast():
    maps = maps_of((9, 9)).float()

    with torch.autocast("cpu", torch.bfloat16):
        found = resize_by_matrices(maps, (30, 30))

    torch.testing.assert_close(found, resize_bilinear(maps, (30, 30)))


def test_weights_of_every_value_sum_to_one():
    weights = interpolation_matrix(321, 41, torch.ones(1))

    assert (weights.dtype, weights.shape) == (torch.float32, (321, 41))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(321))
