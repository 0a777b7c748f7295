"""A published checkpoint, by its own names, against docs/method.md, 1 and 2, plainly restated."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from auxseg.config import TrainJob
from auxseg.datasets.voc import VOC_CLASSES
from auxseg.errors import UserError
from auxseg.import_weights import import_weights
from auxseg.nn.backbones import build_backbone
from auxseg.nn.branches import DenseBranch
from auxseg.nn.foreign import NAMES
from auxseg.nn.imagenet import initialise_backbone
from auxseg.nn.weights import load_classifier, load_network
from auxseg.training.losses import count_targets, multi_task_losses, total

CLASSES = VOC_CLASSES
# Name, inputs, channels between the convolutions, outputs.
UNITS = [
    ("b2", 64, 128, 128),
    *((f"b2_{number}", 128, 128, 128) for number in (1, 2)),
    ("b3", 128, 256, 256),
    *((f"b3_{number}", 256, 256, 256) for number in (1, 2)),
    ("b4", 256, 512, 512),
    *((f"b4_{number}", 512, 512, 512) for number in (1, 2, 3, 4, 5)),
    ("b5", 512, 512, 1024),
    *((f"b5_{number}", 1024, 512, 1024) for number in (1, 2)),
]
WITH_SHORTCUT = ("b2", "b3", "b4", "b5")
STRIDES = {"b2": 2, "b3": 2, "b4": 2}
DILATIONS = {"b5": (1, 2), "b5_1": (2, 2), "b5_2": (2, 2)}
BOTTLENECKS = [("b6", 1024, 2048), ("b7", 2048, 4096)]


class Drawn(dict[str, Tensor]):
    """A state dict of random tensors, by published names."""

    def __init__(self) -> None:
        super().__init__()
        self._generator = torch.Generator().manual_seed(0)

    def conv(self, name: str, inputs: int, outputs: int, side: int, bias: bool = False) -> None:
        spread = math.sqrt(1 / (inputs * side**2))
        shape = (outputs, inputs, side, side)
        self[f"{name}.weight"] = spread * torch.randn(shape, generator=self._generator)
        if bias:
            self[f"{name}.bias"] = 0.1 * torch.randn(outputs, generator=self._generator)

    def norm(self, name: str, channels: int) -> None:
        middles = {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}
        for parameter, middle in middles.items():
            around = 0.2 * torch.rand(channels, generator=self._generator)
            self[f"{name}.{parameter}"] = middle + around
        self[f"{name}.num_batches_tracked"] = torch.tensor(0)


def published_classifier() -> Drawn:
    state = Drawn()
    state.conv("conv1a", 3, 64, 3)
    for name, inputs, middle, outputs in UNITS:
        state.norm(f"{name}.bn_branch2a", inputs)
        state.conv(f"{name}.conv_branch2a", inputs, middle, 3)
        state.norm(f"{name}.bn_branch2b1", middle)
        state.conv(f"{name}.conv_branch2b1", middle, outputs, 3)
        if name in WITH_SHORTCUT:
            state.conv(f"{name}.conv_branch1", inputs, outputs, 1)
    for name, inputs, outputs in BOTTLENECKS:
        state.norm(f"{name}.bn_branch2a", inputs)
        state.conv(f"{name}.conv_branch2a", inputs, outputs // 4, 1)
        state.norm(f"{name}.bn_branch2b1", outputs // 4)
        state.conv(f"{name}.conv_branch2b1", outputs // 4, outputs // 2, 3)
        state.norm(f"{name}.bn_branch2b2", outputs // 2)
        state.conv(f"{name}.conv_branch2b2", outputs // 2, outputs, 1)
        state.conv(f"{name}.conv_branch1", inputs, outputs, 1)
    state.norm("bn7", 4096)
    state.conv("fc8", 4096, len(CLASSES), 1)
    return state


def published_network() -> Drawn:
    state = published_classifier()
    for task, outputs in (("seg", len(CLASSES) + 1), ("sal", 1)):
        state.conv(f"{task}_conv1", 4096, 128, 3, bias=True)
        state.conv(f"{task}_conv2", 128, 128, 3, bias=True)
        state.conv(f"{task}_conv3", 128, 128, 3, bias=True)
        state.conv(f"{task}_conv4", 128, outputs, 1)
        for layer in (f"{task}_att.theta", f"{task}_att.phi", f"{task}_g", f"{task}_W"):
            state.conv(layer, 128, 128, 1, bias=True)
        for idle in (f"{task}_att.g", f"{task}_att.W_z.0"):
            state.conv(idle, 128, 128, 1, bias=True)
        state.norm(f"{task}_att.W_z.1", 128)
    state.conv("cross_att.0", 2, 2, 3)
    state.conv("cross_att.2", 2, 2, 1, bias=True)
    return state


# --- the method, restated -------------------------------------------------------------------------


def rectified(w: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    mean, var, weight, bias = (
        w[f"{name}.{part}"].view(1, -1, 1, 1)
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return ((x - mean) / torch.sqrt(var + 1e-5) * weight + bias).clamp(min=0)


def conv(w: dict[str, Tensor], name: str, x: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    weight = w[f"{name}.weight"]
    padding = dilation * (weight.shape[2] // 2)
    return F.conv2d(x, weight, w.get(f"{name}.bias"), stride, padding, dilation)


def features_of(w: dict[str, Tensor], images: Tensor) -> Tensor:
    x = conv(w, "conv1a", images)
    for name, *_ in UNITS:
        stride = STRIDES.get(name, 1)
        first, second = DILATIONS.get(name, (1, 1))
        active = rectified(w, f"{name}.bn_branch2a", x)
        inner = conv(w, f"{name}.conv_branch2a", active, stride, first)
        inner = rectified(w, f"{name}.bn_branch2b1", inner)
        inner = conv(w, f"{name}.conv_branch2b1", inner, dilation=second)
        kept = conv(w, f"{name}.conv_branch1", active, stride) if name in WITH_SHORTCUT else x
        x = inner + kept
    for name, *_ in BOTTLENECKS:
        active = rectified(w, f"{name}.bn_branch2a", x)
        inner = rectified(w, f"{name}.bn_branch2b1", conv(w, f"{name}.conv_branch2a", active))
        inner = conv(w, f"{name}.conv_branch2b1", inner, dilation=4)
        inner = rectified(w, f"{name}.bn_branch2b2", inner)
        x = conv(w, f"{name}.conv_branch2b2", inner) + conv(w, f"{name}.conv_branch1", active)
    return rectified(w, "bn7", x)


def branch(w: dict[str, Tensor], task: str, features: Tensor) -> tuple[Tensor, Tensor]:
    """Initial logits and the task's affinity (B, N, N)."""
    f = conv(w, f"{task}_conv1", features, dilation=6).clamp(min=0)
    f = conv(w, f"{task}_conv2", f, dilation=12).clamp(min=0)
    theta, phi = (conv(w, f"{task}_att.{part}", f).flatten(2) for part in ("theta", "phi"))
    affinity = torch.einsum("bdi,bdj->bij", theta, phi).softmax(dim=2)
    context = torch.einsum("bij,bdj->bdi", affinity, conv(w, f"{task}_g", f).flatten(2))
    f = f + conv(w, f"{task}_W", context.reshape(f.shape))
    f = conv(w, f"{task}_conv3", f, dilation=18).clamp(min=0)
    return conv(w, f"{task}_conv4", f), affinity


def restated(w: dict[str, Tensor], images: Tensor) -> dict[str, Tensor]:
    features = features_of(w, images)
    segmentation, by_segmentation = branch(w, "seg", features)
    saliency, by_saliency = branch(w, "sal", features)
    both = torch.stack((by_segmentation, by_saliency), dim=1)
    gates = conv(w, "cross_att.2", conv(w, "cross_att.0", both).clamp(min=0)).softmax(dim=1)
    affinity = (gates * both).sum(dim=1)

    def propagated(maps: Tensor) -> Tensor:
        return torch.einsum("bij,bkj->bki", affinity, maps.flatten(2)).reshape(maps.shape)

    return {
        "class_logits": conv(w, "fc8", features.mean(dim=(2, 3), keepdim=True)).flatten(1),
        "cam": conv(w, "fc8", features),
        "saliency": saliency,
        "refined_saliency": propagated(saliency),
        "segmentation": segmentation,
        "refined_segmentation": propagated(segmentation),
        "affinity": affinity,
    }


def restated_loss(outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
    """The five losses of docs/method.md, 2, added up."""
    size = batch["segmentation"].shape[1:]

    def full(name: str) -> Tensor:
        return F.interpolate(outputs[name], size=size, mode="bilinear", align_corners=False)

    probability = torch.sigmoid(outputs["class_logits"])
    truth = batch["classes"].double()
    loss = -(truth * probability.log() + (1 - truth) * (1 - probability).log()).mean()
    for name in ("saliency", "refined_saliency"):
        salient = torch.sigmoid(full(name)[:, 0])
        known = batch["saliency"] == 1
        loss = loss - torch.where(known, salient.log(), (1 - salient).log()).mean()
    for name in ("segmentation", "refined_segmentation"):
        log_probability = full(name).log_softmax(dim=1)
        labelled = batch["segmentation"] != 255
        chosen = log_probability.gather(1, (batch["segmentation"].long() * labelled)[:, None])[:, 0]
        loss = loss - chosen[labelled].mean()
    return loss


# --- what must agree ------------------------------------------------------------------------------


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


def test_missing_and_unknown_tensors_are_listed(tmp_path):
    state = published_classifier()
    del state["b4_3.conv_branch2a.weight"]
    torch.save(dict(state), tmp_path / "less.pth")
    state["b9.weight"] = torch.zeros(1)
    torch.save(dict(state), tmp_path / "more.pth")

    with pytest.raises(UserError, match=r"less\.pth: .*stage4\.3\.conv1\.weight: missing"):
        import_weights(tmp_path / "less.pth", tmp_path / "w.safetensors", CLASSES)
    with pytest.raises(UserError, match=r"more\.pth: tensors of unknown names: b9\.weight"):
        import_weights(tmp_path / "more.pth", tmp_path / "w.safetensors", CLASSES)
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
