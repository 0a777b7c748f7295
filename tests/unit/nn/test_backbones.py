import pytest
import torch

from auxseg.errors import UserError
from auxseg.nn.backbones import build_backbone


@pytest.mark.parametrize("name", ["test_efficientnet", "resnet18", "tf_efficientnet_lite0"])
@pytest.mark.parametrize("stride", [8, 16])
def test_a_backbone_is_dilated_to_the_stride_asked_for(name, stride):
    backbone = build_backbone(name, stride).eval()

    features = backbone(torch.zeros(1, 3, 64, 96))

    assert features.shape == (1, backbone.channels, 64 // stride, 96 // stride)


def test_torchvision_resnet_is_dilated_too():
    features = build_backbone("torchvision/resnet50", 16).eval()(torch.zeros(1, 3, 64, 64))

    assert features.shape == (1, 2048, 4, 4)


def test_frozen_batch_norm_stays_as_it_is_in_training():
    backbone = build_backbone("test_efficientnet").train()
    before = {k: v.clone() for k, v in backbone.state_dict().items() if "running" in k}

    backbone(torch.randn(2, 3, 64, 64))

    assert before
    assert all(torch.equal(v, backbone.state_dict()[k]) for k, v in before.items())


def test_free_batch_norm_learns():
    backbone = build_backbone("test_efficientnet", freeze_batch_norm=False).train()
    before = backbone.state_dict()["body.model.bn1.running_mean"].clone()

    backbone(torch.randn(2, 3, 64, 64))

    assert not torch.equal(before, backbone.state_dict()["body.model.bn1.running_mean"])


def test_an_unknown_name_is_refused_with_known_ones():
    with pytest.raises(UserError, match=r"timm has no model 'resnet19'.*for instance .*resnet18"):
        build_backbone("resnet19")


def test_an_unknown_torchvision_name_is_refused_with_known_ones():
    with pytest.raises(UserError, match="use torchvision/resnet50 or torchvision/resnet101"):
        build_backbone("torchvision/vgg16")


@pytest.mark.parametrize("name", ["test_vit", "vgg11"])
def test_a_stride_that_the_backbone_cannot_do_is_refused(name):
    with pytest.raises(UserError, match=r"use another output_stride or backbone\.$"):
        build_backbone(name, 8)


@pytest.mark.parametrize(
    "name, stride, frozen, free",
    [
        ("tf_efficientnet_lite0", 2, "blocks.0.", "blocks.1."),
        ("tf_efficientnet_lite0", 8, "blocks.2.", "blocks.3."),
        ("resnet18", 2, "conv1.", "layer1."),
        ("torchvision/resnet50", 4, "layer1.", "layer2."),
    ],
)
def test_layers_up_to_the_frozen_stride_do_not_learn(name, stride, frozen, free):
    backbone = build_backbone(name, 8, frozen_stride=stride, freeze_batch_norm=False)

    learns = {n.partition("body.")[2].removeprefix("model."): p.requires_grad
              for n, p in backbone.named_parameters()}  # fmt: skip
    names = list(learns)
    border = names.index(next(n for n in names if n.startswith(free)))
    assert any(n.startswith(frozen) for n in names[:border])
    assert not any(learns[n] for n in names[:border])
    assert all(learns[n] for n in names[border:])


def test_nothing_is_frozen_by_default():
    backbone = build_backbone("test_efficientnet", freeze_batch_norm=False)

    assert all(parameter.requires_grad for parameter in backbone.parameters())


@pytest.mark.parametrize("name", ["convnext_atto", "resnet18"])
def test_what_the_features_do_not_depend_on_waits_for_no_gradients(name):
    backbone = build_backbone(name, freeze_batch_norm=False).train()

    backbone(torch.randn(2, 3, 64, 64)).sum().backward()

    learning = [p for p in backbone.parameters() if p.requires_grad]
    assert learning
    assert all(p.grad is not None for p in learning)


def test_a_backbone_may_be_built_where_gradients_are_off():
    with torch.inference_mode():
        backbone = build_backbone("test_efficientnet", freeze_batch_norm=False)

    assert all(p.requires_grad and not p.is_inference() for p in backbone.parameters())


def test_a_layer_to_freeze_that_is_not_there_is_named():
    backbone = build_backbone("test_efficientnet")

    with pytest.raises(UserError, match=r"^model\.frozen_stride: .*'model\.layer'"):
        backbone.freeze_up_to("model.layer")
