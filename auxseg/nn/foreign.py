"""Weights that others publish: whose they are, and what their tensors are called here."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from auxseg.errors import UserError

# PSA's names of ResNet38d, which SEAM and AuxSegNet took over, to those of nn.resnet38.
_BLOCKS = {
    "b2": "stage2.0",
    "b2_1": "stage2.1",
    "b2_2": "stage2.2",
    "b3": "stage3.0",
    "b3_1": "stage3.1",
    "b3_2": "stage3.2",
    "b4": "stage4.0",
    "b4_1": "stage4.1",
    "b4_2": "stage4.2",
    "b4_3": "stage4.3",
    "b4_4": "stage4.4",
    "b4_5": "stage4.5",
    "b5": "stage5.0",
    "b5_1": "stage5.1",
    "b5_2": "stage5.2",
    "b6": "stage6",
    "b7": "stage7",
}
_LAYERS = {
    "bn_branch2a": "norm1",
    "conv_branch2a": "conv1",
    "bn_branch2b1": "norm2",
    "conv_branch2b1": "conv2",
    "bn_branch2b2": "norm3",
    "conv_branch2b2": "conv3",
    "conv_branch1": "shortcut",
}
_BACKBONE = {
    "conv1a": "stem",
    "bn7": "norm",
    **{
        f"{block}.{layer}": f"{ours}.{our_layer}"
        for block, ours in _BLOCKS.items()
        for layer, our_layer in _LAYERS.items()
    },
}
# The heads of AuxSegNet's reference code; PSA and SEAM have the first alone.
_HEADS = {
    "fc8": "classification.classifier",
    **{
        f"{theirs}_{layer}": f"{ours}.{our_layer}"
        for theirs, ours in (("seg", "segmentation"), ("sal", "saliency"))
        for layer, our_layer in (
            ("conv1", "reduce"),
            ("conv2", "widen"),
            ("conv3", "decode"),
            ("conv4", "predict"),
            ("att.theta", "affinity.theta"),
            ("att.phi", "affinity.phi"),
            ("g", "affinity.value"),
            ("W", "affinity.project"),
        )
    },
    "cross_att.0": "cross_task.mix",
    "cross_att.2": "cross_task.gate",
}
NAMES = {**{theirs: f"backbone.body.{ours}" for theirs, ours in _BACKBONE.items()}, **_HEADS}
"""Module names of the ResNet38d family's published files -> module names of our networks."""

_PUBLISHED = {ours: theirs for theirs, ours in NAMES.items()}

# Names in MXNet's file of the ImageNet weights that all of these began with, to PSA's.
_MXNET_PARAMETERS = {
    "weight": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_var": "running_var",
}


def _mxnet_module(module: str) -> str:
    """`b4_5.bn_branch2a` is `bn4b5_branch2a` there, `b4.conv_branch1` is `res4a_branch1`."""
    block, _, layer = module.partition(".")
    if not layer:
        return module
    stage, _, number = block.removeprefix("b").partition("_")
    kind, branch = layer.split("_")
    unit = f"{stage}b{number}" if number else f"{stage}a"
    return f"{'res' if kind == 'conv' else 'bn'}{unit}_{branch}"


_MXNET = {
    f"{_mxnet_module(module)}_{theirs}": f"{module}.{parameter}"
    for module in _BACKBONE
    for theirs, parameter in _MXNET_PARAMETERS.items()
}

# Layers that are in the files but take no part: what is left of a borrowed non-local block in
# AuxSegNet, and SEAM's pixel correlation module.
_IDLE = ("seg_att.g", "seg_att.W_z", "sal_att.g", "sal_att.W_z", "f8_3", "f8_4", "f9")


@dataclass(frozen=True)
class Imported:
    """Published weights under our names.

    Attributes:
        origin: whose file it is, in words.
        kind: "network" or "classifier".
        num_classes: C, foreground classes.
        state: our tensor names -> tensors.
        idle: what of the file takes no part in the published network, left out.
        unknown: names of tensors that none of these files has.
    """

    origin: str
    kind: str
    num_classes: int
    state: dict[str, Tensor]
    idle: list[str]
    unknown: list[str]


def backbone_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict whose ResNet38d, under published names or MXNet's, has ours; others as it is."""
    theirs = _by_psas_names(state)
    if "conv1a.weight" not in theirs:
        return dict(state)
    names = (name.rpartition(".") for name in theirs)
    return {
        f"{_BACKBONE[module]}.{parameter}": value
        for (module, _, parameter), value in zip(names, theirs.values(), strict=True)
        if module in _BACKBONE
    }


def _by_psas_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {_MXNET.get(name, name.removeprefix("module.")): v for name, v in state.items()}


def recognise(state: Mapping[str, Tensor]) -> Imported:
    """Published ResNet38d weights, AuxSegNet's or a PSA-like classifier's, under our names.

    Raises:
        UserError: not of this family.
    """
    if "conv1a_weight" in state:
        raise UserError(
            "a backbone alone, which needs no import: name the file itself as model.weights."
        )
    theirs = _by_psas_names(state)
    if "conv1a.weight" not in theirs or "fc8.weight" not in theirs:
        raise UserError(
            "not weights of the ResNet38d family: conv1a.weight or fc8.weight is missing; "
            "AuxSegNet's, PSA's and SEAM's checkpoints have both."
        )
    is_network = "cross_att.0.weight" in theirs
    has_pcm = "f9.weight" in theirs
    renamed, idle, unknown = {}, [], []
    if has_pcm:  # SEAM's outputs begin with the background's, which its method replaces
        theirs["fc8.weight"] = theirs["fc8.weight"][1:].contiguous()
        idle.append("fc8.weight[0], the background's output")
    for name, value in theirs.items():
        module, _, parameter = name.rpartition(".")
        if module in NAMES:
            renamed[f"{NAMES[module]}.{parameter}"] = value
        elif module.startswith(_IDLE):
            idle.append(name)
        else:
            unknown.append(name)
    if is_network:
        origin = "AuxSegNet's reference code"
    else:
        origin = "SEAM's classifier" if has_pcm else "a PSA classifier"
    return Imported(
        origin=origin,
        kind="network" if is_network else "classifier",
        num_classes=len(theirs["fc8.weight"]),
        state=renamed,
        idle=idle,
        unknown=unknown,
    )


def published_name(name: str) -> str:
    """What a tensor of ours is called in these files."""
    module, _, parameter = name.rpartition(".")
    return f"{_PUBLISHED.get(module, module)}.{parameter}"
