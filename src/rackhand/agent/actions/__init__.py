"""What a step does on a device: one async function per command kind of DESIGN section 8.

`perform.perform` is the entry. An action returns an Outcome when the device answered (well or badly); trouble
with the transport, and deadlines, are raised as AdbError for the executor to classify.
"""
