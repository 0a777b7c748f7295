"""Photographs without a data set around them: `auxseg predict --weights W IMAGE|FOLDER...`."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from auxseg.datasets.palette import Palette
from auxseg.datasets.photographs import SUFFIXES, picture_files
from auxseg.errors import UserError, listing
from auxseg.images import encoded, read_image
from auxseg.ops.postprocess import Sharpen, label_photograph
from auxseg.parallel import process_map
from auxseg.pictures import palette_picture, write_png
from auxseg.report.palette import overlay_classes
from auxseg.runtime import progress
from auxseg.segmenter import Segmenter
from auxseg.store import write_atomically

SUMMARY = "segmentation.json"
_OVERLAY = "_overlay.jpg"
Job = tuple[str, Path, np.ndarray, np.ndarray, np.ndarray]


def find_photographs(sources: Sequence[Path], output: Path) -> dict[str, Path]:
    """Name of the result -> photograph: files as they are, of folders all below them.

    The name is the photograph's, below its folder, without extension.

    Args:
        sources: files and folders.
        output: folder of the results, which are no photographs to segment again.

    Raises:
        UserError: a source is missing, a folder holds none, two would have the same name, or a
            mask would take its photograph's place.
    """
    found: dict[str, Path] = {}
    faults = []
    for source in sources:
        if not source.exists():
            faults.append(f"{source}: no such file or folder.")
            continue
        photographs = _below(source, output) if source.is_dir() else {source.stem: source}
        if not photographs:
            faults.append(f"{source}: holds no photograph ({', '.join(SUFFIXES)}).")
        for name, path in photographs.items():
            other = found.setdefault(name, path)
            if other.resolve() != path.resolve():
                faults.append(f"{path}: {other} would have the same {name}.png; rename one.")
    written = {
        (output / f"{name}{ending}").resolve() for name in found for ending in (".png", _OVERLAY)
    }
    faults += [
        f"{path}: a result would take its place; name another --output."
        for path in found.values()
        if path.resolve() in written
    ]
    if faults:
        raise listing(faults, "photographs to segment")
    return found


def segment_photographs(
    segmenter: Segmenter, photographs: dict[str, Path], folder: Path, workers: int = 1
) -> list[dict[str, Any]]:
    """Segment photographs and write what was found.

    Writes {name}.png (palette, the class indices), {name}_overlay.jpg and segmentation.json into
    the folder. Photographs that cannot be read are left out, and named at the end.

    Args:
        segmenter: the network.
        photographs: name of the result -> file.
        folder: made where it is missing; files of the same names are replaced.
        workers: processes for what follows the network.

    Returns:
        For each photograph what segmentation.json says of it: file, size, and the classes found
        with their pixels and share of the photograph.

    Raises:
        UserError: some photographs cannot be read; the others are done.
    """
    faults: list[str] = []
    finish = partial(
        _finish, folder, segmenter.classes, segmenter.palette, sharpen=segmenter.sharpen
    )
    done = process_map(finish, _jobs(segmenter, photographs, faults), workers)
    results = list(progress(done, "segment", len(photographs)))
    summary = {"classes": ["background", *segmenter.classes], "photographs": results}
    write_atomically(folder / SUMMARY, (json.dumps(summary, indent=1) + "\n").encode())
    if faults:
        raise listing(faults, f"{len(results)} of {len(photographs)} photographs were segmented")
    return results


def _below(folder: Path, output: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in picture_files(folder)
        if not path.resolve().is_relative_to(output.resolve())
    }


def _jobs(segmenter: Segmenter, photographs: dict[str, Path], faults: list[str]) -> Iterator[Job]:
    """For each photograph that can be read what `_finish` takes."""
    for name, path in photographs.items():
        try:
            image = read_image(path)
        except UserError as error:
            faults.append(str(error))
        else:
            yield name, path, image, *segmenter.probabilities(image)


def _finish(
    folder: Path,
    classes: tuple[str, ...],
    palette: Palette,
    name: str,
    path: Path,
    image: np.ndarray,
    small: np.ndarray,
    probabilities: np.ndarray,
    *,
    sharpen: Sharpen | None,
) -> dict[str, Any]:
    """Label one photograph, write its pictures, and say what it shows."""
    label = label_photograph(small, probabilities, image.shape[:2], sharpen)
    mask, overlay = f"{name}.png", f"{name}{_OVERLAY}"
    write_png(palette_picture(label, palette), folder / mask)
    laid_over = Image.fromarray(overlay_classes(image, label, palette))
    write_atomically(folder / overlay, encoded(laid_over, "JPEG", quality=90))
    pixels = np.bincount(label.ravel(), minlength=len(classes) + 1)
    return {
        "photograph": str(path),
        "width": image.shape[1],
        "height": image.shape[0],
        "mask": mask,
        "overlay": overlay,
        "found": [
            {
                "class": classes[index - 1],
                "index": int(index),
                "pixels": int(pixels[index]),
                "share": round(float(pixels[index] / label.size), 4),
            }
            for index in np.flatnonzero(pixels[1:]) + 1
        ],
    }
