"""CITATION.cff says what the package says of itself."""

import re
import tomllib
from pathlib import Path

import yaml

HOUSE = Path(__file__).parents[1]


def test_it_names_this_version_and_the_paper() -> None:
    cited = yaml.safe_load((HOUSE / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["cff-version"] == "1.2.0"
    assert cited["message"]
    assert cited["authors"]
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    assert cited["title"] == f"{project['name']}: {project['description']}"
    assert [each["url"] for each in cited["references"]] == [project["urls"]["Paper"]]


def test_the_hosted_run_is_of_every_python_that_the_package_names() -> None:
    said = yaml.safe_load((HOUSE / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pythons = [name.rpartition(" ")[2] for name in project["classifiers"] if re.search(r":: 3\.\d+$", name)]
    job = said["jobs"]["run"]
    assert job["strategy"]["matrix"]["python"] == pythons
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in job["steps"] if "uses" in step)
    assert job["steps"][-1]["run"] == ".ci/run"
