"""A published checkpoint, by its own names, against docs/method.md, 1 and 2, plainly restated."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from auxseg.config import TrainJob
from auxseg.errors import UserError
from auxseg.import_weights import import_weights
from auxseg.nn.backbones import build_backbone
from auxseg.nn.branches import DenseBranch
from auxseg.nn.foreign import NAMES
from auxseg.nn.imagenet import initialise_backbone
from auxseg.nn.weights import load_classifier, load_network
from auxseg.training.losses import count_targets, multi_task_losses, total
from tests.unit.nn.published import (
    CLASSES,
    branch,
    published_classifier,
    published_network,
    restated,
    restated_loss,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("published")
    state = published_network()
    torch.save(state_dict := dict(state), folder / "reference.pth")
    told = import_weights(folder / "reference.pth", folder / "ours.safetensors", CLASSES)
    network, description = load_network(folder / "ours.safetensors", CLASSES)
    return {
        "file": folder / "ours.safetensors",
        "state": state_dict,
        "network": network.double(),
        "told": told,
        "is": description,
    }


def images() -> Tensor:
    return torch.randn(2, 3, 40, 48, generator=torch.Generator().manual_seed(1)).double()


def test_every_output_of_an_imported_network_is_the_restated_one(checkpoint):
    weights = {name: value.double() for name, value in checkpoint["state"].items()}

    with torch.inference_mode():
        found = checkpoint["network"](images())
        expected = restated(weights, images())

    for name, value in expected.items():
        output = getattr(found, name)
        output = output.dense() if name == "affinity" else output
        assert torch.allclose(output, value, rtol=1e-9, atol=1e-12), name
        assert value.std() > 1e-6, name


def test_in_float32_every_output_is_the_restated_one_to_round_off(checkpoint):
    weights = {name: value.double() for name, value in checkpoint["state"].items()}
    network, _ = load_network(checkpoint["file"], CLASSES)

    with torch.inference_mode():
        found = network(images().float())
        expected = restated(weights, images())

    for name, value in expected.items():
        output = getattr(found, name)
        output = output.dense() if name == "affinity" else output
        assert output.dtype == torch.float32, name
        assert (output - value).abs().max() < 1e-4 * value.abs().max(), name


def test_a_dense_branch_whose_dilations_fit_its_grid_is_the_restated_one():
    torch.manual_seed(0)
    ours = DenseBranch(6, 3, dense_channels=8, output_stride=8).double()
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    names = {
        "reduce": "conv1", "widen": "conv2", "decode": "conv3", "predict": "conv4",
        "affinity.theta": "att.theta", "affinity.phi": "att.phi",
        "affinity.value": "g", "affinity.project": "W",
    }  # fmt: skip
    state = ours.state_dict()
    theirs = {
        f"seg_{names[module]}.{kind}": value
        for (module, _, kind), value in ((name.rpartition("."), v) for name, v in state.items())
    }
    features = torch.randn(2, 6, 41, 43).double()

    with torch.inference_mode():
        logits, affinity = ours(features)
        expected, expected_affinity = branch(theirs, "seg", features)

    assert torch.allclose(logits, expected, rtol=1e-9, atol=1e-12)
    assert torch.allclose(affinity.dense(), expected_affinity, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(("stride", "dilations"), [(8, (6, 12, 18)), (16, (3, 6, 9))])
def test_dilations_span_the_same_pixels_at_every_stride(stride, dilations):
    branch = DenseBranch(6, 3, dense_channels=8, output_stride=stride)

    layers = (branch.reduce, branch.widen, branch.decode)
    assert tuple(layer.dilation for layer in layers) == tuple((d, d) for d in dilations)


def test_gradients_of_the_summed_loss_are_the_restated_ones(checkpoint):
    batch = {
        "classes": torch.randint(0, 2, (2, 20)).float(),
        "segmentation": torch.randint(0, 21, (2, 40, 48), dtype=torch.uint8),
        "saliency": torch.randint(0, 2, (2, 40, 48), dtype=torch.uint8),
    }
    batch["segmentation"][:, :7] = 255
    parameters = dict(checkpoint["network"].named_parameters())
    learning = {name: value for name, value in parameters.items() if value.requires_grad}
    weights = {name: value.double() for name, value in checkpoint["state"].items()}
    watched = {}  # published name -> ours, of all that learns
    for name in weights:
        module, _, kind = name.rpartition(".")
        if (our_name := f"{NAMES.get(module)}.{kind}") in learning:
            watched[name] = our_name
    theirs = [weights[name].requires_grad_() for name in watched]
    ours = [learning[name] for name in watched.values()]

    outputs = checkpoint["network"](images())
    loss = total(multi_task_losses(outputs, batch, count_targets(batch), TrainJob()))
    expected = restated_loss(restated(weights, images()), batch)

    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert set(watched.values()) == set(learning)
    found = torch.autograd.grad(loss, ours)
    for name, a, b in zip(watched, found, torch.autograd.grad(expected, theirs), strict=True):
        # A softmax does not see phi's bias: its gradient is nought but for round-off.
        near = 1e-6 * b.abs().max().item() + 1e-15
        assert torch.allclose(a, b, rtol=1e-4, atol=near), name


def test_the_readmes_python_runs_on_an_imported_network(checkpoint, tmp_path, monkeypatch):
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    code = readme.split("```python\n")[1].split("```")[0]
    for name in ("imported.safetensors", "results/pets/round1/weights.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(checkpoint["file"])
    monkeypatch.chdir(tmp_path)

    names: dict = {}
    exec(code, names)

    outputs = names["outputs"]
    assert outputs.refined_segmentation.shape == (1, 21, 41, 41)
    assert outputs.propagate(outputs.cam).shape == (1, 20, 41, 41)
    assert names["description"]["classes"] == list(CLASSES)
    assert not names["trained"].training


def test_the_import_says_what_it_recognised_and_what_it_left_out(checkpoint):
    assert "AuxSegNet's reference code, 20 classes" in checkpoint["told"]
    assert "seg_att.g.weight" in checkpoint["told"]
    assert checkpoint["is"]["classes"] == list(CLASSES)
    assert "round" not in checkpoint["is"]  # the file does not say of which it is


def test_a_psa_classifier_is_imported_as_a_classifier(tmp_path):
    old = {k: v for k, v in published_classifier().items() if not k.endswith("batches_tracked")}
    torch.save({"state_dict": old}, tmp_path / "psa.pth")  # torch did not count batches then

    told = import_weights(tmp_path / "psa.pth", tmp_path / "c.safetensors", CLASSES)

    classifier, _ = load_classifier(tmp_path / "c.safetensors", CLASSES)
    state = published_classifier()
    assert "a PSA classifier, 20 classes" in told
    assert torch.equal(classifier.classification.classifier.weight, state["fc8.weight"])
    assert torch.equal(classifier.backbone.body.norm.running_var, state["bn7.running_var"])

    start = build_backbone("resnet38d", 8)
    initialise_backbone(start, "resnet38d", str(tmp_path / "c.safetensors"))
    assert torch.equal(start.body.stem.weight, state["conv1a.weight"])


def test_the_background_that_seam_begins_with_is_left_out(tmp_path):
    state = published_classifier()
    state.conv("fc8", 4096, 1 + len(CLASSES), 1)
    for layer, inputs, outputs in (("f8_3", 512, 64), ("f8_4", 1024, 128), ("f9", 195, 192)):
        state.conv(layer, inputs, outputs, 1)
    torch.save(dict(state), tmp_path / "seam.pth")

    told = import_weights(tmp_path / "seam.pth", tmp_path / "c.safetensors")

    classifier, _ = load_classifier(tmp_path / "c.safetensors", CLASSES)
    assert "SEAM's classifier, 20 classes" in told
    assert "fc8.weight[0], the background's output, f8_3.weight" in told
    assert torch.equal(classifier.classification.classifier.weight, state["fc8.weight"][1:])


def test_missing_and_unknown_tensors_are_listed(tmp_path):
    state = published_classifier()
    del state["b4_3.conv_branch2a.weight"]
    torch.save(dict(state), tmp_path / "less.pth")
    state["b9.weight"] = torch.zeros(1)
    torch.save(dict(state), tmp_path / "more.pth")
    state["seg_conv1.weight"] = torch.zeros(1)  # of a network that is not there otherwise
    torch.save(dict(state), tmp_path / "half.pth")

    for name, also in (
        ("less", ""),
        ("more", "  - b9.weight: unknown"),
        ("half", "  - seg_conv1.weight: unknown to this network"),
    ):
        with pytest.raises(UserError) as refused:
            import_weights(tmp_path / f"{name}.pth", tmp_path / "w.safetensors", CLASSES)
        assert f"{name}.pth: taken for a PSA classifier, but its tensors" in str(refused.value)
        assert "  - b4_3.conv_branch2a.weight: missing in the file" in str(refused.value)
        assert also in str(refused.value)
    assert not (tmp_path / "w.safetensors").exists()


@pytest.mark.parametrize("classes", [None, ("cat", "dog", "cow")])
def test_another_number_of_classes_is_refused(tmp_path, classes):
    torch.save(
        {"conv1a.weight": torch.zeros(1), "fc8.weight": torch.zeros(2, 1)}, tmp_path / "p.pth"
    )

    with pytest.raises(UserError, match=r"p\.pth: tells 2 classes apart, but --classes names"):
        import_weights(tmp_path / "p.pth", tmp_path / "w.safetensors", classes)


def test_a_file_of_another_family_is_refused(tmp_path):
    torch.save({"layer1.weight": torch.zeros(1)}, tmp_path / "resnet.pth")

    with pytest.raises(UserError, match=r"resnet\.pth: not weights of the ResNet38d family"):
        import_weights(tmp_path / "resnet.pth", tmp_path / "w.safetensors")
