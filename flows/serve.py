"""The flows as Prefect deployments, each with a typed form, served from this process."""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

from typing import Any

from prefect import Flow, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.settings import get_current_settings
from prefect.types.entrypoint import EntrypointType

from blindspots.errors import InputError
from blindspots.study.study import Study
from blindspots.jobs.stage import STAGES
from flows.local_server import check_home, require_server
from flows.study import stage_flow, study_flow

_TAGS = ["blindspots"]


def deployments(study: Study, *, root: str, workers: int | None, cron: str | None) -> list[RunnerDeployment]:
    """Return a deployment of the study, and one of each of its stages.

    ``cron`` schedules the study. Only one run of each of the study's is under way at a time, and one more is
    cancelled: they would wait for each other's root.
    """
    parameters: dict[str, Any] = {"study": study.model_dump(mode="json"), "root": root, "workers": workers}
    flows: list[Flow[..., Any]] = [study_flow, *map(stage_flow, STAGES)]
    made = [
        each.to_deployment(
            name="blindspots",
            parameters=parameters,
            cron=cron if each is study_flow else None,
            tags=_TAGS,
            concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        for each in flows
    ]
    return [
        each for each in made if isinstance(each, RunnerDeployment)
    ]  # for the type checker: none is a coroutine here


def serve_flows(study: Study, *, root: str, workers: int | None, cron: str | None) -> None:
    """Serve the deployments until interrupted.

    Raises :class:`InputError` where no Prefect server is named, or the one that is does not answer.
    """
    if not get_current_settings().api.url:
        raise InputError(
            "serving needs a Prefect server: start one with `prefect server start`, "
            "then set PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    check_home()
    require_server()
    try:
        made = deployments(study, root=root, workers=workers, cron=cron)
    except ValueError as error:
        if cron is not None and "cron" in str(error).lower():
            raise InputError(
                f"--cron {cron!r} is no cron schedule; five fields are wanted, such as '0 3 * * *'"
            ) from None
        raise
    serve(*made)
