"""Use cases, one transaction each: load with store, decide with core, save with store; nobody else commits."""
