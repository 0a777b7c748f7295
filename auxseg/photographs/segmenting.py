"""Photographs through a network to masks, overlays and a summary."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from auxseg.datasets.palette import Palette
from auxseg.errors import UserError, listing
from auxseg.images import read_content, read_image
from auxseg.ops.postprocess import Sharpen, label_photograph
from auxseg.parallel import process_map
from auxseg.photographs.results import key_of, mask_name, write_result, written_before
from auxseg.photographs.summary import Segmented, listed_before, summarise, write_summary
from auxseg.runtime import progress
from auxseg.segmenter import Segmenter

Job = tuple[str, Path, str, np.ndarray, np.ndarray, np.ndarray]


def segment_photographs(
    segmenter: Segmenter, photographs: dict[str, Path], folder: Path, workers: int = 1
) -> list[Segmented]:
    """Segment photographs and write what was found.

    Writes {name}.png (palette, the class indices), {name}_overlay.jpg and segmentation.json into
    the folder. A photograph whose mask there was made from the same bytes by the same segmenter is
    not segmented again. Photographs that cannot be read are left out, and named at the end.

    Args:
        segmenter: the network.
        photographs: name of the result -> file, as `find_photographs` leaves them.
        folder: made where it is missing; files of the same names are replaced.
        workers: processes for what follows the network.

    Returns:
        For each photograph what segmentation.json says of it, which also lists those of earlier
        calls.

    Raises:
        UserError: some photographs cannot be read; the others are done. Or segmentation.json is of
            others, or of other classes; nothing is done.
    """
    classes = ("background", *segmenter.classes)
    earlier = listed_before(folder, classes, {mask_name(name) for name in photographs})
    results = dict(_done(segmenter, photographs, folder, classes))
    missing = {name: path for name, path in photographs.items() if name not in results}
    faults: list[str] = []
    finish = partial(_finish, folder, classes, segmenter.palette, sharpen=segmenter.sharpen)
    made = process_map(finish, _jobs(segmenter, missing, faults), workers)
    results |= progress(made, "segment", len(photographs), done=len(results))
    listed = [results[name] for name in photographs if name in results]
    write_summary(folder, classes, [*earlier, *listed])
    if faults:
        raise listing(faults, f"{len(listed)} of {len(photographs)} photographs were segmented")
    return listed


def _done(
    segmenter: Segmenter, photographs: dict[str, Path], folder: Path, classes: tuple[str, ...]
) -> Iterator[tuple[str, Segmented]]:
    """(name, what it shows) of each photograph that needs not be segmented again."""
    for name, path in photographs.items():
        written = written_before(folder, name, path, segmenter.recipe)
        if written is not None:
            yield name, summarise(name, path, *written, classes)


def _jobs(segmenter: Segmenter, photographs: dict[str, Path], faults: list[str]) -> Iterator[Job]:
    """For each photograph that can be read what `_finish` takes."""
    for name, path in photographs.items():
        try:
            content = read_content(path)
            image = read_image(path, content)
        except UserError as error:
            faults.append(str(error))
        else:
            key = key_of(content, segmenter.recipe)
            yield name, path, key, image, *segmenter.probabilities(image)


def _finish(
    folder: Path,
    classes: tuple[str, ...],
    palette: Palette,
    name: str,
    path: Path,
    key: str,
    image: np.ndarray,
    small: np.ndarray,
    probabilities: np.ndarray,
    *,
    sharpen: Sharpen | None,
) -> tuple[str, Segmented]:
    """Label one photograph, write its pictures, and say what it shows."""
    label = label_photograph(small, probabilities, image.shape[:2], sharpen)
    write_result(folder, name, image, label, palette, key)
    return name, summarise(name, path, label, key, classes)
