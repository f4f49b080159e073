"""The examples in the docstrings of the live link's calls, on a simulated sensor."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tests.live.replay_device import ReplayDevice

import wearkit.api.verify
from wearkit.api.live import open_live
from wearkit.api.verify import verify
from wearkit.bundle.bundle import Bundle
from wearkit.simulation.port import simulated_port


class OnThePort(ReplayDevice):
    """As an open port."""

    joins_in_mid_line = False


@pytest.mark.parametrize("function", [open_live, verify, simulated_port])
def test_the_examples_of_the_live_link_run(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any]
) -> None:
    names: dict[str, Any] = {
        "wk": SimpleNamespace(open_live=open_live, verify=verify, simulated_port=simulated_port),
        "bundle": bundle,
    }
    if function is verify:
        names["port"] = "memory"
        device = OnThePort(bundle)
        monkeypatch.setattr(wearkit.api.verify, "open_at", lambda *_, **__: device)
    (example,) = doctest.DocTestFinder(recurse=False).find(function, function.__name__, globs=names)
    assert example.examples
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.failed == 0, "".join(said)
