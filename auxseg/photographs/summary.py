"""segmentation.json: what the photographs of a folder of results show."""

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auxseg.errors import UserError
from auxseg.images import read_content
from auxseg.photographs.results import key_in, mask_name, overlay_name
from auxseg.store import write_atomically

SUMMARY = "segmentation.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Shown(_Part):
    """A class that a photograph shows.

    Attributes:
        name: of the class.
        index: its value in the mask.
        pixels: of it.
        share: of the photograph.
    """

    name: str = Field(alias="class")
    index: int
    pixels: int
    share: float


class Segmented(_Part):
    """A photograph that was segmented.

    Attributes:
        photograph: its file.
        width, height: of it upright, pixels.
        mask, overlay: files below the folder of results.
        key: that the mask carries; a mask with another key is not the one listed.
        found: the classes in it.
    """

    photograph: str
    width: int
    height: int
    mask: str
    overlay: str
    key: str
    found: tuple[Shown, ...]


class _Summary(_Part):
    classes: tuple[str, ...]
    photographs: tuple[Segmented, ...]


def summarise(
    name: str, photograph: Path, label: np.ndarray, key: str, classes: tuple[str, ...]
) -> Segmented:
    """What a label says of its photograph.

    Args:
        name: of the result.
        photograph: the file.
        label: (H, W) uint8 class indices.
        key: that its mask carries.
        classes: background and the network's.
    """
    pixels = np.bincount(label.ravel(), minlength=len(classes))
    return Segmented(
        photograph=str(photograph),
        width=label.shape[1],
        height=label.shape[0],
        mask=mask_name(name),
        overlay=overlay_name(name),
        key=key,
        found=tuple(
            Shown(
                name=classes[index],
                index=int(index),
                pixels=int(pixels[index]),
                share=round(float(pixels[index] / label.size), 4),
            )
            for index in np.flatnonzero(pixels[1:]) + 1
        ),
    )


def listed_before(
    folder: Path, classes: tuple[str, ...], renewed: Collection[str]
) -> list[Segmented]:
    """What earlier calls listed and what still holds: the mask is there, and the very same.

    Args:
        folder: of the results.
        classes: background and the network's.
        renewed: masks that this call is to write.

    Raises:
        UserError: the folder's summary is none of ours, or lists masks of other classes that would
            stay.
    """
    path = folder / SUMMARY
    if not path.exists():
        return []
    try:
        summary = _Summary.model_validate_json(read_content(path))
    except ValidationError:
        raise UserError(
            f"{path}: not a summary of auxseg predict, or a damaged one; move it away or name "
            f"another --output."
        ) from None
    lasting = [one for one in summary.photographs if key_in(folder / one.mask) == one.key]
    if summary.classes == classes:
        return lasting
    if any(one.mask not in renewed for one in lasting):
        raise UserError(
            f"{path}: lists masks of the classes {', '.join(summary.classes[1:])}, but this "
            f"network tells {', '.join(classes[1:])}; name another --output."
        )
    return []


def write_summary(folder: Path, classes: tuple[str, ...], listed: Iterable[Segmented]) -> None:
    """Write a folder's summary; where two entries name one mask, the later is kept."""
    by_mask = {one.mask: one for one in listed}
    photographs = tuple(by_mask[mask] for mask in sorted(by_mask))
    summary = _Summary(classes=classes, photographs=photographs)
    text = summary.model_dump_json(by_alias=True, indent=1)
    write_atomically(folder / SUMMARY, f"{text}\n".encode())
