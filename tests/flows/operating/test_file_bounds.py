"""The bounds of a file as a flow: a table and a figure; no form says which code to run."""

import re
from pathlib import Path
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import ValidationError, validate

from blindspots.store import layout
from flows.operating import file_bounds as module
from flows.operating.file_bounds import bounds_key, bounds_of_a_file


def test_a_file_is_bounded_with_a_figure(tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published: dict[str, dict[str, Any]] = {}
    for kind in ("image", "markdown"):
        monkeypatch.setattr(module, f"create_{kind}_artifact", lambda *, key, **each: published.update({key: each}))
    path = str(tiny_root / layout.weights("fc20-10", 0))
    bounds_of_a_file.fn(model=path, network=None, input_shape=None, sha256="", unbounded=False, workers=None)
    key = bounds_key(path)
    assert published.keys() == {key, f"{key}-spectra"}
    assert "|" in published[key]["markdown"]
    assert published[f"{key}-spectra"]["image_url"].startswith("data:image/png;base64,iVBOR")


def test_files_of_one_name_do_not_write_over_each_other() -> None:
    files = [f"/{study}/models/{model}/seed-0.safetensors" for study in ("a", "b") for model in ("fc10", "ae")]
    keys = {bounds_key(file) for file in files}
    assert len(keys) == 4
    assert all(re.fullmatch("bounds-(fc10|ae)-seed-0-safetensors-[0-9a-f]{6}", key) for key in keys)
    longest = bounds_key(f"/{'x' * 300}/{'y' * 300}.pth")
    assert re.fullmatch("[a-z0-9-]+", longest)
    assert longest != bounds_key(f"/{'x' * 300}/{'y' * 301}.pth")


@pytest.mark.parametrize(
    ("field", "value"),
    [("network", "os:system"), ("network", "a/b"), ("input_shape", "3,0,2"), ("sha256", "xyz"), ("workers", 0)],
)
def test_a_form_that_does_not_fit_is_refused(field: str, value: object) -> None:
    schema = parameter_schema(bounds_of_a_file).model_dump()
    form = {"model": "a.pth", "network": "alexnet", "input_shape": "3,224,224", "sha256": "", "workers": None}
    validate(form, schema, raise_on_error=True)
    with pytest.raises(ValidationError, match=field):
        validate(form | {field: value}, schema, raise_on_error=True)
    with pytest.raises(ValidationError, match="model"):
        validate({"network": "alexnet"}, schema, raise_on_error=True)
