"""Index and masks of a folder of photographs, and the faults that are found in it."""

from pathlib import Path

import pytest

from auxseg.config import IndexOptions
from auxseg.datasets.index_file import Index, read_index
from auxseg.errors import UserError
from auxseg.stages import index, masks


def options_of(root: Path, **options) -> IndexOptions:
    folder = {"root": str(root), **options}
    return IndexOptions.model_validate({"dataset": "folder", "folder": folder})


def make_index(root: Path, out: Path, threads: int = 2, **options) -> Index:
    chosen = options_of(root, **options)
    index.run(chosen, index=out / "index.h5", threads=threads)
    masks.run(chosen, index=out / "index.h5", masks=out / "masks.h5")
    return read_index(out / "index.h5")


def faults_of(root: Path, out: Path, **options) -> list[str]:
    """The listed faults, without the temporary folder's name; nothing is written."""
    with pytest.raises(UserError) as caught:
        make_index(root, out, **options)
    assert not out.exists()
    heading, *faults = str(caught.value).replace(f"{root}/", "").splitlines()
    noun = "fault" if len(faults) == 1 else "faults"
    assert heading == f"the data set cannot be used: {len(faults)} {noun}"
    return [fault.removeprefix("  - ") for fault in faults]


def add_row(root: Path, row: str) -> None:
    with (root / "labels.csv").open("a", encoding="utf-8") as stream:
        stream.write(row + "\n")
