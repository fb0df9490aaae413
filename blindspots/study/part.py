"""What the parts of a study have in common: frozen values without unknown fields, and the kinds of value in them."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

_SLUG, _LONGEST_SLUG = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", 64
Slug = Annotated[str, Field(pattern=_SLUG, max_length=_LONGEST_SLUG)]
"""A name in the store: part of a path."""
Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{8,64})?$")]
"""A SHA-256 or its first digits, 8 at least; empty for none."""


class Part(BaseModel):
    """A part of a study."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number_and_no_text(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true where a number is wanted, and ``yes`` or 1 where true is: YAML 1.2 has neither for the other."""
        kind = str(cls.model_fields[info.field_name or ""].annotation)
        if "bool" in kind:
            if kind == str(bool) and not isinstance(value, bool):
                raise PydanticCustomError("bool_type", "Input should be true or false")
        elif any(isinstance(each, bool) for each in (value if isinstance(value, list | tuple) else [value])):
            raise PydanticCustomError("no_bool", "Input should be no truth value")
        return value


def is_address(text: str) -> bool:
    """Tell whether ``text`` is an address, on the web or elsewhere, and not a path."""
    return "://" in text


def check_hash(weights: str, sha256: str) -> None:
    """Raise ``ValueError`` unless weights at an address have a SHA-256, and others have none."""
    if is_address(weights) != bool(sha256):
        wrong = "belongs to an address on the web" if sha256 else f"is wanted for {weights}"
        raise ValueError(f"sha256 = {sha256!r}: a SHA-256 {wrong}")


def from_anywhere(text: str) -> str:
    """Return a path made absolute, since whoever does the work may be in another folder; an address as it is."""
    return text if not text or is_address(text) else str(Path(text).expanduser().absolute())


def is_slug(text: str) -> bool:
    """Tell whether ``text`` is a :data:`Slug`."""
    return len(text) <= _LONGEST_SLUG and re.fullmatch(_SLUG, text) is not None


def slug(text: str) -> str:
    """Return ``text`` as a :data:`Slug`: in small letters, with a dash for whatever else a slug does not take."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:_LONGEST_SLUG].rstrip("-.") or "unnamed"
