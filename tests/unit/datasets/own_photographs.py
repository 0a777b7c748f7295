"""Own photographs and a table of their labels, as a user would lay them out."""

from pathlib import Path

from PIL import Image

from auxseg.config import FolderOptions
from auxseg.datasets import folder
from auxseg.datasets.record import Dataset


def load(root: Path, **options) -> Dataset:
    return folder.load(FolderOptions(root=str(root), **options))


def write_table(root: Path, *lines: str, header: str = "image,labels,split") -> None:
    (root / "labels.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def add_photo(root: Path, name: str) -> None:
    path = root / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4)).save(path)


def faults_of(root: Path, **options) -> list[str]:
    """The faults, without the temporary folder's name."""
    return [fault.replace(f"{root}/", "") for fault in load(root, **options).faults]
