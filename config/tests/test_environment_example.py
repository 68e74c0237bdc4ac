"""`.env.example` names every setting that the code reads."""

import re

from config.embedded.places import PROJECT


def test_every_setting_is_described():
    described = set(re.findall(r"^(?:# )?([A-Z_]+)=", PROJECT.joinpath(".env.example").read_text(), re.MULTILINE))
    read = set()
    for name in ("settings", "jobs", "watching"):
        read |= set(re.findall(r"read\(\s*\"([A-Z_]+)\"", PROJECT.joinpath(f"config/{name}.py").read_text()))
    assert read
    assert read <= described
