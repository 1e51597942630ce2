"""The tests of the pages. A package for pytest, so that what is of scope `package` ends with its last test."""
