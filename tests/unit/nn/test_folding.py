"""Batch norm that became a part of the convolution before it."""

import copy

import pytest
import torch
from torch import Tensor, nn

from auxseg.nn import build_network
from auxseg.nn.folding import fold_batch_norm


def with_drawn_statistics(network: nn.Module) -> nn.Module:
    for layer in norms_of(network):
        layer.running_mean.normal_(0, 0.1)
        layer.running_var.uniform_(0.5, 1.5)
        layer.weight.data.uniform_(0.5, 1.5)
        layer.bias.data.normal_(0, 0.1)
    return network.eval()


def norms_of(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]


@torch.inference_mode()
def test_a_folded_network_computes_the_same():
    torch.manual_seed(0)
    network = with_drawn_statistics(build_network("test_efficientnet", 3, affinity="cross-task"))
    images = torch.randn(2, 3, 65, 96)
    expected = network(images)

    folded = fold_batch_norm(network)
    found = network(images)

    assert folded == 13
    assert not norms_of(network)
    for name in ("class_logits", "cam", "refined_segmentation", "refined_saliency"):
        assert torch.allclose(getattr(found, name), getattr(expected, name), atol=1e-5), name


@pytest.mark.slow
@torch.inference_mode()
def test_of_resnet38_those_are_folded_that_stand_between_two_convolutions():
    torch.manual_seed(0)
    network = with_drawn_statistics(build_network("resnet38d", 3, output_stride=8))
    images = torch.randn(1, 3, 65, 96)
    expected = network(images).segmentation

    folded = fold_batch_norm(network)

    assert folded == 20  # the first, one in each of 15 blocks, two in each of the last two
    assert torch.allclose(network(images).segmentation, expected, atol=1e-5)


class Twice(nn.Module):
    """A convolution whose output another layer reads, too, or that is used a second time."""

    def __init__(self, shared: bool) -> None:
        super().__init__()
        self.conv, self.norm, self.shared = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), shared

    def forward(self, images: Tensor) -> Tensor:
        features = self.conv(images)
        return self.norm(features) + (self.conv(images * 2) if self.shared else features)


@pytest.mark.parametrize("shared", [False, True])
@torch.inference_mode()
def test_what_is_used_twice_stays_as_it_is(shared):
    network = with_drawn_statistics(Twice(shared))
    whole = copy.deepcopy(network)
    images = torch.randn(1, 3, 8, 8)

    assert fold_batch_norm(network) == 0
    assert torch.equal(network(images), whole(images))
