"""Reasons: what the server writes down about device runs, runs and scans, and how a page knows a reason again.

The database keeps the English text. `recognise` finds its template, so that it can be said in another language; those
of agents are in step_reasons.py. What devices, programs and people said matches none and stays as it is. A text for the
database is made by `template.format(...)`.
"""

import re

from rackhand.core import content_reasons, step_reasons
from rackhand.core.message import Message, word

OFFLINE = "offline"
NO_NODE = "no node"
NO_INDEX = "no index"
CONFLICT = "conflict"
DRAINING = "its node is draining"
QUARANTINED = "quarantined: {reason}"
FLAPPING = "flapping: it came or went more than {n} times in {s} s"
GAVE_UP_AFTER_REBOOT = "it did not come back, even after a reboot"
GAVE_UP_AFTER_RECONNECT = "it did not come back after a reconnect"
GAVE_UP_AGAIN = "it stopped answering again soon after a reboot"
TOO_HOT = "its battery is too hot: runs stop at {limit} °C"
BATTERY_LOW = "its battery is below {limit} %"
STORAGE_LOW = "its storage is nearly full: free is less than {limit} %"
STORAGE_LOW_MB = "its storage is nearly full: free is less than {limit} MB"
LEFT_OUT = "the device was left out: {reason}"
AT_ITS_TURN = "{reason} when its turn came"
NEVER_STARTED = "the node took this device run {n} times and never started it"
WENT_SILENT = "node {node} went silent while this device was running; what it did since is unknown"
NOT_CONFIRMED = "stopped by an operator; the node did not confirm it in time"
STOPPED_IN_QUEUE = "stopped by an operator before its turn came"
PAST_DEADLINE = "the run's deadline passed before this device was done"
NODE_SILENT = "its node has been silent"
OFFLINE_TOO_LONG = "offline for as long as the policy waits"
NODE_DELETED = "node {node} was deleted"
STEP_STOPS_RUN = "step {step} failed on device {device}, and it asks to stop the run"
NO_DEVICE = "no device could run: all of them were left out"
TOO_MANY_FAILED = "{failed} of {n} devices of the open waves failed; at most {limit} % may"
WAVE_UNTESTED = "no device of wave {wave} ran: all of them were left out or stopped"
WAVE_DONE = "wave {wave} of {n} is done; the next one opens when an operator says so"
ROLLOUT_ABORTED = "aborted by an operator"
ROLLOUT_CUT_SHORT = "the run ended before all of its waves were done"
SCAN_OF_SILENT = "node {node} is silent; start its agent, or look at its network, and scan again"
SCAN_UNANSWERED = "node {node} did not finish the scan within {n} s"
SCAN_WITHOUT_REASON = "the node gave no reason"
TIME_MISSED = "missed: no server was running, or none got to it, within {n} s of it"
TIMES_MISSED = "missed, and every time after it until {at} that is not listed: no server was running"
RUN_UNDER_WAY = "a run of this schedule was still under way"
ONE_WAITS = "a run of this schedule was still under way, and another time was waiting already"
WAITS_FOR_RUN = "waits for the end of the run that is under way"
PAUSED_MEANWHILE = "the schedule was paused before its turn came"
SENT_ANSWERED = "it answered {n}"
SENT_UNANSWERED = "no answer within {n} s"
SENT_NOWHERE = "{host} was not fetched: {reason}; nothing was changed"
SENT_OTHER_KEY = "its address was sealed with another key: give all servers and workers the same RACKHAND_SECRET_KEY"
SENT_SWITCHED_OFF = "the channel was switched off"
SENT_DIED = "the process that sends messages ended with {n}"

TEMPLATES = (
    *(OFFLINE, NO_NODE, NO_INDEX, CONFLICT, DRAINING),
    *(NEVER_STARTED, WENT_SILENT, NOT_CONFIRMED, STOPPED_IN_QUEUE, PAST_DEADLINE, NODE_SILENT, OFFLINE_TOO_LONG),
    *(NODE_DELETED, STEP_STOPS_RUN, NO_DEVICE, SCAN_OF_SILENT, SCAN_UNANSWERED, SCAN_WITHOUT_REASON),
    *(FLAPPING, GAVE_UP_AFTER_REBOOT, GAVE_UP_AFTER_RECONNECT, GAVE_UP_AGAIN),
    *(TOO_HOT, BATTERY_LOW, STORAGE_LOW, STORAGE_LOW_MB),
    *(TOO_MANY_FAILED, WAVE_UNTESTED, WAVE_DONE, ROLLOUT_ABORTED, ROLLOUT_CUT_SHORT),
    *(TIME_MISSED, TIMES_MISSED, RUN_UNDER_WAY, ONE_WAITS, WAITS_FOR_RUN, PAUSED_MEANWHILE),
    *(SENT_ANSWERED, SENT_UNANSWERED, SENT_OTHER_KEY, SENT_SWITCHED_OFF, SENT_DIED),
    *(SENT_NOWHERE, LEFT_OUT, AT_ITS_TURN, QUARANTINED),
    *content_reasons.TEMPLATES,
    *step_reasons.TEMPLATES,
)
"""Those that hold another reason come last, the outermost first."""
_PLACE = re.compile(r"\{(\w+)\}")
_SHAPES = {"n": r"-?\d+", "s": r"[\d.]+", "word": "|".join(step_reasons.WORDS)}
"""What may stand at places of these names; at others, anything."""
_LONGEST = 2000  # no reason of ours is longer, and matching a text of an agent must not take long


def _pattern(template: str) -> re.Pattern[str]:
    literals_and_names = _PLACE.split(template)
    parts = [
        f"(?P<{part}>{_SHAPES.get(part, '.*')})" if i % 2 else re.escape(part)
        for i, part in enumerate(literals_and_names)
    ]
    return re.compile("".join(parts), re.DOTALL)


_PATTERNS = tuple((template, _pattern(template)) for template in TEMPLATES)


def recognise(text: str) -> str:
    """The Message that a stored text was made from, the reasons inside it too; any other text as it is."""
    for template, pattern in _PATTERNS if len(text) <= _LONGEST else ():
        found = pattern.fullmatch(text)
        if found:
            return Message(template, **{name: _value(name, said) for name, said in found.groupdict().items()})
    return text


def _value(name: str, said: str) -> str:
    return recognise(said) if name == "reason" else word(said) if name == "word" else said
