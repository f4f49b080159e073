"""findings/ has one script for each row of its table, and each says what to expect of it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "findings"
SCRIPTS = sorted(FOLDER.glob("*.sh"))


def test_the_table_lists_every_script() -> None:
    rows = re.findall(r"^\| `(\w+\.sh)` \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert rows and rows == [script.name for script in SCRIPTS]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.stem))
def test_a_script_says_what_it_shows_and_cleans_up(script: Path) -> None:
    """Not run here: it downloads hundreds of megabytes. Only its syntax is checked."""
    text = script.read_text()
    assert text.startswith("#!/usr/bin/env bash\n# ") and os.access(script, os.X_OK)
    for part in ("# Behaviour: ", "# Output seen", "# Exits 0 while", "mktemp -d", "trap 'rm -rf"):
        assert part in text
    assert "wearkit" not in text
    (installed,) = re.findall(r'pip" install (.*)', text.replace("\\\n", " "))
    packages = [word for word in installed.split() if not word.startswith("-")]
    assert packages and all(re.fullmatch(r"[\w-]+==[\d.]+", package) for package in packages)
    checked = subprocess.run(["bash", "-n", str(script)], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
