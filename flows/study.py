"""The flows: a study, and each of its stages alone. What happens, in which order.

No ``from __future__ import annotations`` in a module with flows: Prefect could not resolve their parameters' types.
"""

import flows.environment  # noqa: F401  isort: skip - before Prefect and Ray are imported

from time import perf_counter
from typing import Annotated, Any, Literal

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.futures import wait
from prefect.logging import get_run_logger
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from blindspots.errors import InputError
from blindspots.jobs.job import Stage
from blindspots.jobs.plan import stage_work
from blindspots.study import QUICK, Study
from flows.session import Session, session
from tasks.run_job import run_job

Root = Annotated[str, Field(min_length=1, description="Folder of the store")]
Workers = Annotated[int, Field(ge=1, le=4096)] | None
Device = Literal["auto", "cpu", "cuda"]

_JOBS_AT_ONCE = 4
