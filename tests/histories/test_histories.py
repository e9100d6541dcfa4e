"""The proof: whatever happens to uploads, events, workers and calls, in the end everything is as it should be.

Hypothesis plays histories against the real use cases and adapters; then all events are delivered until each has been
dealt with, and the invariant is checked. HISTORIES says how many are played.
"""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from chalicelib import events, orders, results
from chalicelib.aws import catalogue, storage, topic
from chalicelib.errors import CorruptImage, PermanentError, TransientError
from chalicelib.identity import image_id
from chalicelib.model.completion import Completion
from chalicelib.model.order import ResizeOrder
from chalicelib.model.picture import Format, Limits, OriginalInfo, Placeholder, RenderedVariant, Rendering, VariantSpec
from chalicelib.model.pipeline import Pipeline, Source
from chalicelib.model.record import Status
from chalicelib.model.storage import StorageChange
from chalicelib.pipelines import loading as pipelines
from chalicelib.settings import Settings, Webhooks
from chalicelib.usecases import align, chain, produce, resize
from chalicelib.usecases.announce import announce
from chalicelib.usecases.follow import follow
from chalicelib.usecases.ports import Call, Halftone, Worker
from tests.histories import world
from tests.histories.world import DEST, SOURCE, Crash, Fault, Stored, World

KEYS = ("a.jpg", "b.jpg")
BUSY = (4, 1)
"""How often something happens to each of the keys."""

CONTENTS = (b"one", b"one", b"two", b"two", b"bad")
PIPELINES = tuple(
    Pipeline(name="p", source=Source(), variants=tuple(VariantSpec(name=name, width=width) for name, width in sizes))
    for sizes in (
        (("small", 10), ("large", 100)),
        (("small", 20), ("medium", 50)),
        (("large", 100),),
    )
)
ORDERS: tuple[dict[str, Any], ...] = (
    {"width": 7},
    {"width": 8, "format": "webp"},
    {"width": 9, "dest_key": "elsewhere/{key}"},
    {"variants": ["large"]},
    {},
)
WHAT_HAPPENS = (
    *3 * ("upload",),
    "delete",
    "undo",
    "ask",
    "chain",
    "deploy",
    "duplicate",
    "twin",
    "wait",
    *4 * ("deliver",),
    *5 * ("work",),
)
WRITES = {"PutObject", "DeleteObjects", "UpdateItem", "Publish"}
STEPS_TO_REST = 20_000
LIFETIME = 120  # seconds, of a worker at most


def rendered(data: bytes, spec: VariantSpec) -> RenderedVariant:
    return RenderedVariant(
        spec=spec,
        data=f"{spec.name} {spec.width} of ".encode() + data,
        format=spec.format or Format.JPEG,
        content_type="image/jpeg",
        width=1,
        height=1,
    )


def render(data: bytes, specs: Sequence[VariantSpec], *, limits: Limits, checkpoint: Callable[[], None]) -> Rendering:
    """Stand in for the imaging core, which has nothing to do with the order of events, and takes its time."""
    del limits
    checkpoint()
    if data == b"bad":
        raise CorruptImage("bad")
    info = OriginalInfo(
        format="jpeg", width=1, height=1, bytes=len(data), frames=1, mode="RGB", has_alpha=False, orientation=1, exif={}
    )
    return Rendering(
        original=info,
        placeholder=Placeholder(thumbhash="", dominant_color="#000000"),
        perceptual_hash="0",
        variants=tuple(rendered(data, spec) for spec in specs),
    )


class OneByOne:
    """A pool that keeps to the order, so that a history can be played again."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*arguments))
        return done


@dataclass
class Delivery:
    """An event on its way; retries share its name."""

    name: str
    change: StorageChange
    pipeline: int | None = None


@dataclass
class Request:
    """A client that asks until it is answered, or gives up."""

    name: str
    key: str
    order: int


@dataclass
class Execution:
    """A run of the chain, about to take a step; `handed` is what the step before it handed on."""

    name: str
    step: str
    handed: dict[str, Any]


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.names = count()
        self.speeds: dict[str, int] = {}
        self.sequencers = count(1)
        self.moment = 0
        self.versions: dict[str, list[Stored | None]] = {key: [] for key in KEYS}
        self.pipeline = 0
        self.reprocess = False
        self.pending: list[Delivery] = []
        self.delivered: list[Delivery] = []
        self.requests: list[Request] = []
        self.executions: list[Execution] = []
        self.asked: dict[tuple[str, bytes], set[str]] = {}
        self.owed: dict[str, set[str]] = {key: set() for key in KEYS}
        self.asking: dict[str, str] = {}
        self.known: set[str] = set()
        self.unsaid: set[str] = set()
        self.patch = pytest.MonkeyPatch()
        for module in (catalogue, storage, topic):
            self.patch.setattr(module, "client", self.world.client)
        self.patch.setattr(produce, "render", render)
        for module in (align, resize):
            self.patch.setattr(module, "now", self.now)
        self.patch.setattr(produce, "WRITERS", OneByOne())
        self.patch.setattr(f"{resize.__name__}.time.sleep", self.world.pause)
        self.halftones = [self.wired(pipeline) for pipeline in PIPELINES]

    def wired(self, pipeline: Pipeline) -> Halftone:
        names = Settings(
            source_bucket=SOURCE,
            dest_bucket=DEST,
            images_table="images",
            completions_topic_arn="topic",
            pipeline="p",
            event_bus="default",
            allowed_buckets=frozenset({SOURCE, DEST}),
            limits=Limits(),
            webhooks=Webhooks(),
            redeliver_function="redeliver",
            deferred_function="resize_later",
            workflow_arn="workflow",
        )
        return Halftone(
            settings=names,
            pipeline=pipeline,
            digest=pipelines.digest(pipeline, Limits()),
            storage=storage.S3Storage(),
            catalogue=catalogue.DynamoCatalogue("images"),
            completions=topic.SnsCompletions("topic"),
        )

    def now(self) -> datetime:
        """Return a time that no other moment of this history has."""
        self.moment += 1
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.moment)

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.random = Random(seed)

    @rule(what=st.sampled_from(WHAT_HAPPENS))
    def happen(self, what: str) -> None:
        getattr(self, what)(self.random.choices(KEYS, BUSY)[0])

    # --- what people do

    def upload(self, key: str) -> None:
        mark = {"resized": "true"} if self.random.random() < 0.1 else {}
        self.put(key, self.random.choice(CONTENTS), mark)

    def put(self, key: str, content: bytes, metadata: dict[str, str] | None = None) -> None:
        """Write a version of the object."""
        self.versions[key].append(Stored(content, metadata or {}, version=f"v{next(self.names)}"))
        self.changed("created", key)

    def delete(self, key: str) -> None:
        """Put a delete marker on the object."""
        if key in self.world.buckets[SOURCE]:
            self.versions[key].append(None)
            self.changed("removed", key)

    def undo(self, key: str) -> None:
        """Delete the latest version, or the delete marker, for good: what was before it is back."""
        if self.versions[key]:
            self.versions[key].pop()
            self.changed("removed", key)

    def changed(self, kind: Any, key: str) -> None:
        latest = self.versions[key][-1] if self.versions[key] else None
        self.world.buckets[SOURCE].pop(key, None)
        if latest:
            self.world.buckets[SOURCE][key] = latest
        self.owed[key] = set()
        self.hear({*self.asking.values(), *(self.extra(request) for request in self.requests)}, key)
        self.known.add(key)
        change = StorageChange(kind=kind, bucket=SOURCE, key=key, sequencer=f"{next(self.sequencers):X}")
        self.pending.append(Delivery(f"d{next(self.names)}", change))

    def ask(self, key: str) -> None:
        self.request(Request(f"r{next(self.names)}", key, self.random.randrange(len(ORDERS))))

    def chain(self, key: str) -> None:
        self.executions.append(Execution(f"e{next(self.names)}", "resize", {"bucket": SOURCE, "key": key}))

    def deploy(self, _key: str) -> None:
        if self.random.random() < 0.3:
            self.pipeline = self.random.randrange(len(PIPELINES))
            self.reprocess = True

    # --- what S3 and Lambda do

    def deliver(self, _key: str) -> None:
        for _ in range(min(self.random.randint(1, 4), len(self.pending))):
            self.deliver_one()
        if self.executions:
            self.step()

    def deliver_one(self) -> None:
        delivery = self.pending.pop(self.random.randrange(len(self.pending)))
        self.delivered.append(delivery)
        halftone = self.halftones[self.pipeline]
        call = self.call(delivery.name)

        def failed(error: BaseException) -> None:
            if not isinstance(error, TransientError | Crash):
                raise error
            self.pending.append(delivery)

        self.world.start(delivery.name, lambda: follow([delivery.change], halftone, call), lambda _: None, failed)

    def step(self) -> None:
        """Have an execution take its next step; a step that fails is tried again, under the name of its execution."""
        execution = self.executions.pop(self.random.randrange(len(self.executions)))
        halftone, call, handed = self.halftones[self.pipeline], self.call(execution.name), execution.handed

        def resize_() -> tuple[str, dict[str, Any]]:
            return "store", results.resize_result(chain.resize_step(events.original_order(handed), halftone, call))

        def store() -> tuple[str, dict[str, Any]]:
            record = chain.store_step(events.claimed_entry(handed), halftone, call)
            return "notify" if record else "", results.store_result(record)

        def notify() -> tuple[str, dict[str, Any]]:
            announce(events.stored_record(handed), halftone, call)
            return "", {}

        def done(result: tuple[str, dict[str, Any]]) -> None:
            step, handed = result
            if step:
                self.executions.append(Execution(execution.name, step, json.loads(json.dumps(handed))))

        def failed(error: BaseException) -> None:
            if isinstance(error, PermanentError):
                return
            if not isinstance(error, TransientError | Crash):
                raise error
            if self.random.random() < 0.9:
                self.executions.append(execution)
            else:
                self.reprocess = True
                self.unsaid.add(handed.get("key") or handed["record"]["key"])

        work = {"resize": resize_, "store": store, "notify": notify}[execution.step]
        self.world.start(execution.name, work, done, failed)

    def call(self, delivery: str) -> Call:
        worker = Worker(delivery, int(self.now().timestamp()) + LIFETIME, f"{next(self.names)}")
        return Call(worker, checkpoint=lambda: None, fair_seconds=0)

    def duplicate(self, _key: str) -> None:
        if self.delivered:
            self.pending.append(replace(self.random.choice(self.delivered), name=f"d{next(self.names)}"))

    def twin(self, _key: str) -> None:
        """Deliver an event once more under its name, as Lambda may, and a redrive of what is not lost at all."""
        if self.delivered:
            self.pending.append(self.random.choice(self.delivered))

    def wait(self, _key: str) -> None:
        """Let so much time pass that nobody is at work any more."""
        if not self.world.workers:
            self.moment += 2_000 * (LIFETIME + 60)

    def work(self, _key: str) -> None:
        """Let the workers go on, now this one and now that one, with more or less trouble in their calls."""
        trouble = self.random.choice((0.0, 0.1, 0.4))
        for _ in range(self.random.randint(5, 60)):
            if self.world.workers:
                worker = self.anyone()
                likely = trouble if worker.waiting_for in WRITES else trouble / 5
                fault = self.random.choice(list(Fault)) if self.random.random() < likely else Fault.NONE
                self.world.go_on(worker, fault)

    def anyone(self) -> world.Worker:
        """Choose who goes on; some are slow, and find the others done before them."""
        workers = self.world.workers
        for worker in workers:
            self.speeds.setdefault(worker.name, self.random.choice((1, 1, 10, 100)))
        speeds = [0.1 if worker.waiting_for == "sleep" else self.speeds[worker.name] for worker in workers]
        return self.random.choices(workers, speeds)[0]

    def request(self, request: Request) -> None:
        halftone = self.halftones[self.pipeline]
        order = self.order(request)
        call = self.call(request.name)

        def done(record: Any) -> None:
            del self.asking[request.name]
            stored = self.world.buckets[SOURCE].get(request.key)
            if order.ad_hoc and stored and record.etag == stored.etag:
                self.owed[request.key].add(order.ad_hoc.spec.name)

        def failed(error: BaseException) -> None:
            del self.asking[request.name]
            if isinstance(error, PermanentError):
                return
            if not isinstance(error, TransientError | Crash):
                raise error
            if self.random.random() < 0.9:  # Lambda tries again, or a client
                again = self.random.choice((request.name, f"r{next(self.names)}"))
                self.requests.append(replace(request, name=again))
            else:
                self.reprocess = True
                self.unsaid.add(request.key)

        self.asking[request.name] = self.extra(request)
        self.hear({self.extra(request)}, request.key)
        self.world.start(request.name, lambda: resize.resize(order, halftone, call), done, failed)

    def hear(self, extras: set[str], key: str) -> None:
        """Note that somebody asks, now, for ad-hoc variants of whatever is there."""
        if stored := self.world.buckets[SOURCE].get(key):
            self.asked.setdefault((key, stored.data), set()).update(extras)

    def extra(self, request: Request) -> str:
        """Name the ad-hoc variant that a request asks for; "" is none."""
        extra = self.order(request).ad_hoc
        return extra.spec.name if extra else ""

    def order(self, request: Request) -> ResizeOrder:
        fields = dict(ORDERS[request.order])
        if "dest_key" in fields:
            fields["dest_key"] = fields["dest_key"].format(key=request.key)
        return orders.parse({"bucket": SOURCE, "key": request.key, **fields})

    # --- how it ends

    def teardown(self) -> None:
        try:
            self.come_to_rest()
            for key in KEYS:
                self.check(key)
        finally:
            self.patch.undo()

    def come_to_rest(self) -> None:
        """Deliver and work off everything, without faults; after a new pipeline, or if somebody gave up, reprocess."""
        self.work_off()
        for key in sorted(self.known) if self.reprocess else ():
            change = StorageChange(kind="created", bucket=SOURCE, key=key)
            self.pending.append(Delivery(f"d{next(self.names)}", change))
        self.work_off()

    def work_off(self) -> None:
        for _ in range(STEPS_TO_REST):
            workers = len(self.world.workers)
            if self.pending and (not workers or self.random.random() < 0.2):
                self.deliver_one()
            elif self.executions and (not workers or self.random.random() < 0.2):
                self.step()
            elif workers:
                self.world.go_on(self.anyone(), Fault.NONE)
            elif self.requests:
                self.wait("")
                self.request(self.requests.pop())
            else:
                return
        raise AssertionError("it does not come to rest")

    def check(self, key: str) -> None:
        """The invariant, for one key."""
        stored = self.world.buckets[SOURCE].get(key)
        marked = stored is not None and bool(stored.metadata)
        stored = None if marked else stored
        there = {name: item.data for name, item in self.world.buckets[DEST].items() if key in name}
        entry = self.halftones[self.pipeline].catalogue.get(image_id(SOURCE, key))
        completions = [self.completion(message) for message in self.world.published]
        completions = [completion for completion in completions if completion.key == key]
        if entry is None:
            assert marked or key not in self.known
            assert not there
            assert not completions
            return
        record = entry.record
        assert record.status is not Status.PROCESSING
        assert {variant.key for variant in record.variants} == set(there)
        if stored is None:
            assert record.status is Status.DELETED
            assert not there
        else:
            assert (record.etag, record.version_id) == (stored.etag, stored.version)
            assert entry.digest == self.halftones[self.pipeline].digest
            assert record.status is (Status.FAILED if stored.data == b"bad" else Status.READY)
        if stored and record.status is Status.READY:
            specs = {spec.name: spec for spec in PIPELINES[self.pipeline].variants}
            extras = {extra.spec.name: extra.spec for extra in entry.extras}
            assert {variant.name for variant in record.variants} == set(specs) | set(extras)
            assert self.owed[key] <= set(extras) <= self.asked.get((key, stored.data), set())
            for variant in record.variants:
                made = rendered(stored.data, (specs | extras)[variant.name])
                assert there[variant.key] == made.data
                assert variant.etag == self.world.buckets[DEST][variant.key].etag
        states = [self.state(item) for item in self.world.settled if item["key"]["S"] == key]
        said = [(c.status, c.variants, c.error, c.occurred_at) for c in completions]
        assert all(state in states for state in said)
        if key in self.unsaid:  # nobody repeats a request that was given up, and it may have died before it told
            return
        if record.status is Status.DELETED:  # to say so once is enough, however often its versions expire
            alive = [moment for status, *_, moment in states if status in {Status.READY, Status.FAILED}]
            deaths = [c.occurred_at for c in completions if c.status is Status.DELETED]
            assert entry.generation == 2 or all(max(deaths, default=born) > born for born in alive)
        else:
            assert (record.status, record.variants, record.error, record.updated_at) in said

    def completion(self, message: dict[str, Any]) -> Completion:
        return msgspec.json.decode(json.loads(message["Message"])["default"], type=Completion)

    def state(self, item: dict[str, Any]) -> Any:
        record = catalogue._entry(item).record  # noqa: SLF001 - the adapter's own reading of what it wrote
        return record.status, record.variants, record.error, record.updated_at


Histories.TestCase.settings = settings(
    max_examples=int(os.environ.get("HISTORIES", "60")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_histories = Histories.TestCase
