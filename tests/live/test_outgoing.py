"""The coefficients as other programs receive them: real OSC servers, real LSL inlets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import ThreadingOSCUDPServer

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live import lsl
from eifer.eifer_addon.live.osc import LARGEST_DATAGRAM, Layout
from eifer.eifer_addon.live.outgoing import Outgoing, OutgoingStreams, unity_rotation, vmc_names
from eifer.eifer_addon.spaces import ARKIT_NAMES

PATIENCE_S = 20.0
VALUES = np.linspace(0, 1, 52, dtype=np.float32)


class Server:
    """A real OSC server that keeps what it gets, in order."""

    def __init__(self) -> None:
        self.messages: list[tuple[Any, ...]] = []
        dispatcher = Dispatcher()
        dispatcher.set_default_handler(lambda *message: self.messages.append(message))
        # One after the other, so that the order is the sender's.
        self._server = ThreadingOSCUDPServer(("127.0.0.1", 0), dispatcher)
        self._server.process_request = self._server.process_request_thread  # type: ignore[method-assign]
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def wait_for(self, address: str, n: int = 1) -> list[tuple[Any, ...]]:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if len(found := [m for m in list(self.messages) if m[0] == address]) >= n:
                return found
            time.sleep(0.01)
        raise AssertionError(f"{address} came too seldom; {len(self.messages)} messages came.")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def streams() -> Iterator[Callable[..., OutgoingStreams]]:
    made: list[OutgoingStreams] = []

    def start(**settings: Any) -> OutgoingStreams:
        made.append(OutgoingStreams(Outgoing(**settings), ARKIT_NAMES))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_a_vmc_receiver_gets_all_names_then_apply(
    streams: Callable[..., OutgoingStreams], server: Server
) -> None:
    out = streams(vmc_host="127.0.0.1", vmc_port=server.port)
    out.send(np.array([7.0]), VALUES[None])
    out.send(np.array([7.5]), VALUES[None, ::-1])
    server.wait_for("/VMC/Ext/T", 2)
    addresses = [address for address, *_ in server.messages]
    frame = ["/VMC/Ext/Blend/Val"] * 52 + ["/VMC/Ext/Blend/Apply", "/VMC/Ext/OK", "/VMC/Ext/T"]
    assert addresses == frame * 2
    first = [tuple(rest) for address, *rest in server.messages[:52]]
    assert [name for name, _ in first] == list(vmc_names(ARKIT_NAMES))
    np.testing.assert_array_equal([value for _, value in first], VALUES)
    assert first[0][0] == "BrowDownLeft"
    assert server.messages[53] == ("/VMC/Ext/OK", 1, 3, 0, 1)
    assert [message[1] for message in server.wait_for("/VMC/Ext/T", 2)] == [0.0, 0.5]
    np.testing.assert_array_equal([m[2] for m in server.messages[55:107]], VALUES[::-1])


def test_a_head_pose_is_sent_as_a_bone_in_unitys_axes(
    streams: Callable[..., OutgoingStreams], server: Server
) -> None:
    out = streams(vmc_host="127.0.0.1", vmc_port=server.port, vmc_names="arkit")
    to_the_left = np.array([[0, np.pi / 2, 0, 0, 0, 0]])
    out.send(np.array([0.0]), VALUES[None], to_the_left)
    (bone,) = server.wait_for("/VMC/Ext/Bone/Pos")
    assert bone[1] == "Head"
    # Unity turns to the right with positive angles about y.
    np.testing.assert_allclose(bone[2:], [0, 0, 0, 0, -(0.5**0.5), 0, 0.5**0.5], atol=1e-6)
    assert server.wait_for("/VMC/Ext/Blend/Val", 52)[0][1] == "browDownLeft"
    np.testing.assert_allclose(unity_rotation(np.zeros(3)), [0, 0, 0, 1])
    down = unity_rotation(np.array([0.2, 0, 0]))
    np.testing.assert_allclose(down, [np.sin(0.1), 0, 0, np.cos(0.1)])


def test_plain_osc_has_one_address_per_coefficient(
    streams: Callable[..., OutgoingStreams], server: Server
) -> None:
    out = streams(osc_host="localhost", osc_port=server.port, osc_address="/face/{name}")
    end = time.monotonic() + PATIENCE_S
    for k in range(10_000):
        out.send(np.array([float(k)]), VALUES[None])
        if server.messages or time.monotonic() > end:
            break
        time.sleep(0.01)
    server.wait_for(f"/face/{ARKIT_NAMES[-1]}")
    (found, *_) = server.wait_for("/face/jawOpen")
    assert found[1] == VALUES[ARKIT_NAMES.index("jawOpen")]
    assert len({address for address, *_ in server.messages}) == 52


def test_only_the_newest_frame_is_sent_and_not_too_often(
    streams: Callable[..., OutgoingStreams], server: Server
) -> None:
    out = streams(vmc_host="127.0.0.1", vmc_port=server.port, rate_hz=50.0)
    values = np.zeros((4, 52), np.float32)
    for k in range(0, 40, 4):  # 0.2 s of frames at 200 Hz, four at a time
        values[:, 0] = np.arange(k, k + 4)
        out.send(np.arange(k, k + 4) / 200, values)
    for k in range(40, 80):  # and as much frame by frame
        values[:, 0] = k
        out.send(np.array([k / 200]), values[:1])
    times = [message[1] for message in server.wait_for("/VMC/Ext/T", 19)]
    assert 19 <= len(times) <= 21
    shown = [m[2] for m in server.messages if m[1:2] == ("BrowDownLeft",)]
    assert shown[:10] == [float(k + 3) for k in range(0, 40, 4)]


def test_a_clock_that_is_set_back_does_not_silence_the_stream(
    streams: Callable[..., OutgoingStreams], server: Server
) -> None:
    out = streams(vmc_host="127.0.0.1", vmc_port=server.port)
    for time_s in (1000.0, 3.0, 3.1):
        out.send(np.array([time_s]), VALUES[None])
    server.wait_for("/VMC/Ext/T", 3)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "::1", "a" * 300])
def test_a_receiver_that_is_not_there_never_disturbs(
    streams: Callable[..., OutgoingStreams], host: str
) -> None:
    out = streams(vmc_host=host, osc_host="127.0.0.1", osc_port=9)
    for k in range(50):
        out.send(np.array([float(k)]), VALUES[None])
    assert all("cannot be reached" in problem for problem in out.problems)


def test_an_inlet_gets_every_frame_with_its_time(
    streams: Callable[..., OutgoingStreams], unique_name: str
) -> None:
    out = streams(lsl_name=unique_name)
    found = lsl.load_lsl().resolve_byprop("name", unique_name, timeout=PATIENCE_S)
    inlet = lsl.load_lsl().StreamInlet(found[0], recover=False)
    inlet.open_stream(PATIENCE_S)
    facts = lsl.facts_of(inlet.info(PATIENCE_S))
    assert facts.channels == ARKIT_NAMES
    assert (facts.type, facts.rate_hz, facts.channel_format) == ("Expression", 0.0, "float32")
    sent = np.random.default_rng(0).random((30, 52)).astype(np.float32)
    times = 5000 + np.cumsum(np.random.default_rng(1).random(30))
    out.send(times[:1], sent[:1])
    out.send(times[1:], sent[1:])
    out.send(times[:0], sent[:0])
    values: list[Any] = []
    stamps: list[float] = []
    end = time.monotonic() + PATIENCE_S
    while len(stamps) < 30 and time.monotonic() < end:
        block, block_times = inlet.pull_chunk(timeout=0.2)
        values += block
        stamps += block_times
    np.testing.assert_array_equal(np.array(values, np.float32), sent)
    np.testing.assert_array_equal(stamps, times)


def test_timestamps_of_another_clock_are_brought_to_lsls() -> None:
    from eifer.eifer_addon.live.outgoing import ExpressionOutlet

    here = lsl.load_lsl().local_clock
    outlet = ExpressionOutlet("offset", ("a",), clock=lambda: here() - 123.0)
    assert abs(outlet._offset_s - 123.0) < 0.5


def test_datagrams_fit_a_network_packet_and_keep_their_text() -> None:
    layout = Layout([("/VMC/Ext/Blend/Val", (name,), 1) for name in ARKIT_NAMES])
    first = [bytes(datagram) for datagram in layout.fill(VALUES)]
    assert len(first) == 2
    assert max(map(len, first)) <= LARGEST_DATAGRAM
    layout.fill(VALUES[::-1])
    assert layout.fill(VALUES) == first


@pytest.mark.parametrize(
    "wrong",
    [{"vmc_port": 0}, {"osc_port": 70_000}, {"rate_hz": 0}, {"rate_hz": float("nan")},
     {"vmc_names": "x"}, {"osc_address": "/same"}, {"osc_address": "no/{name}"},
     {"osc_address": "/a b/{name}"}, {"osc_address": "/{other}/{name}"}],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(EiferError):
        Outgoing(**wrong)


def test_settings_survive_json_and_are_silent_by_default() -> None:
    assert Outgoing().is_silent
    chosen = Outgoing(lsl_name="face", vmc_host="10.0.0.2", rate_hz=30)
    assert not chosen.is_silent
    assert Outgoing.from_document(chosen.to_document()) == chosen
    assert Outgoing.from_document({}) == Outgoing()
