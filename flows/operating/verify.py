"""A root read back whole, as a flow: for a schedule, say every night, whose failed run tells somebody of damage."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from pathlib import Path
from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger

from blindspots.errors import BlindspotsError
from blindspots.jobs import verification
from blindspots.jobs.opening import working, workspace_of
from blindspots.jobs.verification import Finding, Verification
from flows.operating import plain_log
from flows.operating.form import DEFAULT_ROOT, DataFolder, Root, check_root, said
from flows.operating.page import artifact_key
from flows.operating.run_name import is_deployed, run_name

plain_log.install()

_MOST_TOLD = 20
"""Findings on a run's page: whoever lost a disk has as many as there were shards."""

Repair = Annotated[bool, said("Repair", "Drop what is damaged, so that the next run of the study makes it anew")]


class DamagedError(BlindspotsError, RuntimeError):
    """Something in a root is not what its receipt says."""


@flow(
    name="verify",
    flow_run_name=run_name("verify", lambda form: Path(form.get("root", DEFAULT_ROOT)).name),
    validate_parameters=True,
)
def verify(root: Root = DEFAULT_ROOT, data: DataFolder = None, repair: Repair = False) -> dict[str, Any]:
    """Read all of a root back and hold it against its receipts; a run in which something is damaged fails."""
    if is_deployed():
        check_root(root)
    workspace = workspace_of(root, data=data)
    found = verification.verify(workspace)
    dropped: tuple[Finding, ...] = ()
    if repair and found.damaged:
        with working(workspace, of_last_run=True):
            dropped = verification.repair(workspace, found)
    create_markdown_artifact(
        key=artifact_key(workspace, "verified"),
        markdown=_told(found, repair, dropped),
        description=f"What was read back in {workspace.place}",
    )
    counts = {"intact": found.intact, "damaged": len(found.damaged), "missing": found.missing}
    get_run_logger().info("%d shards intact, %d damaged, %d not done yet", *counts.values())
    if found.damaged:
        what = "the next run makes them anew" if repair else "run this with repair, and the study after it"
        first = f"{found.damaged[0]}" + (f", and {len(found.damaged) - 1} more" if len(found.damaged) > 1 else "")
        raise DamagedError(f"{len(found.damaged)} shard(s) are damaged in {workspace.place}: {first}; {what}")
    return counts


def _told(found: Verification, repair: bool, dropped: tuple[Finding, ...]) -> str:
    """Return in Markdown what was found, damage first, and with ``repair`` what became of it."""
    gone = {(finding.job, finding.shard) for finding in dropped}
    lines = []
    for finding in found.damaged[:_MOST_TOLD]:
        what = "dropped" if (finding.job, finding.shard) in gone else "mended" if repair else "damaged"
        lines.append(f"- {what}: `{finding}`")
    if len(found.damaged) > _MOST_TOLD:
        lines.append(f"- and {len(found.damaged) - _MOST_TOLD} more, which `blindspots verify` lists")
    lines += [
        f"- mixed versions of {library}: "
        + ", ".join(f"{count} shards by {version}" for version, count in sorted(versions.items()))
        for library, versions in found.versions.items()
    ]
    counts = f"{found.intact} shards intact, {len(found.damaged)} damaged, {found.missing} not done yet."
    return "\n".join([counts, "", *lines]).rstrip()
