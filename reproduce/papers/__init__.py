"""One folder per paper: its protocol, tables, printed numbers and claims."""
