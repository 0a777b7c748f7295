"""Weights in files: ours as safetensors with a description inside, others' as plain state dicts."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from auxseg.description import description_metadata, read_description, read_metadata
from auxseg.errors import UserError, reason_of
from auxseg.nn.mxnet_params import read_params
from auxseg.nn.network import AuxSegNet, Classifier, build_backbone, build_network
from auxseg.store import write_atomically

_TOLD = 8  # faults, of hundreds that the wrong network has


def save_weights(path: Path, network: nn.Module, description: Mapping[str, Any]) -> None:
    """Write a network's state and its description (JSON) as one safetensors file, atomically."""
    state = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    write_atomically(path, save(state, description_metadata(description, _digest(state))))


def load_classifier(
    path: Path, classes: Sequence[str] | None = None
) -> tuple[Classifier, dict[str, Any]]:
    """The classifier of a weights file, in evaluation mode, and its description.

    Raises:
        UserError: not a weights file of ours, not a classifier's, or of other classes.
    """
    description = read_description(path, "classifier", classes)
    model = dict(description["model"])
    model.pop("weights", None)
    network = Classifier(
        build_backbone(model.pop("backbone"), **model), len(description["classes"])
    )
    load_weights(network, path)
    return network.eval(), description


def load_network(
    path: Path | str, classes: Sequence[str] | None = None
) -> tuple[AuxSegNet, dict[str, Any]]:
    """The multi-task network of a weights file, in evaluation mode, and its description.

    Raises:
        UserError: not a weights file of ours, not a multi-task network's, or of other classes.
    """
    path = Path(path)
    description = read_description(path, "network", classes)
    model = dict(description["model"])
    model.pop("weights", None)
    network = build_network(model.pop("backbone"), len(description["classes"]), **model)
    load_weights(network, path)
    return network.eval(), description


def load_weights(network: nn.Module, path: Path | str, *, allow_missing: bool = False) -> list[str]:
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
    path = Path(path)
    state = read_state(path)
    own = network.state_dict()
    shapes, missing, unexpected = misfits(network, state)
    faults = [f"{name}: {fault}" for name, fault in shapes.items()]
    if not allow_missing:
        faults += [f"{name}: {fault}" for name, fault in (missing | unexpected).items()]
    common = own.keys() & state.keys()
    if not common:
        faults = ["no tensor in common"]
    if faults:
        more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
        raise UserError(
            f"{path}: weights do not fit this network ({len(faults)} faults): "
            f"{'; '.join(faults[:_TOLD])}{more}; build it with the backbone, branches, affinity "
            f"and classes that they were trained with."
        )
    network.load_state_dict({k: state[k] for k in common}, strict=False)
    return list(missing)


def misfits(
    network: nn.Module, state: Mapping[str, Tensor]
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Tensors of another shape, missing in a state dict, and unknown to a network: name -> what."""
    own = network.state_dict()
    shapes = {
        name: f"{tuple(state[name].shape)} in the file, {tuple(value.shape)} here"
        for name, value in own.items()
        if name in state and state[name].shape != value.shape
    }
    # A counter that frozen batch norm never reads, and that old files have not.
    needed = {name for name in own if not name.endswith("num_batches_tracked")}
    missing = dict.fromkeys(sorted(needed - state.keys()), "missing in the file")
    unknown = dict.fromkeys(sorted(state.keys() - own.keys()), "unknown to this network")
    return shapes, missing, unknown


def read_state(path: Path) -> dict[str, Tensor]:
    """A state dict from .safetensors, MXNet's .params, or .pth without ever unpickling code.

    Raises:
        UserError: missing, damaged, or holding more than tensors.
    """
    if path.is_dir():
        raise UserError(f"{path}: a folder; name the weights file in it.")
    if not path.is_file():
        raise UserError(f"{path}: no such weights file.")
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        if path.suffix == ".params":
            return read_params(path)
        _refuse_what_torch_never_wrote(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (UserError, MemoryError):
        raise
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        raise UserError(f"{path}: not a readable weights file ({reason_of(error)}).") from None
    except Exception as error:  # torch raises pickle.UnpicklingError and others for hostile files
        raise UserError(
            f"{path}: refused: it holds more than tensors ({type(error).__name__}); "
            f"save the state dict alone."
        ) from None
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    state = state if isinstance(state, dict) else {}
    return {k: v for k, v in state.items() if isinstance(v, Tensor)}


def _refuse_what_torch_never_wrote(path: Path) -> None:
    """Torch's own refusal of other files says that they hold code."""
    with path.open("rb") as file:
        start = file.read(4)
    if not start.startswith((b"PK\x03\x04", b"\x80")):  # a zip archive, or a pickle
        raise UserError(f"{path}: not a readable weights file (no checkpoint of today's PyTorch).")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    try:
        _, content = read_metadata(path, metadata)
    except ValueError:
        return state  # a file of others
    if content not in ("", _digest(state)):
        raise UserError(f"{path}: damaged; delete the file and make it again.")
    return state


def _digest(state: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
