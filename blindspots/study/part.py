"""What the parts of a study have in common: frozen values without unknown fields, and the kinds of value in them."""

import math
import re
from collections.abc import Collection, Hashable, Iterator, Set
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from blindspots.names import is_plain
from blindspots.paths import expanded

_SLUG, _LONGEST_SLUG = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", 64
Slug = Annotated[str, Field(pattern=_SLUG, max_length=_LONGEST_SLUG)]
"""A name in the store: part of a path."""
Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{8,64})?$")]
"""A SHA-256 or its first digits, 8 at least; empty for none."""


def _shown(text: str) -> str:
    if not is_plain(text):
        raise PydanticCustomError("no_control", "Input should be text without control characters")
    return text


Shown = Annotated[str, AfterValidator(_shown)]
"""A text for people, which pages and tables show as it is."""


class Part(BaseModel):
    """A part of a study."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _each_kind_for_itself(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true, text and 3.0 where a number, or a whole one, is wanted, and ``yes`` or 1 where true is.

        YAML 1.2 has neither for the other, and ``1_000`` is text in it. A set is no list: each process has it in
        another order, and so another study. Text is to be such that UTF-8 has it: it is hashed and stored.
        """
        if isinstance(value, Set | Iterator):
            raise PydanticCustomError("list_type", "Input should be a list, whose order is its own")
        annotation = cls.model_fields[info.field_name or ""].annotation
        kinds, values = set(_kinds(annotation)), value if isinstance(value, list | tuple) else [value]
        if any(isinstance(each, str) and not _is_unicode(each) for each in values):
            raise PydanticCustomError("no_unicode", "Input should be text without lone surrogates, as UTF-8 has it")
        if bool in kinds:
            if annotation is bool and not isinstance(value, bool):
                raise PydanticCustomError("bool_type", "Input should be true or false")
            return value
        if any(isinstance(each, bool) for each in values):
            raise PydanticCustomError("no_bool", "Input should be no truth value")
        if kinds & {int, float} and str not in kinds and any(map(_number_as_text, values)):
            raise PydanticCustomError("no_text", "Input should be a number, such as 1000 or 0.5, without quotes or _")
        if (
            int in kinds
            and float not in kinds
            and any(isinstance(each, float) and each.is_integer() for each in values)
        ):
            raise PydanticCustomError("no_float", "Input should be an integer, without a point or an exponent")
        return value


def _is_unicode(text: str) -> bool:
    """Tell whether UTF-8 has a text, which it has not where half of a pair of surrogates stands alone."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _number_as_text(value: Any) -> bool:
    """Tell whether ``value`` is text that Python would read as a number; of other text pydantic says where it is."""
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield the classes that a field's values may be of, also within tuples; of a ``Literal`` those of its values."""
    if get_origin(annotation) is Literal:
        yield from map(type, get_args(annotation))
    elif get_origin(annotation) is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif get_args(annotation):
        for each in get_args(annotation):
            yield from _kinds(each)
    else:
        yield annotation


def check_once(values: Collection[Hashable]) -> None:
    """Raise ``ValueError`` where a value stands twice in a list."""
    if len(set(values)) != len(values):
        raise ValueError(f"a value stands twice in {list(values)}")


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
    return text if not text or is_address(text) else str(expanded(text).absolute())


def is_slug(text: str) -> bool:
    """Tell whether ``text`` is a :data:`Slug`."""
    return len(text) <= _LONGEST_SLUG and re.fullmatch(_SLUG, text) is not None


def slug(text: str) -> str:
    """Return ``text`` as a :data:`Slug`: in small letters, with a dash for whatever else a slug does not take."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:_LONGEST_SLUG].rstrip("-.") or "unnamed"
