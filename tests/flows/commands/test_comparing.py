import json
from pathlib import Path

from tests.flows.conftest import Call


def test_two_studies_side_by_side(call: Call, tiny_root: Path, tmp_path: Path) -> None:
    said = call("diff", str(tiny_root), str(tiny_root))
    assert "no field differs" in said
    assert said.count("0 [") > 10
    content = json.loads(call("diff", str(tiny_root), str(tiny_root), "--json", "--limit", "3"))
    assert content["fields"] == []
    assert len(content["transfer"]["records"]) == 3
    assert len(content["errors"]["records"]) == 4
    assert "there is no study in" in call.refusal("diff", str(tiny_root), str(tmp_path / "none"))
