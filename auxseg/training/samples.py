"""Training samples: random crops of photographs with their image-level and pseudo labels.

Every random draw comes from (seed, epoch, image), so the number of loading processes and any
interruption leave the samples as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from auxseg.config import TrainingOptions
from auxseg.datasets.index_file import Entry
from auxseg.datasets.record import IGNORE
from auxseg.errors import UserError
from auxseg.ops.saliency import SALIENT
from auxseg.stopping import begin_worker
from auxseg.store import MapReader
from auxseg.training.crops import cut, draw_window, jitter

Batch = dict[str, Tensor]

# What is drawn; each has a stream of its own.
_CROP, _BATCH, _NETWORK, _ORDER = range(4)

SEEDS_A_RUN = 1000  # random_seed apart, so that runs, and the trainings of a run, draw their own


@dataclass(frozen=True)
class Place:
    """Which sample of a training: everything that its draws depend on beside the seed.

    Attributes:
        epoch: pass over the images.
        position: of the image among the entries.
        batch: of the epoch, in which the image comes.
    """

    epoch: int
    position: int
    batch: int


class CropDataset(Dataset[Batch]):
    """Random crops, asked for by their place.

    Args:
        entries: the training photographs.
        options: crop size, scales, flip, jitter.
        seed: of all draws.
        padding: label of what lies beyond the image, 255 or 0.
        labels: artifact of (H, W) pseudo labels; None = image-level labels only.
        saliency: artifact of (H, W) saliency maps; None = image-level labels only.

    A sample holds `image` (3, S, S) uint8 RGB, `classes` (C,) float32 of 0 and 1, and `seed` ()
    int64 of its draws within the network; with labels also `segmentation` and `saliency` (0 and 1),
    (S, S) uint8, both 255 where ignored.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        options: TrainingOptions,
        seed: int,
        *,
        padding: int = IGNORE,
        labels: Path | None = None,
        saliency: Path | None = None,
    ) -> None:
        self.entries = entries
        self.options = options
        self.seed = seed
        self.padding = padding
        self._paths = {"segmentation": labels, "saliency": saliency}
        self._readers: dict[str, MapReader] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, place: Place) -> Batch:
        entry = self.entries[place.position]
        random = self._draws(place, _CROP)
        image = entry.photograph()
        window = draw_window(image.shape[:2], self._scale(place, random), self.options, random)
        crop = cut(image, window, self.options.crop_size, cv2.INTER_LINEAR, (127, 127, 127))
        crop = jitter(crop, self.options.color_jitter, random)
        sample = {
            "image": torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))),
            "classes": torch.from_numpy(entry.labels.astype(np.float32)),
            "seed": torch.tensor(self._draws(place, _NETWORK).integers(2**63 - 1)),
        }
        for name, path in self._paths.items():
            if path is not None:
                target = self._reader(name, path).read(entry.id, entry.size)
                if name == "saliency":
                    target = (target >= SALIENT).astype(np.uint8)
                cropped = cut(
                    target, window, self.options.crop_size, cv2.INTER_NEAREST, self.padding
                )
                sample[name] = torch.from_numpy(cropped)
        return sample

    def __getitems__(self, places: Sequence[Place]) -> list[Batch] | Exception:
        """Several at once, for `Loader`; what is wrong with a photograph or file in their stead."""
        try:
            return [self[place] for place in places]
        except (UserError, OSError) as error:
            return error

    def _draws(self, place: Place, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, place.epoch, place.position, purpose))

    def _scale(self, place: Place, random: np.random.Generator) -> float:
        if self.options.scale_per_batch:
            random = np.random.default_rng((self.seed, place.epoch, place.batch, _BATCH))
        return random.uniform(self.options.min_scale, self.options.max_scale)

    def _reader(self, name: str, path: Path) -> MapReader:
        # Opened on first use, so that each loading process has a handle of its own.
        if name not in self._readers:
            self._readers[name] = MapReader(path)
        return self._readers[name]


class EpochSampler(Sampler[Place]):
    """All places of an epoch in an order drawn from (seed, epoch), from any batch on.

    Args:
        length: number of images.
        batch_size: images a step, of all processes together.
        seed: of the order.
        rank: which share of every batch is this process's.
        processes: that share a batch, a divisor of its size.
    """

    def __init__(
        self, length: int, batch_size: int, seed: int, rank: int = 0, processes: int = 1
    ) -> None:
        self._images = self._length = length
        self._batch_size = batch_size
        self._seed = seed
        self._share = batch_size // processes
        self._rank = rank
        self._epoch = self._first = 0
        if processes > 1:  # only whole batches can be shared
            self._length -= length % batch_size

    def begin(self, epoch: int, batch: int = 0) -> None:
        """Let the next pass be this epoch, from its batch of that number on."""
        self._epoch, self._first = epoch, batch

    def __len__(self) -> int:
        return self._length * self._share // self._batch_size

    def __iter__(self) -> Iterator[Place]:
        draws = np.random.default_rng((self._seed, self._epoch, 0, _ORDER))
        order = draws.permutation(self._images)
        for number in range(self._first * self._batch_size, self._length):
            batch, place = divmod(number, self._batch_size)
            if place // self._share == self._rank:
                yield Place(self._epoch, int(order[number]), batch)


class Loader(DataLoader[Batch]):
    """A loader that raises what is wrong with a photograph or file as it was raised.

    Torch's own makes a text of it, with the traceback of the process that came upon it. The loading
    processes have ended by then: they heed no signal, and Python would wait for them.
    """

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        fault = None
        for batch in super().__iter__():
            if isinstance(batch, Exception):
                fault = batch
                break
            yield batch
        if fault is not None:
            self._iterator = None  # the last that holds them
            raise fault


def batches(
    dataset: CropDataset, batch_size: int, workers: int, rank: int = 0, processes: int = 1
) -> tuple[Loader, EpochSampler]:
    """A loader, and its sampler that is told before each pass where to begin.

    A short last batch is dropped, unless it is the only one.

    Args:
        dataset: of samples.
        batch_size: images a step, of all processes together.
        workers: processes that load them.
        rank: which share of every batch is loaded.
        processes: that share a batch.

    Raises:
        UserError: fewer images than a batch has, which several processes cannot share.
    """
    if processes > 1 and len(dataset) < batch_size:
        raise UserError(
            f"{dataset.options.section}.batch_size: {batch_size} images for {processes} processes "
            f"are more than the {len(dataset)} there are; lower it."
        )
    sampler = EpochSampler(len(dataset), batch_size, dataset.seed, rank, processes)
    loader = Loader(
        dataset,
        batch_size=batch_size // processes,
        sampler=sampler,  # type: ignore[arg-type]
        num_workers=workers,
        collate_fn=_collate,
        # A forked child of a process with torch's or OpenCV's threads may hang.
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_begin_loading,
        drop_last=len(dataset) >= batch_size,
        persistent_workers=workers > 0,
    )
    return loader, sampler


def _collate(samples: list[Batch] | Exception) -> Batch | Exception:
    return samples if isinstance(samples, Exception) else default_collate(samples)


def _begin_loading(_: int) -> None:
    begin_worker()
