"""What dead workers left is handed over, each image by itself."""

import time

import pytest
from msgspec.structs import replace

from chalicelib.errors import CatalogueUnavailable, TimeIsUp, WorkflowsUnavailable
from chalicelib.usecases.entry import Image
from chalicelib.usecases.sweep import sweep
from tests.conftest import Died, call, failing, over, picture


@pytest.fixture
def left(stage, monkeypatch):
    """A stage with two images whose workers died, one whose worker lives, and one that is settled."""
    for key in ("dead.jpg", "dead too.jpg", "alive.jpg", "settled.jpg"):
        stage.upload(key, picture())
    stage.tell("settled.jpg")
    with monkeypatch.context() as patch:
        patch.setattr(stage, "render", failing(Died()))
        for key, by in (("dead.jpg", over()), ("dead too.jpg", over()), ("alive.jpg", call())):
            with pytest.raises(Died):
                stage.tell(key, "", kind="review", by=by)
    return stage


def test_what_is_due_is_handed_over_and_nothing_else(left):
    handed = []
    assert sweep(left.halftone, handed.append, call()) == {"handed_over": 2}
    assert set(handed) == {Image("originals", "dead.jpg"), Image("originals", "dead too.jpg")}


def test_what_is_finished_is_not_handed_over_again(left):
    handed = []
    sweep(left.halftone, handed.append, call())
    for image in handed:
        assert left.tell(image.key, "", kind="sweep").status == "ready"
    assert sweep(left.halftone, [].append, call()) == {"handed_over": 0}
    assert list(left.halftone.catalogue.unfinished(before=int(time.time()))) == []


def test_what_there_is_no_time_for_the_next_sweep_finds(left):
    looks = iter((None,))

    def checkpoint():
        if next(looks, "late") == "late":
            raise TimeIsUp("too late")

    assert sweep(left.halftone, [].append, replace(call(), checkpoint=checkpoint)) == {"handed_over": 1}
    assert sweep(left.halftone, [].append, call()) == {"handed_over": 2}


def test_a_fault_is_raised(left, monkeypatch):
    with pytest.raises(WorkflowsUnavailable):
        sweep(left.halftone, failing(WorkflowsUnavailable("no")), call())
    monkeypatch.setattr(type(left.halftone.catalogue), "unfinished", failing(CatalogueUnavailable("no")))
    with pytest.raises(CatalogueUnavailable):
        sweep(left.halftone, [].append, call())
