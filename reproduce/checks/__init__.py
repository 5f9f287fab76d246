"""The audit: do printed tables agree with themselves? Pure functions on transcribed tables.

In: a table file (``reproduce/papers/*/printed.yaml`` or anyone's). Out: findings with their arithmetic.
``reader`` reads and validates, ``checks_*`` hold one function a check, ``run`` applies them all,
``render`` prints. No torch, no pandas.
"""
