"""Work in a process with limits: what it may take, and whether another try may succeed."""

from typing import Any

import pytest

from service.supervisor import limited
from service.supervisor.limited import HostBusy, TooMuchWork, apart

ROOM: dict[str, Any] = {"seconds": 1, "memory": 1 << 30}


def test_the_work_has_limits_and_the_kernel_ends_it_before_others() -> None:
    seen = b"__import__('json').dumps([__import__('resource').getrlimit(one) for one in (0, 9)] + "
    seen += b"[int(open('/proc/self/oom_score_adj').read()), __import__('os').nice(0)]).encode()"
    assert apart("builtins:eval", seen, nice=3, **ROOM) == b"[[1, 2], [1073741824, 1073741824], 1000, 3]"


@pytest.mark.parametrize("work", [b"while True: pass", b"bytearray(2 << 30)", b"raise ValueError"])
def test_work_that_takes_too_much_is_refused_whatever_the_host_does(work: bytes) -> None:
    with pytest.raises(TooMuchWork, match="builtins:exec: status"):
        apart("builtins:exec", work, **ROOM)


def test_work_that_the_host_stops_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HostBusy):
        apart("builtins:exec", b"import os; os.kill(os.getpid(), 9)", **ROOM)
    monkeypatch.setattr(limited, "_WAIT", 0.1)
    with pytest.raises(HostBusy, match=r"over 0\.1 s"):
        apart("builtins:exec", b"import time; time.sleep(60)", **ROOM)
