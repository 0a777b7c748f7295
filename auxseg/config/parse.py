"""From YAML to typed options and back; every fault names its key, the value and what is allowed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from auxseg.config.base import Section
from auxseg.config.whole import STAGE_OPTIONS, Config
from auxseg.errors import UserError, did_you_mean, listing


def parse_config(values: dict[str, Any], source: str = "config") -> Config:
    """Check a whole configuration, as read from YAML.

    Raises:
        UserError: with every faulty key's path, value and what is allowed.
    """
    config: Config = _parse(Config, values, source)
    faults = []
    for name, change in config.ablation.changes.items():
        try:
            Config.model_validate(_changed_values(config, change.model_dump()))
        except ValidationError as error:
            faults += [f"ablation.changes.{name}.{fault}" for fault in _faults(Config, error)]
    if faults:
        raise listing(faults, f"{source} is not valid")
    return config


def changed_config(config: Config, change: Mapping[str, Any]) -> Config:
    """A configuration, but for some keys; without those of `ablation`.

    Raises:
        UserError: as from `parse_config`.
    """
    changed: Config = _parse(Config, _changed_values(config, change), "config")
    return changed


def _changed_values(config: Config, change: Mapping[str, Any]) -> dict[str, Any]:
    return merged(config.model_dump(exclude={"ablation"}), change)


def merged(values: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Nested keys of both; those of `change` win."""
    inner = {
        key: merged(values[key], new)
        for key, new in change.items()
        if isinstance(new, Mapping) and isinstance(values.get(key), Mapping)
    }
    return {**values, **change, **inner}


def parse_stage_options(stage: str, text: str) -> Section:
    """Options of one stage from a YAML mapping or the path of a YAML file (empty = defaults).

    Raises:
        UserError: not YAML, not a mapping, or a faulty key.
    """
    source = "--options"
    if text.strip() and not set(text) & set("{:\n"):
        if not Path(text).is_file():
            raise UserError(
                f"--options {text}: no such file, and no mapping like '{{key: value}}'."
            )
        source = text
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"--options {source}: cannot be read ({error}).") from None
    try:
        values = _json_or_yaml(text) or {}
    except yaml.YAMLError as error:
        raise listing([str(error).replace("\n", " ")], f"{source} is not YAML") from None
    refuse_repeated_keys(text, source)
    if not isinstance(values, dict):
        raise listing([f"got {text!r}"], f"{source} must be a mapping such as '{{key: value}}'")
    return _parse(STAGE_OPTIONS[stage], values, source)


def _json_or_yaml(text: str) -> Any:
    """JSON as what it is: YAML would take its escapes of an emoji for two letters."""
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)


def refuse_repeated_keys(text: str, source: str) -> None:
    """Refuse YAML that says a key twice, of which its readers would keep the last alone.

    Raises:
        UserError: with every such key's path and lines.
    """
    faults: list[str] = []

    def look(node: yaml.Node | None, path: str) -> None:
        first: dict[str, yaml.Node] = {}
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            name = f"{path}{key.value}"
            if name in first:
                lines = [found.start_mark.line + 1 for found in (first[name], key)]
                faults.append(f"{name}: stands in lines {lines[0]} and {lines[1]}; make them one")
            first.setdefault(name, key)
            look(value, f"{name}.")

    look(yaml.compose(text, Loader=yaml.SafeLoader), "")
    if faults:
        raise listing(faults, f"{source} is not valid")


def to_json(options: BaseModel) -> str:
    """Canonical JSON of options: the same values always give the same text."""
    return json.dumps(options.model_dump(mode="json", exclude_none=True), sort_keys=True)


def schema() -> str:
    """The JSON schema of config.yaml, for editors and other readers."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def _parse(model: type[Section], values: dict[str, Any], source: str) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise listing(_faults(model, error), f"{source} is not valid") from None


def _faults(model: type[BaseModel], error: ValidationError) -> list[str]:
    return [_fault(model, dict(item)) for item in error.errors()]


def _fault(model: type[BaseModel], item: dict[str, Any]) -> str:
    """`train.epochs: 0 is not allowed: input should be greater than or equal to 1`."""
    path = ".".join(str(part) for part in item["loc"]) or "(whole)"
    if item["type"] == "extra_forbidden":
        return f"{path}: unknown key{_suggestion(model, item['loc'])}"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "value_error":
        return f"{path}: {message}"
    return f"{path}: {item['input']!r} is not allowed: {message[0].lower()}{message[1:]}"


def _suggestion(model: type[BaseModel], location: tuple[str | int, ...]) -> str:
    """The nearest known key beside an unknown one, or all that are known."""
    parts = iter(location[:-1])
    for part in parts:
        if not isinstance(part, str) or part not in model.model_fields:
            return ""
        annotation = model.model_fields[part].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not nested:
            return ""
        model = nested[0]
        if get_origin(annotation) is dict:
            next(parts, None)  # a name of the user's own
    known = list(model.model_fields)
    return did_you_mean(str(location[-1]), known) or f"; known keys: {', '.join(known)}"
