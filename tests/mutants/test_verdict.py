"""What a mutation run has to be looked at for: nothing unknown may survive, and the list of the known is kept true."""

from pathlib import Path

from tests.mutants.verdict import Change, Harmless, Tried, known_harmless, problems

HERE = Path(__file__).parent


def tried(becomes="due = 2", *, survived):
    diff = f"--- a/core.py\n+++ b/core.py\n@@ -7,3 +7,3 @@\n def f():\n-    due = 1\n+    {becomes}\n     return due"
    return Tried("core.py", diff, survived)


def known(times=1):
    return {Change("core.py", "due = 1", "due = 2"): Harmless("it never is", times)}


def test_a_killed_mutant_is_no_problem():
    assert list(problems([tried(survived=False)], {}, complete=True)) == []


def test_a_survivor_is_shown_with_its_diff():
    (problem,) = problems([tried(survived=True)], {}, complete=False)
    assert "not known to be harmless" in problem
    assert problem.endswith(tried(survived=True).diff)


def test_a_known_survivor_is_no_problem_wherever_its_line_is():
    assert list(problems([tried(survived=True)], known(), complete=True)) == []


def test_another_mutant_of_a_known_ones_line_is_a_problem():
    (problem,) = problems([tried(survived=True), tried("due = 0", survived=True)], known(), complete=True)
    assert "due = 0" in problem


def test_of_equal_lines_no_more_may_survive_than_are_known():
    both = [tried(survived=True), tried(survived=True)]
    assert list(problems(both, known(times=2), complete=True)) == []
    assert all("survived 2 times" in problem for problem in problems(both, known(), complete=True))
    assert len(list(problems(both, known(), complete=True))) == 2


def test_a_known_one_that_is_killed_now_is_reported():
    (problem,) = problems([tried(survived=False), tried(survived=True)], known(times=2), complete=True)
    assert "killed now or gone (1 of 2 left)" in problem


def test_a_known_one_that_is_gone_is_reported_by_a_complete_run_alone():
    (problem,) = problems([], known(), complete=True)
    assert "killed now or gone (0 of 1 left)" in problem
    assert list(problems([], known(), complete=False)) == []


def test_a_change_of_several_lines_is_joined():
    mutant = Tried("core.py", "@@\n-    f(\n-        1)\n+    f( 2)", survived=True)
    assert mutant.change == Change("core.py", "f( 1)", "f( 2)")


def test_each_harmless_mutant_has_its_reason_and_a_line_that_is_there():
    harmless = known_harmless((HERE / "harmless.toml").read_text())
    assert harmless
    for change, why in harmless.items():
        source = " ".join((HERE.parent.parent / change.module).read_text().split())
        assert source.count(change.line) >= why.times, change
        assert why.reason.strip(), change
