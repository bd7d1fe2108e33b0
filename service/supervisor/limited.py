"""Work on strangers' bytes in a process of its own, which can neither fill the memory nor run for long."""

import importlib
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

#: Seconds until the process is stopped, however little processor time it got.
_WAIT = 60
#: One thread, so that processor time is time; one arena, as each reserves 64 MiB of the address space. No secrets.
_ENVIRONMENT = dict.fromkeys(
    ("MALLOC_ARENA_MAX", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
)


class TooMuchWork(Exception):
    """Raised when the work fails, or takes more processor time or memory than it may."""


class HostBusy(Exception):
    """Raised when the host had too little processor time or memory for the work. Another try may succeed."""


def apart(function: str, data: bytes | bytearray, *arguments: str, seconds: int, memory: int, nice: int = 0) -> bytes:
    """Return `function(data, *arguments)`, computed by a process of its own. `function`: "module:name".

    `seconds`: of processor time. `memory`: bytes of address space. Raises TooMuchWork and HostBusy.
    """
    limits = [str(seconds), str(memory), str(nice)]
    command = [sys.executable, "-I", "-m", __name__, function, *limits, *arguments]
    try:
        run = subprocess.run(command, input=data, capture_output=True, timeout=_WAIT, env=_ENVIRONMENT, check=True)
    except subprocess.TimeoutExpired as error:
        raise HostBusy(f"{function} took over {_WAIT} s") from error
    except subprocess.CalledProcessError as error:
        # The limits below end a process otherwise: SIGKILL is the kernel's, when the host has no memory left.
        raised = HostBusy if error.returncode == -signal.SIGKILL else TooMuchWork
        raise raised(f"{function}: status {error.returncode}: {error.stderr.decode(errors='replace')}") from error
    return run.stdout


def _limit(seconds: int, memory: int, nice: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))  # SIGXCPU comes first, SIGKILL at the second limit
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.nice(nice)
    with suppress(OSError):  # Linux only: the kernel kills this process first
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    _limit(*map(int, sys.argv[2:5]))
    module, _, name = sys.argv[1].partition(":")
    answer: bytes = getattr(importlib.import_module(module), name)(sys.stdin.buffer.read(), *sys.argv[5:])
    sys.stdout.buffer.write(answer)
