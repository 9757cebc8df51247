"""Reading: no row is lost, no cell is changed, the same text comes out of every encoding and of both parsers."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsan_lib.bank import delimited
from gsan_lib.bank.encodings import find_encoding, utf8_blocks
from gsan_lib.bank.readers import open_table, read
from gsan_lib.errors import InputError, UsageError

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HANGUL = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=8)
CELL = st.text(st.sampled_from('가나다 ab1,"\n-'), max_size=6).filter(lambda cell: cell == cell.strip(" "))


def written(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def small_blocks(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(delimited, "utf8_blocks", lambda path, encoding, repairs, _=0: utf8_blocks(path, encoding, repairs, size))


def cells(frame: pd.DataFrame) -> list[list[str]]:
    return frame.fillna("").values.tolist()


@QUICK
@given(text=st.text(st.sampled_from('가a1,"\n\r '), max_size=120))
def test_rows_read_are_rows_yielded_plus_rows_set_aside_for_any_text(text, tmp_path):
    file = tmp_path / "any.csv"
    file.write_text("머리,글\n" + text, encoding="utf-8", newline="")
    table = open_table(file, header_rows=1, skip_rows=0, delimiter=",")
    yielded = sum(len(chunk) for chunk in table.chunks(rows=3))
    assert table.rows_read == yielded + len(table.set_aside)


@QUICK
@given(rows=st.lists(st.lists(CELL, min_size=3, max_size=3).filter(any), min_size=1, max_size=12), size=st.integers(7, 60))
def test_well_formed_csv_comes_back_cell_by_cell_whatever_the_block_size(rows, size, tmp_path, monkeypatch):
    small_blocks(monkeypatch, size)
    file = tmp_path / "well.csv"
    file.write_text(written([["a", "b", "c"], *rows]), encoding="utf-8", newline="")
    frame, table = read(file, header_rows=1, skip_rows=0, delimiter=",")
    assert cells(frame) == rows
    assert list(frame.index) == list(range(1, len(rows) + 1))
    assert not table.repairs


@QUICK
@given(rows=st.lists(st.lists(CELL, min_size=2, max_size=2).filter(any), min_size=1, max_size=12))
def test_fast_and_tolerant_parser_agree_on_well_formed_text(rows, tmp_path, monkeypatch):
    file = tmp_path / "both.csv"
    file.write_text(written([["a", "b"], *rows]), encoding="utf-8", newline="")
    hints = {"header_rows": 1, "skip_rows": 0, "delimiter": ","}
    fast = read(file, **hints)[0]
    with monkeypatch.context() as patch:
        patch.setattr(delimited, "_fast", lambda *_: None)
        tolerant = read(file, **hints)[0]
    pd.testing.assert_frame_equal(fast, tolerant, check_index_type=False)


@QUICK
@given(names=st.lists(HANGUL, min_size=3, max_size=30), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_unicode_encodings_round_trip_for_any_hangul(names, encoding, tmp_path):
    file = tmp_path / "hangul.csv"
    file.write_text("번호,이름\n" + "".join(f"{number},{name}\n" for number, name in enumerate(names)), encoding=encoding)
    assert read(file)[0]["이름"].tolist() == names


@pytest.mark.parametrize("encoding", ["cp949", "johab", "euc-kr", "utf-16-le", "utf-16-be"])
def test_korean_encodings_are_told_apart_by_their_text(encoding, tmp_path):
    names = ["광주광역시 광산구 하남대로 10", "화성시 동탄순환대로", "동대문구 답십리로48길 54", "어린이보호구역", "소화전"]
    file = tmp_path / "korean.csv"
    file.write_text("번호,주소\n" + "".join(f"{number},{name}\n" for number, name in enumerate(names * 20)), encoding=encoding)
    frame, table = read(file)
    assert frame["주소"].tolist() == names * 20
    assert not table.repairs


def test_a_late_undecodable_byte_is_counted_and_its_row_kept(tmp_path):
    rows = [f"{number},광산구 수완동" for number in range(20_000)]
    raw = ("번호,주소\n" + "\n".join(rows) + "\n").encode("cp949").replace(b"19990,", b"19990,\xff", 1)
    (tmp_path / "late.csv").write_bytes(raw)
    frame, table = read(tmp_path / "late.csv")
    assert len(frame) == 20_000
    assert frame["주소"].loc[19_991] == "�광산구 수완동"
    assert [(repair.code, repair.count) for repair in table.repairs] == [("undecodable", 1)]


@pytest.mark.parametrize("shift", range(3))
def test_utf8_characters_across_a_block_boundary_stay_whole(shift, tmp_path, monkeypatch):
    names = [f"{'x' * shift}광산구 하남대로 {number}" for number in range(20_000)]
    (tmp_path / "long.csv").write_text("번호,주소\n" + "".join(f"{number},{name}\n" for number, name in enumerate(names)), encoding="utf-8")
    assert read(tmp_path / "long.csv")[0]["주소"].tolist() == names
    small_blocks(monkeypatch, 4097 + shift)
    assert read(tmp_path / "long.csv")[0]["주소"].tolist() == names


def test_ascii_for_a_megabyte_and_then_cp949_is_read_as_cp949(tmp_path):
    raw = b"no,address\n" + b"".join(b"%d,plain street\n" % number for number in range(100_000)) + "1,광산구 수완동\n".encode("cp949")
    (tmp_path / "late.csv").write_bytes(raw)
    frame, table = read(tmp_path / "late.csv")
    assert table.decisions["encoding"] == "CP949"
    assert frame["address"].iloc[-1] == "광산구 수완동"


def test_a_malformed_row_in_mid_stream_is_set_aside_with_its_number_and_the_rest_is_kept(tmp_path, monkeypatch):
    small_blocks(monkeypatch, 4096)
    lines = [f"{number},이름{number},주소" for number in range(1, 5001)]
    lines[2499] = "2500,이름2500,주소,남는 값"
    (tmp_path / "mid.csv").write_text("번호,이름,주소\n" + "\n".join(lines) + "\n", encoding="utf-8")
    frame, table = read(tmp_path / "mid.csv")
    assert table.rows_read == 5000
    assert table.set_aside.frame()["source_row"].tolist() == [2500]
    assert json.loads(table.set_aside.frame()["raw"][0])[-1] == "남는 값"
    assert (frame["번호"].astype(int) == frame.index).all()


def test_source_rows_do_not_depend_on_the_chunk_size(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{number},x\n" for number in range(1, 1001)), encoding="utf-8")
    table = open_table(tmp_path / "t.csv")
    whole = table.read()
    for rows in (1, 7, 999, 5000):
        chunks = list(table.chunks(rows))
        assert all(len(chunk) == rows for chunk in chunks[:-1])
        pd.testing.assert_frame_equal(pd.concat(chunks), whole, check_index_type=False)


def test_short_rows_are_filled_and_blank_lines_skipped_both_counted(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n\n4,5\n6,7,8\n", encoding="utf-8")
    frame, table = read(tmp_path / "t.csv")
    assert cells(frame) == [["1", "2", "3"], ["4", "5", ""], ["6", "7", "8"]]
    assert {repair.code: repair.count for repair in table.repairs} == {"blank_line": 1, "short_row": 1}


def test_a_trailing_delimiter_shifts_no_column(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2,\n3,4,\n", encoding="utf-8")
    frame, table = read(tmp_path / "t.csv")
    assert cells(frame) == [["1", "2"], ["3", "4"]]
    assert [(repair.code, repair.count) for repair in table.repairs] == [("trailing_delimiter", 2)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_quoted_cell_may_run_over_lines(end, tmp_path):
    (tmp_path / "t.csv").write_text(f'a,b{end}1,"두{end}줄"{end}2,나{end}', encoding="utf-8", newline="")
    assert read(tmp_path / "t.csv")[0]["b"].str.split().tolist() == [["두", "줄"], ["나"]]


def test_two_header_levels_in_csv_are_joined(tmp_path):
    (tmp_path / "t.csv").write_text("행정구역별,2015,2015,2015\n행정구역별,총인구,남자,여자\n화성시,3,1,2\n", encoding="utf-8")
    frame, table = read(tmp_path / "t.csv")
    assert table.columns == ["행정구역별", "2015_총인구", "2015_남자", "2015_여자"]
    assert cells(frame) == [["화성시", "3", "1", "2"]]


def test_title_rows_of_a_csv_are_left_out_and_told(tmp_path):
    (tmp_path / "t.csv").write_text(
        "광산구 주차장 현황,,\n(단위: 면),,\n이름,주소,면수\n가,하남동,10\n나,수완동,20\n다,첨단,5\n", encoding="utf-8"
    )
    frame, table = read(tmp_path / "t.csv")
    assert table.columns == ["이름", "주소", "면수"]
    assert len(frame) == 3
    assert table.decisions["titles"] == ["광산구 주차장 현황", "(단위: 면)"]


def test_a_hint_of_the_register_overrules_the_layout(tmp_path):
    (tmp_path / "t.csv").write_text("가,나\n다,라\n", encoding="utf-8")
    assert len(read(tmp_path / "t.csv", header_rows=0)[0]) == 2
    assert read(tmp_path / "t.csv", skip_rows=1)[1].columns == ["다", "라"]


def test_a_formula_stays_text(tmp_path):
    (tmp_path / "t.csv").write_text("이름,값\n=cmd|' /C calc'!A0,1\n나,2\n", encoding="utf-8")
    assert read(tmp_path / "t.csv")[0]["이름"].iloc[0] == "=cmd|' /C calc'!A0"


def test_a_formula_never_computed_is_kept_as_text_and_counted(tmp_path):
    book = openpyxl.Workbook()
    for row in [["이름", "값"], ["가", 1], ["나", "=B2*2"]]:
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    frame, table = read(tmp_path / "t.xlsx")
    assert frame["값"].tolist() == ["1", "=B2*2"]
    assert [(repair.code, repair.count) for repair in table.repairs] == [("formula_text", 1)]


def test_an_unknown_sheet_and_an_unknown_layer_are_wrong_calls(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(UsageError, match="Sheet9"):
        open_table(tmp_path / "t.xlsx", sheet="Sheet9")


def points() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"이름": ["송정역", "수완"], "값": [1, 2]}, geometry=gpd.points_from_xy([200000, 200100], [180000, 180100]), crs="EPSG:5186"
    )


@pytest.mark.parametrize("without", [[], [".cpg"], [".prj"], [".cpg", ".prj"]])
def test_a_zipped_shapefile_is_read_with_and_without_its_side_files(without, tmp_path):
    points().to_file(tmp_path / "점.shp", encoding="cp949")
    with zipfile.ZipFile(tmp_path / "점.zip", "w") as archive:
        for part in sorted(tmp_path.glob("점.*")):
            if part.suffix not in [".zip", *without]:
                archive.write(part, f"폴더/{part.name}")
    frame, table = read(tmp_path / "점.zip")
    assert frame["이름"].tolist() == ["송정역", "수완"]
    assert frame.geometry.x.tolist() == [200000, 200100]
    assert (table.crs is None) == (".prj" in without)
    assert table.crs is None or frame.crs.to_epsg() == 5186


def test_a_geopackage_with_two_layers_asks_which(tmp_path):
    points().to_file(tmp_path / "t.gpkg", layer="가로등")
    points().iloc[:1].to_file(tmp_path / "t.gpkg", layer="소화전")
    with pytest.raises(InputError, match="가로등, 소화전"):
        open_table(tmp_path / "t.gpkg")
    frame, table = read(tmp_path / "t.gpkg", layer="소화전")
    assert len(frame) == table.rows_read == 1
    assert frame["값"].tolist() == ["1"]


def test_geojson_in_metres_without_crs_declares_none(tmp_path):
    content = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {"a": 1}, "geometry": {"type": "Point", "coordinates": [950000, 1950000]}}],
    }
    (tmp_path / "t.geojson").write_text(json.dumps(content))
    assert open_table(tmp_path / "t.geojson").crs is None


def test_a_bigger_list_beside_the_rows_is_told_by_its_size(tmp_path):
    (tmp_path / "t.json").write_text(
        json.dumps({"meta": [{"k": 1}], "data": [{"이름": "가"}, {"이름": "나"}]}, ensure_ascii=False), encoding="utf-8"
    )
    frame, table = read(tmp_path / "t.json")
    assert frame["이름"].tolist() == ["가", "나"]
    assert table.decisions["envelope"] == "data"


def test_a_page_of_a_larger_answer_is_told(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps({"response": {"body": {"items": [{"a": "1"}], "totalCount": 30}}}))
    assert [repair.code for repair in read(tmp_path / "t.json")[1].repairs] == ["page"]


def test_xml_in_euc_kr_is_read(tmp_path):
    text = '<?xml version="1.0" encoding="EUC-KR"?><response><body><items><item><이름>수완</이름></item><item><이름>첨단</이름></item></items></body></response>'
    (tmp_path / "t.xml").write_bytes(text.encode("euc-kr"))
    assert read(tmp_path / "t.xml")[0]["이름"].tolist() == ["수완", "첨단"]


def test_seoul_envelope_and_its_error_are_told_apart(tmp_path):
    good = {"subway": {"list_total_count": 1, "RESULT": {"CODE": "INFO-000", "MESSAGE": "정상 처리되었습니다"}, "row": [{"역명": "회기"}]}}
    (tmp_path / "good.json").write_text(json.dumps(good, ensure_ascii=False), encoding="utf-8")
    assert read(tmp_path / "good.json")[0]["역명"].tolist() == ["회기"]
    (tmp_path / "bad.json").write_text(
        json.dumps({"RESULT": {"CODE": "ERROR-336", "MESSAGE": "요청 건수 초과"}}, ensure_ascii=False), encoding="utf-8"
    )
    with pytest.raises(InputError, match="ERROR-336"):
        open_table(tmp_path / "bad.json")


def test_utf16_is_found_without_mark(tmp_path):
    (tmp_path / "t.txt").write_bytes("name\tvalue\nsuwan\t1\n".encode("utf-16-be"))
    assert find_encoding(tmp_path / "t.txt").name == "utf-16-be"


def test_reading_twice_gives_the_same_account(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3\n4,5,6\n", encoding="utf-8")
    table = open_table(tmp_path / "t.csv", header_rows=1, delimiter=",")
    first = (table.read().to_json(), table.repairs, table.set_aside.counts(), table.rows_read)
    assert first == (table.read().to_json(), table.repairs, table.set_aside.counts(), table.rows_read)
