import errno
import re
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from auxseg.config import ClassifyOptions
from auxseg.datasets.index_file import Entry
from auxseg.errors import UserError
from auxseg.store import Header, MapWriter
from auxseg.training.samples import CropDataset, EpochSampler, Place, batches

PLAIN = {"min_scale": 1.0, "max_scale": 1.0, "flip": False, "color_jitter": 0.0}


def options(**changes) -> ClassifyOptions:
    return ClassifyOptions(**{"crop_size": 32, **changes})


@pytest.fixture
def data(tmp_path: Path) -> dict:
    """Four photographs whose red is their label: crops can be checked against each other."""
    random = np.random.default_rng(0)
    entries = []
    with (
        MapWriter(tmp_path / "labels.h5", Header("labels")) as labels,
        MapWriter(tmp_path / "saliency.h5", Header("saliency")) as saliency,
    ):
        for number in range(4):
            label = np.kron(random.integers(0, 3, (5, 6)), np.ones((8, 8))).astype(np.uint8)
            photo = np.stack([label * 80, (label > 0) * 200, label * 0], axis=2).astype(np.uint8)
            path = tmp_path / f"{number}.png"
            Image.fromarray(photo).save(path)
            labels.put(str(number), label)
            saliency.put(str(number), np.where(label > 0, 128, 127).astype(np.uint8))
            classes = np.array([number % 2 == 0, True])
            entries.append(Entry(str(number), "train", path, 40, 48, classes, None))
    return {
        "entries": entries,
        "labels": tmp_path / "labels.h5",
        "saliency": tmp_path / "saliency.h5",
    }


def dataset(data: dict, seed: int = 0, **changes) -> CropDataset:
    files = {"labels": data["labels"], "saliency": data["saliency"]}
    return CropDataset(data["entries"], options(**changes), seed, **files)


def test_image_and_labels_are_cut_from_the_same_place(data):
    sample = dataset(data, **{**PLAIN, "flip": True})[Place(0, 1, 0)]

    assert sample["image"].shape == (3, 32, 32)
    assert torch.equal(sample["image"][0], sample["segmentation"] * 80)
    assert torch.equal(sample["saliency"] == 1, sample["segmentation"] > 0)


def test_scaled_labels_follow_the_scaled_image(data):
    sample = dataset(data, min_scale=0.7, max_scale=1.3, color_jitter=0.0)[Place(2, 3, 0)]

    known = sample["segmentation"] != 255
    apart = (sample["image"][1] > 100) != (sample["segmentation"] > 0)
    assert known.float().mean() > 0.5
    assert apart[known].float().mean() < 0.01


def test_padding_is_grey_in_the_image_and_ignored_in_labels(data):
    sample = dataset(data, **{**PLAIN, "crop_size": 64})[Place(0, 0, 0)]

    padded = sample["segmentation"] == 255
    assert padded.sum() == 64 * 64 - 40 * 48
    assert torch.equal(padded, sample["saliency"] == 255)
    assert (sample["image"][2][padded] == 127).all()


def test_image_level_labels_alone_need_no_artifact(data):
    sample = CropDataset(data["entries"], options(), 0)[Place(0, 0, 0)]

    assert sample.keys() == {"image", "classes", "seed"}
    assert sample["classes"].tolist() == [1.0, 1.0]


def test_a_sample_depends_on_seed_epoch_and_position_alone(data):
    first = dataset(data)[Place(3, 2, 0)]
    again = dataset(data)
    again[Place(0, 0, 0)], again[Place(3, 1, 0)]

    assert all(torch.equal(first[name], again[Place(3, 2, 0)][name]) for name in first)
    assert not torch.equal(first["image"], again[Place(4, 2, 0)]["image"])
    assert not torch.equal(first["image"], dataset(data, seed=1)[Place(3, 2, 0)]["image"])


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_loading_processes_gives_the_same_batches(data, workers):
    def all_batches(workers: int) -> list[torch.Tensor]:
        loader, sampler = batches(dataset(data), 2, workers)
        sampler.begin(epoch=1)
        return [batch["image"] for batch in loader]

    alone, many = all_batches(0), all_batches(workers)

    assert len(alone) == 2
    assert all(torch.equal(a, b) for a, b in zip(alone, many, strict=True))


class _OnAFailingDisk(CropDataset):
    def __getitem__(self, place: Place) -> dict:
        raise OSError(errno.EIO, "Input/output error", "photo.jpg")


def fault_of(samples: CropDataset, workers: int) -> Exception:
    """What a loader raises, whose processes have ended by then."""
    before = active_children()
    loader, _ = batches(samples, 4, workers)
    with pytest.raises((UserError, OSError)) as caught:
        list(loader)
    assert set(active_children()) <= set(before)
    return caught.value


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_is_raised_as_it_was_found_by_whichever_process_loads(data, workers):
    data["entries"][2].image.write_bytes(b"no photograph")

    damaged = fault_of(dataset(data), workers)
    failing = fault_of(_OnAFailingDisk(data["entries"], options(), 0), workers)

    assert re.fullmatch(r"[^\n]*/2\.png: [^\n]*", str(damaged))
    assert (failing.errno, failing.filename) == (errno.EIO, "photo.jpg")


def test_each_epoch_has_every_position_once_in_an_order_of_its_own():
    sampler = EpochSampler(50, batch_size=8, seed=0)
    first = [place.position for place in sampler]
    sampler.begin(epoch=1)
    second = list(sampler)

    assert sorted(first) == list(range(50))
    assert {place.epoch for place in second} == {1}
    assert [place.position for place in second] != first
    assert [place.batch for place in second] == [number // 8 for number in range(50)]


def test_an_epoch_can_be_entered_at_any_batch():
    sampler = EpochSampler(50, batch_size=8, seed=0)
    sampler.begin(epoch=3)
    whole = list(sampler)

    sampler.begin(epoch=3, batch=4)

    assert list(sampler) == whole[32:]
    assert len(sampler) == 50


def columns_of_the_image(sample: dict[str, torch.Tensor]) -> float:
    """How many of the crop's columns a scaled-down image fills."""
    return float((sample["segmentation"] != 255).any(dim=0).sum())


def test_images_of_a_batch_share_its_scale_where_that_is_asked_for(data):
    small = {"min_scale": 0.1, "max_scale": 0.6, "color_jitter": 0.0}
    together = dataset(data, scale_per_batch=True, **small)
    alone = dataset(data, **small)

    def widths(samples: CropDataset, batch: int) -> list[float]:
        return [columns_of_the_image(samples[Place(0, position, batch)]) for position in range(4)]

    assert max(widths(together, 0)) - min(widths(together, 0)) <= 1
    assert abs(widths(together, 0)[0] - widths(together, 1)[0]) > 1
    assert max(widths(alone, 0)) - min(widths(alone, 0)) > 1


def test_padding_is_background_where_that_is_asked_for(data):
    files = {"labels": data["labels"], "saliency": data["saliency"]}
    large = options(**{**PLAIN, "crop_size": 64})

    sample = CropDataset(data["entries"], large, 0, padding=0, **files)[Place(0, 0, 0)]

    assert (sample["segmentation"] != 255).all()
    assert (sample["saliency"] != 255).all()


def test_a_short_last_batch_is_dropped_unless_it_is_the_only_one(data):
    assert len(batches(dataset(data), 3, 0)[0]) == 1
    assert len(batches(dataset(data), 5, 0)[0]) == 1


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_every_batch_among_them(processes):
    whole = EpochSampler(50, batch_size=8, seed=0)
    shares = [EpochSampler(50, 8, 0, rank, processes) for rank in range(processes)]
    for sampler in (whole, *shares):
        sampler.begin(epoch=1, batch=2)

    places = [list(sampler) for sampler in shares]

    size = 8 // processes
    assert {len(found) for found in places} == {4 * size}
    assert {len(sampler) for sampler in shares} == {6 * size}
    together = [
        place
        for start in range(0, 4 * size, size)
        for found in places
        for place in found[start : start + size]
    ]
    assert together == list(whole)[: len(together)]


def test_fewer_images_than_a_batch_cannot_be_shared(data):
    with pytest.raises(UserError, match="batch_size: 8 images for 2 processes are more than the 4"):
        batches(dataset(data), 8, 0, rank=0, processes=2)


def test_a_map_of_another_size_is_refused(data):
    with MapWriter(data["labels"], Header("labels")) as labels:
        labels.put("0", np.zeros((3, 3), dtype=np.uint8))

    with pytest.raises(UserError, match=r"image '0' has 3 x 3 pixels where 48 x 40 are needed"):
        dataset(data)[Place(0, 0, 0)]
