"""A bucket in the layout of the Imaging Data Commons, on the test server: small files that start as DICOM does."""

import uuid
from dataclasses import replace
from xml.sax.saxutils import escape

import numpy as np

from medrepro.datamodules.download.idc import Series
from tests._server import Server


class Bucket:
    """Seeded series and their listings; methods break it in one way each."""

    def __init__(self, server: Server, series: int, instances: int, page: int = 1000, tag: str = "") -> None:
        self.server, self._page, self._tag = server, page, tag
        rng = np.random.default_rng([7, series, instances])
        self.series: list[Series] = []
        for number in range(series):
            folder = str(uuid.UUID(bytes=rng.bytes(16)))
            contents = [bytes(128) + b"DICM" + rng.bytes(int(rng.integers(200, 900))) for _ in range(instances)]
            self.server.files |= {f"/{folder}/{uuid.UUID(bytes=rng.bytes(16))}.dcm": content for content in contents}
            size = sum(map(len, contents)) / 1e6
            patient = f"P-{number // 2:04d}"
            self.series.append(Series(patient, f"1.2.{number}", "CT", instances, size, "CC BY 3.0", "bucket", folder))
            self._list(folder)

    def _keys(self, folder: str) -> list[str]:
        return sorted(path for path in self.server.files if path.startswith(f"/{folder}/") and path.endswith(".dcm"))

    def _list(self, folder: str) -> None:
        keys, address = self._keys(folder), f"/?list-type=2&prefix={folder}/"
        for start in range(0, max(len(keys), 1), self._page):
            more = start + self._page < len(keys)
            items = "".join(self._item(key) for key in keys[start : start + self._page])
            token = f"<NextContinuationToken>{start + self._page}</NextContinuationToken>" if more else ""
            page = (
                f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{items}{token}</ListBucketResult>'
            )
            self.server.files[address + (f"&continuation-token={start}" if start else "")] = page.encode()

    def _item(self, key: str) -> str:
        content = self.server.files[key]
        tag = escape(self._tag or self.server.tag(content))
        return f"<Contents><Key>{key[1:]}</Key><Size>{len(content)}</Size><ETag>{tag}</ETag></Contents>"

    def expected(self) -> dict[str, bytes]:
        """What a download leaves, path to content."""
        return {
            f"{one.patient}/{one.series_uid}/{key.rpartition('/')[2]}": self.server.files[key]
            for one in self.series
            for key in self._keys(one.uuid)
        }

    def _first(self) -> str:
        return self._keys(self.series[0].uuid)[0]

    def damage(self) -> None:
        """A byte differs from what the listing promises."""
        content = bytearray(self.server.files[self._first()])
        content[-1] ^= 1
        self.server.files[self._first()] = bytes(content)

    def shorten(self) -> None:
        self.server.files[self._first()] = self.server.files[self._first()][:-1]

    def drop(self) -> None:
        """The listing lacks a file that the index counts."""
        del self.server.files[self._first()]
        self._list(self.series[0].uuid)

    def undicom(self) -> None:
        """The listing is right and the file is of another kind."""
        self.server.files[self._first()] = b"x" * len(self.server.files[self._first()])
        self._list(self.series[0].uuid)

    def list_as(self, text: str) -> None:
        self.server.files[f"/?list-type=2&prefix={self.series[0].uuid}/"] = text.encode()

    def rename(self, name: str) -> None:
        """The listing gives the first file a hostile name."""
        address = f"/?list-type=2&prefix={self.series[0].uuid}/"
        hostile = f"{self.series[0].uuid}/{name}"
        self.server.files[address] = self.server.files[address].replace(self._first()[1:].encode(), hostile.encode())

    def larger(self, factor: int) -> list[Series]:
        """The index promises more than there is."""
        return [replace(one, megabytes=one.megabytes * factor) for one in self.series]
