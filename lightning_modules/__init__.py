"""How each paper learns: one module per paper, and the losses, networks and explanations that they are made of."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
