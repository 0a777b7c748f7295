"""Which options fit a data set and a machine: what was measured, carried over to other sizes.

The measured runs are those of workflow/presets/voc-animals.yaml (259 photographs),
voc-animals-full.yaml (2,281) and config.yaml (200 generated scenes).
"""

from dataclasses import dataclass
from typing import Any

from auxseg.config import TrainOptions


@dataclass(frozen=True)
class Fingerprint:
    """All that the choice depends on.

    Attributes:
        train: photographs to train on.
        largest: longest side of the largest photograph, pixels.
        typical: median of the photographs' longest sides.
        gpu: whether there is a CUDA device.
        bfloat16: whether it computes in that format.
    """

    train: int
    largest: int
    typical: int
    gpu: bool
    bfloat16: bool


def choose_options(found: Fingerprint) -> dict[str, Any]:
    """Keys of config.yaml, nested, over those of workflow/presets/folder.yaml."""
    # 320 was measured; memory and time grow with the area and beyond. With a GPU about as large as
    # VOC's photographs, on which the method was published: not measured here.
    longest_side = max(32, min(found.largest, 512 if found.gpu else 320))
    # 224 of 320 pixels were measured; in proportion, and a multiple of the backbone's 32 pixels.
    crop = max(64, round(0.7 * min(longest_side, found.typical) / 32) * 32)
    options: dict[str, Any] = {
        "rounds": _rounds(found),
        "index": {"longest_side": longest_side},
        "classify": {"epochs": _classifier_epochs(found.train), "crop_size": crop},
        "cam": {"scales": _cam_scales(found)},
        "train": {"epochs": _epochs_a_round(found.train), "crop_size": crop},
    }
    if found.bfloat16:
        for stage in ("classify", "train"):
            options[stage]["precision"] = "bf16-mixed"
    return options


def _rounds(found: Fingerprint) -> int:
    # On 259 photographs and on 2,281 the second round bettered the network, and on 259 a third one
    # did little or nothing, by seed. On a processor alone, two of 20,000 photographs would take
    # half a day.
    return 1 if found.train > 20_000 and not found.gpu else 2


def _cam_scales(found: Fingerprint) -> list[float]:
    # Measured with 259 and 2,281; half the time, which a GPU need not save.
    return [1.0, 1.5] if found.train >= 1000 and not found.gpu else [0.5, 1.0, 1.5, 2.0]


def _classifier_epochs(train: int) -> int:
    # 8 epochs of 259 photographs and 3 of 2,281 lie on a square root; of fewer photographs the
    # demo's 250 steps, of more no fewer passes than were ever tried.
    return max(round(8 * (259 / train) ** (1 / 2)), _epochs_of(250, train), 3)


def _epochs_a_round(train: int) -> int:
    # 10 epochs of 259 photographs and 6 of 2,281 lie on a fourth root; of fewer photographs the
    # demo's 200 steps, of more than 30,000 three passes, for the time that they take.
    return max(round(10 * (259 / train) ** (1 / 4)), _epochs_of(200, train), 3)


def _epochs_of(steps: int, train: int) -> int:
    """As many epochs as have so many steps; a short last batch is dropped, if not the only one."""
    return -(-steps // max(1, train // TrainOptions().batch_size))
