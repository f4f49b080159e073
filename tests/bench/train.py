"""wearkit's training loop beside the plain one, in windows a second.

    python tests/bench/train.py [--windows 4096] [--rounds 5] [--threads 2] [--json]

The plain loop is the one most scripts have: TensorDataset, DataLoader(num_workers=0, batch 64,
shuffle), `.item()` at every step. Both train the same network with the same loss and smoothed
teacher, for one epoch a round without validation; they take turns, so that a busy machine hits
each alike, and the ratio is the median over rounds of each round's own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from wearkit.devices import DeviceWindows
from wearkit.methods import METHODS
from wearkit.networks import inputs_g, seeded_network
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec
from wearkit.train import _Loop
from wearkit.training_config import TrainingConfig
from wearkit.windows import WindowSet

CPU = torch.device("cpu")
TASKS = (
    TaskSpec("posture", tuple(f"posture-{k}" for k in range(12))),
    TaskSpec("placement", ("chest", "thigh", "wrist")),
)


def _windows(count: int) -> WindowSet:
    generator = np.random.default_rng(0)
    return WindowSet(
        spec=WindowSpec(),
        tasks=TASKS,
        counts=generator.integers(-512, 512, (count, 100, 3), dtype=np.int16),
        targets={
            task.name: generator.integers(0, len(task.labels), count).astype(np.int16)
            for task in TASKS
        },
        subjects=("one",),
        subject=np.zeros(count, np.int32),
        run=np.zeros(count, np.int32),
        start=np.arange(count, dtype=np.int32),
        simulated=True,
    )


def _ours(windows: WindowSet, arch: str, config: TrainingConfig) -> Callable[[], None]:
    student = seeded_network(ModelSpec(arch, windows.spec, TASKS), 0)
    held = DeviceWindows(windows, CPU)
    method = METHODS[config.method](student, config, {})
    loop = _Loop(method, student, config, held, held, torch.Generator().manual_seed(0))
    return lambda: (loop._learn(1, None, lambda: False), None)[1]


def _plain(windows: WindowSet, arch: str, config: TrainingConfig) -> Callable[[], None]:
    student = seeded_network(ModelSpec(arch, windows.spec, TASKS), 0)
    method = METHODS[config.method](student, config, {})
    optimiser = torch.optim.Adam(student.parameters(), lr=config.learning_rate)
    targets = [torch.from_numpy(windows.targets[task.name]).long() for task in TASKS]
    data = TensorDataset(inputs_g(torch.from_numpy(windows.inputs)), *targets)
    loader = DataLoader(data, batch_size=config.batch, shuffle=True, num_workers=0)

    def epoch() -> None:
        student.train()
        running, correct = 0.0, 0
        for inputs, posture, placement in loader:
            optimiser.zero_grad()
            loss = method.loss(inputs, {"posture": posture, "placement": placement})
            loss.total.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            method.stepped()
            running += loss.total.item() * len(inputs)
            correct += int((loss.logits["posture"].argmax(1) == posture).sum().item())
            correct += int((loss.logits["placement"].argmax(1) == placement).sum().item())

    return epoch


def _compare(arch: str, windows: WindowSet, rounds: int) -> dict[str, Any]:
    config = TrainingConfig()
    loops = {"ours": _ours(windows, arch, config), "plain": _plain(windows, arch, config)}
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(rounds + 1):
        for name, epoch in loops.items():
            began_s = time.perf_counter()
            epoch()
            if number:  # the first round warms up
                speeds[name].append(len(windows) / (time.perf_counter() - began_s))
    ratios = [ours / plain for ours, plain in zip(speeds["ours"], speeds["plain"], strict=True)]
    return {
        **{f"{name}_windows_per_s": round(statistics.median(v), 1) for name, v in speeds.items()},
        "ratio": round(statistics.median(ratios), 3),
        "ratio_least": round(min(ratios), 3),
        "ratio_most": round(max(ratios), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--windows", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--archs", nargs="+", default=["mtl-net", "mtl-net-micro"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    windows = _windows(options.windows)
    result: dict[str, Any] = {
        "threads": options.threads,
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "archs": {arch: _compare(arch, windows, options.rounds) for arch in options.archs},
    }
    if options.json:
        print(json.dumps(result))
        return
    print(f"{options.threads} threads, load average before: {result['load_before']}")
    for arch, found in result["archs"].items():
        print(
            f"{arch:14} {found['ours_windows_per_s']:9,.0f} against "
            f"{found['plain_windows_per_s']:9,.0f} windows/s: {found['ratio']:.2f} times "
            f"({found['ratio_least']:.2f} to {found['ratio_most']:.2f})"
        )


if __name__ == "__main__":
    main()
