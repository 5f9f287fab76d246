"""Explanations of a classifier's decision, for images and volumes, and numbers that say what they are worth.

Of any ``nn.Module`` with class logits and a batch (N, C, *spatial) they make maps (N, *spatial) in [0, 1]. They need
torch alone (captum and MONAI only for what wraps them) and leave the network as it was found.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
