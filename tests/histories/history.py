"""A history: people, S3, Lambda and deployments act on a stage of real use cases and adapters, in a random order.

In the end everything is worked off, and the invariant of `docs/events.md` is checked.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any

import msgspec
import pytest

from chalicelib import events, orders, results
from chalicelib.aws import catalogue, storage, topic
from chalicelib.errors import CorruptImage, PermanentError, TransientError
from chalicelib.identity import image_id
from chalicelib.model.completion import Completion, CompletionEvent
from chalicelib.model.order import ResizeOrder
from chalicelib.model.picture import (
    Format,
    Limits,
    OriginalInfo,
    Placeholder,
    RenderedVariant,
    Rendering,
    VariantSpec,
)
from chalicelib.model.pipeline import Pipeline, Source
from chalicelib.model.record import Record, Status
from chalicelib.model.storage import StorageChange
from chalicelib.pipelines import loading
from chalicelib.settings import Settings
from chalicelib.usecases import ad_hoc, announce, chain, claim, produce, reconcile, resize, sweep, take_over
from chalicelib.usecases.defer import carry_out
from chalicelib.usecases.entry import Attempt, Entry, Image
from chalicelib.usecases.follow import follow
from chalicelib.usecases.ports import Call, Halftone
from infra.reprocess import selected
from tests.histories import world
from tests.histories.world import DEST, SOURCE, Crash, Fault, Stored, World

KEYS = ("x/a.jpg", "y/a.jpg")
BUSY = (4, 1)
"""How often something happens to each of the keys."""

CONTENTS = (b"one", b"one", b"two", b"two", b"two", b"bad")
KILLER = b"killer"


def pipelines(*sizes: Sequence[tuple[str, int]], key: str, shared: bool = False) -> tuple[Pipeline, ...]:
    return tuple(
        Pipeline(
            name="p",
            source=Source(),
            variants=tuple(VariantSpec(name=name, width=width, key=key) for name, width in named),
            shared_keys=shared,
        )
        for named in sizes
    )


PIPELINES = pipelines(
    (("small", 10), ("large", 100)), (("small", 20), ("medium", 50)), (("large", 100),), key="{variant}/{key}"
)
SHARED = pipelines((("small", 10),), (("small", 20),), key="{name}", shared=True)
ORDERS: tuple[dict[str, Any], ...] = (
    {"width": 7},
    {"width": 8, "format": "webp"},
    {"width": 9, "dest_key": "elsewhere/{key}"},
    {"width": 9, "dest_key": "card.jpg"},
    {"width": 11, "dest_key": "card.jpg"},
    {"variants": ["large"]},
    {},
)
WHAT_HAPPENS = (
    *3 * ("upload",),
    "burst",
    *2 * ("interrupt",),
    "delete",
    "undo",
    "ask",
    "ask_later",
    "chain",
    "deploy",
    "duplicate",
    "twin",
    "wait",
    "sweep",
    *4 * ("deliver",),
    *5 * ("work",),
)
WRITES = {"PutObject", "DeleteObjects", "PutItem", "Publish"}
FAULTS = [fault for fault in Fault if fault is not Fault.NONE]
STEPS_TO_REST = 20_000
LIFETIME = 120
"""Seconds that a worker has."""

SKEW = 15.0
"""Seconds that a clock is off at most: two of them, and what is in flight, stay within the protocol's minute."""

TRIES = 3
SWEEPS = 200
WORK: Counter[str] = Counter()
"""Over all histories: changes, renders, and puts of variants."""


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
    WORK["renders"] += 1
    if data.startswith(KILLER):
        raise Crash
    if data.startswith(b"bad"):
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
        try:
            done.set_result(function(*arguments))
        except Exception as error:  # noqa: BLE001 - as a pool does: the others are written all the same
            done.set_exception(error)
        return done


@dataclass
class Delivery:
    """An event on its way; retries share its name."""

    name: str
    changes: list[StorageChange]
    tries: int = 0


@dataclass
class Request:
    """A client that asks until it is answered, or gives up."""

    name: str
    key: str
    order: int
    later: bool = False
    tries: int = 0


@dataclass
class Execution:
    """A run of the chain, about to take a step; `handed` is what the step before it handed on."""

    name: str
    step: str
    handed: dict[str, Any]
    tries: int = 0


@dataclass
class Owed:
    """What was promised for a key since its object changed last."""

    variants: set[str] = field(default_factory=set)


class History:
    def __init__(self, seed: int, *, shared: bool = False, faults: bool = True) -> None:
        self.random = Random(seed)
        self.world = World()
        self.world.random = self.random
        self.faults = faults
        self.pipelines = SHARED if shared else PIPELINES
        self.names = count()
        self.ticks = count(1)
        self.speeds: dict[str, int] = {}
        self.sequencers = count(0x100)
        self.versions: dict[str, list[Stored | None]] = {key: [] for key in KEYS}
        self.epoch = 0
        self.deployed: list[int] = [0]
        self.pending: list[Delivery] = []
        self.delivered: list[Delivery] = []
        self.failed_queue: list[Delivery | Request] = []
        self.requests: list[Request] = []
        self.executions: list[Execution] = []
        self.asked: dict[tuple[str, bytes], set[str]] = {}
        self.owed: dict[str, Owed] = {key: Owed() for key in KEYS}
        self.asking: dict[str, str] = {}
        self.known: set[str] = set()
        self.patch = pytest.MonkeyPatch()
        for module in (catalogue, storage, topic):
            self.patch.setattr(module, "client", self.world.client)
        for module in (ad_hoc, announce, claim, reconcile, resize, sweep, take_over):
            self.patch.setattr(module, "now", self.now)
        self.patch.setattr(produce, "WRITERS", OneByOne())
        self.patch.setattr(f"{resize.__name__}.time.sleep", self.world.pause)

    @property
    def pipeline(self) -> Pipeline:
        return self.pipelines[self.deployed[-1]]

    def halftone(self) -> Halftone:
        """Wire the stage with the code that is deployed now; who has it goes on with it after a deployment."""
        names = Settings(
            source_bucket=SOURCE,
            dest_bucket=DEST,
            images_table="images",
            completions_topic_arn="topic",
            pipeline="p",
            event_bus="default",
            allowed_buckets=frozenset({SOURCE, DEST}),
            limits=Limits(),
            memory_mib=1_769,
            webhook_hosts=frozenset(),
            parameters="/test/",
            redeliver_function="redeliver",
            deferred_function="resize_later",
            upload_function="on_upload",
            workflow_arn="workflow",
        )
        return Halftone(
            settings=names,
            pipeline=self.pipeline,
            digest=loading.digest(self.pipeline, Limits()),
            render=render,
            storage=storage.S3Storage(),
            catalogue=catalogue.DynamoCatalogue("images"),
            completions=topic.SnsCompletions("topic"),
        )

    def now(self) -> datetime:
        """Return the time by the clock of whoever asks; no two are the same."""
        return datetime.fromtimestamp(self.world.time(), UTC).replace(microsecond=next(self.ticks))

    def happen(self, what: str) -> None:
        self.world.pass_time(self.random.choice((0.0, 0.1, 1.0, 5.0)))
        getattr(self, what)(self.random.choices(KEYS, BUSY)[0])

    # --- what people do

    def upload(self, key: str) -> None:
        mark = {"resized": "true"} if self.random.random() < 0.07 else {}
        killer = self.faults and self.random.random() < 0.03
        self.put(key, KILLER if killer else self.random.choice(CONTENTS), mark)

    def burst(self, key: str) -> None:
        """Overwrite the object many times before anybody is told."""
        for _ in range(self.random.randint(3, 8)):
            self.put(key, self.random.choice(CONTENTS))

    def interrupt(self, key: str) -> None:
        """Change the object while somebody is at work on it, and tell of it at once."""
        if self.world.workers:
            self.random.choice((self.upload, self.upload, self.delete))(key)
        if self.pending:
            self.deliver_one(len(self.pending) - 1)

    def put(self, key: str, content: bytes, metadata: dict[str, str] | None = None) -> None:
        """Write a version of the object."""
        data = content + b" " + key.encode()
        self.versions[key].append(Stored(data, metadata or {}, version=f"v{next(self.names)}"))
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
        WORK["changes"] += 1
        latest = self.versions[key][-1] if self.versions[key] else None
        self.world.buckets[SOURCE].pop(key, None)
        if latest:
            self.world.buckets[SOURCE][key] = latest
        self.owed[key] = Owed()
        waiting = [*self.requests, *(entry for entry in self.failed_queue if isinstance(entry, Request))]
        self.hear({*self.asking.values(), *(self.extra(request) for request in waiting)}, key)
        self.known.add(key)
        change = StorageChange(
            kind=kind,
            bucket=SOURCE,
            key=key,
            sequencer=f"{next(self.sequencers):X}".rstrip("0"),  # S3 writes them shortened, too
            etag=latest.etag if latest and kind == "created" else None,
        )
        if self.pending and self.random.random() < 0.1:  # in one event with another
            self.pending[-1].changes.append(change)
        else:
            self.pending.append(Delivery(f"d{next(self.names)}", [change]))

    def ask(self, key: str) -> None:
        self.request(Request(f"r{next(self.names)}", key, self.random.randrange(len(ORDERS))))

    def ask_later(self, key: str) -> None:
        self.request(Request(f"r{next(self.names)}", key, self.random.randrange(len(ORDERS)), later=True))

    def chain(self, key: str) -> None:
        self.executions.append(Execution(f"e{next(self.names)}", "resize", {"bucket": SOURCE, "key": key}))

    def deploy(self, _key: str) -> None:
        """Deploy another pipeline, and have everything looked at, now or in the end; whoever is at work goes on."""
        if self.random.random() < 0.5:
            self.deployed.append(self.random.randrange(len(self.pipelines)))
            if self.random.random() < 0.7:
                self.world.pass_time(2 * SKEW + 1)  # a deployment takes longer than clocks differ
                self.reprocess()

    def reprocess(self) -> None:
        """Do what `make reprocess` does."""
        items = list(self.world.items.values())
        for key in selected(self.world.buckets[SOURCE], items, self.pipeline.source):
            self.pending.append(
                Delivery(f"d{next(self.names)}", [StorageChange(kind="review", bucket=SOURCE, key=key)])
            )
        self.epoch = len(self.deployed)

    # --- what S3 and Lambda do

    def deliver(self, _key: str) -> None:
        for _ in range(min(self.random.randint(1, 4), len(self.pending))):
            self.deliver_one()
        if self.executions:
            self.step()
        if self.requests and self.random.random() < 0.5:
            self.request(self.requests.pop(self.random.randrange(len(self.requests))))

    def deliver_one(self, number: int | None = None) -> None:
        delivery = self.pending.pop(self.random.randrange(len(self.pending)) if number is None else number)
        self.delivered.append(delivery)
        halftone, (call, skew) = self.halftone(), self.call(delivery.name)

        def failed(error: BaseException) -> None:
            if not isinstance(error, TransientError | Crash):
                raise error
            again = replace(delivery, tries=delivery.tries + 1)
            (self.pending if again.tries < TRIES else self.failed_queue).append(again)

        self.world.start(
            call.attempt, lambda: follow(delivery.changes, halftone, call), lambda _: None, failed, skew=skew
        )

    def step(self) -> None:
        """Have an execution take its next step; a step that fails is tried again, under the name of its execution."""
        execution = self.executions.pop(self.random.randrange(len(self.executions)))
        halftone, handed = self.halftone(), execution.handed
        call, skew = self.call(execution.name)

        def resize_() -> tuple[str, dict[str, Any]]:
            return "store", results.resize_result(chain.resize_step(events.original_order(handed), halftone, call))

        def store() -> tuple[str, dict[str, Any]]:
            record = chain.store_step(events.written_step(handed), halftone)
            return "notify" if record else "", results.store_result(record)

        def notify() -> tuple[str, dict[str, Any]]:
            announce.announce(events.stored_record(handed), halftone)
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
            if (
                execution.step != "resize" or execution.tries < TRIES
            ):  # what failed is redriven, but not before it began
                self.executions.append(replace(execution, tries=execution.tries + 1))

        work = {"resize": resize_, "store": store, "notify": notify}[execution.step]
        self.world.start(call.attempt, work, done, failed, skew=skew)

    def call(self, delivery: str) -> tuple[Call, float]:
        """Describe an invocation that begins now, and by how much its clock is fast."""
        skew = self.random.uniform(-SKEW, SKEW) if self.faults else 0.0
        until = math.ceil(self.world.clock + skew + LIFETIME)
        attempt = Attempt(delivery, f"n{next(self.names)}", until, began=int(1000 * (self.world.clock + skew)))
        return Call(attempt, checkpoint=lambda: None, fair_seconds=0), skew

    def duplicate(self, _key: str) -> None:
        if self.delivered:
            again = self.random.choice(self.delivered)
            self.pending.append(replace(again, name=f"d{next(self.names)}", tries=0))

    def twin(self, _key: str) -> None:
        """Deliver an event once more under its name, as Lambda may, and a redrive of what is not lost at all."""
        if self.delivered:
            self.pending.append(self.random.choice(self.delivered))

    def wait(self, _key: str) -> None:
        self.world.pass_time(self.random.choice((30.0, 90.0, 400.0)))

    def sweep(self, _key: str) -> None:
        """Run the sweep; the index that it reads may lag behind."""
        if self.random.random() < 0.3:
            self.world.stale_items = dict(self.world.items)
        self.run_sweep()

    def run_sweep(self) -> None:
        halftone, (call, skew) = self.halftone(), self.call(f"s{next(self.names)}")

        def failed(error: BaseException) -> None:
            if not isinstance(error, TransientError | Crash):
                raise error

        self.world.start(
            call.attempt, lambda: sweep.sweep(halftone, self.look_at, call), lambda _: None, failed, skew=skew
        )

    def look_at(self, image: Image) -> None:
        """Take what the sweep hands over, as the function that brings images in line."""
        change = StorageChange(kind="sweep", bucket=image.bucket, key=image.key)
        self.pending.append(Delivery(f"d{next(self.names)}", [change]))

    def work(self, _key: str) -> None:
        """Let the workers go on, now this one and now that one, with more or less trouble in their calls."""
        trouble = self.random.choice((0.0, 0.1, 0.4)) if self.faults else 0.0
        for _ in range(self.random.randint(5, 60)):
            if self.random.random() < 0.1:
                self.world.pass_time(self.random.choice((0.01, 0.5, 10.0)))
            if self.world.workers:
                worker = self.anyone()
                likely = trouble if worker.waiting_for in WRITES else trouble / 5
                fault = self.random.choice(FAULTS) if self.random.random() < likely else Fault.NONE
                self.world.go_on(worker, fault)

    def anyone(self) -> world.Worker:
        """Choose who goes on; some are slow, and find the others done before them."""
        workers = self.world.workers
        for worker in workers:
            self.speeds.setdefault(worker.name, self.random.choice((1, 1, 10, 100)))
        speeds = [0.1 if worker.waiting_for == "sleep" else self.speeds[worker.name] for worker in workers]
        return self.random.choices(workers, speeds)[0]

    def request(self, request: Request) -> None:
        halftone, order = self.halftone(), self.order(request)
        call, skew = self.call(request.name)

        def done(record: Record | None) -> None:
            del self.asking[request.name]
            stored = self.world.buckets[SOURCE].get(request.key)
            if record and order.ad_hoc and stored and record.version_id == stored.version:
                self.owed[request.key].variants.add(order.ad_hoc.spec.name)

        def failed(error: BaseException) -> None:
            del self.asking[request.name]
            if isinstance(error, PermanentError):
                return
            if not isinstance(error, TransientError | Crash):
                raise error
            again = replace(request, tries=request.tries + 1)
            if request.later:
                (self.requests if again.tries < TRIES else self.failed_queue).append(again)
            elif self.random.random() < 0.7:  # a client tries again, or not
                self.requests.append(replace(again, name=f"r{next(self.names)}"))

        work = (
            (lambda: carry_out(order, halftone, call))
            if request.later
            else (lambda: resize.resize(order, halftone, call))
        )
        self.asking[request.name] = self.extra(request)
        self.hear({self.extra(request)}, request.key)
        self.world.start(call.attempt, work, done, failed, skew=skew)

    def hear(self, extras: set[str], key: str) -> None:
        """Note that somebody asks, now, for ad hoc variants of whatever is there."""
        if stored := self.world.buckets[SOURCE].get(key):
            self.asked.setdefault((key, stored.data), set()).update(extras)

    def extra(self, request: Request) -> str:
        """Name the ad hoc variant that a request asks for; "" is none."""
        order = self.order(request).ad_hoc
        return order.spec.name if order else ""

    def order(self, request: Request) -> ResizeOrder:
        fields = dict(ORDERS[request.order])
        if "dest_key" in fields:
            fields["dest_key"] = fields["dest_key"].format(key=request.key)
        if "variants" in fields and not any(spec.name == "large" for spec in self.pipeline.variants):
            del fields["variants"]
        return orders.parse({"bucket": SOURCE, "key": request.key, **fields})

    # --- how it ends

    def end(self) -> None:
        """Work everything off, and check the invariant."""
        try:
            self.come_to_rest()
            self.check()
        finally:
            self.close()

    def close(self) -> None:
        WORK["puts"] += self.world.puts
        self.patch.undo()

    def come_to_rest(self) -> None:
        """Deliver, retry, redrive and sweep without faults until nothing is left; reprocess after a new pipeline."""
        self.finish()
        if self.epoch < len(self.deployed) > 1:
            self.reprocess()
            self.finish()
        worn = [record for record in self.records() if record.error and record.error.code == "resources_exceeded"]
        for record in worn:
            change = StorageChange(kind="review", bucket=SOURCE, key=record.key)
            self.pending.append(Delivery(f"d{next(self.names)}", [change]))
        self.finish()

    def finish(self) -> None:
        for _ in range(SWEEPS):
            self.work_off()
            self.world.stale_items = None
            due = [int(item["due"]["N"]) for item in self.world.items.values() if "due" in item]
            if not due and not self.failed_queue and not self.world.late:
                return
            self.world.pass_time(max(200.0, min(due, default=0) - self.world.clock + 40))
            for given_up in self.failed_queue:
                if isinstance(given_up, Delivery):
                    self.pending.append(replace(given_up, tries=0))
                else:
                    self.requests.append(replace(given_up, tries=0))
            self.failed_queue.clear()
            self.run_sweep()
        raise AssertionError("it does not come to rest")

    def work_off(self) -> None:
        for _ in range(STEPS_TO_REST):
            workers = len(self.world.workers)
            if self.random.random() < 0.02:
                self.world.pass_time(1.0)
            elif self.pending and (not workers or self.random.random() < 0.2):
                self.deliver_one()
            elif self.executions and (not workers or self.random.random() < 0.2):
                self.step()
            elif workers:
                self.world.go_on(self.anyone(), Fault.NONE)
            elif self.requests:
                self.world.pass_time(30.0)
                self.request(self.requests.pop())
            else:
                return
        raise AssertionError("it does not come to rest")

    def entries(self) -> Iterator[Entry]:
        for item in self.world.items.values():
            yield catalogue._entry(item)  # noqa: SLF001 - the adapter's own reading of what it wrote

    def records(self) -> list[Record]:
        return [entry.record for entry in self.entries()]

    def completions(self, key: str) -> list[Completion]:
        all_ = (
            msgspec.json.decode(json.loads(message["Message"])["default"], type=Completion)
            for message in self.world.published
        )
        return [completion for completion in all_ if completion.key == key]

    def check(self) -> None:
        for key in KEYS:
            self.check_image(key)
        named = Counter((variant.bucket, variant.key) for record in self.records() for variant in record.variants)
        there = {(DEST, key) for key in self.world.buckets[DEST]}
        assert set(named) == there, "what is on record is in the bucket, and nothing else"
        assert max(named.values(), default=1) == 1, "no two images name one variant"

    def check_image(self, key: str) -> None:
        stored = self.world.buckets[SOURCE].get(key)
        item = self.world.items.get(image_id(SOURCE, key))
        if item is None:
            assert key not in self.known or stored is None
            return
        entry = catalogue._entry(item)  # noqa: SLF001
        record = entry.record
        assert entry.lease is None
        assert (entry.due, entry.possible_locations, entry.owed) == (None, (), 0)
        self.check_record(key, stored, entry)
        self.check_belief(key, record)

    def check_record(self, key: str, stored: Stored | None, entry: Entry) -> None:
        record, code = entry.record, entry.record.error.code if entry.record.error else None
        if stored is None:
            assert (record.status, record.variants) == (Status.DELETED, ())
            return
        assert (record.etag, record.version_id) == (stored.etag, stored.version)
        assert entry.digest == self.halftone().digest
        for bad, expected in ((b"bad", "corrupt_image"), (KILLER, "resources_exceeded")):
            if stored.data.startswith(bad) and not stored.metadata:
                assert (record.status, code, record.variants) == (Status.FAILED, expected, ())
                return
        if stored.metadata:
            assert (record.status, code, record.variants) == (Status.FAILED, "not_an_original", ())
            return
        if self.pipeline.shared_keys and code == "replaced":
            assert (record.status, record.variants) == (Status.FAILED, ())
            return
        assert record.status is Status.READY
        specs = {spec.name: spec for spec in self.pipeline.variants}
        extras = {asked.order.spec.name: asked.order.spec for asked in entry.ad_hoc}
        assert {variant.name for variant in record.variants} == set(specs) | set(extras)
        owed = set() if self.pipeline.shared_keys else self.owed[key].variants - set(specs)  # being replaced, all go
        assert owed <= set(extras) <= self.asked.get((key, stored.data), set())
        for variant in record.variants:
            there = self.world.buckets[variant.bucket][variant.key]
            assert there.data == rendered(stored.data, (specs | extras)[variant.name]).data
            assert variant.etag == there.etag

    def check_belief(self, key: str, record: Record) -> None:
        """A subscriber that hears everything in any order, and keeps the greatest generation, believes what is true."""
        said = [one for one in self.completions(key) if one.event is not CompletionEvent.ORDER_FAILED]
        states: dict[int, Any] = {}
        for one in said:
            state = (one.status, one.etag, one.version_id, one.variants, one.error, one.occurred_at)
            assert states.setdefault(one.generation, state) == state, "one generation is one state"
        assert 0 not in states
        if record.generation == 0:
            assert not states
            return
        truth = (record.status, record.etag, record.version_id, record.variants, record.error, record.updated_at)
        assert states[max(states)] == truth
        assert max(states) == record.generation


KINDS: dict[str, dict[str, bool]] = {"faults": {}, "shared": {"shared": True}, "calm": {"faults": False}}
"""With faults; with keys that originals share, and faults; and with none, where only the order is drawn."""


def play(seed: int, kind: str = "faults", *, steps: int = 40) -> History:
    """Play the history of a seed to its end; raises AssertionError where the invariant is broken."""
    history = History(seed, **KINDS[kind])
    try:
        for _ in range(steps):
            history.happen(history.random.choice(WHAT_HAPPENS))
    except BaseException:
        history.close()
        raise
    history.end()
    return history
