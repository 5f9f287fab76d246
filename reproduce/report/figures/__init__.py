"""Figures of a report as vector graphics."""
