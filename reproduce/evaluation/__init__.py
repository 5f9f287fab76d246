"""From results to verdicts: metrics, intervals over patients and trainings, estimates, the rule of the ledger."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
