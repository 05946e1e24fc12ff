"""Downloads from a server on this machine: whole, broken, cut off, and none at all."""

import hashlib
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from fireline.errors import FirelineError
from fireline.model import download
from fireline.model.data import load
from tests.model.test_data import write_cifar10


class Server(SimpleHTTPRequestHandler):
    """Files of a folder; of those named `cut...` half, although all of it is announced."""

    requests = 0

    def do_GET(self) -> None:
        Server.requests += 1
        content = (Path(self.directory) / self.path.lstrip("/")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if "cut" in self.path else content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that has CIFAR-10 in small, and an empty cache."""
    folder = tmp_path / "site"
    (folder / "cifar-10-batches-bin").mkdir(parents=True)
    write_cifar10(folder / "cifar-10-batches-bin")
    for name in ("small.tar.gz", "cut.tar.gz"):
        with tarfile.open(folder / name, "w:gz") as tar:
            tar.add(folder / "cifar-10-batches-bin", "cifar-10-batches-bin")
    monkeypatch.setattr(download, "cache", lambda: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Server.requests = 0
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def publish(monkeypatch: pytest.MonkeyPatch, url: str, md5: str) -> None:
    monkeypatch.setitem(download.ARCHIVES, "cifar10", download.Archive(url, md5))


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_data_is_downloaded_once(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, f"{site}/small.tar.gz", md5(tmp_path / "site" / "small.tar.gz"))
    assert len(load("cifar10", "train", (3, 32, 32))) == 20
    test = load("cifar10", "test")
    source = tmp_path / "site" / "cifar-10-batches-bin" / "test_batch.bin"
    table = np.fromfile(source, np.uint8).reshape(-1, 3073)
    assert np.array_equal(test.read().reshape(4, -1), table[:, 1:])
    assert test.classes[3] == "class3"
    assert Server.requests == 1
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["cifar10", "small.tar.gz"]


def test_an_archive_put_there_by_hand_needs_no_network(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "site" / "small.tar.gz"
    publish(monkeypatch, "http://127.0.0.1:9/small.tar.gz", md5(archive))
    (tmp_path / "cache").mkdir()
    archive.rename(tmp_path / "cache" / "small.tar.gz")
    assert len(load("cifar10", "test")) == 4
    assert Server.requests == 0


def test_a_folder_of_that_name_goes_first(site: str, tmp_path: Path) -> None:
    (tmp_path / "site" / "cifar-10-batches-bin").rename(tmp_path / "cifar10")
    assert len(load("cifar10", "test")) == 4
    assert not (tmp_path / "cache").exists()


def refused(message: str, cache: Path) -> None:
    """The data is refused with one line that says where to put the file; nothing stays in the cache."""
    with pytest.raises(FirelineError, match=message) as caught:
        load("cifar10", "test")
    assert str(caught.value).startswith("cifar10: ")
    assert f"into {cache} yourself" in str(caught.value)
    assert not list(cache.glob("**/*"))


def test_an_archive_with_another_checksum_is_not_kept(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, f"{site}/small.tar.gz", "0" * 32)
    refused("has not the checksum 00000000000000000000000000000000", tmp_path / "cache")


def test_a_download_that_breaks_off(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, f"{site}/cut.tar.gz", md5(tmp_path / "site" / "cut.tar.gz"))
    refused("cut.tar.gz (cannot be downloaded|sent has not)", tmp_path / "cache")


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "cache", lambda: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    publish(monkeypatch, "http://127.0.0.1:9/small.tar.gz", "0" * 32)
    refused(
        r"http://127.0.0.1:9/small.tar.gz cannot be downloaded: .*[Cc]onnection refused", tmp_path / "cache"
    )
    publish(monkeypatch, "http://no-such-host.invalid/small.tar.gz", "0" * 32)
    refused("no-such-host.invalid/small.tar.gz cannot be downloaded", tmp_path / "cache")


def test_unpacking_that_breaks_off_leaves_no_folder(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, f"{site}/small.tar.gz", md5(tmp_path / "site" / "small.tar.gz"))

    def half(self: tarfile.TarFile, path: Path, **options: object) -> None:
        self.extract(self.getmembers()[0], path, filter="data")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extractall", half)
        with pytest.raises(KeyboardInterrupt):
            load("cifar10", "test")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["small.tar.gz"]
    assert len(load("cifar10", "test")) == 4


def test_published_archives() -> None:
    assert {name: archive.file for name, archive in download.ARCHIVES.items()} == {
        "cifar10": "cifar-10-binary.tar.gz",
        "cifar100": "cifar-100-binary.tar.gz",
    }
    assert download.ARCHIVES["cifar10"].md5 == "c32a1d4ab5d03f1284b67883e8d87530"
    assert download.ARCHIVES["cifar100"].md5 == "03b5dce01913d631647c71ecec9e9cb8"
