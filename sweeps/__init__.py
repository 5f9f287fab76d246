"""Optuna studies, one file per study."""
