"""What docs/troubleshooting.md quotes is what the programs say: each quotation is made again."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from tests.damage import with_a_flipped_bit
from tests.processes import ROOT, auxseg, copy_of_the_project

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
RUN = Path("results/mine")
FOLDER = "{dataset: folder, folder: {root: my-photos"
MODEL = "model: {backbone: test_efficientnet, weights: none, freeze_batch_norm: false}"
TRAINING = ("--index", RUN / "index.h5", "--weights", "w.safetensors", "--history", "h.csv")
SCENARIOS: dict[str, Callable[[], list[str]]] = {}


def quotations() -> dict[str, list[str]]:
    """{heading: what its blocks quote, without the commands}."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    found = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        blocks = re.findall(r"^```\n\$ [^\n]+\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
        if blocks:
            found[heading] = [block.strip() for block in blocks]
    return found


def scenario(heading: str):
    """The function that makes a section's quotations again, in an empty folder."""

    def register(function: Callable[[], list[str]]) -> Callable[[], list[str]]:
        SCENARIOS[heading] = function
        return function

    return register


def said(command: list[str], **environment: str) -> str:
    """What a program that must fail says on its standard error, without its progress."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert done.returncode in (1, 2), done.stderr
    return message_in(done.stderr)


def message_in(text: str) -> str:
    """From the first line that is a program's own on."""
    found = re.search(r"^(auxseg: |LockException:).*", text, flags=re.MULTILINE | re.DOTALL)
    assert found, text
    return found[0].strip()


def make_photos(root: Path, table: str) -> None:
    """Four photographs of 64 x 48 pixels, and a table."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for number in range(412, 416):
        Image.new("RGB", (64, 48), (200, 90, 9)).save(root / "images" / f"IMG_0{number}.jpg")
    (root / "labels.csv").write_text(f"image,labels,split\n{table}", encoding="utf-8")


def change(path: Path, place: int) -> None:
    """Change a bit of a byte of a file."""
    path.write_bytes(with_a_flipped_bit(path.read_bytes(), 8 * place))


@scenario("The configuration is not valid")
def _() -> list[str]:
    copy_of_the_project(Path())
    config = ['train={"epochs": 0, "lerning_rate": 0.1}', 'model={"branches": "seg"}']
    return [said([sys.executable, "-m", "snakemake", "--dry-run", "--config", *config])]


@scenario("The data set cannot be used")
def _() -> list[str]:
    rows = ["IMG_0412.jpg,cat;sofa,train", "IMG_0413.jpg,dgo,val", "IMG_0414.jpg,dog,train"]
    rows += ["IMG_0412.jpg,cat,val", "IMG_0416.jpg,dog,training"]
    root = Path("my-photos")
    make_photos(root, "\n".join(rows))
    photo = root / "images" / "IMG_0414.jpg"
    photo.write_bytes(photo.read_bytes()[:-300])
    Image.new("L", (48, 64), 1).save(root / "masks" / "IMG_0413.png")
    options = f"{FOLDER}, classes: [cat, dog, sofa]}}}}"
    return [said(auxseg("index", "--index", RUN / "index.h5", "--options", options))]


def index_of_voc(options: str) -> str:
    """What stage index says of two photographs, one of them in both lists."""
    root = Path("VOC2012")
    lists = root / "ImageSets" / "Segmentation"
    for folder in (root / "JPEGImages", root / "Annotations", lists):
        folder.mkdir(parents=True)
    for name, shown in (("2007_000032", "aeroplane"), ("2007_000039", "tvmonitor")):
        Image.new("RGB", (64, 48)).save(root / "JPEGImages" / f"{name}.jpg")
        annotation = f"<annotation><object><name>{shown}</name></object></annotation>"
        (root / "Annotations" / f"{name}.xml").write_text(annotation, encoding="utf-8")
    (lists / "train_aug.txt").write_text("2007_000032\n2007_000039\n", encoding="utf-8")
    (lists / "val.txt").write_text("2007_000032\n", encoding="utf-8")
    options = f"{{dataset: voc, voc: {{root: VOC2012{options}}}}}"
    return said(auxseg("index", "--index", "index.h5", "--options", options))


@scenario("One photograph in two splits")
def _() -> list[str]:
    return [index_of_voc("")]


@scenario("An unknown class")
def _() -> list[str]:
    return [index_of_voc(", classes: [aeroplane, tvmonitr]")]


def index_of_photos(index: Path) -> None:
    """An index of photographs of cats, dogs and sofas."""
    make_photos(
        Path("my-photos"), "IMG_0412,cat;dog;sofa,\nIMG_0413,,val\nIMG_0414,,val\nIMG_0415,,val\n"
    )
    command = auxseg("index", "--index", index, "--options", FOLDER + "}}")
    subprocess.run(command, check=True, capture_output=True)


@scenario("No saliency map")
def _() -> list[str]:
    shutil.rmtree(RUN)
    index_of_photos(RUN / "index.h5")
    paths = ("--index", RUN / "index.h5", "--saliency", RUN / "saliency.h5")
    return [said(auxseg("saliency", *paths))]


@scenario("A network of other classes")
def _() -> list[str]:
    index_of_photos(Path("other/index.h5"))
    weights = RUN / "round0/weights.safetensors"
    paths = ("--index", "other/index.h5", "--weights", weights, "--predictions", "p.h5")
    return [said(auxseg("predict", *paths))]


@scenario("No ImageNet weights")
def _() -> list[str]:
    command = auxseg("classify", *TRAINING, "--options", "{model: {backbone: resnet50}}")
    return [said(command, HF_HUB_OFFLINE="1", HF_HOME=str(Path("empty").resolve()))]


@scenario("No CUDA")
def _() -> list[str]:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    Image.new("RGB", (64, 48)).save("photo.jpg")
    weights = RUN / "round0/weights.safetensors"
    return [said(auxseg("predict", "--weights", weights, "--device", "cuda", "photo.jpg"))]


@scenario("A loss is NaN or infinite")
def _() -> list[str]:
    options = f"{{learning_rate: 1.0e+6, epochs: 40, crop_size: 48, {MODEL}}}"
    return [said(auxseg("classify", *TRAINING, "--options", options))]


@scenario("The memory is full")
def _() -> list[str]:
    options = f"{{crop_size: 12000, epochs: 1, {MODEL}}}"
    command = auxseg("classify", *TRAINING, "--device", "cpu", "--options", options)
    return [said(["bash", "-c", 'ulimit -v 6000000 && exec "$@"', "bash", *command])]


@scenario("The disk is full")
def _() -> list[str]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = Path("disk")
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        (disk / "filler").write_bytes(bytes(15_000))
        with h5py.File(RUN / "index.h5") as file:
            options = file.attrs["options"].decode()
        paths = ("--index", RUN / "index.h5", "--masks", disk / "masks.h5")
        return [said(auxseg("masks", *paths, "--options", options))]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


@scenario("A damaged file")
def _() -> list[str]:
    cams, weights = RUN / "cam.h5", RUN / "round0/weights.safetensors"
    whole = cams.read_bytes()
    cams.write_bytes(whole[:5000])
    told = [said(auxseg("inspect", cams))]
    cams.write_bytes(whole)
    with h5py.File(cams) as file:
        place = file["maps"]["train-0005"].id.get_chunk_info(0).byte_offset
    change(cams, place + 9)
    told.append(said(auxseg("inspect", cams, "--id", "train-0005")))
    change(weights, -100)
    Image.new("RGB", (64, 48)).save("photo.jpg")
    return [*told, said(auxseg("predict", "--weights", weights, "photo.jpg"))]


@scenario("A file of another version")
def _() -> list[str]:
    with h5py.File(RUN / "cam.h5", "r+") as file:
        file.attrs.modify("format_version", np.int64(1))
    return [said(auxseg("inspect", RUN / "cam.h5"))]


@scenario("Snakemake's lock")
def _() -> list[str]:
    copy_of_the_project(Path())
    locks = Path(".snakemake/locks")
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/shapes/index.h5\n", encoding="utf-8")
    told = said([sys.executable, "-m", "snakemake"])
    return [told.replace(str(Path.cwd()), "/home/me/auxseg")]


@scenario("Stopped")
def _() -> list[str]:
    options = f"{{epochs: 4000, crop_size: 48, {MODEL}}}"
    command = auxseg("classify", *TRAINING, "--options", options)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while "epoch 2/" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        return [message_in(process.communicate()[1])]


def test_every_quotation_is_made_again():
    assert set(quotations()) == set(SCENARIOS)


@pytest.mark.slow
@pytest.mark.parametrize("heading", SCENARIOS)
def test_the_page_quotes_what_is_said(heading, finished, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path / RUN)
    monkeypatch.chdir(tmp_path)

    told = SCENARIOS[heading]()

    assert [without_chance(text) for text in told] == [
        without_chance(text) for text in quotations()[heading]
    ]


def without_chance(text: str) -> str:
    """Without what differs from one processor, or one moment, to the next."""
    return re.sub(r"is (nan|inf) in step \d+|after step \d+", "[step]", text)
