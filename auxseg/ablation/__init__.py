"""Networks to compare a run with, and the tables of their figures."""

from auxseg.ablation.networks import (
    UNCHANGED,
    VARIANTS,
    changes_of,
    rounds_of,
    seeds_of,
    variant_config,
)
from auxseg.ablation.published import ROWS, ablation_table, compared, markdown
from auxseg.ablation.sharing import maker
from auxseg.ablation.table import changes_markdown, changes_table

__all__ = [
    "ROWS",
    "UNCHANGED",
    "VARIANTS",
    "ablation_table",
    "changes_markdown",
    "changes_of",
    "changes_table",
    "compared",
    "maker",
    "markdown",
    "rounds_of",
    "seeds_of",
    "variant_config",
]
