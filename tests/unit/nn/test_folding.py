"""Batch norm that became a part of the convolution before it."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

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


class Pair(nn.Module):
    """A convolution and a batch norm, and what else a network may do with them."""

    def __init__(self, use) -> None:
        super().__init__()
        self.conv, self.norm, self.use = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), use

    def forward(self, images: Tensor) -> Tensor:
        return self.use(self, images)


def adds_what_it_normalised(network: Pair, images: Tensor) -> Tensor:
    features = network.conv(images)
    return network.norm(features) + features


def convolves_again(network: Pair, images: Tensor) -> Tensor:
    return network.norm(network.conv(images)) + network.conv(images * 2)


def normalises_again(network: Pair, images: Tensor) -> Tensor:
    return network.norm(network.norm(network.conv(images)))


def splits_it(network: Pair, images: Tensor) -> Tensor:
    features = network.conv(images)
    return network.norm(features)[:, :2] * features.chunk(2, dim=1)[0]


def changes_it_in_place(network: Pair, images: Tensor) -> Tensor:
    features = network.conv(images)
    features[:, 0] = 0
    return network.norm(features)


def returns_it_too(network: Pair, images: Tensor) -> tuple[Tensor, Tensor]:
    features = network.conv(images)
    return network.norm(features), features


def unchanged(network: nn.Module) -> bool:
    """Whether nothing is folded, and the network computes what it did."""
    whole = copy.deepcopy(network)
    images = torch.randn(1, 3, 8, 8)
    folded = fold_batch_norm(network)
    pairs = zip(tree_leaves(network(images)), tree_leaves(whole(images)), strict=True)
    return folded == 0 and all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    "use",
    [
        adds_what_it_normalised,
        convolves_again,
        normalises_again,
        splits_it,
        changes_it_in_place,
        returns_it_too,
    ],
)
@torch.inference_mode()
def test_what_another_reads_or_uses_stays_as_it_is(use):
    assert unchanged(with_drawn_statistics(Pair(use)))


def chain() -> nn.Sequential:
    """One that is folded, as it is."""
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


@torch.inference_mode()
def test_layers_that_are_more_than_a_convolution_and_a_batch_norm_stay_as_they_are():
    hooked, learning, named_twice = (with_drawn_statistics(chain()) for _ in range(3))
    hooked[1].register_forward_hook(lambda layer, inputs, output: output * 2)
    named_twice.add_module("again", named_twice[1])
    learning[1].momentum = 0
    learning[1].train()

    assert unchanged(hooked)
    assert unchanged(learning)
    assert unchanged(named_twice)
    assert fold_batch_norm(with_drawn_statistics(chain())) == 1
