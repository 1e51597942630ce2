"""The composition root: commands put the parts together. Imports inside commands keep `rackhand --help` fast."""
