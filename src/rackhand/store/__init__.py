"""SQL in, dataclasses out. Nothing here decides: rules live in core, transactions are opened by the engine."""
