"""Networks for other programs: `auxseg export WEIGHTS TARGET`."""

import json
from pathlib import Path

import numpy as np
import torch

from auxseg.errors import UserError, listing, out_of_memory, reason_of
from auxseg.model_card import as_markdown, model_card
from auxseg.nn.end_to_end import EndToEnd, export_program, write_onnx
from auxseg.nn.network import AuxSegNet
from auxseg.nn.weights import load_network
from auxseg.store import write_atomically
from auxseg.store.atomic import writing

CARD = "auxseg_model_card"
_SUFFIXES = (".onnx", ".pt2")
_LARGEST_DIFFERENCE = 1e-3
_CHECKED_SIZES = ((96, 131), (160, 120), (33, 77))
_OTHER_VERSIONS = "export with other versions of torch and onnxruntime"


def export_network(weights: Path, target: Path) -> str:
    """Write a network as ONNX or as torch's ExportedProgram, and a model card beside it.

    The file takes one photograph of any size and holds the card as metadata; what it computes is
    compared with torch before it gets its name.

    Args:
        weights: .safetensors of a multi-task network.
        target: a file that ends in .onnx or .pt2; the card is {target}.md.

    Returns:
        What was written, in words.

    Raises:
        UserError: another kind of weights or target, a package is missing, or the file computes
            something else than the network.
    """
    if target.suffix not in _SUFFIXES:
        raise UserError(f"{target}: name a file that ends in {' or '.join(_SUFFIXES)}.")
    network, description = load_network(weights)
    card = model_card(weights, network, description)
    if target.suffix == ".onnx":
        _need("onnx", "onnxscript", "onnxruntime")
    program = export_program(network)
    temporary = target.with_name(f"tmp-{target.name}")
    with writing(temporary, target):
        if target.suffix == ".onnx":
            write_onnx(program, temporary, {CARD: json.dumps(card)})
        else:
            temporary.touch()  # torch has an error of its own where this fails
            torch.export.save(program, temporary, extra_files={f"{CARD}.json": json.dumps(card)})
        try:
            difference = largest_difference(network, temporary)
        except UserError as error:
            raise UserError(f"{target}: {error}") from None
    page = target.with_name(f"{target.name}.md")
    write_atomically(page, as_markdown(card, target.name).encode())
    return (
        f"{target}: differs from torch by at most {difference:.1e} in "
        f"{len(_CHECKED_SIZES)} photographs of noise\n{page}: its model card"
    )


@torch.inference_mode()
def largest_difference(network: AuxSegNet, file: Path) -> float:
    """By how much an exported file's probabilities differ from the network's, on noise.

    Args:
        network: on the processor.
        file: .onnx or .pt2.

    Raises:
        UserError: the file cannot be run, or its probabilities are others.
    """
    whole = EndToEnd(network).eval()
    draw = np.random.default_rng(0)
    images = [draw.integers(0, 256, (1, 3, *size), dtype=np.uint8) for size in _CHECKED_SIZES]
    expected = [whole(torch.from_numpy(image)).numpy() for image in images]
    pairs = zip(_run(file, images), expected, strict=True)
    difference = float(np.max([np.abs(found - right).max() for found, right in pairs]))
    if not difference <= _LARGEST_DIFFERENCE:  # nor where it is no number
        raise UserError(
            f"its probabilities differ by up to {difference:.2g} from torch's; {_OTHER_VERSIONS}."
        )
    return difference


def _run(file: Path, images: list[np.ndarray]) -> list[np.ndarray]:
    """Probabilities (1, C + 1, H, W) float32 of photographs (1, 3, H, W), as others get them."""
    try:
        if file.suffix == ".onnx":
            import onnxruntime  # here, as it is needed for this kind of file alone

            session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
            return [session.run(["probabilities"], {"image": image})[0] for image in images]
        module = torch.export.load(file).module()
        return [module(torch.from_numpy(image)).numpy() for image in images]
    except Exception as error:  # onnxruntime and torch have classes of their own
        if out_of_memory(error):
            raise
        raise UserError(
            f"what was written cannot be run ({reason_of(error)}); {_OTHER_VERSIONS}."
        ) from None


def _need(*packages: str) -> None:
    """Raise where packages of the extra `export` are missing."""
    from importlib.util import find_spec

    if missing := [name for name in packages if find_spec(name) is None]:
        raise listing([f"pip install {name}" for name in missing], "ONNX needs more packages")
