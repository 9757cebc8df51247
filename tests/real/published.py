"""The real files read plainly by pandas, apart from gsan's own readers, so that standards and coordinates are tested alone."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import geopandas as gpd
import pandas as pd

BOUNDARIES = ("admdong_2021_11230_dongdaemun.geojson", "admdong_2021_29_gwangju.geojson", "admdong_2021_41590_hwaseong.geojson")


def published(inbox: Path, file: str, header: int | list[int] = 0, sheet: int | str = 0) -> pd.DataFrame:
    """A file's rows as text, index source_row from 1; several header rows are joined by `_` and carried to the right."""
    path = inbox / file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # xlrd's age, and rows of the subway file with one field more than the header
        if path.suffix == ".json":
            frame = _items(json.loads(path.read_text(encoding="utf-8")))
        elif path.suffix in (".xls", ".xlsx"):
            frame = pd.read_excel(path, dtype=str, keep_default_na=False, header=header, sheet_name=sheet)
        else:
            encoding = "utf-8-sig" if _is_utf8(path) else "cp949"
            frame = pd.read_csv(
                path, dtype=str, encoding=encoding, keep_default_na=False, index_col=False, sep="\t" if path.suffix == ".tsv" else ","
            )
    if isinstance(header, list):
        frame.columns = [
            "_".join(dict.fromkeys(str(label) for label in labels if not str(label).startswith("Unnamed"))) for labels in frame.columns
        ]
    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1, name="source_row"))


def _items(content: dict) -> pd.DataFrame:
    return pd.DataFrame(content["response"]["body"]["items"] if "response" in content else content.get("items") or content["clinics"])


def _is_utf8(path: Path) -> bool:
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def outlines(inbox: Path) -> gpd.GeoDataFrame:
    """The 138 dongs of the three boundary files of 2021, as published, EPSG:4326."""
    every = pd.concat([gpd.read_file(inbox / "boundaries" / file) for file in BOUNDARIES], ignore_index=True)
    return every.set_index(pd.RangeIndex(1, len(every) + 1, name="source_row"))
