"""The process that decodes and encodes: one image after the other, until its input ends."""

import os
import pickle
import resource
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace

from chalicelib.errors import HalftoneError, ResourcesExceeded
from chalicelib.imaging.render import render
from chalicelib.model.picture import Rendering
from chalicelib.renderer.messages import Answer, Job


def main(memory: int) -> None:
    """Answer the jobs of standard input on standard output; what else is printed goes to standard error.

    `memory` bounds the bytes of RLIMIT_DATA: malloc fails beyond, within the calls of codecs too.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    jobs, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt), answers:  # until the other process has ended
        _send(None, answers)
        while True:
            _send(_answer(pickle.load(jobs)), answers)  # noqa: S301 - from our own process


def _send(message: Answer | None, answers: BinaryIO) -> None:
    pickle.dump(message, answers)
    answers.flush()


def _answer(job: Job) -> Answer:
    trace = ""
    try:
        result: Rendering | Exception = _rendered(job)
    except Exception as error:  # noqa: BLE001 - the other process raises it
        trace = traceback.format_exc()
        result = _as_sent(error)
    return Answer(result, trace, kept=_allocated())


def _rendered(job: Job) -> Rendering:
    """Render within the CPU budget: when it is used up, SIGPROF ends the process, whatever it is doing.

    ITIMER_PROF of setitimer(2) counts the user and system time of all threads.
    """
    started = _cpu_seconds()
    signal.setitimer(signal.ITIMER_PROF, job.limits.max_cpu_seconds)
    try:
        rendering = render(job.data, job.specs, limits=job.limits)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return replace(rendering, cpu_seconds=_cpu_seconds() - started)


def _cpu_seconds() -> float:
    """Return the CPU time of this process; `time.process_time` moves in steps of 4 ms while a timer counts it too."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _allocated() -> int:
    """Return the bytes that count towards the bound: field 6 of /proc/self/statm (proc(5)), and 0 where that is not."""
    try:
        with Path("/proc/self/statm").open("rb", buffering=0) as file:
            return int(file.read().split()[5]) * resource.getpagesize()
    except FileNotFoundError:
        return 0


def _as_sent(error: Exception) -> Exception:
    """Return a named error as itself; of a bug only the words are sure to survive the journey."""
    if isinstance(error, HalftoneError):
        return error
    if isinstance(error, MemoryError):
        return ResourcesExceeded("rendering it takes more memory than the function has")
    return RuntimeError(f"imaging failed: {error!r}")
