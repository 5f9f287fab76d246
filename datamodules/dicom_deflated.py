"""A deflated DICOM file is inflated whole when it is opened: how large would it become?

In: a file; out: nothing, or an error before anything was kept in memory. Other syntaxes cannot surprise: their sizes
are in their headers.
"""

import zlib
from pathlib import Path

from pydicom.uid import DeflatedExplicitVRLittleEndian

from datamodules.errors import InputError

MOST = 256 << 20  # bytes of one inflated slice; a CT's has 0.5 MB
PREAMBLE, FIRST_ELEMENT = 132, 12  # bytes: preamble with "DICM"; tag, VR and value of the meta group's length
META = 1024  # bytes in which the transfer syntax stands
BLOCK = 1 << 20


def check_deflated(file: Path) -> None:
    """Refuse a deflated file that would become larger than :data:`MOST`; other files pass.

    Raises:
        InputError: it would.
        OSError: the file cannot be read.
        zlib.error: it is not deflated as it says.
    """
    with file.open("rb") as stream:
        head = stream.read(META)
        if str(DeflatedExplicitVRLittleEndian).encode() not in head or head[128:PREAMBLE] != b"DICM":
            return
        length = int.from_bytes(head[PREAMBLE + FIRST_ELEMENT - 4 : PREAMBLE + FIRST_ELEMENT], "little")
        stream.seek(PREAMBLE + FIRST_ELEMENT + length)
        inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while not inflater.eof and (block := inflater.unconsumed_tail or stream.read(BLOCK)):
            size += len(inflater.decompress(block, BLOCK))
            if size > MOST:
                raise InputError(f"more than {MOST >> 20} MB when inflated: no CT slice")
