"""The files of a project: labels.csv and config.yaml."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from auxseg.datasets.class_names import cell_of
from auxseg.datasets.record import Dataset

Keys = tuple[str, ...]
"""The keys that lead to a value, from the outermost."""

_COMMENTED = re.compile(r"^( *)(\w+):.*?(?:  # (.*))?$", re.MULTILINE)
_COMMENTS_FROM = 36
"""Column in which config.yaml's comments begin."""


def labels_csv(data: Dataset, images: Path) -> str:
    """The table of a data set's photographs, as dataset: folder reads it.

    Args:
        data: whose photographs lie below `images`.
        images: folder of the photographs.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", "labels", "split"])
    for record in data.records:
        names = [data.classes[k] for k in record.labels]
        table.writerow([record.image.relative_to(images).as_posix(), cell_of(names), record.split])
    return text.getvalue()


def config_yaml(options: Mapping[str, Any], comments: Mapping[Keys, str], heading: str) -> str:
    """Options as YAML, every key with its meaning beside it.

    Args:
        options: keys of the configuration, nested.
        comments: by the keys that lead there.
        heading: lines of the comment above all.
    """
    lines = [*(f"# {line}".rstrip() for line in heading.splitlines()), ""]
    for key, value in options.items():
        if isinstance(value, Mapping):
            lines.append("")
        lines += _lines((key,), value, comments)
    return "\n".join(lines) + "\n"


def comments_of(text: str) -> dict[Keys, str]:
    """What stands beside each key of a YAML file that is indented by two blanks a level."""
    comments: dict[Keys, str] = {}
    path: Keys = ()
    for blanks, key, comment in _COMMENTED.findall(text):
        path = (*path[: len(blanks) // 2], key)
        if comment:
            comments[path] = comment
    return comments


def _lines(path: Keys, value: Any, comments: Mapping[Keys, str]) -> Iterator[str]:
    """A key with its value and comment, nested keys below it."""
    indent = "  " * (len(path) - 1)
    if isinstance(value, Mapping):
        yield f"{indent}{path[-1]}:"
        for key, inner in value.items():
            yield from _lines((*path, key), inner, comments)
    else:
        line = indent + _dumped(path[-1], value)
        yield f"{line:{_COMMENTS_FROM - 3}}  # {comments[path]}" if path in comments else line


def _dumped(key: str, value: Any) -> str:
    """A key and its value in one line of YAML."""
    style = None if isinstance(value, list) else False
    pair = {key: value}
    return yaml.safe_dump(pair, default_flow_style=style, width=10**9, allow_unicode=True).strip()
