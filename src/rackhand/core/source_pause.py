"""How long the source of content is left alone after an answer, and why. The budget of the day is in quota.py."""

from dataclasses import dataclass

from rackhand.core import content_reasons
from rackhand.core.clock import Millis
from rackhand.core.quota import HOUR_MS, LONGEST_MS, MINUTE_MS, resets_at
from rackhand.core.video_answers import Verdict

_FIRST_MS = {Verdict.TOO_FAST: MINUTE_MS, Verdict.FAILING: MINUTE_MS // 2}
_MOST_MS = {Verdict.TOO_FAST: HOUR_MS, Verdict.FAILING: HOUR_MS // 4}


@dataclass(frozen=True, slots=True)
class Pause:
    """No call before `until`; `reason` is what people read."""

    until: Millis
    reason: str


def pause(verdict: Verdict, text: str, failures: int, now: Millis) -> Pause | None:
    """None if the source answered. `failures` in a row before double a pause; `text` is what the source said."""
    if verdict is Verdict.QUOTA_SPENT:
        return Pause(resets_at(now), content_reasons.QUOTA_SPENT)
    if verdict is Verdict.KEY_REFUSED:
        return Pause(now + HOUR_MS, content_reasons.KEY_REFUSED.format(text=text))
    if verdict not in _FIRST_MS:
        return None
    wait_ms = min(_FIRST_MS[verdict] * 2 ** min(failures, 10), _MOST_MS[verdict])
    reason = content_reasons.TOO_FAST if verdict is Verdict.TOO_FAST else content_reasons.FAILING.format(text=text)
    return Pause(now + wait_ms, reason)


def retry_after(interval_ms: int, failures: int) -> int:
    """When a channel whose own answer was bad is asked again (ms): later each time."""
    return int(max(min(interval_ms * 2 ** min(failures, 10), LONGEST_MS), interval_ms))
