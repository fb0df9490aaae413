"""A run from the command line: the study's flow in this process, with server and Ray of its own where none is named.

Most of the time before the first shard goes into starting processes and importing libraries. Where the root is new
there is certainly work, so server and Ray are started first and come up while this process imports.
"""

import flows.environment  # noqa: F401, I001 - first: Prefect and Ray read the environment when they are imported

import logging
import os
import pickle
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from blindspots.jobs.opening import open_root
from blindspots.study.study import Study
from flows.local_server import (
    LocalServer,
    check_home,
    check_settings,
    is_configured,
    require_server,
    server_failures_in_a_line,
    server_for_a_run,
)
from tasks.actors.resources import are_elsewhere, check_resources, default_workers
from tasks.actors.scratch import check_scratch
from tasks.watch import watched
from flows.progress_bars import progress_bars, say_what_begins


def _first() -> str:
    """Return what is started before any work can be: what no variable names."""
    own = [name for name, said in (("Prefect", "PREFECT_API_URL"), ("Ray", "RAY_ADDRESS")) if not os.environ.get(said)]
    return f"starting {' and '.join(own)}, some ten seconds ..." if own else ""


def _check_machine(workers: int, *, starts_ray: bool) -> None:
    """Raise :class:`~blindspots.errors.InputError`, before a word of what begins, where server or Ray will not come up.

    Or where the server that is named does not answer.
    """
    check_home()
    if is_configured():
        require_server()
    if starts_ray:
        check_scratch()
        check_resources(workers)


def send_logs() -> None:
    """Let Prefect send what it holds back of the log, while there is a server to send it to."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        for handler in logging.getLogger(name).handlers:
            handler.flush()


def run_on_workers(
    study: Study,
    *,
    root: str,
    workers: int | None,
    device: Literal["auto", "cpu", "cuda"],
    data: Path | None,
    networks: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Run ``study`` in ``root`` with progress bars; return what the study's flow returns.

    ``networks``: packages whose functions the study may name as networks; the workers are told with their work. Where
    there is nothing to do, neither a server nor Ray is started. Raises :class:`~blindspots.errors.InputError` before
    any work where something does not fit.
    """
    if is_configured():
        check_settings()
    opened = open_root(study, root, device=device, elsewhere=are_elsewhere(), data=data, networks=networks)
    workspace, is_new, count = opened.workspace, opened.there is None, workers or default_workers()
    pickle.dumps(workspace.place)  # which refuses where no worker could see it
    outcome: dict[str, Any] = {"root": str(workspace.place), "jobs": 0, "shards": 0, "ran": {}}
    with ExitStack() as stack:
        if is_new:
            _check_machine(count, starts_ray=True)
            say_what_begins(workspace, first=_first())
        server: LocalServer | None = stack.enter_context(server_for_a_run()) if is_new else None
        from tasks.actors.workers import Workers

        hired = Workers(count)
        if is_new:
            hired.start()
            hired.compute_on(workspace.device)
            stack.callback(hired.close)
        from blindspots.jobs.plan import make_plan

        plan = make_plan(workspace)
        if opened.is_settled(plan):
            return outcome
        from flows.session import session_in

        running = stack.enter_context(session_in(workspace, plan, hired))
        plan = running.plan
        if plan.complete:
            return outcome
        if not is_new:
            _check_machine(count, starts_ray=plan.needs_workers)
            say_what_begins(workspace, first=_first())
            server = stack.enter_context(server_for_a_run())
        if plan.needs_workers:
            hired.start()
            if are_elsewhere():
                hired.wait()  # where it cannot be joined, nothing has begun
        from flows.study import study_flow

        if server is not None:
            running.watched = False
            server.wait()
            stack.callback(send_logs)

        def lost() -> str | None:
            return (None if server is None else server.lost()) or hired.lost()

        def stop() -> None:
            logging.disable(logging.CRITICAL)  # what else Prefect says of its end is in nobody's way
            stack.callback(logging.disable, logging.NOTSET)
            hired.stop()

        def kill() -> None:
            hired.kill()
            if server is not None:
                server.kill()

        bars = progress_bars(workspace, plan, workers=hired.count)
        with watched(lost, stop, kill), bars as running.observer, server_failures_in_a_line():
            found: dict[str, Any] = study_flow(
                study=None, unrolled=workspace.study, root=root, workers=workers, device=device, data=None
            )
    return outcome | found
