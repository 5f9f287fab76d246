"""What is to be run: requests, cells, tables and papers as plain data."""
