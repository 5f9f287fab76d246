"""Download the public data sets, with licences and checksums."""
