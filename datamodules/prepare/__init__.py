"""Prepare CT data sets once, as arrays with a card."""
