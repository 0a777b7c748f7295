"""What the machine offers."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """What decides on options.

    Attributes:
        cores: that this process may use.
        gpu: whether there is a CUDA device.
        bfloat16: whether it computes in that format.
    """

    cores: int
    gpu: bool
    bfloat16: bool


def this_machine() -> Machine:
    """The machine that this process runs on."""
    import torch  # here, as it takes seconds to load

    gpu = torch.cuda.is_available()
    bfloat16 = gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    return Machine(len(os.sched_getaffinity(0)), gpu, bfloat16)
