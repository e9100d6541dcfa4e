"""The process that renders: what it bounds, and what is left when it dies."""

import os
import signal

import pytest
from msgspec.structs import replace

from chalicelib.errors import CorruptImage, HalftoneError, InvalidRequest, ResourcesExceeded, TimeIsUp
from chalicelib.imaging.boundary import UNFORESEEN
from chalicelib.imaging.render import render
from chalicelib.model.picture import Format, Limits, VariantSpec
from chalicelib.renderer import guard
from chalicelib.renderer.guard import MIB, Renderer, RenderTraceback, child_memory
from chalicelib.renderer.messages import Job
from tests.conftest import picture

SMALL = VariantSpec(name="small", width=40)
LIMITS = Limits()
LARGE = VariantSpec(name="large", format=Format.AVIF)


@pytest.fixture
def renderer(request):
    """One with 400 MiB, or as many as the test is parametrized with."""
    made = Renderer(getattr(request, "param", 400) * MIB)
    yield made
    made.close()


def rendered(renderer, data=None, spec=SMALL, *, limits=LIMITS, checkpoint=lambda: None):
    return renderer.render(data or picture(), [spec], limits=limits, checkpoint=checkpoint)


def killing(renderer, number, monkeypatch):
    """A checkpoint that kills the child while it is at work, and a patch that has it called soon."""
    monkeypatch.setattr(guard, "LOOKS", 0.001)
    return lambda: os.kill(renderer.pid, number)


def test_renders_what_imaging_renders_and_tells_the_cpu_time(renderer):
    rendering = rendered(renderer)
    assert replace(rendering, cpu_seconds=None) == render(picture(), [SMALL])
    assert 0 < rendering.cpu_seconds < 60


def test_one_process_renders_one_image_after_the_other(renderer):
    rendered(renderer)
    first = renderer.pid
    rendered(renderer, picture(500, 500))
    assert renderer.pid == first


@pytest.mark.parametrize(
    ("data", "spec", "expected"),
    [
        (picture()[:400], SMALL, CorruptImage),
        (picture(), VariantSpec(name="bad", width=-1), InvalidRequest),
    ],
)
def test_errors_arrive_as_themselves_with_the_traceback_as_their_cause(renderer, data, spec, expected):
    with pytest.raises(HalftoneError) as here:
        render(data, [spec])
    with pytest.raises(expected) as there:
        rendered(renderer, data, spec)
    assert (str(there.value), vars(there.value)) == (str(here.value), vars(here.value))
    assert isinstance(there.value.__cause__, RenderTraceback)
    assert "imaging/render.py" in str(there.value.__cause__)


def test_what_nobody_foresaw_ends_in_a_named_error_that_brings_its_traceback(renderer):
    with pytest.raises(CorruptImage, match=UNFORESEEN) as caught:
        renderer.render(picture(), [None], limits=Limits(), checkpoint=lambda: None)
    assert "imaging/render.py" in str(caught.value.__cause__)


def test_cpu_time_is_bounded_within_a_call_of_a_codec(renderer):
    with pytest.raises(ResourcesExceeded, match=r"takes more than 0\.05 s of CPU time"):
        rendered(renderer, picture(3000, 3000), LARGE, limits=Limits(max_cpu_seconds=0.05))
    assert rendered(renderer).variants


def test_the_budget_is_of_one_image_not_of_all(renderer):
    data, spent = picture(1000, 1000), 0.0
    limits = Limits(max_cpu_seconds=0.5)
    while spent < limits.max_cpu_seconds:
        spent += rendered(renderer, data, VariantSpec(name="full"), limits=limits).cpu_seconds


@pytest.mark.parametrize("renderer", [60], indirect=True)
def test_memory_is_bounded_within_a_call_of_a_codec(renderer):
    with pytest.raises(ResourcesExceeded, match="needs more memory than there is"):
        rendered(renderer, picture(5000, 4000, form="PNG"))
    assert rendered(renderer).variants


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGSEGV, "crashed: SIGSEGV"),
        (signal.SIGABRT, "more memory than the function has"),
        (signal.SIGKILL, "more memory than the function has"),
    ],
)
def test_a_crash_is_the_images_and_the_next_one_gets_a_new_process(renderer, monkeypatch, number, words):
    rendered(renderer)
    with pytest.raises(ResourcesExceeded, match=words):
        rendered(renderer, picture(3000, 3000), LARGE, checkpoint=killing(renderer, number, monkeypatch))
    assert rendered(renderer).variants


def test_a_process_that_died_while_idle_is_replaced_and_no_image_blamed(renderer):
    rendered(renderer)
    first = renderer._child  # noqa: SLF001
    first.kill()
    first.wait()
    assert rendered(renderer).variants
    assert renderer.pid != first.pid


def test_the_deadline_holds_within_a_call_of_a_codec(renderer, monkeypatch):
    monkeypatch.setattr(guard, "LOOKS", 0.001)
    rendered(renderer)
    child = renderer._child  # noqa: SLF001

    def checkpoint():
        raise TimeIsUp("now")

    with pytest.raises(TimeIsUp):
        rendered(renderer, picture(3000, 3000), LARGE, checkpoint=checkpoint)
    assert child.poll() == -signal.SIGKILL
    assert rendered(renderer).variants


def test_a_process_that_keeps_much_memory_is_not_kept(renderer, monkeypatch):
    rendered(renderer)
    first = renderer._child  # noqa: SLF001
    monkeypatch.setattr(guard, "MOST_KEPT", 0.01)
    rendered(renderer)
    assert first.poll() == -signal.SIGKILL
    assert rendered(renderer).variants


def test_a_process_that_does_not_start_is_not_the_images_fault(monkeypatch):
    monkeypatch.setattr(guard, "BOOT", "raise SystemExit(3)")
    with pytest.raises(RuntimeError, match="did not start: exit status 3"):
        rendered(Renderer(400 * MIB))


def test_the_process_ends_with_ours(renderer):
    renderer.start()
    child = renderer._child  # noqa: SLF001
    child.stdin.close()
    assert child.wait() == 0


def test_the_process_ends_without_a_word_when_ours_is_killed_while_it_renders(renderer, capfd):
    rendered(renderer)
    child = renderer._child  # noqa: SLF001
    renderer._send(Job(picture(), [SMALL], LIMITS))  # noqa: SLF001
    child.stdin.close()
    child.stdout.close()
    assert child.wait() == 0
    assert capfd.readouterr().err == ""


def test_what_is_printed_is_no_answer(renderer, capfd):
    """Decoders of C print; here the first thing that the child imports does."""
    boot = guard.BOOT.replace(
        "main(memory)",
        "import os, chalicelib.renderer.child as child\nplain = child.render\n"
        "def loud(*args, **more):\n    os.write(1, b'hello')\n    return plain(*args, **more)\n"
        "child.render = loud\nmain(memory)",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "BOOT", boot)
        assert rendered(renderer).variants
    assert capfd.readouterr().err == "hello"


def test_memory_leaves_room_for_the_function_itself():
    assert child_memory(1_769) == 1_400 * MIB
    assert child_memory(10_240) == 1_400 * MIB
    assert child_memory(1_024) == 704 * MIB
    assert child_memory(256) == 128 * MIB
