"""Folding: whatever the network does to a node's reports, the rows come out the same."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackhand.core.events import (
    ArtifactCreated,
    ArtifactFacts,
    DeviceRunFacts,
    Fact,
    StepFacts,
    StepUpdate,
    TaskFinished,
    TaskProgress,
    TaskStarted,
    fold,
    fold_step,
)
from rackhand.core.lease import Standing, standing
from rackhand.core.states import (
    DEVICE_RUN,
    FAILED_STEPS,
    STEP,
    ArtifactStatus,
    Decision,
    DeviceRunStatus,
    StepStatus,
    Verdict,
)

D, T = DeviceRunStatus, StepStatus
QUEUED = DeviceRunFacts("dr-7", "run-1", "dev-7", 7, "PC-01", "lease-7", D.QUEUED)
BY_SERVER = sorted(DEVICE_RUN.final)
BY_NODE = (D.SUCCEEDED, D.FAILED, D.STOPPED)


def step(seq: int, status: StepStatus, attempt: int = 1, **values: object) -> StepUpdate:
    fact = StepUpdate(seq, 1000 + seq, 0, attempt, status, 1.0, 0.25, Decision.EXECUTED)
    return replace(fact, **values)  # type: ignore[arg-type]


@dataclass
class Rows:
    """What the server keeps of one device run, folded the way the engine does it."""

    row: DeviceRunFacts = QUEUED
    steps: dict[tuple[int, int], StepFacts] = field(default_factory=dict)

    def take(self, fact: Fact) -> Verdict:
        is_late = standing(self.row.status, self.row.finished_seq) is Standing.FENCED
        folded, verdict = fold(self.row, fact)
        if verdict is not Verdict.STALE and isinstance(fact, StepUpdate):
            key = (fact.step_index, fact.attempt)
            new, verdict = fold_step(self.steps.get(key), fact, self.row, is_late=is_late)
            if new is not None:
                self.steps[key] = new
        if verdict is not Verdict.STALE:
            self.row = folded
        return verdict


def fold_all(facts: list[Fact], start: Rows | None = None) -> tuple[Rows, set[Verdict]]:
    rows = Rows(start.row, dict(start.steps)) if start else Rows()
    return rows, {rows.take(fact) for fact in facts}


# --- histories that an agent can produce -------------------------------------------------------------------------


class Agent:
    """Numbers its facts and makes up plausible values for them."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.facts: list[Fact] = []

    @property
    def seq(self) -> int:
        return len(self.facts) + 1

    def note(self, text: str) -> str | None:
        return f"{text} {self.seq}" if self.draw(st.booleans()) else None

    def run_step(self, index: int) -> bool:
        """Report one step with its retries; whether the device run goes on."""
        if self.draw(st.integers(0, 3)) == 0:
            skipped = step(self.seq, T.SKIPPED, step_index=index, probability=0.5, draw=0.75, decision=Decision.SKIPPED)
            self.facts.append(skipped)
            return True
        attempts = self.draw(st.integers(1, 3))
        for attempt in range(1, attempts):
            self.run_attempt(index, attempt, self.draw(st.sampled_from(sorted(FAILED_STEPS))))
        end = self.draw(st.sampled_from(sorted(STEP.final - {T.SKIPPED})))
        self.run_attempt(index, attempts, end)
        return end is T.SUCCEEDED or self.draw(st.booleans())

    def run_attempt(self, index: int, attempt: int, end: StepStatus) -> None:
        start, lines = 5000 + self.seq, 0
        for _ in range(self.draw(st.integers(0, 2))):
            lines += self.draw(st.integers(0, 5))
            tail = self.note("tail")
            self.facts.append(
                step(
                    self.seq,
                    T.RUNNING,
                    attempt,
                    step_index=index,
                    output_lines=self.draw(st.sampled_from([lines, None])),
                    output_tail=tail,
                    started_at=self.draw(st.sampled_from([start, None])),
                )
            )
            self.maybe_wait(index)
        message = self.note("broken") if end in FAILED_STEPS else None
        self.facts.append(
            step(self.seq, end, attempt, step_index=index, finished_at=start + 9, error_message=message, exit_code=1)
        )
        if self.draw(st.booleans()):
            sha256 = "0" * 64
            self.facts.append(ArtifactCreated(self.seq, 1, f"a{self.seq}", index, "log", "text/plain", 5, sha256))

    def maybe_wait(self, index: int) -> None:
        if self.draw(st.booleans()):
            self.facts.append(TaskProgress(self.seq, 1, D.WAITING, index, 15_000, self.note("no answer")))
            if self.draw(st.booleans()):
                self.facts.append(TaskProgress(self.seq, 1, D.RUNNING, index, None, None))


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    agent = Agent(draw)
    agent.facts.append(TaskStarted(1, 1001))
    for index in range(draw(st.integers(0, 3))):
        if not agent.run_step(index):
            break
    if draw(st.integers(0, 3)):
        agent.facts.append(TaskFinished(agent.seq, 9000, draw(st.sampled_from(BY_NODE)), agent.note("the end")))
    return agent.facts


@st.composite
def shuffles(draw: st.DrawFn, facts: list[Fact]) -> list[Fact]:
    """Every fact at least once, some more often, in any order."""
    again = draw(st.lists(st.sampled_from(facts), max_size=6)) if facts else []
    return draw(st.permutations(facts + again))


@given(st.data(), histories())
def test_any_order_and_any_duplication_ends_in_the_same_rows(data: st.DataObject, history: list[Fact]) -> None:
    expected, _ = fold_all(history)

    rows, verdicts = fold_all(data.draw(shuffles(history)))

    assert rows == expected
    assert verdicts == {Verdict.ACCEPTED}


@given(st.data(), histories(), st.sampled_from(BY_SERVER))
def test_a_history_cut_by_the_server_never_moves_the_status(
    data: st.DataObject, history: list[Fact], closed: DeviceRunStatus
) -> None:
    shuffled = data.draw(st.permutations(history))
    cut = data.draw(st.integers(0, len(history)))
    early, late = shuffled[:cut], shuffled[cut:]
    before, _ = fold_all(early)
    if before.row.finished_seq is not None:
        return  # the node ended it itself: nothing to cut
    fenced = Rows(replace(before.row, status=closed), before.steps)
    end = next((fact.status for fact in late if isinstance(fact, TaskFinished)), None)
    expected, _ = fold_all(sorted(late, key=lambda fact: fact.seq), fenced)

    rows, verdicts = fold_all(data.draw(shuffles(late)), fenced)

    assert rows.row == replace(fenced.row, late_status=end)
    assert rows == expected
    assert verdicts <= {Verdict.LATE}


@given(st.data(), histories())
def test_what_was_folded_before_the_fence_is_not_marked_late_by_its_echo(
    data: st.DataObject, history: list[Fact]
) -> None:
    before, _ = fold_all([fact for fact in history if not isinstance(fact, TaskFinished)])
    fenced = Rows(replace(before.row, status=D.LOST), before.steps)

    rows, _ = fold_all(data.draw(shuffles([fact for fact in history if isinstance(fact, StepUpdate)])), fenced)

    assert rows == fenced


@given(st.data(), histories(), histories())
def test_a_final_status_never_moves_whatever_a_node_sends(
    data: st.DataObject, first: list[Fact], second: list[Fact]
) -> None:
    rows = Rows()
    for fact in data.draw(st.permutations(first + second)):
        old_row, old_steps = rows.row, dict(rows.steps)
        rows.take(fact)
        if DEVICE_RUN.is_final(old_row.status):
            assert rows.row.status is old_row.status
        assert all(rows.steps[k].status is s.status for k, s in old_steps.items() if STEP.is_final(s.status))


# --- every (state, fact) pair ------------------------------------------------------------------------------------

STARTED = TaskStarted(5, 100)
RUNNING = TaskProgress(5, 100, D.RUNNING, 2, None, None)
WAITING = TaskProgress(5, 100, D.WAITING, 2, 900, "no answer")
STEP_FACT = step(5, T.SUCCEEDED, step_index=2)
ARTIFACT = ArtifactCreated(5, 100, "a1", 2, "log", "text/plain", 1, "0" * 64)
SUCCEEDED, FAILED, STOPPED = (TaskFinished(5, 100, status, None) for status in BY_NODE)
FACTS: list[Fact] = [STARTED, RUNNING, WAITING, STEP_FACT, ARTIFACT, SUCCEEDED, FAILED, STOPPED]
LIVE_TABLE = {
    D.QUEUED: [D.RUNNING, D.RUNNING, D.WAITING, D.RUNNING, D.RUNNING, *BY_NODE],
    D.RUNNING: [D.RUNNING, D.RUNNING, D.WAITING, D.RUNNING, D.RUNNING, *BY_NODE],
    D.WAITING: [D.WAITING, D.RUNNING, D.WAITING, D.WAITING, D.WAITING, *BY_NODE],
}


@pytest.mark.parametrize("status", sorted(DEVICE_RUN.open))
def test_every_fact_on_a_live_lease(status: DeviceRunStatus) -> None:
    answers = [fold(replace(QUEUED, status=status), fact) for fact in FACTS]

    assert [row.status for row, _ in answers] == LIVE_TABLE[status]
    assert {verdict for _, verdict in answers} == {Verdict.ACCEPTED}
    assert {row.last_event_seq for row, _ in answers} == {5}


@pytest.mark.parametrize("status", BY_SERVER)
@pytest.mark.parametrize("fact", FACTS)
def test_every_fact_on_a_fenced_lease_is_late(status: DeviceRunStatus, fact: Fact) -> None:
    fenced = replace(QUEUED, status=status)
    reported = fact.status if isinstance(fact, TaskFinished) else None

    assert fold(fenced, fact) == (replace(fenced, late_status=reported), Verdict.LATE)


@pytest.mark.parametrize("status", BY_NODE)
@pytest.mark.parametrize("fact", FACTS)
@pytest.mark.parametrize("finished_seq", [4, 5, 6])
def test_every_fact_on_a_lease_that_the_node_ended(status: DeviceRunStatus, fact: Fact, finished_seq: int) -> None:
    ended = replace(QUEUED, status=status, finished_seq=finished_seq, status_seq=finished_seq)
    is_other_end = isinstance(fact, TaskFinished) and (finished_seq != 5 or fact.status is not status)
    is_stale = finished_seq < 5 or is_other_end

    row, verdict = fold(ended, fact)

    assert verdict is (Verdict.STALE if is_stale else Verdict.ACCEPTED)
    assert row.status is status
    assert (row == ended) or not is_stale


STEP_FACTS = [step(5, status) for status in T if status is not T.QUEUED]


@pytest.mark.parametrize("fact", STEP_FACTS, ids=lambda fact: fact.status)
def test_every_step_fact_makes_its_row(fact: StepUpdate) -> None:
    row, verdict = fold_step(None, fact, QUEUED, is_late=False)

    assert row is not None
    assert (row.run_id, row.device_index, row.step_index, row.attempt) == ("run-1", 7, 0, 1)
    assert (row.status, row.draw, row.output_lines, row.late, verdict) == (fact.status, 0.25, 0, False, "accepted")


@pytest.mark.parametrize("old_status", [status for status in T if status is not T.QUEUED])
@pytest.mark.parametrize("fact", STEP_FACTS, ids=lambda fact: fact.status)
@pytest.mark.parametrize("old_seq", [4, 6])
@pytest.mark.parametrize("is_late", [False, True])
def test_every_step_fact_on_every_step_row(
    old_status: StepStatus, fact: StepUpdate, old_seq: int, is_late: bool
) -> None:
    old, _ = fold_step(None, step(old_seq, old_status), QUEUED, is_late=False)
    assert old is not None

    new, verdict = fold_step(old, fact, QUEUED, is_late=is_late)

    assert new is not None
    is_contradiction = STEP.is_final(old_status) and STEP.is_final(fact.status) and fact.status is not old_status
    assert new.status is (old_status if STEP.is_final(old_status) else fact.status)
    assert verdict is (Verdict.LATE if is_late else Verdict.STALE if is_contradiction else Verdict.ACCEPTED)
    is_news = fact.seq > old_seq or not STEP.is_final(old_status)
    assert new.late is (is_late and is_news and STEP.is_final(fact.status))
    assert new.late_status is (fact.status if new.late and STEP.is_final(old_status) else None)


# --- stories -----------------------------------------------------------------------------------------------------


def test_a_device_run_from_start_to_end() -> None:
    waits = TaskProgress(3, 1, D.WAITING, 0, 14_000, "no answer")
    broken = step(4, T.FAILED, error_message="exit code 1", exit_code=1, output_tail="oops", output_lines=3)

    rows, _ = fold_all([TaskStarted(1, 50), step(2, T.RUNNING, started_at=60), waits])
    assert (rows.row.status, rows.row.grace_left_ms, rows.row.last_error_message) == ("waiting", 14_000, "no answer")

    rows, _ = fold_all([broken, TaskFinished(5, 99, D.FAILED, "step 0 failed")], rows)
    assert (rows.row.started_at, rows.row.finished_at, rows.row.finished_seq) == (50, 99, 5)
    assert (rows.row.status, rows.row.grace_left_ms, rows.row.last_error_message) == ("failed", None, "step 0 failed")
    assert (rows.steps[0, 1].started_at, rows.steps[0, 1].exit_code, rows.steps[0, 1].output_tail) == (60, 1, "oops")


def test_an_overtaken_report_still_fills_in_what_the_newer_one_left_out() -> None:
    newer, older = step(3, T.RUNNING, output_tail="new"), step(2, T.RUNNING, started_at=60, output_lines=8)

    rows, _ = fold_all([newer, older])

    row = rows.steps[0, 1]
    assert (row.output_tail, row.started_at, row.output_lines, row.last_seq) == ("new", 60, 8, 3)


def test_a_retry_is_a_row_of_its_own() -> None:
    rows, verdicts = fold_all([step(2, T.FAILED), step(3, T.SUCCEEDED, attempt=2)])

    assert {key: row.status for key, row in rows.steps.items()} == {(0, 1): T.FAILED, (0, 2): T.SUCCEEDED}
    assert verdicts == {Verdict.ACCEPTED}


def test_two_starts_keep_the_earlier_time() -> None:
    rows, _ = fold_all([TaskStarted(2, 70), TaskStarted(1, 50)])

    assert (rows.row.started_at, rows.row.last_event_seq) == (50, 2)


def test_late_news_of_a_final_attempt_stands_beside_its_status() -> None:
    rows, _ = fold_all([step(2, T.ABORTED, output_tail="before", output_lines=9)])
    rows.row = replace(rows.row, status=D.LOST)

    rows, verdicts = fold_all([step(3, T.SUCCEEDED, exit_code=0)], rows)

    row = rows.steps[0, 1]
    assert verdicts == {Verdict.LATE}
    assert (row.status, row.late, row.late_status, row.exit_code) == (T.ABORTED, True, T.SUCCEEDED, 0)
    assert (row.output_tail, row.output_lines) == ("before", 9)


def test_a_beginning_that_comes_late_makes_no_row_and_its_end_does() -> None:
    lost = Rows(replace(QUEUED, status=D.LOST))
    begun, ended = step(2, T.RUNNING, started_at=60), step(3, T.ABORTED, started_at=60)

    rows, verdicts = fold_all([begun], lost)
    assert (rows.steps, verdicts) == ({}, {Verdict.LATE})

    rows, _ = fold_all([ended], rows)
    assert (rows.steps[0, 1].status, rows.steps[0, 1].late) == (T.ABORTED, True)
    assert fold_all([begun], rows)[0] == rows


def test_a_second_late_end_of_an_attempt_that_came_late_changes_nothing() -> None:
    lost = Rows(replace(QUEUED, status=D.LOST))
    rows, _ = fold_all([step(2, T.FAILED, output_tail="first")], lost)

    again, _ = fold_all([step(3, T.SUCCEEDED, output_tail="second")], rows)

    assert again == rows
    assert rows.steps[0, 1].late


def test_a_new_artifact_waits_for_its_upload() -> None:
    made = ArtifactFacts("a1", "run-1", 7, 0, "PC-01", "log", "text/plain", 5, "0" * 64, late=False)

    assert made.status is ArtifactStatus.PENDING
