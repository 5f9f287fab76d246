from .base import ReproModule as ReproModule
from .cellline import CellLineModule as CellLineModule
from .egfr import EGFRModule as EGFRModule
from .multiscale import MultiScaleModule as MultiScaleModule
from .multiscale import MultiScaleSegmenter as MultiScaleSegmenter
from .quadsnet import QuadSNetModule as QuadSNetModule
from .segradcam import SEGradCAMModule as SEGradCAMModule
