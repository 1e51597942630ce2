"""Following a run: it stays through a restart of the server, and not for ever."""

from typing import Any

import pytest

from rackhand.cli import follow as module
from rackhand.cli.follow import follow
from rackhand.cli.outcome import Unreachable
from rackhand.core.errors import Busy, NotFound


class Script:
    """Stands where the client stands; answers one planned thing after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def get(self, path: str, query: dict[str, Any]) -> Any:
        self.asked.append(query["since"])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def seen(rev: int, status: str, **counts: int) -> dict[str, Any]:
    return {"rev": rev, "counts": counts, "run": {"id": "r", "status": status, "counts": counts}}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0)


def run(script: Script, **options: Any) -> tuple[dict[str, Any], list[int]]:
    shown: list[int] = []
    ended = follow(script, "r", lambda done, text="": shown.append(done), **options)  # type: ignore[arg-type]
    return ended, shown


def test_it_asks_for_what_changed_until_the_run_is_final() -> None:
    script = Script(seen(1, "queued", queued=2), None, seen(4, "running", succeeded=1), seen(6, "partial", failed=2))

    ended, shown = run(script)

    assert ended["status"] == "partial"
    assert script.asked == [None, 1, 1, 4]
    assert shown == [0, 1, 2]


def test_a_rollout_shows_its_wave_and_says_once_why_it_halted(capsys: pytest.CaptureFixture[str]) -> None:
    def in_wave(rev: int, status: str, state: str, reason: str | None) -> dict[str, Any]:
        answer = seen(rev, status, failed=1)
        answer["run"] |= {"rollout_state": state, "rollout": {"open_wave": 2, "sizes": [1, 2, 3], "reason": reason}}
        return answer

    halted = [in_wave(rev, "running", "halted", "1 of 3 failed") for rev in (1, 2)]
    script = Script(*halted, in_wave(3, "partial", "done", None))
    texts: list[str] = []
    follow(script, "r", lambda done, text="": texts.append(text))  # type: ignore[arg-type]

    assert texts == ["wave 2 of 3 halted, 1 failed", "wave 2 of 3 halted, 1 failed", "wave 2 of 3, 1 failed"]
    said = capsys.readouterr().err
    assert said.count("The rollout halted: 1 of 3 failed") == 1
    assert "rackhand runs resume r" in said


def test_a_server_that_comes_back_is_followed_on(capsys: pytest.CaptureFixture[str]) -> None:
    gone = Unreachable("gone")
    script = Script(seen(1, "running", running=1), gone, gone, Busy("starting"), seen(2, "succeeded", succeeded=1))

    assert run(script)[0]["status"] == "succeeded"
    assert capsys.readouterr().err.count("does not answer") == 1


def test_patience_ends() -> None:
    with pytest.raises(Unreachable):
        run(Script(*[Unreachable("gone")] * 10_000), patience_s=0)


def test_other_errors_are_not_waited_out() -> None:
    with pytest.raises(NotFound):
        run(Script(NotFound("no such run")))


def test_what_watches_over_it_may_end_it() -> None:
    def check() -> None:
        raise OSError("a child ended")

    with pytest.raises(OSError, match="a child ended"):
        run(Script(seen(1, "running", running=1)), check=check)
