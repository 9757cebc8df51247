"""Spatial statistics against published answers, formulas worked by hand, and properties."""

import dataclasses
import itertools

import esda
import geopandas as gpd
import libpysal
import numpy as np
import pandas as pd
import pytest
from libpysal.graph import Graph
from shapely.geometry import Point, box

from gsan_lib.analysis import bivariate, hotspots, joincounts, rates
from gsan_lib.analysis import density as density_module
from gsan_lib.errors import CrsError, DataError, UsageError

example = libpysal.examples.get_path


@pytest.fixture(scope="module")
def columbus():
    frame = gpd.read_file(example("columbus.shp"))
    return frame.set_crs("EPSG:5179", allow_override=True)  # planar units; any metric CRS leaves the neighbours as they are


def board(side=6):
    cells = [box(x, y, x + 1, y + 1) for y in range(side) for x in range(side)]
    return gpd.GeoSeries(cells, crs="EPSG:5179")


def from_gal(name, transform="r"):
    graph = Graph.from_W(libpysal.io.open(example(name)).read())
    return hotspots.Weights(f"{name}, {hotspots.TRANSFORMS[transform]}", graph, transform)


def keyed(array, weights):
    return pd.Series(np.asarray(array), index=weights.graph.unique_ids)


# published answers (yardsticks)


@pytest.mark.parametrize(("kind", "expected"), [("queen", 0.500188557), ("rook", 0.523670213)])
def test_morans_i_of_columbus_crime_is_the_published_one_for_each_kind_of_neighbour(columbus, kind, expected):
    found = hotspots.moran(columbus["CRIME"], hotspots.weights(columbus, kind), permutations=99)
    assert found.value == pytest.approx(expected, abs=5e-10)
    assert found.weights == f"{kind} contiguity, row-standardized"
    assert found.expected == pytest.approx(-1 / 48)


def test_gearys_c_of_columbus_crime_with_rook_neighbours_is_the_published_one(columbus):
    found = hotspots.geary(columbus["CRIME"], hotspots.weights(columbus, "rook"), permutations=99)
    assert found.value == pytest.approx(0.5154408058652411, abs=1e-12)


def test_morans_i_of_st_louis_homicides_is_the_published_one():
    weights = from_gal("stl.gal")
    table = gpd.read_file(example("stl_hom.shp"))
    assert hotspots.moran(keyed(table["HR8893"], weights), weights, permutations=99).value == pytest.approx(0.24365582621771659, abs=1e-12)


def test_morans_i_of_sids_rates_is_the_published_one():
    weights = from_gal("sids2.gal")
    table = gpd.read_file(example("sids2.dbf"), ignore_geometry=True)
    assert hotspots.moran(keyed(table["SIDR74"], weights), weights, permutations=99).value == pytest.approx(0.24772519320480135, abs=1e-12)


def test_getis_ord_g_of_the_six_points_is_the_published_one():
    points = gpd.GeoSeries(gpd.points_from_xy([10, 20, 40, 15, 30, 30], [10, 10, 10, 20, 20, 30]), crs="EPSG:5179")
    near = hotspots.weights(points, "distance", threshold_m=15, transform="b")
    found = hotspots.getis_ord(pd.Series([2, 3, 3.2, 5, 8, 7]), near, permutations=99)
    assert found.value == pytest.approx(0.55709779, abs=5e-9)


def test_bivariate_morans_i_of_sids_is_the_published_one_and_has_a_direction():
    weights = from_gal("sids2.gal")
    table = gpd.read_file(example("sids2.dbf"), ignore_geometry=True)
    rates_of = {name: keyed(table[name], weights).rename(name) for name in ("SIDR74", "SIDR79", "NWR79")}

    def value(x, y):
        return bivariate.bivariate_moran(rates_of[x], rates_of[y], weights, permutations=99)

    # esda's own tests and documentation; the pairs of Moran_BV_matrix stand with y first
    assert value("SIDR74", "SIDR79").value == pytest.approx(0.19362610652874668, abs=1e-12)
    assert value("NWR79", "SIDR74").value == pytest.approx(0.37701382542927858, abs=1e-12)
    assert round(value("SIDR79", "SIDR74").value, 3) == 0.156
    assert value("SIDR79", "SIDR74").correlation == pytest.approx(table["SIDR79"].corr(table["SIDR74"]))
    assert "`SIDR79` with `SIDR74` around it" in value("SIDR79", "SIDR74").sentence()


def test_local_bivariate_morans_of_sids_are_the_published_ones():
    weights = from_gal("sids2.gal")
    table = gpd.read_file(example("sids2.dbf"), ignore_geometry=True)
    here, around = keyed(table["SIDR79"], weights), keyed(table["SIDR74"], weights)
    found = bivariate.local_bivariate_moran(here, around, weights, permutations=199, level=1.0).table
    assert found["statistic"].iloc[0] == pytest.approx(1.4649221250620736, rel=1e-12)
    quadrants = {1: "high-high", 2: "low-high", 3: "low-low", 4: "high-low"}
    assert found["kind"].head(10).tolist() == [quadrants[q] for q in (3, 4, 3, 4, 2, 1, 4, 4, 2, 4)]
    assert (found["other"] == around).all()


def test_the_local_geary_of_st_louis_is_the_published_one_and_they_sum_to_the_global_one(columbus):
    weights = from_gal("stl.gal")
    rate = keyed(gpd.read_file(example("stl_hom.shp"))["HR8893"], weights)
    found = hotspots.local_geary(rate, weights, permutations=999)
    assert found.table["statistic"].iloc[0] == pytest.approx(0.696703432, abs=1e-9)  # esda's tests
    # p 0.19 from 999 permutations of the smaller tail
    assert found.table["p"].iloc[0] == pytest.approx(2 * 0.19, abs=0.08)
    crime, rook = columbus["CRIME"], hotspots.weights(columbus, "rook")
    local = hotspots.local_geary(crime, rook, permutations=99).table["statistic"]
    n = len(columbus)
    assert local.sum() / (2 * n) * (n - 1) / n == pytest.approx(
        hotspots.geary(crime, rook, permutations=99).value, abs=1e-12
    )  # Anselin 1995, eq. 26


LATTICE = pd.Series([False] * 8 + [True] * 8)  # 4 x 4, the published example of esda and PySAL


def lattice(transform="b"):
    return hotspots.weights(board(4), "rook", transform=transform)


def test_join_counts_of_the_lattice_are_the_published_ones():
    found = joincounts.join_counts(LATTICE, lattice())
    assert found.table["count"].to_dict() == {"bb": 10, "ww": 10, "bw": 4}
    # 999 permutations of esda have the means 5.547 and 12.812; the expectations are 24 * 8 * 7 / (16 * 15) and 24 * 2 * 64 / 240
    assert found.table.loc["bb", "expected"] == pytest.approx(5.6)
    assert found.table.loc["bw", "expected"] == pytest.approx(12.8)
    # one-sided 0.003 from 999 permutations, so about twice that here
    assert found.table.loc["bb", "p"] < 0.012


def test_local_join_counts_of_the_lattice_are_the_published_ones():
    found = joincounts.local_join_counts(LATTICE, lattice()).table
    assert found["statistic"].tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 3, 2, 2, 3, 3, 2]
    assert found["p"].isna().tolist() == [True] * 8 + [False] * 8


def test_empirical_bayes_rates_of_sids_are_the_published_ones():
    table = gpd.read_file(example("sids2.dbf"), ignore_geometry=True)
    found = rates.empirical_bayes(table["SID74"], table["BIR74"])["smoothed"]
    np.testing.assert_allclose(
        found.head(), [0.0016973, 0.0017054, 0.0017731, 0.0020129, 0.0035349], atol=5e-8
    )  # esda's tests (Marshall 1991)


def test_local_empirical_bayes_rates_of_st_louis_are_the_published_ones():
    weights = from_gal("stl.gal")
    table = pd.read_csv(example("stl_hom.csv"))
    found = rates.local_empirical_bayes(keyed(table["HC7984"], weights), keyed(table["PO7984"], weights), weights)["smoothed"]
    published = [
        4.01485749e-05, 3.62437513e-05, 4.93034844e-05, 5.09387329e-05, 3.72735210e-05,
        3.69333797e-05, 5.40245456e-05, 2.99806055e-05, 3.73034109e-05, 3.47270722e-05,
    ]  # fmt: skip
    np.testing.assert_allclose(found.head(10), published, rtol=1e-6)  # esda's documentation and tests


# worked by hand, second implementations


def test_join_counts_and_their_p_values_are_those_of_esda(columbus):
    weights = hotspots.weights(columbus, transform="b")
    has = columbus["CRIME"] > columbus["CRIME"].median()
    with hotspots.seeded(5):
        theirs = esda.Join_Counts(has.astype(int).to_numpy(), weights.ready(), permutations=999)
    ours = joincounts.join_counts(has, weights)
    assert ours.table["count"].tolist() == [theirs.bb, theirs.ww, theirs.bw]
    assert ours.table["expected"].tolist() == pytest.approx(
        [theirs.sim_bb.mean(), theirs.J - theirs.sim_bb.mean() - theirs.sim_bw.mean(), theirs.sim_bw.mean()], rel=0.03
    )
    assert ours.table.loc["bb", "p"] == pytest.approx(2 * theirs.p_sim_bb, abs=0.004)


def test_exact_local_join_counts_are_what_esda_simulates(columbus):
    weights = hotspots.weights(columbus, transform="b")
    has = columbus["CRIME"] > 40
    ours = joincounts.local_join_counts(has, weights).table
    theirs = esda.Join_Counts_Local(connectivity=weights.ready(), permutations=4999, seed=3).fit(
        has.astype(int).to_numpy(), permutations=4999
    )
    tested = ours["p"].notna().to_numpy() & np.isfinite(theirs.p_sim)
    assert tested.sum() > 10
    np.testing.assert_array_equal(ours["statistic"].to_numpy(), theirs.LJC)
    # esda takes the smaller tail, the exact p is that of as many or more: equal where that is below a half
    upper = tested & (ours["p"] < 0.4).to_numpy()
    np.testing.assert_allclose(ours["p"].to_numpy()[upper], theirs.p_sim[upper], atol=0.035)


def test_a_bivariate_moran_of_a_value_with_itself_is_the_univariate_one(columbus):
    weights = hotspots.weights(columbus)
    crime = columbus["CRIME"]
    both = bivariate.bivariate_moran(crime, crime, weights, permutations=99)
    assert both.value == pytest.approx(hotspots.moran(crime, weights, permutations=99).value, abs=1e-12)
    assert both.correlation == pytest.approx(1)


def test_gi_star_is_the_z_score_of_ord_and_getis(columbus):
    weights = hotspots.weights(columbus, transform="b")
    x = columbus["CRIME"].to_numpy()
    w = weights.graph.transform("b").sparse.toarray() + np.eye(len(x))
    n, total, squares = len(x), w.sum(1), (w**2).sum(1)
    spread = np.sqrt((x**2).mean() - x.mean() ** 2)
    by_hand = (w @ x - x.mean() * total) / (spread * np.sqrt((n * squares - total**2) / (n - 1)))
    found = hotspots.gi_star(columbus["CRIME"], weights, permutations=99)
    np.testing.assert_allclose(found.table["statistic"], by_hand, rtol=1e-10)
    # equal weights of a row may be scaled: the z-score is the same
    standardized = hotspots.gi_star(columbus["CRIME"], hotspots.weights(columbus), permutations=99)
    np.testing.assert_allclose(standardized.table["statistic"], by_hand, rtol=1e-10)


def test_local_morans_sum_to_the_global_one(columbus):
    weights = hotspots.weights(columbus)
    local = hotspots.local_moran(columbus["CRIME"], weights, permutations=99)
    overall = hotspots.moran(columbus["CRIME"], weights, permutations=99)
    # esda scales by n - 1 (Anselin 1995, eq. 7 and 12), so the mean needs the factor (n - 1) / n turned round
    assert local.table["statistic"].sum() / (len(columbus) - 1) == pytest.approx(overall.value, abs=1e-12)


def test_the_correction_is_benjamini_hochbergs_worked_by_hand(columbus):
    found = hotspots.local_moran(columbus["CRIME"], hotspots.weights(columbus)).table
    p = found["p"].sort_values()
    steps = p * len(p) / np.arange(1, len(p) + 1)
    by_hand = steps[::-1].cummin()[::-1].clip(upper=1)
    np.testing.assert_allclose(found["q"].loc[p.index], by_hand)
    assert (found["q"] <= 0.05).sum() < (found["p"] <= 0.05).sum()
    assert set(found.loc[found["q"] > 0.05, "kind"]) == {"not significant"}


def test_a_false_discovery_is_rare_where_there_is_no_pattern():
    weights = hotspots.weights(board(8))
    made = np.random.default_rng(11)
    maps_with_a_discovery = sum(
        (hotspots.local_moran(pd.Series(made.normal(size=64)), weights, permutations=1999, level=0.1).table["q"] <= 0.1).any()
        for _ in range(40)
    )
    # at most 10 % of maps are expected; 10 of 40 would have probability 0.005
    assert maps_with_a_discovery < 10


# properties


def test_join_counts_of_both_sorts_and_mixed_are_all_joins(columbus):
    weights = hotspots.weights(columbus, transform="b")
    made = np.random.default_rng(9)
    for share in (0.1, 0.5, 0.8):
        has = pd.Series(made.random(len(columbus)) < share, index=columbus.index)
        table = joincounts.join_counts(has, weights, permutations=19).table
        other = joincounts.join_counts(~has, weights, permutations=19).table
        assert table["count"].sum() == weights.graph.cardinalities.sum() / 2
        assert table["expected"].sum() == pytest.approx(table["count"].sum())
        assert table["count"].tolist() == other["count"][["ww", "bb", "bw"]].tolist()


def test_islands_join_nothing_and_are_told():
    cells = pd.concat([board(5), gpd.GeoSeries([box(90, 90, 91, 91)], index=[99], crs="EPSG:5179")])
    weights = hotspots.weights(cells, transform="b")
    has = pd.Series(np.arange(26) % 3 == 0, index=cells.index)
    assert joincounts.join_counts(has, weights, permutations=9).islands == (99,)
    assert "1 areas have no neighbour" in joincounts.join_counts(has, weights, permutations=9).sentence()
    assert joincounts.local_join_counts(has, weights).table.loc[99, "kind"] == "no neighbour"
    found = bivariate.local_bivariate_moran(has.astype(float), has.astype(float), weights, permutations=99)
    assert found.table.loc[99, "kind"] == "no neighbour"


def test_what_is_no_yes_or_no_and_one_sided_neighbours_are_refused(columbus):
    with pytest.raises(DataError, match="neither yes nor no"):
        joincounts.join_counts(columbus["CRIME"], hotspots.weights(columbus, transform="b"))
    with pytest.raises(DataError, match="no pattern to find"):
        joincounts.join_counts(columbus["CRIME"] > -1, hotspots.weights(columbus, transform="b"))
    with pytest.raises(UsageError, match="on one side only"):
        joincounts.join_counts(columbus["CRIME"] > 30, hotspots.weights(columbus, "knn", k=3, transform="b"))


def test_the_same_seed_gives_the_same_p_values_and_leaves_numpys_state_alone(columbus):
    weights = hotspots.weights(columbus)
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    first = hotspots.local_moran(columbus["CRIME"], weights, permutations=499)
    second = hotspots.local_moran(columbus["CRIME"], weights, permutations=499)
    pd.testing.assert_frame_equal(first.table, second.table)
    one, two = (hotspots.moran(columbus["CRIME"], weights, permutations=499) for _ in range(2))
    assert one == two
    assert (np.random.get_state()[1] == before).all()


def test_every_result_names_its_weights(columbus):
    weights = hotspots.weights(columbus, "knn", k=4, transform="b")
    crime = columbus["CRIME"]
    results = [
        f(crime, weights, permutations=49)
        for f in (hotspots.moran, hotspots.geary, hotspots.getis_ord, hotspots.local_moran, hotspots.local_geary, hotspots.gi_star)
    ]
    assert {result.weights for result in results} == {"4 nearest centroids, binary"}
    assert all("4 nearest centroids, binary" in result.sentence() for result in results)
    assert all(dataclasses.is_dataclass(result) and result.__dataclass_params__.frozen for result in results)


def test_an_island_is_named_and_not_tested():
    cells = pd.concat([board(5), gpd.GeoSeries([box(90, 90, 91, 91)], index=[99], crs="EPSG:5179")])
    values = pd.Series(np.random.default_rng(1).normal(size=26), index=cells.index)
    found = hotspots.local_moran(values, hotspots.weights(cells), permutations=99)
    assert found.islands == (99,)
    assert found.table.loc[99, "kind"] == "no neighbour"
    assert found.table.loc[99, ["p", "q", "statistic"]].isna().all()
    assert "of 25 areas" in found.sentence()


def test_a_two_sided_p_is_counted_by_hand():
    simulated = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [4.0, 1.0]])
    # 3.5: one of four above, so 2 (1 + 1) / 5; 5: three of four tie, all four at or below, so the smaller tail is 3
    np.testing.assert_allclose(hotspots.two_sided(simulated, np.array([3.5, 5.0])), [0.8, 1.0])
    assert hotspots.two_sided(simulated[:, 0], 9.0) == pytest.approx(2 / 5)


def test_p_values_of_few_areas_are_those_of_all_their_orders():
    # each neighbourhood of 10 areas has at most C(9, 3) = 84 fillings, so many simulations equal the observed one but for rounding
    frame, values = board(5).iloc[:10], pd.Series(np.random.default_rng(2).normal(size=10) ** 2)
    weights = hotspots.weights(frame, "rook")
    found = hotspots.local_moran(values, weights).table["p"]
    z, near = (values - values.mean()).to_numpy(), weights.graph.transform("b").sparse.toarray()
    for area in range(10):
        others = np.delete(z, area)
        sums = np.array([others[list(one)].sum() for one in itertools.combinations(range(9), int(near[area].sum()))])
        seen = near[area] @ z
        exact = min(1.0, 2 * min((sums >= seen - 1e-9).mean(), (sums <= seen + 1e-9).mean()))
        assert found[area] == pytest.approx(exact, abs=0.002 + 8 * np.sqrt(exact / 2 * (1 - exact / 2) / 9999))


def test_more_simulations_than_memory_holds_are_refused(columbus):
    with pytest.raises(DataError, match="at most 2040816 permutations"):
        hotspots.local_moran(columbus["CRIME"], hotspots.weights(columbus), permutations=3_000_000)


def test_too_few_permutations_to_find_anything_are_admitted(columbus):
    few = hotspots.local_moran(columbus["CRIME"], hotspots.weights(columbus), permutations=99)
    many = hotspots.local_moran(columbus["CRIME"], hotspots.weights(columbus))
    assert "could not have passed" in few.sentence()
    assert "could not have passed" not in many.sentence()


def test_power_grows_with_dependence_and_with_areas_and_starts_at_the_level():
    small, large = hotspots.power(hotspots.weights(board(4))), hotspots.power(hotspots.weights(board(12)))
    assert small.table.loc[0.0] == pytest.approx(0.05, abs=0.01)
    assert small.table.is_monotonic_increasing
    assert (large.table.iloc[1:] > small.table.iloc[1:]).all()
    assert large.least < (small.least or 1)
    assert "16 areas" in small.sentence()


def test_powers_moran_is_esdas():
    weights = hotspots.weights(board(4))
    values = np.random.default_rng(2).normal(size=16)
    own = hotspots._moran_of(weights.ready().sparse.toarray(), (values - values.mean())[:, None])[0]
    assert own == pytest.approx(esda.Moran(values, weights.ready(), permutations=0).I)


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        (lambda v: v.where(v.index != 3), "1 of 36 values are missing (3)"),
        (lambda v: v * 0 + 7, "all 36 values are 7"),
        (lambda v: v.iloc[::-1], "different keys"),
        (lambda v: v.iloc[:30], "different keys"),
    ],
)
def test_values_that_cannot_be_judged_are_refused_with_the_reason(spoil, part):
    weights = hotspots.weights(board())
    with pytest.raises(DataError) as error:
        hotspots.moran(spoil(pd.Series(np.arange(36.0))), weights)
    assert part in str(error.value)


def test_degrees_negative_values_and_unknown_kinds_are_refused():
    with pytest.raises(CrsError, match="metric CRS"):
        hotspots.weights(board().set_crs("EPSG:4326", allow_override=True))
    with pytest.raises(UsageError, match="'queen', 'rook'"):
        hotspots.weights(board(), "bishop")
    with pytest.raises(UsageError, match="binary weights"):
        hotspots.getis_ord(pd.Series(range(36)), hotspots.weights(board()))
    with pytest.raises(DataError, match="negative"):
        hotspots.gi_star(pd.Series(range(-3, 33)), hotspots.weights(board()))


# rates


def test_empirical_bayes_agrees_with_esda_where_areas_differ():
    table = gpd.read_file(example("sids2.dbf"), ignore_geometry=True)
    ours = rates.empirical_bayes(table["SID74"], table["BIR74"])
    theirs = esda.smoothing.Empirical_Bayes(table["SID74"].to_numpy(), table["BIR74"].to_numpy()).r.ravel()
    np.testing.assert_allclose(ours["smoothed"], theirs, rtol=1e-12)


def test_empirical_bayes_of_areas_that_do_not_differ_is_the_common_rate():
    # three areas with nearly the same rate: the variance between them is negative and is taken as 0 (Marshall 1991)
    events, people = pd.Series([10, 11, 9]), pd.Series([1000, 1000, 1000])
    found = rates.empirical_bayes(events, people)
    assert (found["weight"] == 0).all()
    np.testing.assert_allclose(found["smoothed"], 30 / 3000)


def test_a_smoothed_rate_lies_between_its_own_and_the_common_one():
    made = np.random.default_rng(4)
    people = pd.Series(made.integers(100, 50_000, 30))
    events = pd.Series(made.poisson(people * made.gamma(2, 0.001, 30)))
    found, common = rates.empirical_bayes(events, people), events.sum() / people.sum()
    low, high = np.minimum(found["rate"], common), np.maximum(found["rate"], common)
    assert found["smoothed"].between(low - 1e-15, high + 1e-15).all()
    assert found["weight"].corr(people.astype(float), method="spearman") == pytest.approx(1)


@pytest.mark.parametrize(
    ("events", "low", "high"),
    # table of exact Poisson limits, 95 %: Garwood 1936, Pearson and Hartley 1966
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (15, 8.395, 24.740)],
)
def test_exact_poisson_limits_are_the_tabled_ones(events, low, high):
    found = rates.poisson_interval(events)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1.5e-3)
    assert rates.poisson_interval(events, 4.0).high == pytest.approx(found.high / 4)


def test_exact_poisson_limits_cover_at_least_their_level():
    from scipy.stats import poisson

    limits = [rates.poisson_interval(k) for k in range(80)]
    for mean in (0.3, 1.7, 4.2, 9.9, 21.3):
        coverage = sum(poisson.pmf(k, mean) for k, limit in enumerate(limits) if limit.low <= mean <= limit.high)
        assert coverage >= 0.95


def test_a_rate_ratio_turned_round_has_its_limits_turned_round():
    (one, p_one), (two, p_two) = rates.rate_ratio((15, 10), (3.0, 2.0)), rates.rate_ratio((10, 15), (2.0, 3.0))
    assert one.estimate == pytest.approx(1)
    assert (one.low, one.high) == pytest.approx((1 / two.high, 1 / two.low))
    assert p_one == pytest.approx(p_two)


def test_a_rate_ratio_excludes_one_exactly_when_its_one_sided_tails_do():
    from scipy.stats import binom

    for first in range(26):
        found, _ = rates.rate_ratio((first, 25 - first), (1.0, 1.0))
        above = binom.sf(first - 1, 25, 0.5) < 0.025
        below = binom.cdf(first, 25, 0.5) < 0.025
        assert (found.low > 1) == above
        assert (found.high < 1) == below


def test_a_rate_ratio_with_no_events_on_one_side_stays_open():
    found, _ = rates.rate_ratio((4, 0), (1.0, 1.0))
    assert found.estimate == np.inf
    assert found.high == np.inf
    assert found.low > 0
    with pytest.raises(UsageError):
        rates.rate_ratio((0, 0), (1.0, 1.0))


# density


def grid(side=30, size=100):
    return gpd.GeoSeries(
        [box(x, y, x + size, y + size) for x in range(0, side * size, size) for y in range(0, side * size, size)], crs="EPSG:5179"
    )


def test_density_adds_up_to_the_events_inside_even_at_the_border():
    cells = grid()
    clipped = cells.intersection(Point(1500, 1500).buffer(1400))
    clipped = clipped[~clipped.is_empty]
    made = np.random.default_rng(8)
    events = gpd.GeoSeries(gpd.points_from_xy(made.uniform(0, 3000, 300), made.uniform(0, 3000, 300)), crs="EPSG:5179")
    found = density_module.density(events, clipped, 450)
    inside = int(events.within(clipped.union_all()).sum())
    assert found.events == inside
    assert found.outside == 300 - inside
    assert (found.values * clipped.area / 1e6).sum() == pytest.approx(inside, rel=1e-12)
    assert found.values.index.equals(clipped.index)


def test_density_of_one_central_event_is_the_quartic_kernel():
    found = density_module.density(gpd.GeoSeries([Point(1550, 1550)], crs="EPSG:5179"), grid(), 800, edge="lost")
    at_centre = 3 / (np.pi * 0.8**2)  # events per km2 at distance 0
    assert found.values.max() == pytest.approx(at_centre)
    assert found.mass == pytest.approx(1, abs=0.005)  # the sum over 100 m cells approximates the integral


def test_the_even_edge_is_level_up_to_the_outline_where_the_plain_kernel_falls_off():
    cells = grid()
    outline = Point(1500, 1500).buffer(1400)
    clipped = cells.intersection(outline)
    clipped = clipped[clipped.area > 0]
    everywhere = gpd.GeoSeries(gpd.points_from_xy(*np.mgrid[25:3000:50, 25:3000:50].reshape(2, -1)), crs="EPSG:5179")  # 400 events per km2
    even = density_module.density(everywhere, clipped, 450, edge="even")
    plain = density_module.density(everywhere[everywhere.within(outline)], clipped, 450, edge="lost")
    rim = clipped.centroid.distance(Point(1500, 1500)) > 1200
    assert even.values[rim].between(380, 420).mean() > 0.97
    assert even.values[~rim].between(395, 405).all()
    assert plain.values[rim].median() < 330
    assert even.events == int(everywhere.intersects(clipped.union_all()).sum())


def test_events_per_resident_are_the_ratio_of_two_sums_worked_by_hand():
    cells = grid(12)
    made = np.random.default_rng(12)
    people = pd.Series(made.integers(0, 60, 144).astype(float), index=cells.index)
    events = gpd.GeoSeries(gpd.points_from_xy(*made.uniform(0, 1250, (2, 90))), crs="EPSG:5179")
    found = density_module.per_resident(events, cells, people, 300, least=200)
    inside = events[events.intersects(cells.union_all())]
    assert (found.events, found.outside) == (len(inside), 90 - len(inside))
    for cell in (0, 70, 143):
        middle = cells.centroid[cell]
        kernel = lambda places: np.clip(1 - (places.distance(middle) / 300) ** 2, 0, None) ** 2  # noqa: B023
        residents = (kernel(cells.centroid) * people).sum()
        assert found.residents[cell] == pytest.approx(residents)
        assert found.values[cell] == pytest.approx(1000 * kernel(inside).sum() / residents) or residents < 200
    assert found.values.isna().equals(found.residents < 200)
    with pytest.raises(DataError, match="different keys"):
        density_module.per_resident(events, cells, people.iloc[1:], 300)
    with pytest.raises(DataError, match="Give 0 where nobody lives"):
        density_module.per_resident(events, cells, people - 100, 300)


def test_density_refuses_degrees_and_a_bandwidth_below_a_cell():
    point = gpd.GeoSeries([Point(50, 50)], crs="EPSG:5179")
    with pytest.raises(UsageError, match="side of a cell, 100 m"):
        density_module.density(point, grid(), 40)
    with pytest.raises(CrsError, match="same metric CRS"):
        density_module.density(point.set_crs("EPSG:4326", allow_override=True), grid(), 400)
    with pytest.raises(DataError, match="0 events"):
        density_module.density(point.iloc[:0], grid(), 400)
