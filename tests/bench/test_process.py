"""What is read of a function's process is what that process would say of itself."""

import os
import resource
import sys
import time

from bench.process import peak_of, processor_milliseconds
from tests.support.require import require


def test_time_and_memory_are_the_process_s_own() -> None:
    require(sys.platform == "linux", "processes can be looked into on Linux only")
    before = time.process_time() * 1000
    measured = processor_milliseconds(os.getpid())
    assert before <= measured <= time.process_time() * 1000
    assert peak_of(os.getpid()) >= 0.9 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
