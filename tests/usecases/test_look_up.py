"""What is known of an image."""

import pytest

from chalicelib.aws.catalogue import DynamoCatalogue
from chalicelib.errors import NotFound
from chalicelib.identity import image_id
from chalicelib.model.record import Status
from chalicelib.usecases.claim import Reason, claim
from chalicelib.usecases.decide import Cause
from chalicelib.usecases.entry import Image
from chalicelib.usecases.look_up import look_up
from tests.conftest import call, picture

PHOTO = image_id("originals", "photo.jpg")


def test_the_record_is_shown(stage):
    stage.upload("photo.jpg", picture())
    assert look_up(stage.tell().image_id, stage.halftone) == stage.record("photo.jpg")


def test_one_that_somebody_holds_is_being_processed(stage):
    claim(Image("originals", "photo.jpg"), Reason(cause=Cause.ORDER), stage.halftone, call())
    assert look_up(PHOTO, stage.halftone).status is Status.PROCESSING


def test_one_that_nobody_knows_is_not_found(stage):
    with pytest.raises(NotFound, match=PHOTO):
        look_up(PHOTO, stage.halftone)


@pytest.mark.parametrize("name", ["", "x" * 2049, PHOTO.upper(), PHOTO.replace("-", ""), f"{{{PHOTO}}}", "\udcff"])
def test_what_is_no_image_id_is_not_even_asked_for(stage, monkeypatch, name):
    monkeypatch.setattr(DynamoCatalogue, "get", lambda *_: pytest.fail("asked"))
    with pytest.raises(NotFound) as caught:
        look_up(name, stage.halftone)
    assert len(str(caught.value)) < 60
