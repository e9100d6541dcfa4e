"""The races that the histories are there to find, by name: how each comes about, and that it ends well."""

from collections.abc import Iterator

import pytest

from chalicelib.model.record import Status
from tests.histories.test_histories import Histories, Request
from tests.histories.world import DEST, Fault, Worker

KEY = "a.jpg"


class Play:
    """A history by hand: people act, and each worker goes on to the call that the test names."""

    def __init__(self) -> None:
        self.history = Histories()
        self.history.begin(seed=0)

    def upload(self, content: bytes) -> Worker:
        """Upload an original, and begin to work on its event."""
        self.history.put(KEY, content)
        return self.deliver()

    def delete(self) -> Worker:
        self.history.delete(KEY)
        return self.deliver()

    def deliver(self) -> Worker:
        self.history.deliver_one()
        return self.history.world.workers[-1]

    def until(self, worker: Worker, call: str) -> None:
        """Let a worker go on until it is about to make this call."""
        while worker.waiting_for != call:
            self.step(worker)

    def step(self, worker: Worker, fault: Fault = Fault.NONE) -> None:
        assert worker in self.history.world.workers, "it has ended"
        self.history.world.go_on(worker, fault)

    def finish(self, worker: Worker) -> None:
        while worker in self.history.world.workers:
            self.step(worker)

    def calls(self, worker: Worker) -> list[str]:
        """Finish a worker, and list the calls that it made for it."""
        before = len(self.history.world.calls)
        self.finish(worker)
        return self.history.world.calls[before:]

    def variants(self) -> set[str]:
        return {key.partition("/")[0] for key in self.history.world.buckets[DEST]}

    def said(self) -> list[Status]:
        return [self.history.completion(message).status for message in self.history.world.published]


@pytest.fixture
def play() -> Iterator[Play]:
    play = Play()
    yield play
    play.history.teardown()  # works off what is left, and checks the invariant


def claimed(play: Play, content: bytes) -> Worker:
    """A worker that has claimed its version and is about to write the first variant."""
    worker = play.upload(content)
    play.until(worker, "PutObject")
    return worker


def test_an_upload_costs_what_the_documentation_says(play):
    assert play.calls(play.upload(b"one")) == [
        "GetObject",
        "UpdateItem",
        "PutObject",
        "PutObject",
        "UpdateItem",
        "Publish",
    ]


def test_a_duplicate_of_finished_work_costs_a_look(play):
    play.finish(play.upload(b"one"))
    play.history.duplicate(KEY)
    assert play.calls(play.deliver()) == ["GetObject", "UpdateItem"]
    assert play.said() == [Status.READY]


def test_a_duplicate_of_work_under_way_costs_a_look(play):
    worker = claimed(play, b"one")
    play.history.duplicate(KEY)
    assert play.calls(play.deliver()) == ["GetObject", "UpdateItem"]
    assert play.calls(worker) == ["PutObject", "PutObject", "UpdateItem", "Publish"]


def test_a_slow_loser_makes_the_winner_write_again_that_is_not_done(play):
    loser = claimed(play, b"one")
    winner = claimed(play, b"two")
    play.until(winner, "UpdateItem")
    assert play.calls(loser) == ["PutObject", "PutObject", "UpdateItem", "UpdateItem"]
    assert play.calls(winner)[:3] == ["UpdateItem", "PutObject", "PutObject"]
    assert play.said() == [Status.READY]


def test_a_slow_loser_makes_good_what_it_wrote_over(play):
    loser = claimed(play, b"one")
    play.finish(play.upload(b"two"))
    calls = play.calls(loser)
    assert calls.count("HeadObject") >= 1
    assert calls.count("PutObject") == 4


def test_a_loser_that_dies_makes_good_when_its_event_comes_again(play):
    loser = claimed(play, b"one")
    play.finish(play.upload(b"two"))
    play.step(loser, Fault.CRASH_AFTER)
    assert play.calls(play.deliver()).count("PutObject") == 2


def test_an_old_event_that_never_wrote_costs_a_look(play):
    late = play.upload(b"one")
    play.finish(play.upload(b"two"))
    assert play.calls(late) == ["GetObject", "UpdateItem"]


def test_what_a_worker_could_not_say_before_it_died_is_said(play):
    worker = play.upload(b"one")
    play.until(worker, "Publish")
    play.step(worker, Fault.CRASH_BEFORE)
    assert play.said() == []
    assert play.calls(play.deliver()) == ["GetObject", "UpdateItem", "Publish"]


def test_a_deletion_in_the_middle_leaves_nothing(play):
    worker = claimed(play, b"one")
    play.finish(play.delete())
    play.finish(worker)
    assert play.said()[-1] is Status.DELETED


def test_an_upload_that_is_heard_of_after_its_deletion_does_nothing(play):
    upload = play.upload(b"one")
    play.finish(play.delete())
    play.finish(upload)
    assert play.said() == []


def test_a_request_that_saw_the_object_before_it_went_does_not_bring_it_back(play):
    play.finish(play.upload(b"one"))
    play.history.ask(KEY)
    request = play.history.world.workers[-1]
    play.until(request, "GetObject")
    play.step(request)
    play.finish(play.delete())
    play.finish(request)


def test_a_worker_that_dies_over_what_is_gone_cleans_up_when_its_event_comes_again(play):
    worker = claimed(play, b"one")
    play.finish(play.delete())
    play.step(worker, Fault.CRASH_AFTER)
    assert "DeleteObjects" in play.calls(play.deliver())


def test_an_adhoc_variant_is_of_the_version_that_it_was_asked_of(play):
    play.finish(play.upload(b"one"))
    play.history.request(Request("request", KEY, 0))
    play.finish(play.history.world.workers[-1])
    assert play.variants() == {"small", "large", "w7"}
    play.finish(play.upload(b"two"))
    assert play.variants() == {"small", "large"}


def twin(play: Play) -> Worker:
    """Deliver the last event once more, under its name."""
    play.history.twin(KEY)
    return play.deliver()


def test_a_twin_makes_good_what_it_wrote_over_although_the_other_is_done(play):
    first = claimed(play, b"one")
    second = twin(play)
    play.until(second, "PutObject")
    play.finish(play.upload(b"two"))
    play.finish(first)
    play.finish(second)
    assert play.variants() == {"small", "large"}


def test_a_twin_that_dies_is_made_good_for_although_the_other_is_done(play):
    first = claimed(play, b"one")
    second = twin(play)
    play.until(second, "PutObject")
    play.finish(play.upload(b"two"))
    play.finish(first)
    play.step(second, Fault.CRASH_AFTER)
    assert play.calls(play.deliver()).count("PutObject") == 2


def test_a_claim_that_is_made_twice_is_one(play):
    worker = play.upload(b"one")
    play.until(worker, "UpdateItem")
    play.step(worker, Fault.TWICE)
    play.finish(worker)
    assert play.said() == [Status.READY]


def test_who_finds_all_in_order_answers_for_itself_alone(play):
    slow = claimed(play, b"two")
    loser = claimed(play, b"one")
    play.finish(play.upload(b"one"))
    assert "PutObject" not in play.calls(loser)[2:]
    assert play.calls(slow).count("PutObject") == 4


def test_a_variant_of_a_request_that_died_goes_with_its_original(play):
    play.finish(play.upload(b"one"))
    play.history.request(Request("request", KEY, 0))
    request = play.history.world.workers[-1]
    play.until(request, "PutObject")
    play.step(request, Fault.CRASH_AFTER)
    play.finish(play.delete())
    assert play.variants() == set()


def test_an_original_that_comes_back_before_it_was_heard_of_is_taken_in(play):
    upload = play.upload(b"one")
    play.history.delete(KEY)
    play.finish(upload)
    play.history.undo(KEY)
    play.finish(play.deliver())
    play.finish(play.deliver())
    assert play.said() == [Status.READY]


def test_a_request_does_not_strike_off_a_loser_that_died(play):
    loser = claimed(play, b"one")
    play.finish(play.upload(b"two"))
    play.step(loser, Fault.CRASH_AFTER)
    play.history.wait(KEY)
    play.history.request(Request("request", KEY, 0))
    play.finish(play.history.world.workers[-1])
    assert play.calls(play.deliver()).count("PutObject") == 3


def test_what_a_request_wrote_over_that_died_is_made_good_by_reprocessing(play):
    play.history.put(KEY, b"one")
    play.history.request(Request("request", KEY, 3))
    request = play.history.world.workers[-1]
    play.until(request, "PutObject")
    play.history.put(KEY, b"two")
    while play.history.pending:
        play.finish(play.deliver())
    play.step(request, Fault.CRASH_AFTER)
    play.history.requests.clear()
    play.history.reprocess = True


def test_a_variant_of_a_request_that_died_goes_by_reprocessing(play):
    play.finish(play.upload(b"one"))
    play.history.request(Request("request", KEY, 0))
    request = play.history.world.workers[-1]
    play.until(request, "PutObject")
    play.step(request, Fault.CRASH_AFTER)
    play.history.requests.clear()
    play.history.reprocess = True
    play.history.come_to_rest()
    assert play.variants() == {"small", "large"}


def test_an_original_that_a_variant_takes_the_place_of_is_gone(play):
    play.finish(play.upload(b"one"))
    play.history.put(KEY, b"two", {"resized": "true"})
    play.finish(play.deliver())
    assert (play.said(), play.variants()) == ([Status.READY, Status.DELETED], set())
    play.history.undo(KEY)
    play.finish(play.deliver())
    assert play.said()[-1] is Status.READY


def test_a_version_that_expires_of_what_was_deleted_is_no_news(play):
    play.finish(play.upload(b"one"))
    play.finish(play.delete())
    play.history.moment += 30 * 24 * 3_600_000
    play.history.changed("removed", KEY)
    play.finish(play.deliver())
    assert play.said() == [Status.READY, Status.DELETED]


def test_a_deletion_that_nobody_could_tell_of_is_told_by_the_next(play):
    play.finish(play.upload(b"one"))
    deletion = play.delete()
    play.until(deletion, "Publish")
    play.step(deletion, Fault.CRASH_BEFORE)
    play.history.changed("removed", KEY)
    while play.history.pending:
        play.finish(play.deliver())
    assert play.said()[-1] is Status.DELETED


@pytest.mark.parametrize("marked", [False, True])
def test_a_retry_that_finds_its_original_gone_makes_good_for_the_try_before(play, marked):
    play.history.put(KEY, b"one")
    play.history.pending.clear()
    play.history.request(Request("order", KEY, 4))
    first = play.history.world.workers[-1]
    play.until(first, "PutObject")
    play.history.put(KEY, b"two", {"resized": "true"}) if marked else play.history.delete(KEY)
    play.finish(play.deliver())
    play.step(first, Fault.TIMEOUT)
    play.history.requests, play.history.reprocess = [], False
    play.history.request(Request("order", KEY, 4))
    play.finish(play.history.world.workers[-1])
    assert play.variants() == set()
