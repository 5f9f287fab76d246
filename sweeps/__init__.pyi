from .study import Choice as Choice
from .study import Range as Range
from .study import Study as Study
from .study import numbers as numbers
