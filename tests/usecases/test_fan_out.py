import logging
from threading import Event

import pytest

from chalicelib.errors import AccessDenied, CompletionRefused, CompletionsUnavailable
from chalicelib.model.completion import Announcement, Handover
from chalicelib.usecases.fan_out import Outlets, deliver_again, fan_out
from tests.test_notices import completion

URL = "https://hooks.example.com/"


class Target:
    def __init__(self, name, error=None):
        self.name = name
        self.error = error
        self.received = []

    def deliver(self, delivered):
        self.received.append(delivered)
        if self.error:
            raise self.error


class Redelivery:
    def __init__(self, error=None):
        self.error = error
        self.taken = []

    def hand_over(self, handover):
        if self.error:
            raise self.error
        self.taken.append(handover)


class Behind(Outlets, frozen=True, kw_only=True):
    redelivery: Redelivery


def outlets(*targets, redelivery=None, webhook=Target):
    redelivery = redelivery or Redelivery()
    return Behind(targets=targets, webhook=webhook, hand_over=redelivery.hand_over, redelivery=redelivery)


def announcement(callback_url=None):
    return Announcement(completion=completion(), callback_url=callback_url)


def test_each_target_hears_of_each_completion():
    targets = [Target("one"), Target("two")]
    behind = outlets(*targets)
    fan_out([announcement(), announcement()], behind)
    assert [len(target.received) for target in targets] == [2, 2]
    assert behind.redelivery.taken == []


def test_only_the_targets_that_fail_are_handed_over():
    targets = [Target("one", RuntimeError("broken")), Target("two"), Target("three", CompletionsUnavailable("later"))]
    behind = outlets(*targets)
    fan_out([announcement()], behind)
    assert [len(target.received) for target in targets] == [1, 1, 1]
    assert behind.redelivery.taken == [
        Handover(target="one", completion=completion()),
        Handover(target="three", completion=completion()),
    ]


def test_what_was_refused_for_good_is_logged_and_left(caplog):
    behind = outlets(Target("one", CompletionRefused("hooks.example.com answered 410")), Target("two"))
    with caplog.at_level(logging.WARNING):
        fan_out([announcement()], behind)
    assert behind.redelivery.taken == []
    assert "hooks.example.com answered 410" in caplog.text


def test_a_target_that_hangs_is_handed_over_and_the_others_do_not_wait_for_it():
    over, hanging, other = Event(), Target("hanging"), Target("other")
    hanging.deliver = lambda _completion: over.wait(30)
    behind = outlets(hanging, other)
    fan_out([announcement()], behind, patience=0.1)
    over.set()
    assert [handover.target for handover in behind.redelivery.taken] == ["hanging"]
    assert len(other.received) == 1


@pytest.mark.parametrize("error", [CompletionsUnavailable("Lambda is away"), AccessDenied("no policy for it")])
def test_what_can_be_neither_delivered_nor_handed_over_is_raised_after_all_have_had_their_turn(error):
    targets = [Target("one", RuntimeError("broken")), Target("two"), Target("three", ValueError("worse"))]
    behind = outlets(*targets, redelivery=Redelivery(error))
    with pytest.raises(CompletionsUnavailable, match=r"^neither delivered nor handed over: one, three$"):
        fan_out([announcement(), announcement()], behind)
    assert [len(target.received) for target in targets] == [2, 2, 2]


def test_the_url_of_a_caller_is_a_target_like_the_others():
    called_back = Target(URL, RuntimeError("broken"))
    behind = outlets(Target("one"), webhook=lambda url: called_back if url == URL else None)
    fan_out([announcement(URL)], behind)
    assert len(called_back.received) == 1
    assert behind.redelivery.taken == [Handover(target=URL, completion=completion(), callback_url=URL)]


def test_a_url_of_a_caller_that_is_one_of_the_stage_hears_once():
    heard = []

    def webhook(url):
        target = Target(url)
        target.deliver = heard.append
        return target

    fan_out([announcement(URL)], outlets(webhook(URL), webhook=webhook))
    assert len(heard) == 1


def test_only_the_named_target_is_tried_again():
    targets = [Target("one"), Target("two")]
    deliver_again(Handover(target="two", completion=completion()), outlets(*targets))
    assert [len(target.received) for target in targets] == [0, 1]


def test_the_url_of_a_caller_is_tried_again():
    called_back = Target(URL)
    again = Handover(target=URL, completion=completion(), callback_url=URL)
    deliver_again(again, outlets(webhook=lambda _url: called_back))
    assert len(called_back.received) == 1


def test_a_target_that_fails_again_is_raised_to_lambda_and_not_handed_over():
    behind = outlets(Target("one", CompletionsUnavailable("still away")))
    with pytest.raises(CompletionsUnavailable, match="still away"):
        deliver_again(Handover(target="one", completion=completion()), behind)
    assert behind.redelivery.taken == []


def test_trying_again_ends_with_a_refusal_and_without_the_target(caplog):
    behind = outlets(Target("one", CompletionRefused("answered 410")))
    with caplog.at_level(logging.WARNING):
        deliver_again(Handover(target="one", completion=completion()), behind)
        deliver_again(Handover(target="gone", completion=completion()), behind)
    assert "answered 410" in caplog.text
    assert "no such target any more" in caplog.text
