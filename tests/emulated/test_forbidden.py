"""No heap, no float, no wide division, no libm: searched in every image, found when planted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.emulated.conftest import Build

from wearkit.errors import ModelFileError
from wearkit_export.targets.elf import Elf, Symbol
from wearkit_export.targets.forbidden import forbidden_symbols

PLANTS = {
    "malloc": ("extern void *malloc(unsigned);", "(malloc((unsigned)sum) == 0 ? 2 : 1)"),
    "__aeabi_fmul": ("", "(int32_t)((float)sum * 0.5f)"),
    "__aeabi_dmul": ("", "(int32_t)((double)sum * 0.5)"),
    "__aeabi_ldivmod": ("", "(int32_t)(((int64_t)sum << 20) / (sum + 9))"),
    "__aeabi_uldivmod": ("", "(int32_t)(((uint64_t)sum << 20) / ((uint64_t)sum + 9u))"),
    "sqrtf": ("float sqrtf(float);", "(sqrtf(2.0f) > 1 ? sum : 0)"),
    "floor": ("double floor(double);", "(floor(sum) > 1 ? sum : 0)"),
}


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_call_is_found(
    name: str, compiler: str, build: Build, edited_standin: Callable[[str, str], Path]
) -> None:
    declaration, expression = PLANTS[name]
    folder = edited_standin("        sum /= 256;", f"        sum = {expression};")
    source = folder / "wk_standin.c"
    source.write_text(source.read_text().replace("\n\n", f"\n{declaration}\n", 1))

    with pytest.raises(ModelFileError, match=rf"wk_standin\.c needs .*{name}"):
        build("cortex-m4", compiler, folder, flags=("-O2", "-Wno-error", "-fno-builtin"))


@pytest.mark.parametrize("target", ["cortex-m4", "cortex-m55", "rv32", "host"])
def test_the_stand_in_is_clean(target: str, build: Build) -> None:
    image = build(target, "zig")

    assert len(image.elf.functions()) >= 3
    assert forbidden_symbols(image.elf) == []


@pytest.mark.parametrize(
    "name",
    "free _malloc_r calloc __aeabi_f2iz __aeabi_i2d __aeabi_dcmplt __aeabi_cfcmple __aeabi_ul2f "
    "__addsf3 __muldf3 __divdi3 __umoddi3 __udivmoddi4 __fixsfsi __floatsidf __extendsfdf2 "
    "expf round lroundf frexp".split(),
)
def test_names_that_are_forbidden(name: str) -> None:
    assert forbidden_symbols(_with(name)) == [name]


@pytest.mark.parametrize(
    "name",
    "memcpy memset __aeabi_memcpy __aeabi_idiv __aeabi_uidiv __aeabi_uidivmod __aeabi_lmul "
    "__aeabi_llsl __aeabi_lasr __muldi3 __ashrdi3 wk_round freeze wk_exp_table main".split(),
)
def test_names_that_are_not(name: str) -> None:
    assert forbidden_symbols(_with(name)) == []


def _with(name: str) -> Elf:
    return Elf({}, (Symbol(0, 0, name, "other", None),))
