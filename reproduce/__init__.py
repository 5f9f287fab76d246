"""Reproduce the tables of five papers, and say what holds."""
