"""What all sections of the configuration have in common."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0)]
Threshold = Annotated[float, Field(ge=0, le=1)]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
PRECISIONS = (
    "on GPUs bf16-mixed and 16-mixed are faster; on processors bf16-mixed is, with instructions "
    "for it (AMX, AVX512-BF16), and there is no 16-mixed"
)
Scales = Annotated[tuple[Annotated[float, Field(gt=0, le=4)], ...], Field(min_length=1)]


class Section(BaseModel):
    """A frozen part of the configuration that refuses unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _null_may_be_text(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {key: None if value == "null" else value for key, value in values.items()}
        return {} if values is None else values  # a section without keys

    def narrowed(self) -> Self:
        """Without options that the others leave unused: they must not rerun anything."""
        return self

    def _without(self, *names: str) -> Self:
        """With defaults for some options."""
        return type(self).model_validate(self.model_dump(exclude=set(names)))
