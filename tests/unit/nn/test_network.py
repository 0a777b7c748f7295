import pytest
import torch

from auxseg.config import ModelOptions
from auxseg.errors import UserError
from auxseg.nn.backbones import build_backbone
from auxseg.nn.network import AuxSegNet, build_network, normalise

CLASSES = 3


def network(branches: str = "all", affinity: str = "cross-task", **options) -> AuxSegNet:
    torch.manual_seed(0)
    shape = {"branches": branches, "affinity": affinity, "dense_channels": 8}
    return build_network("test_efficientnet", CLASSES, **shape, **options).eval()


def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))


def test_every_output_has_its_documented_shape():
    outputs = network()(images())

    assert outputs.class_logits.shape == (2, CLASSES)
    assert outputs.cam.shape == (2, CLASSES, 4, 6)
    assert outputs.segmentation.shape == outputs.refined_segmentation.shape == (2, 4, 4, 6)
    assert outputs.saliency.shape == outputs.refined_saliency.shape == (2, 1, 4, 6)
    assert outputs.affinity.dense().shape == (2, 24, 24)


def test_refined_predictions_are_the_initial_ones_under_the_affinity():
    outputs = network()(images())

    expected = outputs.affinity.apply(outputs.segmentation)
    assert torch.allclose(outputs.refined_segmentation, expected)
    assert torch.allclose(outputs.propagate(outputs.saliency), outputs.refined_saliency)


def test_the_cam_averaged_over_positions_is_the_class_logit():
    outputs = network()(images())

    assert torch.allclose(outputs.cam.mean(dim=(2, 3)), outputs.class_logits, atol=1e-6)


@pytest.mark.parametrize(
    "branches, has_classes, has_saliency",
    [("seg", False, False), ("seg+cls", True, False), ("seg+sal", False, True)],
)
def test_branches_left_out_leave_their_outputs_out(branches, has_classes, has_saliency):
    outputs = network(branches, affinity="none")(images())

    assert (outputs.cam is not None) == (outputs.class_logits is not None) == has_classes
    assert (outputs.saliency is not None) == has_saliency
    assert outputs.segmentation.shape == (2, 4, 4, 6)


def test_without_affinity_refined_predictions_are_the_initial_ones():
    outputs = network(affinity="none")(images())

    assert outputs.affinity is None
    assert torch.equal(outputs.refined_segmentation, outputs.segmentation)
    assert torch.equal(outputs.propagate(outputs.cam), outputs.cam)


@pytest.mark.parametrize("affinity", ["seg", "sal"])
def test_one_tasks_affinity_refines_both_tasks(affinity):
    outputs = network(affinity=affinity)(images())

    assert torch.allclose(outputs.affinity.dense().sum(dim=2), torch.ones(2, 24), atol=1e-5)
    assert torch.allclose(outputs.refined_saliency, outputs.propagate(outputs.saliency))


def test_the_dual_affinity_is_the_cross_task_one_of_features_with_global_context():
    plain, dual = network(), network(affinity="dual")
    assert {name for name, _ in dual.named_parameters()} - {
        name for name, _ in plain.named_parameters()
    } == {f"{task}.affinity.unary.{part}" for task in ("segmentation", "saliency")
          for part in ("weight", "bias")}  # fmt: skip

    dual.load_state_dict(plain.state_dict(), strict=False)

    assert not torch.allclose(dual(images()).segmentation, plain(images()).segmentation)
    assert torch.allclose(dual(images()).affinity.dense(), plain(images()).affinity.dense())


def test_a_transposed_affinity_refines_transposed():
    as_coded, as_written = network()(images()), network(transpose_affinity=True)(images())

    assert torch.equal(as_written.affinity.dense(), as_coded.affinity.dense().transpose(1, 2))
    expected = as_written.affinity.apply(as_coded.segmentation)
    assert torch.allclose(as_written.refined_segmentation, expected)
    maps = torch.rand(2, 5, 4, 6)
    spread = torch.einsum("bji,bkj->bki", as_coded.affinity.dense(), maps.flatten(2))
    assert torch.allclose(as_written.propagate(maps), spread.reshape(maps.shape), atol=1e-6)


def test_resnet38d_is_built_at_its_own_stride_unless_another_is_asked_for():
    assert build_backbone("resnet38d").output_stride == 8
    assert build_backbone("test_efficientnet").output_stride == 16


def test_images_are_normalised_as_the_backbone_was_trained():
    backbone = build_backbone("tf_efficientnet_lite0")

    white = normalise(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8), backbone)

    assert torch.allclose(white, torch.ones(1, 3, 2, 2))


def test_images_that_are_not_bytes_are_refused():
    with pytest.raises(UserError, match="must be uint8"):
        normalise(torch.zeros(1, 3, 2, 2), build_backbone("test_efficientnet"))


def test_options_of_the_model_build_the_network_they_name():
    options = ModelOptions(backbone="test_efficientnet", dense_channels=16)

    built = build_network(num_classes=2, **options.model_dump(exclude={"weights"}))

    assert built.segmentation.predict.weight.shape == (3, 16, 1, 1)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"affinity": "cross_task"}, "affinity: 'cross_task' is not known; use one of none, seg"),
        ({"branches": "seg-sal"}, r"branches: 'seg-sal' is not known; use one of seg, seg\+cls"),
        ({"branches": "seg"}, "affinity: 'cross-task' needs the saliency branch; set branches"),
        ({"branches": "seg+cls", "affinity": "sal"}, "affinity: 'sal' needs the saliency branch"),
    ],
)
def test_parts_that_make_no_network_are_refused(parts, words):
    with pytest.raises(UserError, match=words):
        network(**parts)
