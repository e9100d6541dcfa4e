"""The races that the histories are there to find, by name: how each comes about, and that it ends well."""

from collections.abc import Iterator

import pytest

from chalicelib.model.completion import CompletionEvent
from chalicelib.model.record import Record, Status
from chalicelib.model.storage import StorageChange
from tests.histories.history import KEYS, KILLER, LIFETIME, ORDERS, Delivery, Execution, History, Request
from tests.histories.world import DEST, SOURCE, Fault, Worker

KEY, OTHER = KEYS
SIZE, CARD, ALL = (ORDERS.index(order) for order in ({"width": 7}, {"width": 9, "dest_key": "card.jpg"}, {}))


class Play:
    """A history by hand: people act, and each worker goes on to the call that the test names."""

    def __init__(self, *, shared: bool = False) -> None:
        self.history = History(seed=0, shared=shared, faults=False)
        self.world = self.history.world

    def upload(self, content: bytes, key: str = KEY) -> Worker:
        """Upload an original, and begin to work on its event."""
        self.history.put(key, content)
        return self.deliver()

    def delete(self) -> Worker:
        self.history.delete(KEY)
        return self.deliver()

    def deliver(self) -> Worker:
        self.history.deliver_one()
        return self.world.workers[-1]

    def review(self) -> Worker:
        self.history.pending.append(Delivery("review", [StorageChange(kind="review", bucket=SOURCE, key=KEY)]))
        return self.deliver()

    def order(self, order: int, key: str = KEY, *, later: bool = False) -> Worker:
        self.history.request(Request(f"order{next(self.history.names)}", key, order, later=later))
        return self.world.workers[-1]

    def deploy(self, pipeline: int) -> None:
        self.world.pass_time(60)
        self.history.deployed.append(pipeline)

    def until(self, worker: Worker, call: str) -> None:
        """Let a worker go on until it is about to make this call."""
        while worker.waiting_for != call:
            self.step(worker)

    def step(self, worker: Worker, fault: Fault = Fault.NONE) -> None:
        assert worker in self.world.workers, "it has ended"
        self.world.go_on(worker, fault)

    def finish(self, worker: Worker) -> None:
        while worker in self.world.workers:
            self.step(worker)

    def finish_all(self) -> None:
        while self.history.pending:
            self.finish(self.deliver())

    def calls(self, worker: Worker) -> list[str]:
        """Finish a worker, and list the calls that it made for it."""
        before = len(self.world.calls)
        self.finish(worker)
        return self.world.calls[before:]

    def later(self) -> None:
        """Let so much time pass that nobody who is at work now can do anything any more."""
        self.world.pass_time(LIFETIME + 61)

    def sweep(self) -> list[str]:
        """Sweep, work off what it hands over, and list the calls."""
        self.history.run_sweep()
        self.finish(self.world.workers[-1])
        before = len(self.world.calls)
        self.finish_all()
        return self.world.calls[before:]

    def record(self, key: str = KEY) -> Record:
        return next(record for record in self.history.records() if record.key == key)

    def variants(self) -> set[str]:
        return set(self.world.buckets[DEST])

    def said(self, key: str = KEY) -> list[Status | None]:
        return [completion.status for completion in self.history.completions(key)]


@pytest.fixture
def play() -> Iterator[Play]:
    play = Play()
    yield play
    play.history.end()  # works off what is left, and checks the invariant


@pytest.fixture
def shared() -> Iterator[Play]:
    """A pipeline whose originals may have one place for their variants."""
    play = Play(shared=True)
    yield play
    play.history.end()


def writing(play: Play, content: bytes) -> Worker:
    """A worker that is about to write the first variant of an upload."""
    worker = play.upload(content)
    play.until(worker, "PutObject")
    return worker


# --- what an event costs


def test_an_upload_costs_what_the_documentation_says(play):
    calls = play.calls(play.upload(b"one"))
    assert calls == ["PutItem", "GetObject", "PutObject", "PutObject", "PutItem", "Publish"]


def test_a_duplicate_of_finished_work_costs_one_refused_write(play):
    play.finish(play.upload(b"one"))
    play.history.duplicate(KEY)
    assert play.calls(play.deliver()) == ["PutItem"]
    assert play.said() == [Status.READY]


def test_a_duplicate_of_work_under_way_costs_one_refused_write(play):
    worker = writing(play, b"one")
    play.history.duplicate(KEY)
    assert play.calls(play.deliver()) == ["PutItem"]
    assert play.calls(worker) == ["PutObject", "PutObject", "PutItem", "Publish"]


def test_an_old_event_that_comes_late_costs_one_refused_write(play):
    late = play.upload(b"one")
    play.finish(play.upload(b"two"))
    assert play.calls(late) == ["PutItem"]


def test_eight_overwrites_and_then_eight_events_are_one_render(play):
    for _ in range(8):
        play.history.put(KEY, b"two")
    before = len(play.world.calls)
    play.finish_all()
    assert play.world.calls[before:].count("PutObject") == 2
    assert play.said() == [Status.READY]


def test_a_burst_while_somebody_is_at_work_is_one_more_render(play):
    worker = writing(play, b"one")
    for _ in range(8):
        play.history.put(KEY, b"two")
    play.finish_all()
    assert play.calls(worker).count("PutObject") == 4
    assert play.said() == [Status.READY, Status.READY]


# --- who comes while somebody is at work


def test_a_newer_change_leaves_a_note_and_the_holder_looks_again(play):
    holder = writing(play, b"one")
    assert play.calls(play.upload(b"two")) == ["PutItem", "PutItem"]
    assert play.calls(holder)[2:] == [
        *("PutItem", "GetObject", "PutItem", "Publish"),  # refused: a note; what is there is new, so save and go on
        *("GetObject", "PutObject", "PutObject", "PutItem", "Publish"),
    ]
    assert play.record().generation == 2


def test_a_note_that_turns_out_to_be_no_news_costs_a_look(play):
    holder = writing(play, b"one")
    play.history.put(KEY, b"two")
    play.history.undo(KEY)
    play.finish_all()
    assert play.calls(holder)[2:] == ["PutItem", "GetObject", "PutItem", "Publish"]


def test_a_deletion_in_the_middle_leaves_nothing(play):
    holder = writing(play, b"one")
    play.finish(play.delete())
    play.finish(holder)
    assert (play.said()[-1], play.variants()) == (Status.DELETED, set())


def test_an_upload_that_is_heard_of_after_its_deletion_does_nothing(play):
    upload = play.upload(b"one")
    play.finish(play.delete())
    play.finish(upload)
    assert play.said() == []


def test_a_twin_leaves_a_note_so_that_what_is_saved_late_is_void(play):
    first = writing(play, b"one")
    play.history.twin(KEY)
    assert play.calls(play.deliver()) == ["PutItem", "PutItem"]
    play.until(first, "PutItem")
    play.step(first, Fault.CRASH_LATE)
    play.later()
    assert play.sweep().count("PutObject") == 2
    assert play.said() == [Status.READY]


# --- who dies


def test_a_worker_that_dies_is_finished_by_the_sweep(play):
    worker = writing(play, b"one")
    play.step(worker, Fault.CRASH_AFTER)
    assert play.calls(play.deliver()) == ["PutItem", "PutItem"]  # its retry: whether it lives cannot be told
    assert play.sweep() == []
    play.later()
    assert play.sweep().count("PutObject") == 2
    assert play.record().status is Status.READY


def test_what_lands_late_is_written_over(play):
    worker = writing(play, b"one")
    play.step(worker, Fault.CRASH_LATE)
    play.finish(play.upload(b"two"))
    play.later()
    play.sweep()
    assert play.record().status is Status.READY


def test_a_refusal_gives_the_lease_up_at_once(play):
    worker = writing(play, b"one")
    play.step(worker, Fault.THROTTLE)
    play.finish(worker)
    assert play.calls(play.deliver()).count("PutObject") == 2


def test_what_may_still_land_is_waited_for(play):
    worker = writing(play, b"one")
    play.step(worker, Fault.LATE)
    play.finish(worker)
    assert "PutObject" not in play.calls(play.deliver())
    play.world.pass_time(61)
    assert play.calls(play.deliver()).count("PutObject") == 2


def test_what_a_worker_could_not_say_before_it_died_is_said(play):
    worker = play.upload(b"one")
    play.until(worker, "Publish")
    play.step(worker, Fault.CRASH_BEFORE)
    assert play.said() == []
    assert play.calls(play.deliver()) == ["PutItem", "Publish"]


def test_what_a_worker_could_not_say_is_said_although_others_came_since(play):
    worker = play.upload(b"one")
    play.until(worker, "Publish")
    play.step(worker, Fault.CRASH_BEFORE)
    retry = play.history.pending.pop()
    play.history.put(KEY, b"one")
    play.history.versions[KEY].pop()  # the very version is back
    play.history.versions[KEY].pop()
    play.history.pending[-1] = Delivery("same", play.history.pending[-1].changes)
    play.history.pending.append(retry)
    play.finish_all()
    assert play.said()


def test_what_an_order_could_not_say_before_it_died_is_said_by_the_sweep(play):
    play.finish(play.upload(b"one"))
    order = play.order(SIZE)
    play.until(order, "Publish")
    play.step(order, Fault.CRASH_BEFORE)
    play.history.requests.clear()
    play.later()
    play.sweep()
    assert len(play.said()) == 2


def test_a_claim_that_is_made_twice_is_one(play):
    worker = play.upload(b"one")
    play.step(worker, Fault.TWICE)
    assert play.calls(worker) == ["GetObject", "PutObject", "PutObject", "PutItem", "Publish"]


def test_a_save_whose_answer_is_lost_is_one(play):
    worker = writing(play, b"one")
    play.until(worker, "PutItem")
    play.step(worker, Fault.TWICE)
    play.finish(worker)
    assert play.said() == [Status.READY]


def kill(play: Play, times: int) -> None:
    """Have a file kill as many functions."""
    play.finish(play.upload(KILLER))
    for _ in range(times - 1):
        play.finish_all()  # the retries of the event leave it to the sweep
        play.later()
        play.sweep()


def test_a_file_that_kills_its_function_ends_as_failed_and_leaves_nothing_in_the_queue(play):
    kill(play, times=4)
    record = play.record()
    assert record.error is not None
    assert (record.status, record.error.code) == (Status.FAILED, "resources_exceeded")
    assert play.said() == [Status.FAILED]
    assert play.history.failed_queue == []


def test_attempts_that_died_on_another_version_do_not_count(play):
    kill(play, times=3)
    play.finish_all()
    play.later()
    play.step(writing(play, b"one"), Fault.CRASH_AFTER)
    play.finish_all()
    play.later()
    play.sweep()
    assert play.record().status is Status.READY


def test_a_sound_image_whose_functions_were_killed_gets_another_try(play):
    play.step(writing(play, b"one"), Fault.CRASH_AFTER)
    for _ in range(2):
        play.finish_all()
        play.later()
        play.history.run_sweep()
        play.finish(play.world.workers[-1])
        worker = play.deliver()
        play.until(worker, "PutObject")
        play.step(worker, Fault.CRASH_AFTER)
    play.finish_all()
    play.later()
    play.sweep()
    assert play.record().status is Status.FAILED
    play.finish(play.review())
    assert play.record().status is Status.READY


# --- two changes in one event


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.TIMEOUT, Fault.LATE, Fault.CRASH_BEFORE])
def test_two_changes_of_one_key_in_one_event_of_which_the_second_fails(play, fault):
    play.history.put(KEY, b"one")
    play.history.put(KEY, b"two")
    second = play.history.pending.pop()
    play.history.pending[0].changes += second.changes
    play.world.buckets[SOURCE][KEY] = play.history.versions[KEY][0]
    worker = play.deliver()
    play.until(worker, "Publish")
    play.world.buckets[SOURCE][KEY] = play.history.versions[KEY][1]
    play.step(worker)
    play.until(worker, "PutObject")
    play.step(worker, fault)
    play.finish(worker)
    play.later()
    play.finish_all()
    play.sweep()
    assert play.record().status is Status.READY


# --- deployments


def test_old_code_that_comes_late_leaves_what_the_new_code_made(play):
    play.finish(play.upload(b"one"))
    late = play.upload(b"two")
    play.deploy(1)
    play.finish(play.review())
    calls = play.calls(late)
    assert "PutObject" not in calls
    assert play.record().variants[0].width == 1
    assert {key.partition("/")[0] for key in play.variants()} == {"small", "medium"}


def test_a_review_waits_for_old_code_that_is_at_work(play):
    old = writing(play, b"one")
    play.deploy(1)
    assert "PutObject" not in play.calls(play.review())
    play.finish(old)
    play.history.reprocess()
    play.finish_all()
    assert {key.partition("/")[0] for key in play.variants()} == {"small", "medium"}


def test_a_rollback_is_a_later_deployment(play):
    play.finish(play.upload(b"one"))
    play.deploy(1)
    late = play.upload(b"two")
    play.deploy(0)
    play.finish(play.review())
    play.finish(late)
    play.finish_all()
    assert {key.partition("/")[0] for key in play.variants()} == {"small", "large"}


def test_a_review_raises_the_epoch_so_that_code_of_before_a_rollback_comes_too_late(play):
    play.finish(play.upload(b"one"))
    play.deploy(1)
    play.history.put(KEY, b"two")
    late = play.deliver()
    play.deploy(0)
    play.finish(play.review())
    play.history.pending.clear()
    play.finish(late)
    play.finish_all()
    assert {key.partition("/")[0] for key in play.variants()} == {"small", "large"}


def test_a_review_waits_for_a_holder_that_only_looks(play):
    play.finish(play.upload(b"one"))
    play.history.put(KEY, b"one")
    holder = play.deliver()
    play.until(holder, "GetObject")
    del play.world.buckets[DEST][f"small/{KEY}"]
    play.finish(play.review())
    play.finish(holder)
    play.finish_all()
    assert f"small/{KEY}" in play.variants()


# --- orders


def test_an_ad_hoc_variant_is_of_the_version_that_it_was_asked_of(play):
    play.finish(play.upload(b"one"))
    play.finish(play.order(SIZE))
    assert len(play.variants()) == 3
    play.finish(play.upload(b"two"))
    assert len(play.variants()) == 2


def test_an_order_that_is_overtaken_by_an_overwrite_begins_again(play):
    play.finish(play.upload(b"one"))
    order = play.order(SIZE)
    play.until(order, "PutObject")
    play.finish(play.upload(b"two"))
    play.finish(order)
    (added,) = {variant.key for variant in play.record().variants if variant.name == "w7"}
    assert play.world.buckets[DEST][added].data == b"w7 7 of two " + KEY.encode()


def test_a_deletion_that_overtakes_an_order_leaves_nothing_of_it(play):
    play.finish(play.upload(b"one"))
    order = play.order(SIZE)
    play.until(order, "PutObject")
    play.finish(play.delete())
    play.step(order, Fault.CRASH_LATE)
    play.history.requests.clear()
    play.later()
    assert len(play.variants()) == 1
    play.sweep()
    assert play.variants() == set()


def test_an_order_for_an_image_that_a_dead_worker_left_takes_it_over(play):
    worker = writing(play, b"one")
    play.step(worker, Fault.CRASH_AFTER)
    play.history.pending.clear()
    play.later()
    play.finish(play.order(ALL))
    assert play.record().status is Status.READY


def test_an_order_that_saw_the_object_before_it_went_does_not_bring_it_back(play):
    play.finish(play.upload(b"one"))
    order = play.order(SIZE)
    play.until(order, "GetObject")
    play.step(order)
    play.finish(play.delete())
    play.finish(order)
    assert play.variants() == set()


def test_two_orders_for_one_size_do_not_wait_for_each_other(play):
    play.finish(play.upload(b"one"))
    first, second = play.order(SIZE), play.order(SIZE)
    for order in (first, second):
        play.until(order, "PutObject")
    play.step(first)
    play.finish(second)
    assert {variant.key for variant in play.record().variants} == play.variants(), "the second has put it down"
    play.finish(first)


def test_one_of_two_images_gets_a_place_that_both_want(play):
    play.finish(play.upload(b"one"))
    play.finish(play.upload(b"one", OTHER))
    first, second = play.order(CARD), play.order(CARD, OTHER)
    for order in (first, second):
        play.until(order, "PutObject")
    play.finish(first)
    play.finish(second)
    owners = [record.key for record in play.history.records() if any(v.key == "card.jpg" for v in record.variants)]
    assert owners == [KEY]
    play.history.delete(OTHER)
    play.finish(play.deliver())
    assert play.world.buckets[DEST]["card.jpg"].data.endswith(KEY.encode())


def test_who_lost_a_place_and_died_does_not_take_it_away_later(play):
    play.finish(play.upload(b"one"))
    play.finish(play.upload(b"one", OTHER))
    loser = play.order(CARD, OTHER)
    play.until(loser, "PutObject")
    play.finish(play.order(CARD))
    play.step(loser, Fault.CRASH_BEFORE)
    play.history.requests.clear()
    play.later()
    play.sweep()
    assert play.world.buckets[DEST]["card.jpg"].data.endswith(KEY.encode())


def test_who_removed_a_chosen_place_and_died_does_not_take_it_from_the_next(play):
    play.finish(play.upload(b"one"))
    play.finish(play.upload(b"one", OTHER))
    play.finish(play.order(CARD))
    deletion = play.delete()
    play.until(deletion, "DeleteObjects")
    play.step(deletion, Fault.CRASH_AFTER)
    play.finish(play.order(CARD, OTHER))
    play.later()
    play.sweep()
    assert play.world.buckets[DEST]["card.jpg"].data.endswith(OTHER.encode())


def test_an_ad_hoc_variant_that_a_dead_worker_removed_is_on_no_record(play):
    play.finish(play.upload(b"one"))
    play.finish(play.order(SIZE))
    deletion = play.delete()
    play.until(deletion, "DeleteObjects")
    play.step(deletion, Fault.CRASH_AFTER)
    play.upload(b"one")
    play.later()
    play.sweep()
    assert play.record().status is Status.READY
    assert {variant.key for variant in play.record().variants} == play.variants()


def test_an_order_that_is_refused_is_no_state_of_the_image(play):
    play.finish(play.upload(b"one"))
    play.finish(play.upload(b"one", OTHER))
    play.finish(play.order(CARD))
    play.finish(play.order(CARD, OTHER, later=True))
    ready, refused = play.history.completions(OTHER)
    assert (refused.event, refused.status, refused.generation) == (CompletionEvent.ORDER_FAILED, Status.READY, 1)
    assert refused.variants == ready.variants == play.record(OTHER).variants


# --- the chain


def test_a_change_leaves_the_chain_no_note_and_comes_again(play):
    play.history.put(KEY, b"one")
    play.history.pending.clear()
    play.history.executions.append(Execution("chain", "resize", {"bucket": SOURCE, "key": KEY}))
    play.history.step()
    play.finish(play.world.workers[-1])
    change = play.upload(b"two")
    play.finish(change)
    assert len(play.history.pending) == 1


def test_a_chain_saves_nothing_over_who_took_over(play):
    play.history.put(KEY, b"one")
    play.history.pending.clear()
    play.history.executions.append(Execution("chain", "resize", {"bucket": SOURCE, "key": KEY}))
    play.history.step()
    play.finish(play.world.workers[-1])
    play.later()
    play.finish(play.upload(b"two"))
    play.history.step()
    play.finish(play.world.workers[-1])
    assert play.history.executions == []
    assert play.record().etag == play.world.buckets[SOURCE][KEY].etag


# --- deletions and versions


def test_an_original_that_comes_back_before_it_was_heard_of_is_taken_in(play):
    upload = play.upload(b"one")
    play.history.delete(KEY)
    play.finish(upload)
    play.history.undo(KEY)
    play.finish_all()
    assert play.said() == [Status.READY]


def test_an_original_that_a_variant_takes_the_place_of_has_no_variants(play):
    play.finish(play.upload(b"one"))
    play.history.put(KEY, b"two", {"resized": "true"})
    play.finish(play.deliver())
    assert (play.said(), play.variants()) == ([Status.READY, Status.FAILED], set())
    play.history.undo(KEY)
    play.finish(play.deliver())
    assert play.said()[-1] is Status.READY


def test_a_version_that_expires_of_what_was_deleted_is_no_news(play):
    play.finish(play.upload(b"one"))
    play.finish(play.delete())
    play.history.changed("removed", KEY)
    play.finish(play.deliver())
    assert play.said() == [Status.READY, Status.DELETED]


# --- originals that share a place


def test_the_later_of_two_originals_that_share_a_place_has_it_and_the_other_knows(shared):
    shared.finish(shared.upload(b"one"))
    shared.finish(shared.upload(b"one", OTHER))
    record = shared.record()
    assert record.error is not None
    assert (record.status, record.error.code, record.variants) == (Status.FAILED, "replaced", ())
    assert shared.said() == [Status.READY, Status.FAILED]
    assert shared.record(OTHER).status is Status.READY


def test_a_deletion_does_not_take_away_what_another_original_put_there(shared):
    shared.finish(shared.upload(b"one"))
    shared.finish(shared.upload(b"one", OTHER))
    shared.history.delete(KEY)
    shared.finish(shared.deliver())
    assert shared.world.buckets[DEST]["a.jpg"].data.endswith(OTHER.encode())


def test_a_deletion_that_lands_twice_does_not_take_away_what_another_original_put_there(shared):
    shared.finish(shared.upload(b"one"))
    shared.history.delete(KEY)
    deletion = shared.deliver()
    shared.until(deletion, "DeleteObjects")
    shared.step(deletion, Fault.LATE_TOO)
    shared.finish(shared.upload(b"one", OTHER))
    shared.later()
    assert shared.world.buckets[DEST]["a.jpg"].data.endswith(OTHER.encode())
