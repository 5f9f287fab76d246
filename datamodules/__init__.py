"""What each paper's model sees: one datamodule per paper, patient-grouped splits, samplers, readers of real data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
