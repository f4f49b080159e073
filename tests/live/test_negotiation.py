"""Which version host and device settle on: three questions, a second apart."""

import pytest

from wearkit.errors import DataError
from wearkit.link.frames.frame import FrameFault, FrameType
from wearkit.link.frames.from_device import Ack, DeviceError, ErrorCode, Hello, Samples, Stats
from wearkit.link.frames.from_host import HelloRequest
from wearkit.verification.handshake import Negotiation, negotiate


def test_it_asks_three_times_a_second_apart_and_gives_up_a_second_later() -> None:
    asking = Negotiation()
    asked = [(t, asking.due(t / 10)) for t in range(100)]
    assert [t for t, request in asked if request is not None] == [0, 10, 20]
    assert {request for _, request in asked} == {None, HelloRequest(1, 0, 0)}

    asking = Negotiation()
    gave_up = []
    for tenth in range(60):
        asking.due(tenth / 10)
        gave_up.append(asking.gave_up(tenth / 10))
    assert gave_up.index(True) == 30
    assert all(gave_up[30:])


def test_garbage_and_other_frames_before_the_answer_do_not_matter() -> None:
    asking = Negotiation()
    others = [
        *FrameFault,
        Samples(0, 0, ((1, 2, 3),)),
        Stats(1, 2),
        Ack(FrameType.STOP, 3, 0),
        DeviceError(ErrorCode.SENSOR, "no sensor at 0x53"),
    ]
    assert [asking.take(heard) for heard in others] == [None] * len(others)
    hello = Hello(boot_id=5)
    assert asking.take(hello) is hello


def test_two_frames_of_another_major_version_end_it() -> None:
    asking = Negotiation()
    assert asking.take(FrameFault.MAJOR) is None
    with pytest.raises(DataError, match="another major version"):
        asking.take(FrameFault.MAJOR)


def test_a_device_that_finds_no_minor_version_ends_it() -> None:
    with pytest.raises(DataError, match="the device says 'No minor version in common'"):
        Negotiation().take(DeviceError(ErrorCode.VERSION, "No minor version in common."))


@pytest.mark.parametrize(("lowest", "highest"), [(1, 1), (1, 4), (200, 255)])
def test_a_minor_version_out_of_range_ends_it(lowest: int, highest: int) -> None:
    hello = Hello(boot_id=1, minor=lowest, minor_min=lowest, minor_max=highest)
    with pytest.raises(DataError, match=f"speaks {lowest} to {highest}, wearkit speaks 0 to 0"):
        Negotiation().take(hello)


def test_a_device_that_still_speaks_a_later_minor_is_waited_for() -> None:
    asking = Negotiation()
    assert asking.take(Hello(boot_id=1, minor=2, minor_min=0, minor_max=3)) is None
    settled = Hello(boot_id=1, minor=0, minor_min=0, minor_max=3)
    assert asking.take(settled) is settled


def test_the_newest_of_two_hellos_counts() -> None:
    """A sensor that starts while the device is asked gives it a new boot id at once."""

    class Link:
        received_bytes = 0

        def send(self, _: object) -> int:
            return 0

        def receive(self, _: float) -> list[Hello]:
            return [Hello(boot_id=70), Hello(boot_id=71)]

    hello = negotiate(Link())  # type: ignore[arg-type]
    assert hello is not None and hello.boot_id == 71
