"""Imaging in a process of its own, which may be killed: no file can take this one's memory or time."""

import fcntl
import pickle
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from chalicelib.errors import ResourcesExceeded
from chalicelib.model.picture import Limits, Rendering, VariantSpec
from chalicelib.renderer.messages import Answer, Job

BOOT = """
import pickle, sys
sys.path[:], memory = pickle.load(sys.stdin.buffer)
from chalicelib.renderer.child import main
main(memory)
"""

LOOKS = 0.1
"""Seconds between two looks at the clock while the child is at work."""

PIPE_BYTES = 2**20
"""So that an original of 4 MB goes through in four turns, and not in 64."""

MIB = 2**20

MOST_MIB = 1_400
"""What the child may allocate at most. Its code, about 40 MiB, comes on top: together at most 1,500 MB."""

ROOM_MIB = 320
"""What is left of a function's memory for this process, with the original and its variants, and the child's code."""

MOST_KEPT = 0.25
"""The share of its memory that the child may keep after an image: there are holes in it, too small for a large one."""


class RenderTraceback(Exception):
    """The traceback of an error in the other process, as its cause."""


def child_memory(function_mib: int) -> int:
    """Return the bytes that the child of a function may allocate: what is not needed beside it, and half at least.

    >>> child_memory(1_769) // MIB, child_memory(1_024) // MIB, child_memory(512) // MIB
    (1400, 704, 256)
    """
    return MIB * min(MOST_MIB, max(function_mib - ROOM_MIB, function_mib // 2))


class Renderer:
    """The child, which is kept from one image to the next: new memory costs more than the whole way to it and back.

    For one thread at a time. `memory` is in bytes.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._child: subprocess.Popen[bytes] | None = None
        self._is_ready = False

    @property
    def pid(self) -> int | None:
        """Return the child's process id; None where there is no child."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the child unless there is one, and do not wait for it; one that died while idle is replaced."""
        if self._child is not None and self._child.poll() is None:
            return
        self.close()
        command = [sys.executable, "-I", "-S", "-c", BOOT]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own
        if sys.platform == "linux":
            assert self._child.stdin
            fcntl.fcntl(self._child.stdin, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        with suppress(BrokenPipeError):  # it did not start, which whoever waits for it sees
            self._send((sys.path, self._memory))  # in words that need no module of ours

    def render(
        self, data: bytes, specs: Sequence[VariantSpec], *, limits: Limits, checkpoint: Callable[[], None]
    ) -> Rendering:
        """Render in the child what `imaging.render` renders, and raise what it raises.

        Raises ResourcesExceeded when the child dies of the image: it has `Limits.max_cpu_seconds` and its memory. What
        `checkpoint` raises is raised at once, and the child killed.
        """
        self.start()
        try:
            self._wait_until_ready(checkpoint)
            answer = self._asked(Job(data, specs, limits), checkpoint)
        except BaseException:
            self.close()
            raise
        if answer.kept > self._memory * MOST_KEPT:
            self.close()
        if isinstance(answer.result, Exception):
            raise answer.result from RenderTraceback(f"\n{answer.traceback}")
        return answer.result

    def close(self) -> None:
        """End the child, whatever it is doing."""
        child, self._child, self._is_ready = self._child, None, False
        if child is not None:
            child.kill()
            with suppress(BrokenPipeError), child:
                pass

    def _wait_until_ready(self, checkpoint: Callable[[], None]) -> None:
        if not self._is_ready:
            try:
                self._receive(checkpoint)
            except EOFError as error:
                raise RuntimeError(f"the process that renders did not start: {self._ending()}") from error
            self._is_ready = True

    def _asked(self, job: Job, checkpoint: Callable[[], None]) -> Answer:
        try:
            self._send(job)
            answer: Answer = self._receive(checkpoint)
        except (BrokenPipeError, EOFError, pickle.UnpicklingError) as error:
            raise ResourcesExceeded(_exceeded(self._ending(), job.limits)) from error
        return answer

    def _send(self, message: Any) -> None:
        assert self._child
        assert self._child.stdin
        pickle.dump(message, self._child.stdin)
        self._child.stdin.flush()

    def _receive(self, checkpoint: Callable[[], None]) -> Any:
        assert self._child
        assert self._child.stdout
        poll = select.poll()
        poll.register(self._child.stdout, select.POLLIN)
        while not poll.poll(1000 * LOOKS):
            checkpoint()
        return pickle.load(self._child.stdout)  # noqa: S301 - from our own process

    def _ending(self) -> str:
        """Say how the child ended: by which signal, or with which status."""
        assert self._child
        self._child.kill()  # of one that is ending already this changes nothing
        code = self._child.wait()
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _exceeded(ending: str, limits: Limits) -> str:
    """Say which bound a child reached.

    A SIGKILL that is not ours is the system's answer to a lack of memory. Rust aborts when malloc fails, and some C
    libraries do too.
    """
    match ending:
        case "SIGPROF":
            return f"rendering it takes more than {limits.max_cpu_seconds:g} s of CPU time"
        case "SIGKILL":
            return "rendering it takes more memory than the function has"
        case "SIGABRT":
            return "a library aborted on it (SIGABRT): most likely it takes more memory than the function has"
        case _:
            return f"the process that rendered it crashed: {ending}"
