"""Networks: pure torch, built from numbers; of images (N, C, *spatial) they make logits, or features and logits."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
