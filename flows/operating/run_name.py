"""What a run is called: as its user called it, or by its flow and its study."""

from collections.abc import Callable, Mapping
from typing import Any

from prefect.context import FlowRunContext

from flows.operating.form import DEFAULT_STUDY, study_called


def run_name(flow: str, about: Callable[[Mapping[str, Any]], str]) -> Callable[[], str]:
    """Return what tells Prefect the name of a run of ``flow``, such as ``train quick``.

    A run that somebody asked for keeps the name that it has by then, which its user may have given it; what a schedule,
    a parent or the command line began has none yet that says anything. ``about`` says what it is of, from the form.
    """

    def name() -> str:
        context = FlowRunContext.get()
        assert context is not None
        run = context.flow_run
        if run is not None and run.deployment_id is not None and not run.auto_scheduled:
            return str(run.name)
        return f"{flow} {about(context.parameters or {})}"

    return name


def of_study(form: Mapping[str, Any]) -> str:
    """Return what the study of a form is called."""
    return study_called(form.get("study", DEFAULT_STUDY), form.get("unrolled"))


def is_deployed() -> bool:
    """Tell whether the flow that calls this runs as a deployment: from the UI, the API or a schedule."""
    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None and context.flow_run.deployment_id is not None
