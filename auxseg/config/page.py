"""docs/config.md: all keys of config.yaml in tables, made from the models that check them."""

import inspect
import re
from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from auxseg.config.keys import Key, as_yaml, keys_of, section_in
from auxseg.config.whole import Config

_HEAD = """\
<!-- Made by `make schema` from the models in auxseg/config/: change those. -->

# Configuration

All keys of `config.yaml`, as `python -m auxseg.config --markdown` prints them. Snakemake reads
`config.yaml`, the demo, first; then the files behind `--configfile`, in their order; then
`--config`. What a later one does not name stays, so what your files leave out has the value that
`config.yaml` names, which for many keys is not the default below: the demo is small. The defaults
are those of a stage by itself (`auxseg STAGE --options`).

A key `a.b` is set in a file by nesting, and on the command line by `--config 'a={"b": 1}'`. Unknown
keys and values that are not allowed stop Snakemake before anything runs. `snakemake --dry-run` says
which stages a change would run again. `workflow/config.schema.json` is the same for editors.
"""


def markdown_page() -> str:
    """The page, whole."""
    lines = [_HEAD]
    own = [key for key in keys_of(Config) if "." not in key.name]
    lines += ["## The run", "", *_table(own), ""]
    for name, info in Config.model_fields.items():
        if (section := section_in(info.annotation)) is not None:
            lines += [f"## {name}", "", _introduction(section), ""]
            lines += [*_table(keys_of(section, f"{name}.")), ""]
    return "\n".join(lines).rstrip() + "\n"


def _introduction(section: type[BaseModel]) -> str:
    """The first paragraph of the model's docstring; it names sections of docs/method.md."""
    first = (inspect.getdoc(section) or "").split("\n\n")[0]
    return re.sub(r"docs/method\.md, (\d)", r"[the method](method.md), \1", first)


def _table(keys: Iterable[Key]) -> Iterator[str]:
    yield "| key | values | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for key in keys:
        values = ", ".join(f"`{as_yaml(choice)}`" for choice in key.choices) or key.kind
        yield f"| `{key.name}` | {values} | `{as_yaml(key.default)}` | {key.meaning} |"
