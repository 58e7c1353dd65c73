"""API lists in other Markdown forms than the public-apis README's."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolalpaca.corpus.apis import read_apis, read_listing
from toolalpaca.schema import ToolAlpacaError

BULLETS = """# Sea APIs

- [Tides](#tides)
- [Other](#other)

## Tides
* [Tide Tables](https://tides.example/docs_(v2) "docs") - High and low water of [ports](https://p.example).
- **Buoy Watch**: Waves and wind of every buoy
  along the coast. (`API key`) https://buoys.example
1. [Lighthouses][lights] – Where lights stand, and how they flash.
    - [Sector Lights](https://lights.example/s) — Sectors of a light
- Just a remark about nothing in particular.
- [No description](https://none.example)

```
- [Sample](https://sample.example) - in a code block
```
## Other ##
+ `Ferry Board`: Departures of the day

[lights]: https://lights.example
"""
TABLES = """## Boats
| Service | URL | What it does |
| --- | --- | --- |
| Hull Register | <https://hulls.example> | Names of boats \\| and ships |

## Weather
Tool | Purpose | Key needed?
:--- | :---: | ---
[Gale Mail](https://gales.example) | Gale warnings by e-mail | yes
**Fog** | Where there is fog | no

| Month | Sales |
| --- | --- |
| May | 3 |
"""


def listed(folder: Path, text: str) -> list[tuple[str, ...]]:
    (folder / "list.md").write_text(text)
    return [(a.name, a.category, a.description, a.link, a.auth) for a in read_apis(folder / "list.md")]


def test_a_list_of_bullets(tmp_path):
    assert listed(tmp_path, BULLETS) == [
        ("Tide Tables", "Tides", "High and low water of ports.", "https://tides.example/docs_(v2)", ""),
        (
            "Buoy Watch",
            "Tides",
            "Waves and wind of every buoy along the coast. (API key) https://buoys.example",
            "https://buoys.example",
            "API key",
        ),
        ("Lighthouses", "Tides", "Where lights stand, and how they flash.", "https://lights.example", ""),
        ("Sector Lights", "Tides", "Sectors of a light", "https://lights.example/s", ""),
        ("Ferry Board", "Other", "Departures of the day", "", ""),
    ]


def test_tables_with_other_titles(tmp_path):
    assert listed(tmp_path, TABLES) == [
        ("Hull Register", "Boats", "Names of boats | and ships", "https://hulls.example", ""),
        ("Gale Mail", "Weather", "Gale warnings by e-mail", "https://gales.example", "yes"),
        ("Fog", "Weather", "Where there is fog", "", ""),
    ]


def test_other_tables_and_bullets_of_a_usual_list_stay_out(tmp_path):
    usual = "\n## Fish\n| API | Description | Auth |\n|---|---|---|\n| Cod | Finds cod | No |\n"
    assert [row[0] for row in listed(tmp_path, BULLETS + TABLES + usual)] == ["Cod"]


def test_a_text_that_is_no_list_is_one_clear_line(tmp_path):
    (tmp_path / "list.md").write_text("# Notes\n\n- buy milk\n- call the plumber about the sink\n")
    with pytest.raises(ToolAlpacaError, match="no known format; expected a Markdown list with tables"):
        read_listing(tmp_path / "list.md")


def test_long_bullets_are_read_at_once(tmp_path):
    junk = "- [" * 3_000 + "\n- **" + "[a" * 5_000 + "\n- [Cod](https://c.example) - Finds the cod\n"
    assert [row[0] for row in listed(tmp_path, junk)] == ["Cod"]
