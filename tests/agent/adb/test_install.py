"""Every refusal of the package manager names its code and who can do something about it."""

import pytest

from rackhand.agent.adb.install import REMEDIES, failure


def test_a_code_brings_its_remedy() -> None:
    error = failure("Failure [INSTALL_FAILED_UPDATE_INCOMPATIBLE: Package x signatures do not match]", "R5")
    assert error.code == "INSTALL_FAILED_UPDATE_INCOMPATIBLE"
    assert error.detail == "Package x signatures do not match"
    assert error.needs_uninstall
    assert not error.may_retry
    assert "uninstall" in str(error)


@pytest.mark.parametrize("answer", ["", "Segmentation fault", "Failure", "Failure []", "Failure [lower case]"])
def test_an_answer_without_a_code_needs_a_human(answer: str) -> None:
    error = failure(answer, "R5")
    assert error.code == "UNKNOWN"
    assert error.needs_human


@pytest.mark.parametrize("code", REMEDIES)
def test_every_remedy_says_exactly_one_way_out(code: str) -> None:
    remedy = REMEDIES[code]
    assert remedy.hint
    assert remedy.may_retry + remedy.needs_uninstall + remedy.needs_human == 1
