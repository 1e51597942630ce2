"""Plays a scenario on a fleet: sets states, switches faults when their moment comes.

Belongs here: triggers and timers. Must not: the format (`scenario.py`).
"""

import asyncio

from rackhand.sim.device import Package, SimDevice
from rackhand.sim.scenario import Rule, Scenario, State


class Director:
    """One scenario on one fleet's devices."""

    def __init__(self, scenario: Scenario, devices: list[SimDevice]) -> None:
        self.scenario = scenario
        self._devices = devices
        self._timers: list[asyncio.TimerHandle] = []
        self.has_started = False

    def prepare(self) -> None:
        """States, and the faults that are there from the beginning."""
        for state in self.scenario.states:
            for device in self._meant(state.devices):
                apply_state(device, state)
        for rule in self.scenario.rules:
            if rule.when == "at_once":
                self._strike_all(rule)

    def start(self) -> None:
        """The run begins: `start` rules strike, `command` and `time` rules are armed. Once; later calls do nothing."""
        if self.has_started:
            return
        self.has_started = True
        loop = asyncio.get_running_loop()
        for rule in self.scenario.rules:
            if rule.when == "start":
                self._strike_all(rule)
            elif rule.when == "time":
                self._timers.append(loop.call_later(rule.after_ms / 1000, self._strike_all, rule))
            elif rule.when == "command":
                for device in self._meant(rule.devices):
                    self._arm(rule, device)

    def stop(self) -> None:
        """Forget all timers."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _meant(self, numbers: tuple[int, ...]) -> list[SimDevice]:
        if not numbers:
            return list(self._devices)
        return [self._devices[number - 1] for number in numbers if number <= len(self._devices)]

    def _strike_all(self, rule: Rule) -> None:
        for device in self._meant(rule.devices):
            self._strike(rule, device)

    def _strike(self, rule: Rule, device: SimDevice) -> None:
        device.faults.set(rule.fault, **rule.params)
        if rule.for_ms:
            loop = asyncio.get_running_loop()
            self._timers.append(loop.call_later(rule.for_ms / 1000, device.faults.clear, rule.fault))

    def _arm(self, rule: Rule, device: SimDevice) -> None:
        seen = 0

        def notice(script: str) -> None:
            nonlocal seen
            if rule.strikes_at(script):
                seen += 1
                if seen == rule.nth:
                    self._strike(rule, device)

        device.on_command.append(notice)


def apply_state(device: SimDevice, state: State) -> None:
    """Bring one device into a state."""
    if state.battery is not None:
        device.battery.start_level = float(state.battery)
    if state.temperature is not None:
        device.battery.fake_temperature(state.temperature)
    device.props.update(state.props)
    for name in state.packages:
        device.packages[name] = Package(name, ".MainActivity", path=f"/data/app/{name}.apk")
    for key, value in state.settings.items():
        namespace, _, name = key.partition("/")
        device.settings[namespace][name] = value
