"""Reasons of steps: how agents tell what went wrong, in words that `reasons.recognise` knows again. Nothing else.

What a device or a program said stands in `{text}` and is never translated. `{reason}` is another reason or such a text.
"""

DISCONNECTED = "device was disconnected"
STOPPED_ANSWERING = "device stopped answering"
UNAUTHORIZED = "device asks to allow USB debugging"
NO_SENSE = "device gave an answer that makes no sense"
SERVER_GONE = "adb server went away"
SERVER_UNUSABLE = "adb server cannot be used"
NOT_THERE = "the device is not there"
CUT_BY_AGENT = "ended by the agent: it has no contact with the server"
CUT_BY_SERVER = "stopped by the server"
DEVICE_IS = "device is {word}"
LATE = "did not end within {n} ms"
EXIT_CODE = "exit code {n}"
EXIT_CODE_SAID = "exit code {n}: {text}"

UNANSWERED = "step {n} ({text}) {reason} and the device does not answer"
NOT_BACK = "{reason} and did not come back"
STILL_NOT = "still not so after {n} ms: {reason}"
RESTARTED = "the device restarted meanwhile: {reason}"
STOPPED_AT = "stopped at step {n} ({text})"
ENDED_AT = "step {n} ({text}) {word}: {reason}"
AT_STEP = "{reason} at step {n} ({text})"
WAITED = "{reason}; waited {s} s"

TEMPLATES = (
    *(DISCONNECTED, STOPPED_ANSWERING, UNAUTHORIZED, NO_SENSE, SERVER_GONE, SERVER_UNUSABLE, NOT_THERE),
    *(CUT_BY_AGENT, CUT_BY_SERVER, DEVICE_IS, LATE, EXIT_CODE, EXIT_CODE_SAID),
    *(WAITED, RESTARTED, STOPPED_AT, ENDED_AT, AT_STEP, UNANSWERED, NOT_BACK, STILL_NOT),
)
"""In the order in which they are tried: of two that fit, the outer one first."""
WORDS = ("failed", "timed out", "aborted", "offline", "unauthorized", "booting", "unresponsive", "absent")
"""What `{word}` may be: the ends of an attempt, and what a device may be that was waited for in vain."""
