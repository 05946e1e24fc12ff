"""Published data sets, downloaded when they are asked for and kept in the user's cache folder."""

from __future__ import annotations

import logging
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pooch
from requests import RequestException

from fireline.errors import FirelineError
from fireline.files import new_folder


@dataclass(frozen=True)
class Archive:
    """A tar archive at `url` with the checksum `md5`."""

    url: str
    md5: str

    @property
    def file(self) -> str:
        return self.url.rpartition("/")[2]


# Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009: the binary versions, with their checksums as
# published on https://www.cs.toronto.edu/~kriz/cifar.html.
ARCHIVES = {
    "cifar10": Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"
    ),
    "cifar100": Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"
    ),
}


def cache() -> Path:
    """Where downloaded data lies: `fireline` in the system's folder for caches (`XDG_CACHE_HOME` on Linux)."""
    return Path(pooch.os_cache("fireline"))


def fetched(name: str) -> Path:
    """The folder of the data set `name` of `ARCHIVES`, downloaded if it is not in the cache.

    An archive counts only with the right checksum, and a folder appears whole or not at all.

    Raises:
        FirelineError: it cannot be downloaded, or what arrives is something else.
    """
    folder = cache() / name
    if not folder.is_dir():
        archive = _download(name, ARCHIVES[name])
        with new_folder(folder, replace=True) as made, tarfile.open(archive) as tar:
            tar.extractall(made, filter="data")
    return folder


def _download(name: str, archive: Archive) -> Path:
    by_hand = f"put {archive.file} into {cache()} yourself, or name a folder that holds the data"
    pooch.get_logger().setLevel(logging.WARNING)
    try:
        path = pooch.retrieve(
            archive.url, f"md5:{archive.md5}", archive.file, cache(), progressbar=sys.stderr.isatty()
        )
    except (RequestException, OSError) as error:
        raise FirelineError(
            f"{archive.url} cannot be downloaded: {_reason(error)}", node=name, hint=by_hand
        ) from None
    except ValueError:
        raise FirelineError(
            f"what {archive.url} sent has not the checksum {archive.md5} and is not kept",
            node=name,
            hint=by_hand,
        ) from None
    return Path(path)


def _reason(error: Exception) -> str:
    """The innermost cause: what requests wraps around it is longer than a line."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return str(error) or type(error).__name__
