"""A file from a stranger runs no code, wherever it is loaded."""

import hashlib
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from auxseg.datasets.index_file import Entry
from auxseg.datasets.other_methods import read_cam
from auxseg.errors import UserError
from auxseg.images import read_image, read_mask, read_saliency
from auxseg.import_weights import import_weights
from auxseg.nn.backbones import build_backbone
from auxseg.nn.imagenet import initialise_backbone
from auxseg.nn.weights import load_network, read_state
from auxseg.store import MapReader, read_table
from auxseg.training.checkpoint import load_checkpoint


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def load_backbone(path: Path) -> None:
    initialise_backbone(build_backbone("test_efficientnet"), "test_efficientnet", str(path))


def load_cam(path: Path) -> None:
    read_cam(path, Entry("a", "train", Path("a.jpg"), 4, 4, np.array([True]), None), ("cat",))


LOADERS = {
    "model.weights": (load_backbone, ".pth"),
    "model.weights as safetensors": (load_backbone, ".safetensors"),
    "import-weights": (lambda path: import_weights(path, path.with_name("w.safetensors")), ".pth"),
    "weights": (load_network, ".safetensors"),
    "state": (read_state, ".pth"),
    "CAM": (load_cam, ".npy"),
    "CAM in HDF5": (load_cam, ".h5"),
    "artifact": (MapReader, ".h5"),
    "table": (lambda path: read_table(path, "index"), ".h5"),
    "photograph": (read_image, ".jpg"),
    "mask": (read_mask, ".png"),
    "saliency": (read_saliency, ".png"),
}


def forms(trap: Trap, path: Path) -> None:
    """Write the trap in the form that suits the file's name."""
    if path.suffix == ".npy":
        np.save(path, np.array([trap], dtype=object), allow_pickle=True)
    elif path.suffix == ".pth":
        torch.save({"state_dict": {"x": trap}}, path)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["cam"] = np.frombuffer(pickle.dumps(trap), dtype=np.uint8)
    else:
        path.write_bytes(pickle.dumps(trap))


@pytest.mark.parametrize("place", LOADERS)
def test_a_pickle_is_refused_and_not_run(tmp_path, place):
    load, suffix = LOADERS[place]
    mark, path = tmp_path / "mark", tmp_path / f"trap{suffix}"
    forms(Trap(mark), path)

    with pytest.raises(UserError):
        load(path)

    assert not mark.exists()


@pytest.mark.parametrize("place", LOADERS)
def test_a_bare_pickle_of_any_name_is_refused_and_not_run(tmp_path, place):
    load, suffix = LOADERS[place]
    mark, path = tmp_path / "mark", tmp_path / f"trap{suffix}"
    path.write_bytes(pickle.dumps(Trap(mark)))

    with pytest.raises(UserError):
        load(path)

    assert not mark.exists()


def test_a_checkpoint_that_is_a_pickle_is_left_aside(tmp_path, capsys):
    mark, path = tmp_path / "mark", tmp_path / "checkpoint.pt"
    torch.save({"x": Trap(mark)}, path)

    assert load_checkpoint(path, "x") is None
    assert "damaged; training starts anew" in capsys.readouterr().err
    assert not mark.exists()


def test_a_checkpoint_that_is_a_pickle_with_a_right_digest_is_left_aside_too(tmp_path):
    mark, path = tmp_path / "mark", tmp_path / "checkpoint.pt"
    torch.save({"x": Trap(mark)}, path)
    content = path.read_bytes()
    path.write_bytes(content + hashlib.sha256(content).digest())

    assert load_checkpoint(path, "x") is None
    assert not mark.exists()


def test_the_trap_works(tmp_path):
    mark = tmp_path / "mark"
    pickle.loads(pickle.dumps(Trap(mark)))

    assert mark.exists()
