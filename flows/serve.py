"""The flows as Prefect deployments, each with a typed form, served from this process."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from collections.abc import Sequence
from typing import Any

from prefect import Flow, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.settings import get_current_settings
from prefect.types.entrypoint import EntrypointType

from blindspots.errors import InputError
from blindspots.jobs.stage import STAGES
from blindspots.study.built_in import BUILT_IN
from blindspots.study.part import from_anywhere, slug
from flows.local_server import ServerFailedError, check_home, require_server, server_failures_in_a_line
from flows.operating.form import check_one, root_called, study_called
from flows.operating.file_bounds import bounds_of_a_file
from flows.operating.verify import verify
from flows.study import stage_flow, study_flow

_TAGS = ["blindspots"]


def deployments(
    study: str, changes: Sequence[str] = (), *, root: str, workers: int | None = None, cron: str | None = None
) -> list[RunnerDeployment]:
    """Return deployments: of a study, of each of its stages, of what verifies its root, of any file's bounds.

    ``study``: as its form names it; ``cron`` schedules it as a whole. Only one run of each that works in the root is
    under way at a time, and one more is cancelled: they would wait for each other's root. A deployment is called after
    what it does and where, such as ``study/run-mnist-in-store-3f2a1c``: another folder of that name has other digits,
    since whoever serves under a name that is served already takes over what is asked for there.
    """
    check_one(study, None)
    study = study if study in BUILT_IN else from_anywhere(study)
    where = root_called(root)
    of_study = f"{slug(study_called(study, None))}-in-{where}"
    form: dict[str, Any] = {"study": study, "changes": list(changes), "root": root, "workers": workers}
    made = [_deployed(study_flow, f"run-{of_study}", form, cron=cron)]
    made += [_deployed(stage_flow(stage), f"{stage}-{of_study}", form) for stage in STAGES]
    made.append(_deployed(verify, f"verify-{where}", {"root": root}))
    made.append(_deployed(bounds_of_a_file, "any-file", {"workers": workers}, several=True))
    return made


def _deployed(
    flow: Flow[..., Any], name: str, form: dict[str, Any], *, cron: str | None = None, several: bool = False
) -> RunnerDeployment:
    alone = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    made = flow.to_deployment(
        name=name,
        parameters=form,
        cron=cron,
        tags=_TAGS,
        concurrency_limit=None if several else alone,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    assert isinstance(made, RunnerDeployment)  # and no coroutine, here
    return made


def serve_flows(study: str, changes: Sequence[str], *, root: str, workers: int | None, cron: str | None) -> None:
    """Serve the deployments until interrupted.

    Raises :class:`InputError` where no Prefect server is named, or the one that is does not answer, and
    :class:`~flows.local_server.ServerFailedError` where it is gone later.
    """
    if not get_current_settings().api.url:
        raise InputError(
            "serving needs a Prefect server: start one with `prefect server start`, "
            "then set PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    check_home()
    require_server()
    try:
        made = deployments(study, changes, root=root, workers=workers, cron=cron)
    except ValueError as error:
        if cron is not None and "cron" in str(error).lower():
            raise InputError(
                f"--cron {cron!r} is no cron schedule; five fields are wanted, such as '0 3 * * *'"
            ) from None
        raise
    try:
        with server_failures_in_a_line():
            serve(*made)
    except Exception as error:  # Prefect's own way out after three looks in vain: a group of errors of no common class
        try:
            require_server()
        except InputError:
            url = get_current_settings().api.url
            raise ServerFailedError(
                f"the Prefect server at {url} is gone, and nothing is served any more; start it, and this again"
            ) from error
        raise
