import os
from pathlib import Path

import pytest

from fireline import files
from fireline.errors import FirelineError
from fireline.files import new_folder, write_whole


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file"
    write_whole(path, "old")
    with pytest.raises(TypeError):
        write_whole(path, 5)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "out") as folder:
        (folder / "half").write_text("x")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    with new_folder(tmp_path / "out") as folder:
        (folder / "whole").write_text("x")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_existing_folder_stays_unless_it_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(FirelineError, match="exists"), new_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out" / "mine").exists()
    with new_folder(tmp_path / "out", replace=True) as folder:
        (folder / "new").write_text("x")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["new"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FirelineError, match="cannot be written"):
        write_whole(tmp_path / "file" / "below", "x")


def test_the_old_folder_stays_whole_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with new_folder(out) as folder:
        (folder / "old").write_text("old")
    replace = os.replace

    def failing(source: Path, target: Path) -> None:
        if target == out and ".old." not in str(source):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(files, "_swapped", lambda new, path: False)  # a system that cannot exchange folders
    monkeypatch.setattr(os, "replace", failing)
    with (
        pytest.raises(FirelineError, match="No space left on device"),
        new_folder(out, replace=True) as folder,
    ):
        (folder / "new").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "old").read_text() == "old"


def test_a_replaced_folder_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with new_folder(tmp_path / "out", replace=True) as folder:
            (folder / text).write_text(text)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
