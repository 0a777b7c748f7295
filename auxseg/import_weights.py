"""Published checkpoints to weights files of ours: `auxseg import-weights SOURCE TARGET`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auxseg.datasets.palette import voc_palette
from auxseg.datasets.voc import VOC_CLASSES
from auxseg.errors import UserError, listing
from auxseg.nn.backbones import build_backbone
from auxseg.nn.foreign import Imported, published_name, recognise
from auxseg.nn.network import AuxSegNet, Classifier, build_network
from auxseg.nn.weights import misfits, read_state, save_weights
from auxseg.store import file_digest

_BACKBONE: dict[str, Any] = {
    "backbone": "resnet38d",
    "output_stride": 8,
    "freeze_batch_norm": True,
    "frozen_stride": 1,
}
_VOC_SIDE = 500  # pixels, of the photographs that these checkpoints learnt from
_BRANCHES: dict[str, Any] = {"branches": "all", "affinity": "cross-task", "dense_channels": 128}


def import_weights(source: Path, target: Path, classes: Sequence[str] | None = None) -> str:
    """Write a published ResNet38d checkpoint as a weights file of ours; no code in it is run.

    Args:
        source: .pth or .safetensors of AuxSegNet's reference code, PSA or SEAM.
        target: the .safetensors file to write.
        classes: what the network tells apart, in the order of its outputs; None = VOC's twenty.

    Returns:
        What was recognised and written, in words.

    Raises:
        UserError: another kind of file, tensors that are missing, unknown or of another shape, or
            another number of classes.
    """
    if target.suffix != ".safetensors":
        raise UserError(f"{target}: name a file that ends in .safetensors.")
    state = read_state(source)
    try:
        imported = recognise(state)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    names = list(classes or VOC_CLASSES)
    if len(names) != imported.num_classes:
        raise UserError(
            f"{source}: tells {imported.num_classes} classes apart, but --classes names "
            f"{len(names)}{'' if classes else ' (VOC by default)'}; name them in their order."
        )
    network = _network(imported)
    _refuse_what_does_not_fit(source, network, imported)
    network.load_state_dict(imported.state, strict=False)
    model = _BACKBONE | (_BRANCHES if imported.kind == "network" else {"weights": "none"})
    description = {
        "kind": imported.kind,
        "classes": names,
        "palette": voc_palette(len(names) + 1),
        "longest_side": _VOC_SIDE,
        "model": model,
        "inputs": {"source": file_digest(source)},
        "options": {"imported_from": imported.origin},
    }
    save_weights(target, network, description)
    return _told(source, target, imported)


def _refuse_what_does_not_fit(
    source: Path, network: AuxSegNet | Classifier, imported: Imported
) -> None:
    shapes, missing, unexpected = misfits(network, imported.state)
    misfitting = shapes | missing | unexpected
    faults = [f"{published_name(name)}: {fault}" for name, fault in misfitting.items()]
    faults += [f"{name}: unknown" for name in imported.unknown]
    if faults:
        raise listing(faults, f"{source}: taken for {imported.origin}, but its tensors do not fit")


def _network(imported: Imported) -> AuxSegNet | Classifier:
    if imported.kind == "network":
        return build_network(num_classes=imported.num_classes, **_BACKBONE, **_BRANCHES)
    return Classifier(build_backbone("resnet38d", 8), imported.num_classes)


def _told(source: Path, target: Path, imported: Imported) -> str:
    lines = [
        f"{source}: {imported.origin}, {imported.num_classes} classes",
        f"{target}: a {imported.kind} of {len(imported.state)} tensors",
    ]
    if imported.idle:
        lines.append(f"left out, since the network does not use them: {', '.join(imported.idle)}")
    return "\n".join(lines)
