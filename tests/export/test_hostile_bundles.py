"""Bundles that lie: every attack of tests/bench/hostile_bundles.py that is cheap, none succeeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from wearkit import spec

GROUPS = {
    "code": 11,
    "manifest": 11,
    "label": 7,
    "file": 5,
    "golden": 3,
    "model file": 8,
    "report.json": 1,
    "run": 10,
    "user's file": 5,
}
NEEDS = ("onnx", "onnxruntime", "ai_edge_litert", "tflite_micro", "flatbuffers")


@pytest.mark.parametrize("group", GROUPS)
def test_no_attack_succeeds(
    group: str,
    tmp_path: Path,
    bench_script: Callable[[str], ModuleType],
    needs_module: Callable[[str, str], None],
) -> None:
    if group == "label" and not hasattr(spec, "is_text"):
        pytest.skip("labels of any text are still taken: TaskSpec has no rule for them")
    for module in NEEDS:
        needs_module(module, "pip install 'wearkit[export,micro]'")
    mine = [
        attack
        for attack in bench_script("hostile_bundles").attacks()
        if attack.name.startswith(group)
    ]
    assert len(mine) == GROUPS[group]
    for number, attack in enumerate(mine):
        folder = tmp_path / str(number)
        folder.mkdir()
        fooled, verdict = attack.run(folder)
        assert not fooled, f"{attack.name}: {verdict}"
        if "older wearkit" not in attack.name:
            assert verdict.startswith("refused: "), f"{attack.name}: {verdict}"
