"""How a mutant meets the tests: it is imported in place of its module, and the quickest tests come first."""

import importlib
import sys
from types import SimpleNamespace

import pytest

from tests.mutants.killer import FIRST, TESTS, Mutated, Order


@pytest.fixture
def _victim(tmp_path, monkeypatch):
    (tmp_path / "victim.py").write_text("answer = 42")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("victim", None)


@pytest.mark.usefixtures("_victim")
def test_the_mutant_is_imported_and_its_file_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [Mutated("victim.py", "answer = 43"), *sys.meta_path])
    assert importlib.import_module("victim").answer == 43
    assert (tmp_path / "victim.py").read_text() == "answer = 42"


@pytest.mark.usefixtures("_victim")
def test_other_modules_are_as_they_are(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [Mutated("chalicelib/victim.py", "answer = 43"), *sys.meta_path])
    assert importlib.import_module("victim").answer == 42


def test_the_quick_tests_come_first_then_the_modules_own_and_most_histories_last():
    own, quick = "tests/usecases/test_claim.py::test_it", f"{FIRST[0]}::test_row"
    other, histories = "tests/usecases/test_chain.py::test_it", f"{TESTS[-1]}::test_every_history_ends_well"
    expected = [quick, f"{histories}[calm-0]", own, other, f"{histories}[calm-25]"]
    items = [SimpleNamespace(nodeid=nodeid) for nodeid in reversed(expected)]
    Order("chalicelib/usecases/claim.py").pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == expected
