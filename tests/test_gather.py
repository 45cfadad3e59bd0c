"""A part is found because its file is there, and no list is edited."""

from __future__ import annotations

import sys

from akitsu import gather


def test_every_module_of_a_package_is_imported(tmp_path, monkeypatch):
    package = tmp_path / "planted_parts"
    package.mkdir()
    for name in ("__init__", "one", "two"):
        (package / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))

    gather.import_all("planted_parts")

    assert {"planted_parts.one", "planted_parts.two"} <= set(sys.modules)


def test_what_third_parties_announce_is_loaded_for_its_group_alone(monkeypatch):
    loaded = []

    class Point:
        def __init__(self, group):
            self.group = group

        def load(self):
            loaded.append(self.group)

    monkeypatch.setattr(gather, "entry_points", lambda group: [Point(group)])

    gather.import_all(entry_point="akitsu.models")

    assert loaded == ["akitsu.models"]
