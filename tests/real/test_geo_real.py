"""Places on the real outlines: centroids in their dongs, nobody lost between dongs and grid, and in seconds."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from gsan_lib import geo, grids, sample

pytestmark = pytest.mark.real

FILES = {
    "29200": "admdong_2021_29_gwangju.geojson",
    "11230": "admdong_2021_11230_dongdaemun.geojson",
    "41590": "admdong_2021_41590_hwaseong.geojson",
}
PEOPLE = {"29200": 405_579, "11230": 342_837, "41590": 855_248}


def outlines(inbox: Path, code: str = "") -> gpd.GeoDataFrame:
    """The 2021 dongs of a municipality, or all 138 of the three files, in EPSG:5179."""
    files = [FILES[code]] if code else list(FILES.values())
    every = pd.concat([gpd.read_file(inbox / "boundaries" / file).to_crs(geo.WORK_CRS) for file in files], ignore_index=True)
    return every[every["sgg"].str.startswith(code)].rename(columns={"adm_cd2": "dong_code"}).reset_index(drop=True)


def residents(inbox: Path) -> pd.DataFrame:
    """Residents of 2020-12 by MOIS code and 10-year band, the whole country."""
    table = pd.read_csv(inbox / "population" / "age.csv", encoding="cp949")
    code = table["행정구역"].str.extract(r"\((\d{10})\)")[0]
    return table.filter(like="2020년12월_계_").astype("int64").set_axis(code)


def centroids(inbox: Path) -> gpd.GeoDataFrame:
    table = pd.read_csv(inbox / "codes" / "coordinate_UTMK_이름포함.tsv", sep="\t", dtype={"ADMCD": "str"})
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["X"], table["Y"], crs=geo.WORK_CRS))


def test_137_of_138_centroids_lie_in_their_dong_and_dongtan_4_is_638_m_outside(inbox: Path) -> None:
    """Proves the projection, not the codes: 동탄6동 and 동탄7동 are swapped in both files and pass."""
    dongs = outlines(inbox)
    mine = centroids(inbox).drop_duplicates("ADMCD").set_index("ADMCD").loc[dongs["dong_code"]]
    found = geo.points_in_areas(mine, dongs)
    astray = mine[(found != found.index).to_numpy()]
    assert len(dongs) == 138
    assert astray["ADMNM"].tolist() == ["경기도 화성시 동탄4동"]
    home = dongs[dongs["dong_code"] == astray.index[0]]
    assert geo.nearest_distance_m(astray, home).round().tolist() == [638.0]


@pytest.mark.parametrize("code", FILES)
def test_interpolation_and_spreading_lose_nobody_between_dongs_and_grid(inbox: Path, code: str) -> None:
    dongs, mended = geo.repair(outlines(inbox, code))
    counts = residents(inbox).loc[dongs["dong_code"]]
    pieces = grids.grid(dongs, 100)
    moved = geo.interpolate(dongs.assign(people=counts.sum(axis=1).to_numpy()), pieces, ["people"])["people"]
    spread = grids.spread(counts, pieces).population
    assert mended == 0
    assert counts.to_numpy().sum() == PEOPLE[code]
    assert moved.sum() == pytest.approx(PEOPLE[code], rel=1e-9)
    assert spread.to_numpy().sum() == pytest.approx(PEOPLE[code], rel=1e-9)
    # two ways to the same even spread: tobler on the outlines, shares of area on the pieces
    np.testing.assert_allclose(spread.sum(axis=1), moved, atol=0.01)


def test_gwangsan_has_about_22_thousand_cells_and_a_border_cell_is_never_counted_twice(inbox: Path) -> None:
    dongs = outlines(inbox, "29200")
    pieces = grids.grid(dongs, 100)
    assert pieces["cell_id"].nunique() == pytest.approx(geo.outline(dongs).area / 1e4, rel=0.03)
    assert pieces["area_m2"].sum() == pytest.approx(geo.outline(dongs).area, rel=1e-9)
    assert pieces.groupby("cell_id")["area_m2"].sum().max() <= 1e4 * (1 + 1e-9)


def test_the_embedded_facts_are_those_of_the_published_files(inbox: Path) -> None:
    facts = sample.facts().set_index("dong_code")
    real = residents(inbox).loc[facts.index]
    assert (facts.filter(like="age_").to_numpy() == real.to_numpy()).all()
    places = centroids(inbox).set_index("ADMCD").loc[facts.index]
    assert (facts[["x_5179", "y_5179"]].to_numpy() == places[["X", "Y"]].to_numpy()).all()
    names = outlines(inbox, "29200").set_index("dong_code").loc[facts.index]
    assert names["adm_nm"].str.split().str[-1].tolist() == facts["dong_name"].tolist()
    assert names["adm_cd"].tolist() == facts["kostat_code"].tolist()


def test_the_simulated_outlines_are_not_the_real_ones(inbox: Path) -> None:
    real, made = outlines(inbox, "29200").set_index("dong_code"), sample.district().set_index("dong_code")
    assert real.hausdorff_distance(made, align=True).min() > 100  # metres; each outline strays at least this far from the real one
    assert (real.intersection(made, align=True).area / real.union(made, align=True).area).median() < 0.6
