"""wearkit's training loop beside the plain one, in windows a second.

    python tests/bench/train.py [--windows 4096] [--rounds 15] [--threads 2] [--json]

The plain loop is the one most scripts have: TensorDataset, DataLoader(num_workers=0, batch 64,
shuffle), default Adam, `.item()` at every step, the smoothed teacher tensor by tensor. It trains
with the same loss and teacher, and with the same network twice over: as
wearkit's own module, which has most of the speed in it, and as the layers of torch anyone would
write it with (Conv1d, BatchNorm1d, MaxPool1d). Before anything is timed, each must give ours' loss.

Each loop may take --threads threads; ours takes one where more make it slower. Each is a process of
its own and does one epoch a round without validation, one after the other, so that a busy machine
hits each alike; a ratio is the median over rounds of each round's
own. OpenMP waits passively in all of them, as `wearkit train` has it.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

# Read once, when torch is loaded. See wearkit.cli.train.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from wearkit.model.architecture import Conv, DenseLayer, Flatten, MaxPool, MeanTimeLayer, shapes
from wearkit.model.network import Network, inputs_g, seeded_network
from wearkit.spec import ModelSpec, TaskSpec, WindowSpec
from wearkit.training.config import TrainingConfig
from wearkit.training.device import DeviceWindows, enough_threads, keep_freed_memory
from wearkit.training.loop import _Loop
from wearkit.training.methods import METHODS
from wearkit.windows.window_set import WindowSet

CPU = torch.device("cpu")
TASKS = (
    TaskSpec("posture", tuple(f"posture-{k}" for k in range(12))),
    TaskSpec("placement", ("chest", "thigh", "wrist")),
)
OURS, PLAIN = ("ours", "ours-bfloat16"), ("plain", "plain-layers")
Epoch = Callable[[], None]


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


def _network(arch: str) -> Network:
    return seeded_network(ModelSpec(arch, WindowSpec(), TASKS), 0)


def _ours(windows: WindowSet, arch: str, precision: str = "float32") -> tuple[Epoch, float]:
    """An epoch, and the loss of the first batch before any."""
    config = TrainingConfig(precision=precision)
    student = _network(arch)
    held = DeviceWindows(windows, CPU)
    method = METHODS[config.method](student, config, {})
    first = method.loss(*held.batch(torch.arange(config.batch)))
    loop = _Loop(method, student, config, held, held, torch.Generator().manual_seed(0))

    def epoch() -> None:
        with enough_threads(student, CPU):
            loop._learn(1, None, lambda: False)

    return epoch, float(first.total.detach())


class _Layers(nn.Module):
    """The same network in torch's own layers, with the same weights."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for item in shapes(network.spec):
            match item.layer:
                case Conv(channels=out, kernel=kernel):
                    layers += [nn.Conv1d(item.shape_in[1], out, kernel), nn.BatchNorm1d(out)]
                    layers.append(nn.ReLU())
                case MaxPool(size=size):
                    layers.append(nn.MaxPool1d(size))
                case Flatten():
                    layers.append(_TimeMajor())
                case MeanTimeLayer():
                    layers += [nn.AdaptiveAvgPool1d(1), nn.Flatten()]
                case DenseLayer(units=units):
                    layers += [nn.Linear(item.shape_in[1], units), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.heads = copy.deepcopy(network.heads)
        with torch.no_grad():
            nn.utils.vector_to_parameters(
                nn.utils.parameters_to_vector(network.trunk.parameters()), self.trunk.parameters()
            )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.trunk(x.transpose(1, 2))
        return {name: head(features) for name, head in self.heads.items()}


class _TimeMajor(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2).flatten(1)


class _Plain:
    """The loop as a script has it."""

    def __init__(self, windows: WindowSet, student: nn.Module, config: TrainingConfig) -> None:
        self.student, self.config = student, config
        self.teacher = copy.deepcopy(student).eval()
        for value in self.teacher.parameters():
            value.requires_grad_(False)
        self.optimiser = torch.optim.Adam(student.parameters(), lr=config.learning_rate)
        targets = [torch.from_numpy(windows.targets[task.name]).long() for task in TASKS]
        self.data = TensorDataset(inputs_g(torch.from_numpy(windows.inputs)), *targets)
        self.loader = DataLoader(self.data, batch_size=config.batch, shuffle=True, num_workers=0)
        self.steps = 0

    def loss(
        self, inputs: Tensor, posture: Tensor, placement: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        logits = self.student(inputs)
        with torch.no_grad():
            guide = self.teacher(inputs)
        total = torch.zeros(())
        temperature = self.config.temperature
        for task, target in (("posture", posture), ("placement", placement)):
            divergence = functional.kl_div(
                functional.log_softmax(logits[task] / temperature, dim=1),
                functional.softmax(guide[task] / temperature, dim=1),
                reduction="batchmean",
            )
            entropy = functional.cross_entropy(logits[task], target)
            weight = self.config.distillation_weight * temperature**2
            total = total + 0.5 * (entropy + weight * divergence)
        return total, logits

    @torch.no_grad()
    def smooth(self) -> None:
        decay = min(self.config.ema_decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        for mine, theirs in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            mine.mul_(decay).add_(theirs, alpha=1 - decay)
        for held, seen in zip(self.teacher.buffers(), self.student.buffers(), strict=True):
            if held.is_floating_point():
                held.mul_(decay).add_(seen, alpha=1 - decay)
            else:
                held.copy_(seen)

    def epoch(self) -> None:
        self.student.train()
        running, correct = 0.0, 0
        for inputs, posture, placement in self.loader:
            self.optimiser.zero_grad()
            loss, logits = self.loss(inputs, posture, placement)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.smooth()
            running += loss.item() * len(inputs)
            correct += int((logits["posture"].argmax(1) == posture).sum().item())
            correct += int((logits["placement"].argmax(1) == placement).sum().item())


def _plain(windows: WindowSet, student: nn.Module) -> tuple[Epoch, float]:
    plain = _Plain(windows, student.train(), TrainingConfig())
    total, _ = plain.loss(*plain.data[: plain.config.batch])
    return plain.epoch, float(total.detach())


def _serve(loop: str, arch: str, windows: WindowSet) -> None:
    """Say the first loss, then do an epoch and say its seconds for every line on stdin."""
    match loop:
        case "ours":
            keep_freed_memory()  # as `wearkit train` does
            epoch, first = _ours(windows, arch)
        case "ours-bfloat16":
            keep_freed_memory()
            epoch, first = _ours(windows, arch, "bfloat16")
        case "plain":
            epoch, first = _plain(windows, _network(arch))
        case _:
            epoch, first = _plain(windows, _Layers(_network(arch)))
    print(first, flush=True)
    for _ in sys.stdin:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        epoch()
        print(time.perf_counter() - wall_s, time.process_time() - cpu_s, flush=True)


class _Child:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._ask, self._said = process.stdin, process.stdout
        self.first_loss = float(self._said.readline())

    def epoch(self) -> tuple[float, float]:
        """Wall and processor seconds."""
        self._ask.write("\n")
        self._ask.flush()
        wall_s, cpu_s = map(float, self._said.readline().split())
        return wall_s, cpu_s


@contextmanager
def _child(loop: str, arch: str, options: argparse.Namespace) -> Iterator[_Child]:
    fixed = ["--windows", str(options.windows), "--threads", str(options.threads)]
    command = [sys.executable, __file__, *fixed, "--serve", loop, "--archs", arch]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield _Child(process)
    finally:
        process.kill()
        process.communicate()


def _compare(arch: str, options: argparse.Namespace) -> dict[str, Any]:
    wall: dict[str, list[float]] = {name: [] for name in options.loops}
    cpu: dict[str, list[float]] = {name: [] for name in options.loops}
    with ExitStack() as stack:
        children = {
            name: stack.enter_context(_child(name, arch, options)) for name in options.loops
        }
        losses = {name: child.first_loss for name, child in children.items()}
        for name, loss in losses.items():
            close = 1e-5 if "bfloat16" not in name else 0.05
            assert abs(loss - losses[options.loops[0]]) < close, losses
        for number in range(options.rounds + 1):
            for name, child in children.items():
                wall_s, cpu_s = child.epoch()
                if number:  # the first round warms up
                    wall[name].append(wall_s)
                    cpu[name].append(cpu_s)
    return {
        "loops": {
            name: {
                "windows_per_s": round(options.windows / statistics.median(wall[name]), 1),
                "windows_per_cpu_s": round(options.windows / statistics.median(cpu[name]), 1),
            }
            for name in wall
        },
        "ratios": {
            f"{ours} / {plain}": _ratio(wall[plain], wall[ours]) | {"cpu": _cpu(cpu, plain, ours)}
            for plain in PLAIN
            for ours in OURS
            if plain in wall and ours in wall
        },
    }


def _ratio(plain_s: list[float], ours_s: list[float]) -> dict[str, float]:
    found = sorted(plain / ours for plain, ours in zip(plain_s, ours_s, strict=True))
    low, middle, high = statistics.quantiles(found, n=4)
    return {"wall": round(middle, 3), "low": round(low, 3), "high": round(high, 3)}


def _cpu(cpu_s: dict[str, list[float]], plain: str, ours: str) -> float:
    return round(statistics.median(cpu_s[plain]) / statistics.median(cpu_s[ours]), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--windows", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--archs", nargs="+", default=["mtl-net", "mtl-net-micro"])
    parser.add_argument("--loops", nargs="+", choices=OURS + PLAIN, default=list(OURS + PLAIN))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=OURS + PLAIN, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.serve:
        _serve(options.serve, options.archs[0], _windows(options.windows))
        return
    result: dict[str, Any] = {
        "threads": options.threads,
        "rounds": options.rounds,
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "archs": {arch: _compare(arch, options) for arch in options.archs},
        "load_after": [round(load, 2) for load in os.getloadavg()],
    }
    if options.json:
        print(json.dumps(result))
        return
    print(
        f"{options.threads} threads, {options.rounds} rounds of {options.windows} windows, "
        f"load average {result['load_before'][0]} before, {result['load_after'][0]} after"
    )
    for arch, found in result["archs"].items():
        for name, speed in found["loops"].items():
            print(f"{arch:14} {name:14} {speed['windows_per_s']:9,.0f} windows/s, "
                  f"{speed['windows_per_cpu_s']:9,.0f} a processor second")  # fmt: skip
        for name, ratio in found["ratios"].items():
            print(f"{arch:14} {name:28} {ratio['wall']:.2f} times (quartiles {ratio['low']:.2f} "
                  f"to {ratio['high']:.2f}), by processor time {ratio['cpu']:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
