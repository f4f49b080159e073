"""The table of what the firmware costs: each figure against another way to find it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from wearkit.bundle.bundle import open_bundle
from wearkit.counts import counts_to_int8


@pytest.fixture
def bench(
    bench_script: Callable[[str], ModuleType], needs_module: Callable[[str, str], None]
) -> ModuleType:
    for module in ("unicorn", "elftools", "ziglang"):
        needs_module(module, "pip install 'wearkit[profile]'")
    return bench_script("firmware_size")


def test_the_table_of_the_emulated_core(
    bench: ModuleType,
    micro_bundle: Path,
    made_counts: Callable[..., NDArray[np.int16]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from wearkit_export.profile.profile import profile
    from wearkit_export.targets.target import find_target

    target, bundle = find_target("cortex-m4"), open_bundle(micro_bundle)
    compiler = bench.available_compilers(target)[0]
    monkeypatch.setattr(bench, "available_compilers", lambda _: [compiler])
    monkeypatch.setattr(bench, "SHORT_S", 12)
    monkeypatch.setattr(bench, "LONG_S", 24)
    counts = made_counts(12, seed=5).reshape(-1, 3)
    windows, stream = bench.cortex_m4(bundle, counts, tmp_path)

    alone = profile(
        bundle.graph, bundle.path / "c", target, compiler=compiler,
        windows=counts_to_int8(counts[:100])[None],
    )  # fmt: skip
    assert 0 < windows.infer_instructions - alone.instructions < 300 * 40 + 2000
    assert 0.5 * windows.infer_instructions < stream.infer_instructions
    assert stream.infer_instructions < windows.infer_instructions
    for row in (windows, stream):
        assert row.load(64) == pytest.approx(sum(row.instructions_s.values()) / 64e6)
        assert 2 * alone.memory.flash_bytes > row.flash_bytes > alone.memory.flash_bytes
        assert (row.stack_bytes or 0) > alone.stack_bytes
        elf = tmp_path / compiler / "wk_device_m4.elf"
        assert bench.elf_sizes(elf) == (row.flash_bytes, row.ram_bytes)

    given = bench.rows(argparse.Namespace(ports=[], elf=[f"mine={elf}"]), bundle, counts)
    bench.print_table([windows, stream, *given])
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 6
    assert shown[3].split()[:2] == ["mine", "wk_device_m4.elf"]
    assert f"{row.flash_bytes:,}" in shown[3] and "%" not in shown[3]
