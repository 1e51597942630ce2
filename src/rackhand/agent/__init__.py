"""The node agent: executes leased work on real devices through adb. Knows only core and wire."""
