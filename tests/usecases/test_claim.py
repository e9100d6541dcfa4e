"""Who gets the lease of an image, and what the others do instead."""

from secrets import token_hex

import pytest
from msgspec.structs import replace

from chalicelib.aws.catalogue import DynamoCatalogue
from chalicelib.aws.storage import S3Storage
from chalicelib.errors import CatalogueUnavailable, ImageBusy, StorageUnavailable
from chalicelib.model.record import Status
from chalicelib.usecases.claim import Reason, claim, is_in_place
from chalicelib.usecases.decide import Cause
from chalicelib.usecases.entry import Image
from tests.conftest import Died, call, failing, over, picture

PHOTO = Image("originals", "photo.jpg")


def claiming(stage, cause=Cause.CHANGE, sequencer="01", by=None, **more):
    return claim(PHOTO, Reason(cause=cause, sequencer=sequencer), stage.halftone, by or call(token_hex(4)), **more)


def deployed(stage, digest):
    return replace(stage, halftone=replace(stage.halftone, digest=digest))


def early():
    """An invocation that began a minute ago."""
    alive = call("early")
    return replace(alive, attempt=replace(alive.attempt, began=alive.attempt.began - 60_000))


def test_what_nobody_has_heard_of_is_claimed_without_a_look(stage, monkeypatch):
    monkeypatch.setattr(DynamoCatalogue, "get", lambda *_: pytest.fail("looked"))
    held = claiming(stage)
    assert (held.revision, held.redo, held.shown.status) == (1, False, Status.PROCESSING)
    assert {place.location for place in held.possible_locations} == {
        ("variants", f"{name}/photo.jpg") for name in ("thumbnail", "medium", "large")
    }


def test_a_newer_change_leaves_the_holder_a_note(stage):
    held = claiming(stage)
    assert claiming(stage, sequencer="02") is None
    entry = stage.entry()
    assert (entry.sequencer, entry.lease) == ("02", replace(held.lease, repeated=False))
    assert entry.revision == held.revision + 1, "its save will not be taken"


def test_a_change_that_the_holder_sees_leaves_nothing(stage):
    held = claiming(stage, sequencer="02")
    assert claiming(stage, sequencer="01") is None
    assert stage.entry() == held


def test_a_delivery_that_finds_its_own_live_lease_leaves_a_note(stage):
    claimed = claiming(stage, by=call("one"))
    assert claiming(stage, by=call("one")) is None
    entry = stage.entry()
    assert (entry.lease.nonce, entry.revision) == (claimed.lease.nonce, claimed.revision + 1)


def test_the_sweep_hears_of_an_uploads_claim_only_once_it_was_repeated(stage):
    assert claiming(stage, by=call("one")).due is None, "so that the index takes no writes"
    claiming(stage, by=call("one"))
    assert stage.entry().due is not None


@pytest.mark.parametrize("cause", [Cause.REVIEW, Cause.ORDER])
def test_the_sweep_hears_at_once_of_claims_that_nobody_may_repeat(stage, cause):
    assert claiming(stage, cause).due is not None


def test_the_sweep_hears_at_once_of_a_claim_on_what_was_unfinished(stage):
    claiming(stage, by=over())
    assert claiming(stage).due is not None


def test_the_attempt_that_has_the_lease_makes_everything_anew(stage):
    own = call("one")
    claiming(stage, by=own)
    assert claiming(stage, by=own).redo


def test_a_dead_holders_work_is_done_anew(stage):
    claiming(stage, by=over())
    assert claiming(stage).redo


@pytest.mark.parametrize("cause", [Cause.REVIEW, Cause.ORDER])
def test_who_cannot_leave_it_to_the_holder_comes_again(stage, cause):
    claiming(stage)
    with pytest.raises(ImageBusy, match=r"photo\.jpg"):
        claiming(stage, cause, sequencer="")


def test_the_sweep_leaves_a_live_holder_alone(stage):
    held = claiming(stage)
    assert claiming(stage, Cause.SWEEP, sequencer="") is None
    assert stage.entry() == held


def test_one_that_takes_no_notes_has_to_be_waited_for(stage):
    held = claiming(stage, chain=True)
    assert (held.redo, held.lease.takes_notes) == (True, False)
    with pytest.raises(ImageBusy):
        claiming(stage, sequencer="02")


@pytest.mark.parametrize("settled", [True, False])
def test_where_a_later_deployment_was_old_code_comes_again(stage, settled):
    stage.upload("photo.jpg", picture())
    later, old, new = deployed(stage, "new"), early(), call("new")
    if settled:
        later.tell(by=new)
    else:
        claiming(later, by=new)
    with pytest.raises(ImageBusy):
        stage.tell(sequencer="02", by=old)
    assert (stage.entry().epoch, stage.entry().sequencer) == (new.attempt.began, "01")


def test_who_began_earlier_with_the_same_pipeline_is_not_out_of_date(stage):
    stage.upload("photo.jpg", picture())
    stage.tell()
    stage.upload("photo.jpg", picture(300, 400))
    assert stage.tell(sequencer="02", by=early()).original.height == 400


@pytest.mark.parametrize("in_flight", [False, True])
def test_after_a_refusal_the_retry_claims_at_once_and_after_a_timeout_it_waits(stage, monkeypatch, in_flight):
    stage.upload("photo.jpg", picture())
    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "put", failing(StorageUnavailable("not now", in_flight=in_flight)))
        with pytest.raises(StorageUnavailable):
            stage.tell(by=call("one"))
    entry = stage.entry()
    assert (entry.lease.given_up, entry.failures, entry.deaths) == (True, 1, 0)
    assert entry.due is not None
    if in_flight:
        with pytest.raises(ImageBusy):
            stage.tell(by=call("one"))
    else:
        stage.tell(by=call("one"))
        assert stage.record("photo.jpg").status is Status.READY
        assert (stage.entry().failures, stage.entry().due) == (0, None)


@pytest.mark.parametrize("error", [Died(), ZeroDivisionError()])
def test_after_any_other_error_the_lease_stays(stage, monkeypatch, error):
    stage.upload("photo.jpg", picture())
    monkeypatch.setattr(stage, "render", failing(error))
    with pytest.raises(type(error)):
        stage.tell()
    assert not stage.entry().lease.given_up


def test_a_lease_that_cannot_even_be_given_up_lasts_until_its_deadline(stage, monkeypatch):
    stage.upload("photo.jpg", picture())
    put = DynamoCatalogue.put

    def once(self, entry):
        if entry.revision:
            raise CatalogueUnavailable("not now")
        return put(self, entry)

    monkeypatch.setattr(DynamoCatalogue, "put", once)
    monkeypatch.setattr(S3Storage, "put", failing(StorageUnavailable("not now")))
    with pytest.raises(StorageUnavailable):
        stage.tell()
    assert not stage.entry().lease.given_up


def test_a_note_that_comes_before_the_lease_is_given_up_is_kept(stage, monkeypatch):
    stage.upload("photo.jpg", picture())

    def noted(*_args, **_options):
        claiming(stage, sequencer="02")
        raise StorageUnavailable("not now")

    with monkeypatch.context() as patch:
        patch.setattr(S3Storage, "put", noted)
        with pytest.raises(StorageUnavailable):
            stage.tell()
    assert (stage.entry().sequencer, stage.entry().lease.given_up) == ("02", True)


def test_who_was_not_first_decides_anew_on_what_stands(stage):
    seen = claiming(stage)
    stage.halftone.catalogue.put(replace(seen, sequencer="03"))
    assert claiming(stage, sequencer="02", seen=seen) is None
    assert stage.entry().sequencer == "03"


def test_a_variant_is_in_its_place_if_it_lies_there_as_it_is_on_record(stage):
    stage.upload("photo.jpg", picture())
    stage.tell()
    entry = stage.entry()
    assert is_in_place(entry, "medium", stage.halftone)
    assert not is_in_place(entry, "poster", stage.halftone)
    stage.upload("medium/photo.jpg", b"by hand", bucket="variants")
    assert not is_in_place(entry, "medium", stage.halftone)
    stage.s3.delete_object(Bucket="variants", Key="medium/photo.jpg")
    assert not is_in_place(entry, "medium", stage.halftone)
