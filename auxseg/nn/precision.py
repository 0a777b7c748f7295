"""The number formats that networks compute in."""

import torch

from auxseg.errors import UserError

_NARROW = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def refuse_what_is_for_gpus(precision: str, device: torch.device) -> None:
    """Refuse 16-mixed on a processor, where it would be slower, and of another meaning in training.

    Raises:
        UserError: names the mend.
    """
    if precision == "16-mixed" and device.type == "cpu":
        raise UserError(
            "precision of the stage's section: 16-mixed is for GPUs; on a processor take "
            "bf16-mixed or 32-true."
        )


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """The context in which a network computes: 32-true, bf16-mixed or 16-mixed.

    Raises:
        UserError: 16-mixed on a processor.
    """
    refuse_what_is_for_gpus(precision, device)
    kind = _NARROW.get(precision, torch.bfloat16)
    return torch.autocast(device.type, kind, enabled=precision in _NARROW)
