"""An object and its variants, brought in line: uploads, overwrites, deletions, and what fails."""

import json
import time

import pytest
from msgspec.structs import replace

from chalicelib import orders
from chalicelib.aws.catalogue import DynamoCatalogue
from chalicelib.aws.storage import S3Storage
from chalicelib.errors import (
    AccessDenied,
    CatalogueUnavailable,
    CompletionsUnavailable,
    StorageUnavailable,
    TimeIsUp,
)
from chalicelib.model.completion import CompletionEvent
from chalicelib.model.picture import Limits, VariantSpec
from chalicelib.model.pipeline import Pipeline, Source
from chalicelib.model.record import Status
from chalicelib.usecases.entry import Possible
from chalicelib.usecases.outcome import MOST_DEATHS
from chalicelib.usecases.resize import resize
from tests.conftest import Died, Stage, call, failing, over, picture


def limited(stage: Stage, **limits) -> Stage:
    settings = replace(stage.halftone.settings, limits=Limits(**limits))
    return replace(stage, halftone=replace(stage.halftone, settings=settings))


def under(stage, pipeline, digest="new"):
    """The stage after another pipeline was deployed."""
    return replace(stage, halftone=replace(stage.halftone, pipeline=pipeline, digest=digest))


def order(stage, key="photo.jpg", by="request", **request):
    return resize(orders.parse({"bucket": "originals", "key": key} | request), stage.halftone, call(by))


def test_an_upload_gets_variants_record_and_completion(stage):
    etag = stage.upload("a/photo.jpg", picture(2000, 1500))
    started = time.perf_counter()
    stage.tell("a/photo.jpg")

    assert stage.keys("variants") == {"thumbnail/a/photo.jpg", "medium/a/photo.jpg", "large/a/photo.jpg"}
    head = stage.s3.head_object(Bucket="variants", Key="medium/a/photo.jpg")
    assert (head["ContentType"], head["Metadata"]) == ("image/jpeg", {"resized": "true"})
    assert stage.image("variants", "medium/a/photo.jpg").size == (640, 480)

    record = stage.record("a/photo.jpg")
    assert record is not None
    assert 0 < record.processing_ms <= 1000 * (time.perf_counter() - started)
    assert (record.status, record.etag, record.error, record.pipeline) == (Status.READY, etag, None, "default")
    assert record.original is not None
    assert (record.original.width, record.original.height, record.original.format) == (2000, 1500, "jpeg")
    assert {(v.name, v.width, v.height) for v in record.variants} == {
        ("thumbnail", 128, 96),
        ("medium", 640, 480),
        ("large", 1280, 960),
    }
    for variant in record.variants:
        head = stage.s3.head_object(Bucket=variant.bucket, Key=variant.key)
        assert (variant.etag, variant.bytes) == (head["ETag"].strip('"'), head["ContentLength"])

    (completion,) = stage.completions()
    assert (completion.event, completion.image_id) == (CompletionEvent.READY, record.image_id)
    assert completion.variants == record.variants


def test_a_completion_carries_the_attributes_and_the_subject(stage):
    stage.upload("photo.jpg", picture())
    stage.tell()
    (envelope,) = stage.envelopes()
    attributes = {name: entry["Value"] for name, entry in envelope["MessageAttributes"].items()}
    assert attributes == {"event": "image.ready", "status": "ready", "bucket": "originals", "pipeline": "default"}
    assert envelope["Subject"] == "Halftone: photo.jpg is ready, 3 variants"
    assert json.loads(envelope["Message"])["schema_version"] == 1


def test_small_originals_are_not_enlarged(stage):
    stage.upload("icon.png", picture(50, 40, form="PNG"))
    record = stage.tell("icon.png")
    assert {(v.width, v.height) for v in record.variants} == {(50, 40)}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_object"),
        (b"I am text, whatever my name says" * 10, "unsupported_format"),
        (picture(800, 600)[:3000], "corrupt_image"),
    ],
)
def test_a_bad_file_ends_as_a_failed_record_and_is_announced_once(stage, data, code):
    stage.upload("photo.jpg", data)
    record = stage.tell()
    assert (record.status, record.variants) == (Status.FAILED, ())
    assert record.error.code == code
    assert record.error.message
    assert stage.keys("variants") == set()
    (completion,) = stage.completions()
    assert (completion.event, completion.error) == (CompletionEvent.FAILED, record.error)
    assert stage.record("photo.jpg") == record


@pytest.mark.parametrize(
    ("limits", "code"), [({"max_bytes": 1000}, "file_too_large"), ({"max_pixels": 1000}, "image_too_large")]
)
def test_a_file_over_the_limits_fails(stage, limits, code):
    stage.upload("photo.jpg", picture(800, 600))
    assert limited(stage, **limits).tell().error.code == code


def test_too_little_time_is_the_fault_of_an_image_that_had_all_of_it(stage):
    hurried = replace(call(), checkpoint=failing(TimeIsUp("too late")))
    stage.upload("photo.jpg", picture())
    with pytest.raises(TimeIsUp):
        stage.tell(by=replace(hurried, fair_seconds=60))
    assert stage.record("photo.jpg").status is Status.PROCESSING
    assert stage.entry().lease.given_up


def test_an_image_that_had_all_the_time_takes_too_long(stage):
    looks = iter((None,))

    def slow():
        if next(looks, "late") == "late":
            raise TimeIsUp("too late")

    stage.upload("photo.jpg", picture())
    record = stage.tell(by=replace(call(), checkpoint=slow, fair_seconds=0))
    assert (record.status, record.error.code) == (Status.FAILED, "deadline_exceeded")


def test_a_failed_overwrite_takes_the_old_variants_away(stage):
    stage.upload("photo.jpg", picture())
    stage.tell()
    stage.upload("photo.jpg", b"no picture")
    record = stage.tell(sequencer="02")
    assert (record.status, record.original, stage.keys("variants")) == (Status.FAILED, None, set())


def test_variants_that_the_pipeline_no_longer_names_are_removed(stage):
    stage.upload("photo.jpg", picture())
    stage.tell()
    pipeline = Pipeline(name="new", source=Source(), variants=(VariantSpec(name="tiny", width=16),))
    record = under(stage, pipeline).tell(sequencer="02")
    assert [variant.name for variant in record.variants] == ["tiny"]
    assert stage.keys("variants") == {"tiny/photo.jpg"}


def test_an_overwrite_updates_the_same_record(stage):
    stage.upload("photo.jpg", picture(400, 300))
    first = stage.tell()
    etag = stage.upload("photo.jpg", picture(300, 400))
    second = stage.tell(sequencer="02")
    assert (second.image_id, second.created_at, second.etag) == (first.image_id, first.created_at, etag)
    assert (second.original.width, second.original.height) == (300, 400)


def test_a_duplicate_and_an_older_change_do_nothing(stage):
    stage.upload("photo.jpg", picture())
    assert stage.tell(sequencer="0B") is not None
    assert stage.tell(sequencer="0B") is None
    assert stage.tell(sequencer="0A") is None
    assert stage.tell(sequencer="0A99") is None
    assert len(stage.completions()) == 1


def test_sequencers_are_compared_as_if_the_shorter_were_padded_on_the_right(stage):
    stage.upload("photo.jpg", picture(400, 300))
    stage.tell(sequencer="0067A0B0C0D90281E5")
    stage.upload("photo.jpg", picture(300, 400))
    assert stage.tell(sequencer="0067A0BED0F90281").original.height == 400


def test_a_newer_change_of_the_same_version_makes_nothing_anew(stage, monkeypatch):
    stage.upload("photo.jpg", picture())
    first = stage.tell()
    monkeypatch.setattr(stage, "render", lambda *_, **__: pytest.fail("rendered"))
    assert stage.tell(sequencer="02") == first
    assert len(stage.completions()) == 1


def test_eight_overwrites_then_eight_events_give_one_render_one_set_of_puts_and_one_message(stage, monkeypatch):
    done, render, put = [], stage.render, S3Storage.put
    monkeypatch.setattr(stage, "render", lambda *args, **more: done.append("render") or render(*args, **more))
    monkeypatch.setattr(S3Storage, "put", lambda *args, **more: done.append("put") or put(*args, **more))
    for number in range(8):
        stage.upload("photo.jpg", picture(400, 300 + number))
    for number in range(8):
        stage.tell(sequencer=f"0{number}")
    assert sorted(done) == ["put", "put", "put", "render"]
    assert [completion.event for completion in stage.completions()] == [CompletionEvent.READY]
    assert stage.record("photo.jpg").original.height == 307


def test_the_same_delivery_again_announces_again(stage):
    stage.upload("photo.jpg", picture())
    first = stage.tell(by=call("one"))
    assert stage.tell(by=call("one")) is None
    assert [completion.variants for completion in stage.completions()] == [first.variants, first.variants]


@pytest.mark.parametrize(
    ("key", "metadata", "why"),
    [
        ("notes.txt", {}, "its key does not end in one of .jpg"),
        ("folder/", {}, "its key does not end in one of .jpg"),
        ("variant.jpg", {"resized": "true"}, "resized: true"),
    ],
)
def test_what_is_no_original_is_told_so_and_not_announced(stage, key, metadata, why):
    stage.upload(key, picture(), Metadata=metadata)
    record = stage.tell(key)
    assert (record.status, record.error.code, record.generation) == (Status.FAILED, "not_an_original", 0)
    assert why in record.error.message
    assert stage.keys("variants") == set()
    assert stage.completions() == []
    stage.s3.delete_object(Bucket="originals", Key=key)
    assert stage.tell(key, "02", kind="removed").status is Status.DELETED
    assert stage.completions() == []


def test_an_original_that_becomes_none_is_announced(stage):
    stage.upload("photo.jpg", picture())
    stage.tell()
    stage.upload("photo.jpg", picture(), Metadata={"resized": "true"})
    pipeline = replace(stage.halftone.pipeline, source=Source(instructions=True))  # it looks at metadata
    assert under(stage, pipeline).tell(sequencer="02").error.code == "not_an_original"
    assert [completion.event for completion in stage.completions()] == [CompletionEvent.READY, CompletionEvent.FAILED]
    assert stage.keys("variants") == set()


def test_an_object_that_is_gone_by_the_time_leaves_a_record_and_no_word(stage):
    assert stage.tell("gone.jpg").status is Status.DELETED
    assert stage.completions() == []


def test_completions_carry_the_version_and_a_growing_generation(stage):
    stage.s3.put_bucket_versioning(Bucket="originals", VersioningConfiguration={"Status": "Enabled"})
    seen = []
    for number, data in enumerate((picture(400, 300), picture(300, 400), b"no picture")):
        put = stage.s3.put_object(Bucket="originals", Key="photo.jpg", Body=data)
        stage.tell(sequencer=f"0{number}")
        seen.append((put["ETag"].strip('"'), put["VersionId"], number + 1))
        if number == 1:
            order(stage, width=7)
            seen.append((*seen[-1][:2], 3))
    seen[-1] = (*seen[-1][:2], 4)
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    stage.tell(sequencer="09", kind="removed")
    told = [(one.etag, one.version_id, one.generation) for one in stage.completions()]
    assert told == [*seen, (None, None, 5)]
    assert stage.record("photo.jpg").generation == 5


@pytest.mark.parametrize(
    ("service", "operation", "error"),
    [
        ("storage", "put", StorageUnavailable),
        ("storage", "open", StorageUnavailable),
        ("storage", "remove", StorageUnavailable),
        ("catalogue", "put", CatalogueUnavailable),
        ("completions", "publish", CompletionsUnavailable),
    ],
)
def test_a_fault_of_aws_is_raised_and_a_retry_finishes_the_work(stage, monkeypatch, service, operation, error):
    stage.upload("photo.jpg", picture())
    with monkeypatch.context() as patch:
        patch.setattr(type(getattr(stage.halftone, service)), operation, failing(error("not now")))
        with pytest.raises(error):
            stage.tell(by=call("one"))
    stage.tell(by=call("one"))
    assert stage.record("photo.jpg").status is Status.READY
    assert len(stage.completions()) == 1


@pytest.mark.parametrize(
    ("error", "told"), [(AccessDenied("not you"), "access_denied"), (StorageUnavailable("not now"), None)]
)
def test_the_record_tells_of_what_is_denied_and_not_of_what_a_retry_mends(stage, monkeypatch, error, told):
    stage.upload("photo.jpg", picture())
    monkeypatch.setattr(S3Storage, "open", failing(error))
    with pytest.raises(type(error)):
        stage.tell()
    found = stage.record("photo.jpg").error
    assert (found.code if found else None) == told


def test_a_save_whose_answer_is_lost_is_announced_by_the_retry(stage, monkeypatch):
    stage.upload("photo.jpg", picture())
    catalogue, puts = type(stage.halftone.catalogue), []
    put = catalogue.put

    def lossy(self, entry):
        written = put(self, entry)
        puts.append(entry)
        if len(puts) == 2:
            raise CatalogueUnavailable("DynamoDB did not answer")
        return written

    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "put", lossy)
        with pytest.raises(CatalogueUnavailable):
            stage.tell(by=call("one"))
    assert stage.record("photo.jpg").status is Status.READY
    assert stage.completions() == []
    stage.tell(by=call("one"))
    assert [completion.event for completion in stage.completions()] == [CompletionEvent.READY]


def test_a_record_in_process_shows_its_former_variants(stage, monkeypatch):
    stage.upload("photo.jpg", picture())
    ready, seen = stage.tell(), []
    render = stage.render

    def looking(*args, **more):
        seen.append(stage.record("photo.jpg"))
        return render(*args, **more)

    monkeypatch.setattr(stage, "render", looking)
    stage.upload("photo.jpg", picture(300, 400))
    stage.tell(sequencer="02")
    assert seen == [replace(ready, status=Status.PROCESSING)]
    assert len(seen[0].variants) == 3


def test_what_changes_while_it_is_made_is_made_again_by_the_same_call_and_both_are_announced(stage, monkeypatch):
    render, later = stage.render, iter((picture(300, 400),))

    def interrupted(*args, **more):
        for data in later:
            stage.upload("photo.jpg", data)
            assert stage.tell(sequencer="02") is None, "it leaves a note"
        return render(*args, **more)

    monkeypatch.setattr(stage, "render", interrupted)
    stage.upload("photo.jpg", picture(400, 300))
    assert stage.tell(sequencer="01").original.height == 400
    assert [(one.generation, one.event) for one in stage.completions()] == [(1, "image.ready"), (2, "image.ready")]
    assert stage.entry().due is None


def test_a_note_on_what_was_rendered_already_makes_nothing_anew(stage, monkeypatch):
    renders, render = [], stage.render

    def interrupted(*args, **more):
        renders.append(1)
        assert stage.tell(sequencer="02") is None
        return render(*args, **more)

    monkeypatch.setattr(stage, "render", interrupted)
    stage.upload("photo.jpg", picture())
    stage.tell(sequencer="01")
    assert (len(renders), len(stage.completions()), stage.entry().sequencer) == (1, 1, "02")
    assert stage.entry().revision == 3, "claimed, noted, saved"


def test_who_runs_over_its_time_owes_nothing(stage, monkeypatch):
    render, others = stage.render, iter(("other",))

    def slow(*args, **more):
        for _ in others:
            assert stage.tell(sequencer="02").status is Status.READY
        return render(*args, **more)

    monkeypatch.setattr(stage, "render", slow)
    stage.upload("photo.jpg", picture())
    assert stage.tell(sequencer="01", by=over()) is None
    assert stage.record("photo.jpg").status is Status.READY
    assert len(stage.completions()) == 1


# --- a file that kills its function


def die(stage, monkeypatch, times=MOST_DEATHS, **told):
    with monkeypatch.context() as patch:
        patch.setattr(stage, "render", failing(Died()))
        for _ in range(times):
            with pytest.raises(Died):
                stage.tell(by=over(), **told)


@pytest.fixture
def killer(stage, monkeypatch):
    """A stage with a file on which MOST_DEATHS functions died."""
    etag = stage.upload("photo.jpg", picture())
    die(stage, monkeypatch, etag=etag)
    assert stage.entry().deaths == MOST_DEATHS - 1
    return stage


def test_a_file_that_kills_its_function_is_given_up_and_announced(killer, monkeypatch):
    monkeypatch.setattr(killer, "render", lambda *_, **__: pytest.fail("rendered"))
    record = killer.tell(sequencer="", kind="sweep")
    assert (record.status, record.error.code) == (Status.FAILED, "resources_exceeded")
    assert [completion.error.code for completion in killer.completions()] == ["resources_exceeded"]
    assert killer.tell(sequencer="", kind="sweep") is None


def test_before_that_it_is_tried_again(stage, monkeypatch):
    etag = stage.upload("photo.jpg", picture())
    die(stage, monkeypatch, MOST_DEATHS - 1, etag=etag)
    assert stage.tell(sequencer="", kind="sweep").status is Status.READY


def test_another_version_is_not_to_blame(killer):
    etag = killer.upload("photo.jpg", picture(300, 400))
    assert killer.tell(sequencer="02", etag=etag).status is Status.READY


def test_a_review_tries_it_once_more(killer, monkeypatch):
    killer.tell(sequencer="", kind="sweep")
    die(killer, monkeypatch, 1, sequencer="", kind="review")
    assert killer.record("photo.jpg").status is Status.PROCESSING
    assert killer.tell(sequencer="", kind="sweep").status is Status.READY, "one more did not kill it"


# --- the object is gone


@pytest.fixture
def photo(stage):
    stage.upload("photo.jpg", picture())
    return stage.tell()


def test_what_cannot_be_made_anew_because_it_is_archived_by_now_stays_as_it_is(stage):
    stage.upload("photo.jpg", picture())
    stage.tell("photo.jpg")
    before = stage.record("photo.jpg")
    stage.upload("photo.jpg", picture(), StorageClass="GLACIER")
    renewed = replace(stage, halftone=replace(stage.halftone, digest="of another pipeline"))
    renewed.tell("photo.jpg", "", kind="review")
    assert renewed.record("photo.jpg") == before
    assert stage.keys("variants") == {f"{name}/photo.jpg" for name in ("thumbnail", "medium", "large")}
    assert len(stage.completions()) == 1


def test_what_an_attempt_that_is_over_may_have_written_goes_with_the_next_one(stage):
    stage.upload("photo.jpg", b"no picture")
    stage.tell("photo.jpg")
    left = Possible("variants", "medium/photo.jpg", "other", until=1)
    stage.halftone.catalogue.change(stage.entry(), lambda stands: replace(stands, possible_locations=(left,)))
    stage.upload(left.key, b"late", bucket=left.bucket)
    stage.upload("photo.jpg", b"no picture either")
    stage.tell("photo.jpg", "02")
    assert stage.keys("variants") == set()
    assert stage.entry().possible_locations == ()


def removed(stage, sequencer="02", **more):
    return stage.tell(sequencer=sequencer, kind="removed", **more)


def test_variants_go_with_their_original(stage, photo):
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    record = removed(stage)
    assert (record.status, record.variants, record.image_id) == (Status.DELETED, (), photo.image_id)
    assert stage.keys("variants") == set()
    assert [completion.event for completion in stage.completions()] == [CompletionEvent.READY, CompletionEvent.DELETED]


@pytest.mark.usefixtures("photo")
def test_a_second_time_nothing_happens(stage):
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    assert removed(stage) is not None
    assert removed(stage) is None
    assert len(stage.completions()) == 2


def test_an_object_that_is_there_again_keeps_its_variants(stage, photo):
    assert removed(stage) == photo
    assert len(stage.keys("variants")) == 3
    assert len(stage.completions()) == 1


def test_the_removal_of_what_was_never_an_image_says_nothing(stage):
    assert removed(stage, key="notes.txt").status is Status.DELETED
    assert stage.completions() == []


def test_an_upload_that_is_heard_of_late_does_not_revive_what_is_gone(stage):
    assert removed(stage).status is Status.DELETED
    assert stage.completions() == []
    stage.upload("photo.jpg", picture())
    assert stage.tell(sequencer="01") is None
    assert stage.record("photo.jpg").status is Status.DELETED
    assert stage.keys("variants") == set()


@pytest.fixture
def versioned(stage):
    stage.s3.put_bucket_versioning(Bucket="originals", VersioningConfiguration={"Status": "Enabled"})


@pytest.mark.usefixtures("versioned")
def test_a_delete_marker_that_goes_brings_the_image_back(stage, photo):
    marker = stage.s3.delete_object(Bucket="originals", Key="photo.jpg")["VersionId"]
    removed(stage)
    assert stage.keys("variants") == set()
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg", VersionId=marker)
    back = removed(stage, "03")
    assert (back.status, back.etag, back.version_id) == (Status.READY, photo.etag, photo.version_id)
    assert len(stage.keys("variants")) == 3


@pytest.mark.usefixtures("versioned")
def test_a_version_that_goes_brings_the_one_before_back(stage, photo):
    later = stage.s3.put_object(Bucket="originals", Key="photo.jpg", Body=picture(300, 400))["VersionId"]
    assert stage.tell(sequencer="02").original.height == 400
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg", VersionId=later)
    back = removed(stage, "03")
    assert (back.version_id, back.original) == (photo.version_id, photo.original)


def test_what_was_asked_for_of_no_original_of_the_pipeline_goes_with_it_too(stage):
    stage.upload("no-suffix", picture())
    order(stage, "no-suffix")
    assert len(stage.keys("variants")) == 3
    stage.s3.delete_object(Bucket="originals", Key="no-suffix")
    assert removed(stage, key="no-suffix").status is Status.DELETED
    assert stage.keys("variants") == set()


@pytest.mark.usefixtures("photo")
def test_a_removal_without_order_is_looked_at_all_the_same(stage):
    stage.s3.delete_object(Bucket="originals", Key="photo.jpg")
    stage.tell(sequencer="", kind="review")
    assert stage.record("photo.jpg").status is Status.DELETED


@pytest.mark.usefixtures("photo")
def test_a_review_sees_a_version_that_no_event_told_of(stage):
    stage.upload("photo.jpg", picture(300, 400))
    stage.tell(sequencer="", kind="review")
    assert stage.record("photo.jpg").original.height == 400


# --- reviews


def test_a_review_of_what_is_in_order_does_nothing(stage, photo):
    assert stage.tell(sequencer="", kind="review") is None
    assert stage.record("photo.jpg") == photo
    assert len(stage.completions()) == 1


def test_a_review_makes_anew_what_somebody_deleted_or_overwrote(stage, photo):
    stage.s3.delete_object(Bucket="variants", Key="thumbnail/photo.jpg")
    assert stage.tell(sequencer="", kind="review").variants == photo.variants
    stage.upload("medium/photo.jpg", b"by hand", bucket="variants")
    assert stage.tell(sequencer="", kind="review").variants == photo.variants
    for variant in photo.variants:
        assert stage.s3.head_object(Bucket="variants", Key=variant.key)["ETag"] == f'"{variant.etag}"'


@pytest.mark.usefixtures("photo")
def test_a_review_under_another_pipeline_makes_its_variants_and_keeps_the_ad_hoc_ones_of_the_version(stage):
    made = order(stage, width=100, format="webp").variants[-1]
    pipeline = replace(stage.halftone.pipeline, variants=(VariantSpec(name="tiny", width=16),))
    later = under(stage, pipeline)
    record = later.tell(sequencer="", kind="review")
    assert [variant.name for variant in record.variants] == ["tiny", "w100-webp"]
    assert stage.keys("variants") == {"tiny/photo.jpg", made.key}
    assert later.tell(sequencer="", kind="review") is None


def test_a_review_is_of_originals_and_of_what_is_known(stage):
    stage.upload("notes.txt", b"")
    assert stage.tell("notes.txt", "", kind="review") is None
    assert stage.record("notes.txt") is None
    stage.upload("photo.jpg", picture())
    assert stage.tell(sequencer="", kind="review").status is Status.READY


def test_a_review_sees_a_version_whose_event_was_lost(stage):
    stage.s3.put_bucket_versioning(Bucket="originals", VersioningConfiguration={"Status": "Enabled"})
    stage.upload("photo.jpg", picture())
    stage.tell()
    stage.upload("photo.jpg", picture())
    latest = stage.s3.head_object(Bucket="originals", Key="photo.jpg")["VersionId"]
    stage.tell(sequencer="", kind="review")
    assert stage.record("photo.jpg").version_id == latest


def test_what_is_reviewed_in_order_is_closed_to_code_that_was_deployed_before(stage, photo):
    review = call("review")
    review = replace(review, attempt=replace(review.attempt, began=2**60))
    assert stage.tell(sequencer="", kind="review", by=review) is None
    assert stage.entry().epoch == 2**60
    assert stage.record("photo.jpg") == photo


def test_a_save_whose_answer_is_lost_is_announced_although_somebody_came_since(stage, monkeypatch):
    put = DynamoCatalogue.put

    def answer_lost(catalogue, entry):
        saved = put(catalogue, entry)
        if entry.lease:
            return saved
        monkeypatch.setattr(DynamoCatalogue, "put", put)
        stage.tell(sequencer="02")  # the same object once more: no news to whoever comes now
        return stage.entry()

    monkeypatch.setattr(DynamoCatalogue, "put", answer_lost)
    stage.upload("photo.jpg", picture())
    stage.tell()
    assert [completion.event for completion in stage.completions()] == [CompletionEvent.READY]
