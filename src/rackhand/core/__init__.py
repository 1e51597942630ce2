"""Pure rules: no I/O, no clock, no unseeded random. Everything here is a function of its arguments."""
