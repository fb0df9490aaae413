"""The bounds of a model out of a file, as a flow: on demand, from the UI or by an event."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

import base64
import tempfile
from hashlib import sha256 as hash_of
from pathlib import Path, PurePath
from typing import Annotated

from prefect import flow
from prefect.artifacts import create_image_artifact, create_markdown_artifact
from pydantic import Field

from blindspots.study.part import Sha256, slug
from flows.bounds import bounds_of
from flows.operating import plain_log
from flows.operating.form import said
from flows.operating.run_name import run_name
from flows.printing import parsed_shape

plain_log.install()

Model = Annotated[
    str,
    Field(min_length=1),
    said("Model", "A file of weights where the run works, .safetensors or .pth, or its address on the web"),
]
Network = Annotated[
    Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] | None,
    said(
        "Network",
        "What the weights are of, such as alexnet: a name that the project or an installed package offers; empty for "
        "what the file says",
    ),
]
"""A name: no form says which code to run."""
Shape = Annotated[
    Annotated[str, Field(pattern=r"^[1-9][0-9]*([,x][1-9][0-9]*)*$")] | None,
    said("Input shape", "Shape of an image, such as 3,224,224; empty where it is known"),
]
Hash = Annotated[Sha256, said("SHA-256", "Of what lies at an address, or its first digits, 8 at least")]
Unbounded = Annotated[bool, said("Unbounded", "Go on where a layer has no rule: its bound is infinite then")]
Actors = Annotated[
    Annotated[int, Field(ge=1, le=4096)] | None,
    said("Workers", "How many Ray actors do the layers; empty for the run's own process"),
]


def bounds_key(model: str) -> str:
    """Return the key of a file's artifacts: its name, its folder's, and which one it is, as every seed-0 has a twin."""
    name = slug("-".join(PurePath(model).parts[-2:])).replace(".", "-")
    return f"bounds-{name}-{hash_of(model.encode()).hexdigest()[:6]}"


@flow(
    name="bounds-of-a-file",
    flow_run_name=run_name("bounds of", lambda form: Path(form["model"]).name),
    validate_parameters=True,
)
def bounds_of_a_file(
    model: Model,
    network: Network = None,
    input_shape: Shape = None,
    sha256: Hash = "",
    unbounded: Unbounded = False,
    workers: Actors = None,
) -> str:
    """Bound how far every layer of a model can spread two inputs apart, and the whole, with its spectra as a figure."""
    with tempfile.TemporaryDirectory() as folder:
        figure = Path(folder) / "spectra.png"
        table = bounds_of(
            model,
            network=network,
            input_shape=parsed_shape(input_shape),
            sha256=sha256 or None,
            unbounded=unbounded,
            workers=workers,
            form="markdown",
            figure_path=figure,
        )
        drawn = base64.b64encode(figure.read_bytes()).decode("ascii")
    key = bounds_key(model)
    create_markdown_artifact(key=key, markdown=table, description=f"The bounds of the layers of {model}")
    create_image_artifact(
        key=f"{key}-spectra", image_url=f"data:image/png;base64,{drawn}", description=f"The spectra of {model}'s layers"
    )
    return table
