"""The examples in the docstrings of the live link's calls, on a simulated sensor."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from typing import Any

import pytest
from tests.live.replay_device import ReplayDevice

import wearkit as wk
import wearkit.api.verify


class OnThePort(ReplayDevice):
    """As an open port."""

    joins_in_mid_line = False


@pytest.mark.parametrize("function", [wk.open_live, wk.verify, wk.simulated_port])
def test_the_examples_of_the_live_link_run(
    bundle: wk.Bundle, monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any]
) -> None:
    names: dict[str, Any] = {
        "wk": wk,
        "bundle": bundle,
    }
    if function is wk.verify:
        names["port"] = "memory"
        device = OnThePort(bundle)
        monkeypatch.setattr(wearkit.api.verify, "open_at", lambda *_, **__: device)
    (example,) = doctest.DocTestFinder(recurse=False).find(function, function.__name__, globs=names)
    assert example.examples
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.failed == 0, "".join(said)
