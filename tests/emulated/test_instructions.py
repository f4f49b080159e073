"""Instruction lengths and classes against binutils, on everything the compilers made of a model."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.emulated.conftest import Build

from wearkit_export.c.emit import emit_c
from wearkit_export.import_tflite import import_tflite
from wearkit_export.profile.cycles import estimate
from wearkit_export.profile.instructions import decode
from wearkit_export.profile.trace import Mix

ZOO = Path(__file__).resolve().parents[1] / "export" / "import_tflite" / "zoo"
CONDITION = "(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|hs|lo)?"
LINE = re.compile(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{4} ?)+)\s*\t(\S+)\t?([^@;\n]*)", re.M)
RISCV_LINE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f]+)\s+(\S+)\t?(.*)", re.M)
KINDS = [
    ("loop", r"le|letp|wls|wlstp(\.\d+)?"),
    ("alu", r"dls|dlstp(\.\d+)?|blo$"),
    ("vector", r"v.*|cdp2?|(ldc|stc)2?l?|mcrr?2?|mrrc?2?"),  # some MVE is unknown to older binutils
    ("multiple", rf"(ldm|stm|push|pop|ldrd|strd)\w*{CONDITION}"),
    ("load", r"ldr.*"),
    ("store", r"str.*"),
    ("divide", rf"[su]div{CONDITION}"),
    ("multiply", r"(mul|mla|mls|[su]mul|[su]mla|smm|smua|smus|smls|umaal)\w*"),
    ("branch", rf"(b|bl|bx|blx|cbz|cbnz|tbb|tbh){CONDITION}"),
]
RISCV_KINDS = [
    ("load", r"lb|lh|lw|lbu|lhu"),
    ("store", r"sb|sh|sw"),
    ("multiply", r"mul\w*"),
    ("divide", r"(div|rem)u?"),
    ("branch", r"b\w+|j|jal|jr|jalr|ret|tail|call"),
]


def wanted(mnemonic: str, kinds: list[tuple[str, str]]) -> str:
    name = re.sub(r"\.[nw]$", "", mnemonic)
    return next((kind for kind, pattern in kinds if re.fullmatch(pattern, name)), "alu")


def registers(operands: str, mnemonic: str) -> int:
    if mnemonic.startswith(("ldrd", "strd")):
        return 2
    inside = re.search(r"\{(.*)\}", operands)
    assert inside is not None
    count = 0
    for part in inside.group(1).split(","):
        first, _, last = part.strip().partition("-")
        number = {"ip": 12, "sp": 13, "lr": 14, "pc": 15, "fp": 11, "sl": 10, "r9": 9}
        low, high = (number.get(name) or int(name[1:]) for name in (first, last or first))
        count += high - low + 1
    return count


@pytest.mark.parametrize(
    ("target", "program"),
    [
        ("cortex-m0plus", "arm-none-eabi-objdump"),
        ("cortex-m4", "arm-none-eabi-objdump"),
        ("cortex-m55", "arm-none-eabi-objdump"),
        ("rv32", "riscv64-unknown-elf-objdump"),
    ],
)
@pytest.mark.parametrize("model", ["rows_two_heads", "separable", "residual"])
def test_decoding_equals_binutils(
    target: str,
    program: str,
    model: str,
    build: Build,
    needs_program: Callable[[str, str], str],
    tmp_path: Path,
) -> None:
    needs_program(program, "apt-get install binutils for the target")
    emit_c(
        import_tflite((ZOO / f"{model}.tflite").read_bytes()).graph, tmp_path / "c", model_id="0"
    )
    image = build(target, "gcc", tmp_path / "c")
    riscv = target == "rv32"
    section = image.elf.sections[".wk_code"]
    command = [program, "-d", "-j", ".wk_code", str(image.path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = (RISCV_LINE if riscv else LINE).findall(text)
    seen = set()
    for address, code, mnemonic, operands in lines:
        if mnemonic.startswith((".", "(")):
            continue  # data between functions
        size = len(code.replace(" ", "")) // 2
        (found,) = decode(image, int(address, 16), size)
        kind = wanted(mnemonic, RISCV_KINDS if riscv else KINDS)
        assert (found.size_bytes, found.kind) == (size, kind), (address, mnemonic, operands)
        if kind == "multiple":
            assert found.registers == registers(operands, mnemonic), (mnemonic, operands)
        seen.add(kind)
    assert len(lines) > 300 and section.size_bytes > 600
    assert {"alu", "load", "store", "branch", "multiply"} <= seen
    assert ("vector" in seen) == (target == "cortex-m55")


def test_cycles_of_a_known_mix() -> None:
    """Worked out by hand from the Cortex-M4 manual: 10 loads of 1 or 2, 2 pushes of 4 words of
    1 + 4 (4 when the first overlaps), 5 branches of which 3 are taken at 1 + 1 to 3, 20 others."""
    mix = Mix(instructions=37, taken=3, extra_registers=6)
    mix.classes.update({"load": 10, "multiple": 2, "branch": 5, "alu": 20})

    found = estimate(mix, "cortex-m4")

    assert (found.low, found.high) == (10 + 2 * 4 + 5 + 3 + 20, 20 + 2 * 5 + 5 + 9 + 20)
    assert found.low < found.typical == round(20 + 10 + 5 + 4.5 + 20) < found.high
    assert estimate(mix, "cortex-m4", windows=2).high == found.high / 2
