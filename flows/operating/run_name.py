"""What a run is called: as its user called it, or by its flow and its study."""

from collections.abc import Callable
from pathlib import Path

from prefect.context import FlowRunContext

from flows.operating.form import study_called


def run_name(flow: str) -> Callable[[], str]:
    """Return what tells Prefect the name of a run of ``flow``, such as ``train quick``.

    A run that somebody asked for keeps the name that it has by then, which its user may have given it; what a schedule,
    a parent or the command line began has none yet that says anything.
    """

    def name() -> str:
        context = FlowRunContext.get()
        assert context is not None
        run, asked = context.flow_run, context.parameters or {}
        if run is not None and run.deployment_id is not None and not run.auto_scheduled:
            return str(run.name)
        if "study" in asked:
            return f"{flow} {study_called(asked['study'], asked['unrolled'])}"
        return f"{flow} {Path(str(asked.get('root') or asked.get('model') or '')).name}".rstrip()

    return name


def is_deployed() -> bool:
    """Tell whether the flow that calls this runs as a deployment: from the UI, the API or a schedule."""
    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None and context.flow_run.deployment_id is not None
