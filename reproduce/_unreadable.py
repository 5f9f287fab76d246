"""What reading a checkpoint that is none of ours may raise: damaged, hostile, of another class or another paper.

In: nothing; out: the exceptions of ``torch.load(weights_only=True)``, of the module's constructor and of its weights.
"""

import pickle

NO_CHECKPOINT = (
    pickle.UnpicklingError,  # weights_only refuses to run code
    RuntimeError,  # no archive, or weights of other shapes
    KeyError,
    TypeError,  # arguments of another module
    ValueError,
    IndexError,  # text
    AttributeError,
    EOFError,  # empty
)
