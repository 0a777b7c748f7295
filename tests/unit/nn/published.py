"""A published network by its own names: random weights, and docs/method.md, 1 and 2, restated."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from auxseg.datasets.voc import VOC_CLASSES

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
