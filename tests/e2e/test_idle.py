"""What a quiet `tapeline run` costs: 50 symbols at the simulator's usual rate, in processor time, not in seconds of ours."""

import os
import pathlib
import time

import harness
import pytest

SYMBOLS = 50
LOOK_S = 10
SHARE_MAX = 0.02
BYTES_MAX = 64 << 20


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_fifty_quiet_symbols_cost_next_to_nothing(tapeline):
    if harness.instrumented(tapeline.binary):
        pytest.skip("a build with sanitizers costs several times as much")
    symbols = ",".join(f"SYM{i:04d}" for i in range(1, SYMBOLS + 1))
    process = tapeline.start(
        *["run", "--data-dir", tapeline.data, "--port", "0", "--symbols", symbols],
        *["--set", f"simulate.symbols={SYMBOLS}"],
    )
    process.wait_for(harness.LISTENING)
    time.sleep(2)
    before = processor_seconds(process.pid)
    time.sleep(LOOK_S)
    share = (processor_seconds(process.pid) - before) / LOOK_S
    print(f"{share:.2%} of a core, simulator included; {process.peak_bytes() >> 20} MiB at most")
    assert share < SHARE_MAX
    assert process.peak_bytes() < BYTES_MAX
