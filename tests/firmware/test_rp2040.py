"""The RP2040 port: the image as the boot ROM and a USB drive want it, and the chip that runs it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.firmware.device_port import Counts, assert_predictions, play

from wearkit.bundle.bundle import Bundle
from wearkit.errors import DataError, MissingToolError, VerificationError
from wearkit.link.frames.codec import Message, encode_message
from wearkit.link.frames.from_host import Ping, Replay
from wearkit.link.sample import StreamOptions
from wearkit.link.text.stream import SampleStream
from wearkit_export.device.uf2 import RP2040_FAMILY, to_uf2
from wearkit_export.emulate.device import EmulateOptions
from wearkit_export.targets.target import find_target
from wearkit_export.targets.toolchain import available_compilers

FAST = EmulateOptions(speed=0.0, boot_id=0x1234567)
FLASH = 0x1000_0000


@pytest.fixture(scope="module")
def moving(made_counts: Callable[..., Counts]) -> Counts:
    """(T, 3): 4 s of windows made one after the other."""
    counts: Counts = made_counts(2, seed=8).reshape(-1, 3)
    return counts


@pytest.fixture(scope="module", params=["first", pytest.param("zig", marks=pytest.mark.soak)])
def image(
    request: pytest.FixtureRequest,
    bundle: Bundle,
    tmp_path_factory: pytest.TempPathFactory,
    needs_module: Callable[[str, str], None],
) -> object:
    needs_module("elftools", "pip install 'wearkit[profile]'")
    from wearkit_export.device.rp2040 import build_rp2040_image

    compilers = available_compilers(find_target("cortex-m0plus"))
    if not compilers:
        needs_module("ziglang", "pip install 'wearkit[profile]'")
    compiler = compilers[0] if request.param == "first" else request.param
    work = tmp_path_factory.mktemp(f"rp2040-{request.param}")
    return build_rp2040_image(bundle, work, compiler=compiler)


@pytest.fixture(scope="module")
def emulator(needs_program: Callable[[str, str], str]) -> None:
    """What every test that switches a chip on needs."""
    needs_program("node", "apt-get install nodejs npm")
    from wearkit_export.emulate.rp2040 import find_node

    try:
        find_node()
    except MissingToolError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{error} make extras does so.")


@pytest.fixture(scope="module")
def device(emulator: None, image: object, tmp_path_factory: pytest.TempPathFactory) -> object:
    from wearkit_export.emulate.rp2040 import Rp2040Device

    return Rp2040Device(image, tmp_path_factory.mktemp("rp2040-run"))  # type: ignore[arg-type]


def test_the_boot_code_has_the_checksum_the_rom_wants(image: object) -> None:
    from wearkit_export.device.rp2040 import Rp2040Image, boot2_crc

    assert isinstance(image, Rp2040Image)
    assert boot2_crc(b"123456789") == 0x0376E6E7  # CRC-32/MPEG-2, the catalogue's check value
    assert boot2_crc(image.flash[:252]) == int.from_bytes(image.flash[252:256], "little")
    assert image.flash[:2] != bytes(2)
    stack, reset = struct.unpack_from("<II", image.flash, 256)
    assert stack == 0x2004_2000
    assert reset == image.elf.symbol("wk_reset").address | 1
    assert FLASH + 256 < reset < FLASH + len(image.flash)


def test_the_image_is_for_a_cortex_m0plus_and_needs_nothing(image: object) -> None:
    from wearkit_export.device.rp2040 import Rp2040Image

    assert isinstance(image, Rp2040Image)
    wanted = [symbol.name for symbol in image.elf.symbols if symbol.section is None and symbol.name]
    assert wanted == []
    names = {symbol.name for symbol in image.elf.symbols}
    assert "wk_app_step" in names and "wk_i2c_transfer" in names
    arithmetic = ("__aeabi_fadd", "__aeabi_fmul", "__aeabi_fdiv", "__aeabi_d", "malloc")
    assert not [name for name in names if name.startswith(arithmetic)]  # comparisons do
    assert image.ram_bytes < 264 * 1024 - 16 * 1024
    assert image.flash_bytes == len(image.flash) == image.bin_path.stat().st_size


def test_uf2_holds_the_image_block_by_block(image: object) -> None:
    from wearkit_export.device.rp2040 import Rp2040Image

    assert isinstance(image, Rp2040Image)
    data = image.uf2_path.read_bytes()
    blocks = [data[at : at + 512] for at in range(0, len(data), 512)]
    flash = bytearray()

    for number, block in enumerate(blocks):
        assert block[:8] == b"UF2\nWQ]\x9e" and block[-4:] == b"\x30\x6f\xb1\x0a"
        flags, address, size, index, total, family = struct.unpack_from("<6I", block, 8)
        assert (flags, size, index, total) == (0x2000, 256, number, len(blocks))
        assert (address, family) == (FLASH + 256 * number, 0xE48BFF56)
        flash += block[32 : 32 + size]
    assert bytes(flash[: len(image.flash)]) == image.flash
    assert set(flash[len(image.flash) :]) <= {0}


@pytest.mark.parametrize(("size", "blocks"), [(1, 1), (256, 1), (257, 2), (1024, 4)])
def test_uf2_pads_the_last_block(size: int, blocks: int) -> None:
    data = to_uf2(b"\xab" * size, FLASH, RP2040_FAMILY)

    assert len(data) == 512 * blocks
    assert data.count(0xAB) == size


@pytest.mark.parametrize("streaming", [False, True])
def test_the_chip_computes_what_the_reference_computes(
    device: object, bundle: Bundle, moving: Counts, streaming: bool
) -> None:
    heard = play(device, moving, replace(FAST, streaming=streaming))  # type: ignore[arg-type]
    (run,) = heard.runs()

    np.testing.assert_array_equal(run, moving[1 : len(run) + 1])
    assert len(run) >= len(moving) - 10
    assert_predictions(heard, bundle, run)
    assert len(heard.predictions) == 2
    assert heard.errors == []
    assert heard.seqs == list(range(len(heard.seqs)))
    result = heard.result
    assert (result.taken, result.lost) == (len(moving), 0)
    assert (result.short_reads, result.early_reads, result.live_writes) == (0, 0, 0)


def test_time_and_boot_id_are_the_chips_own(device: object, moving: Counts) -> None:
    heard = play(device, moving, FAST)  # type: ignore[arg-type]
    times = np.array([t_us for _, t_us, _ in heard.samples], np.int64)

    # Ten samples a frame; the program naps for 5 ms, and is away for a window's 70 ms.
    assert np.abs(np.diff(times) - 200_000).max() < 80_000
    # A window takes this many microseconds of a Cortex-M0+ at 125 MHz, and not 5 ms or none.
    infer_us = [struct.unpack_from("<I", body, 8)[0] for _, _, body in heard.predictions]
    assert all(20_000 < us < 200_000 for us in infer_us)
    (boot_id,) = {struct.unpack_from("<I", hello, 8)[0] for hello in heard.hellos}
    assert boot_id == FAST.boot_id + 1  # the first run


def test_text_mode_is_read_by_the_toolkit(device: object, moving: Counts) -> None:
    heard = play(device, moving, replace(FAST, mode="text"))  # type: ignore[arg-type]
    stream = SampleStream(StreamOptions(rate_hz=50.0))
    steps = stream.feed(heard.text)

    assert stream.header is not None and stream.header.simulated
    assert [list(step.sample.counts) for step in steps] == moving[1 : len(steps) + 1].tolist()
    assert len(steps) > len(moving) - 5


def test_a_fault_in_the_sensor_begins_a_new_run(device: object, moving: Counts) -> None:
    # Counted from power-on, and the known answers take half a second or, built by zig, a whole one.
    options = replace(FAST, faults="2700:burst=40", mode="samples")
    heard = play(device, moving, options)  # type: ignore[arg-type]
    before, after = heard.runs()

    assert heard.errors == ["The sensor's buffer was full, samples were lost: read more"]
    np.testing.assert_array_equal(before, moving[1 : len(before) + 1])
    assert len(before) > 50 and len(after) > 30


def test_commands_wait_while_the_model_runs(device: object, bundle: Bundle, moving: Counts) -> None:
    """The host writes a window and at once 2 KB more, which come while the model runs."""
    given = moving[:100]
    rows = [(int(x), int(y), int(z)) for x, y, z in given]
    window = [Replay(at, tuple(rows[at : at + 20])) for at in range(0, 100, 20)]
    pings = [Ping(nonce) for nonce in range(150)]
    commands: list[Message] = [*window, *pings]
    frames = b"".join(encode_message(said, seq) for seq, said in enumerate(commands))
    assert 2500 < len(frames) < 4000
    heard = play(device, moving, replace(FAST, mode="predictions"), frames)  # type: ignore[arg-type]

    assert heard.pongs == [nonce.to_bytes(4, "little") for nonce in range(150)]
    assert_predictions(heard, bundle, given)


@pytest.mark.usefixtures("emulator")
def test_a_chip_boots_ahead_of_its_reader(image: object, moving: Counts, tmp_path: Path) -> None:
    """Nothing asks its sensor or takes its bytes: it stands still, and says what it would have."""
    from wearkit_export.device.rp2040 import Rp2040Image
    from wearkit_export.emulate.rp2040 import Rp2040Device

    assert isinstance(image, Rp2040Image)
    options = replace(FAST, mode="samples")
    with closing(Rp2040Device(image, tmp_path)) as device:
        at_once = play(device, moving[:60], options)
        device.boot(options)
        device.boot(options)
        assert device.booted()
        ahead = [play(device, moving[:60], options) for _ in range(2)]

    assert at_once.text == ahead[0].text == ahead[1].text
    assert len(at_once.runs()[0]) > 40


@pytest.mark.usefixtures("emulator")
def test_a_boot_that_fails_says_so_before_there_is_a_reader(image: object, tmp_path: Path) -> None:
    from wearkit_export.device.rp2040 import Rp2040Image
    from wearkit_export.emulate.rp2040 import Rp2040Device

    assert isinstance(image, Rp2040Image)
    broken = replace(image, flash=bytes(len(image.flash)))
    with closing(Rp2040Device(broken, tmp_path)) as device:
        device.boot(FAST)
        with pytest.raises(VerificationError, match="stopped with code 1: The checksum"):
            device.booted()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("0:absent=1,900:absent=0", "No answer: check power"),
        ("0:mute=1,900:mute=0", "No answer: check power"),
        ("0:devid=0x33,900:devid=0xE5", "The device id reads 0x33, an ADXL345 says 0xE5"),
        ("0:refuse=1", "No answer: check power"),
    ],
)
def test_a_sensor_that_does_not_answer_is_said_to(
    device: object, moving: Counts, fault: str, sentence: str
) -> None:
    options = replace(FAST, mode="samples", faults=fault)
    heard = play(device, moving[:50], options)  # type: ignore[arg-type]

    assert len(heard.errors) == 1 and heard.errors[0].startswith(sentence)
    assert len(heard.runs()) == 1  # the next attempt, a second later, succeeds


def test_an_image_with_a_wrong_checksum_does_not_start(
    image: object, device: object, moving: Counts, tmp_path: Path
) -> None:
    from wearkit_export.device.rp2040 import Rp2040Image
    from wearkit_export.emulate.rp2040 import Rp2040Device

    assert isinstance(image, Rp2040Image) and isinstance(device, Rp2040Device)
    flash = bytearray(image.flash)
    flash[10] ^= 1
    broken = Rp2040Device(replace(image, flash=bytes(flash)), tmp_path)
    with pytest.raises(VerificationError, match="checksum of the boot code is wrong"):
        play(broken, moving, FAST)


def test_what_is_missing_or_wrong_is_said(
    device: object, moving: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from wearkit_export.emulate import rp2040 as emulate_rp2040

    with pytest.raises(DataError, match="on I2C: leave --bus out"):
        play(device, moving, replace(FAST, bus="spi"))  # type: ignore[arg-type]
    monkeypatch.setattr(emulate_rp2040, "EMULATOR", "ports/rp2040")
    with pytest.raises(MissingToolError, match=r"npm ci --prefix .*ports/rp2040"):
        emulate_rp2040.find_node()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(MissingToolError, match="apt-get install nodejs npm"):
        emulate_rp2040.find_node()


def test_the_emulator_is_pinned(repository: Path) -> None:
    import json

    folder = repository / "firmware" / "ports" / "rp2040" / "emulate"
    (version,) = json.loads((folder / "package.json").read_text())["dependencies"].values()
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert locked["node_modules/rp2040js"]["version"] == version
    assert locked["node_modules/rp2040js"]["integrity"].startswith("sha512-")
    assert set(locked) == {"", "node_modules/rp2040js"}
