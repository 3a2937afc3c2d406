"""The languages: published schemas of every file the test bed reads or writes."""
