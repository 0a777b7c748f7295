"""Every key of a configuration with its values, default and meaning, for help texts and docs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_NOUNS = {int: ("integer", "integers"), float: ("number", "numbers"), str: ("text", "texts")}
_BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


@dataclass(frozen=True)
class Key:
    """One key of a configuration.

    Attributes:
        name: nested ones dotted.
        choices: the values that are allowed, where they are few.
        kind: of its values, in words; empty where there are choices.
        default: where the key is left out.
        meaning: in words.
    """

    name: str
    choices: tuple[Any, ...]
    kind: str
    default: Any
    meaning: str


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[Key]:
    """Every key of a model, in its order; those of a nested one in its place."""
    for name, info in model.model_fields.items():
        if (nested := section_in(info.annotation)) is not None:
            yield from keys_of(nested, f"{prefix}{name}.")
        else:
            choices = _choices(info.annotation)
            kind = "" if choices else _kind(info.annotation, info.metadata)
            meaning = info.description or ""
            yield Key(prefix + name, choices, kind, info.get_default(), meaning)


def section_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a key holds, or may hold; None of other keys."""
    members = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    models = (m for m in members if isinstance(m, type) and issubclass(m, BaseModel))
    return next(models, None)


def as_yaml(value: Any) -> str:
    """A value as config.yaml writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _choices(annotation: Any) -> tuple[Any, ...]:
    if annotation is bool:
        return (True, False)
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _kind(annotation: Any, metadata: list[Any], *, many: bool = False) -> str:
    """`integer ≥ 1`, `list of numbers > 0, ≤ 4`, `text or null`."""
    if isinstance(annotation, UnionType):
        (other,) = (m for m in get_args(annotation) if m is not type(None))
        return f"{_kind(other, metadata)} or null"
    if get_origin(annotation) is Annotated:
        base, *found = get_args(annotation)
        return _kind(base, [m for f in found for m in _metadata(f)], many=many)
    if get_origin(annotation) is dict:
        return "mapping"
    if get_origin(annotation) is tuple:
        first, *others = get_args(annotation)
        count = "list of" if Ellipsis in others else f"list of {1 + len(others)}"
        return f"{count} {_kind(first, [], many=True)}"
    bounds = [f"{_BOUNDS[name]} {value}" for name, value in _bounds(metadata)]
    return f"{_NOUNS[annotation][many]} {', '.join(bounds)}".strip()


def _metadata(annotation: Any) -> list[Any]:
    return annotation.metadata if isinstance(annotation, FieldInfo) else [annotation]


def _bounds(metadata: list[Any]) -> Iterator[tuple[str, float]]:
    for limit in metadata:
        yield from ((name, getattr(limit, name)) for name in _BOUNDS if hasattr(limit, name))
