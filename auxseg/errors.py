"""The one exception for everything a user can mend."""


class UserError(Exception):
    """A mistake in data, config or call: the message names the file or key, and the mend.

    The command line prints it without a traceback and exits with code 2.
    """


def listing(faults: list[str], heading: str) -> UserError:
    """One error for many faults, so that a user mends them all at once."""
    noun = "fault" if len(faults) == 1 else "faults"
    lines = "\n".join(f"  - {fault}" for fault in faults)
    return UserError(f"{heading}: {len(faults)} {noun}\n{lines}")
