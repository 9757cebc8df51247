"""Bad input gets one clear Korean sentence: no traceback, no silence, no long wait."""

from __future__ import annotations

import gzip
import json
import os
import random
import stat
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest

from gsan_lib.bank.inspection import inspect
from gsan_lib.bank.readers import read
from gsan_lib.errors import InputError


def junk() -> bytes:
    return random.Random(7).randbytes(40_000)


def workbook(folder: Path) -> bytes:
    book = openpyxl.Workbook()
    for row in [["이름", "값"], ["가", 1], ["나", 2]]:
        book.active.append(row)
    book.save(folder / "whole.xlsx")
    return (folder / "whole.xlsx").read_bytes()


def feature(coordinates: str) -> str:
    return (
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": '
        + coordinates
        + "}}]}"
    )


def zipped(folder: Path, **members: bytes) -> bytes:
    with zipfile.ZipFile(folder / "made.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return (folder / "made.zip").read_bytes()


BAD = {
    "empty file": ("빈.csv", lambda folder: b"", "빈 파일"),
    "truncated zip": ("잘린.zip", lambda folder: zipped(folder, a=junk())[:2000], "깨졌거나 잘렸습니다"),
    "truncated workbook": ("잘린.xlsx", lambda folder: workbook(folder)[:3000], "깨졌거나 잘렸습니다"),
    "damaged workbook": ("깨진.xlsx", lambda folder: zipped(folder, **{"xl/workbook.xml": b"<broken"}), "엑셀 파일로 읽을 수 없습니다"),
    "binary junk": ("쓰레기.csv", lambda folder: junk(), "이진 파일"),
    "binary junk as xls": ("쓰레기.xls", lambda folder: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + junk(), "구형 오피스 문서"),
    "broken parquet": ("깨진.parquet", lambda folder: b"PAR1" + junk(), "깨진 Parquet"),
    "broken geopackage": ("깨진.gpkg", lambda folder: b"SQLite format 3\0" + junk(), "지도 자료로 읽을 수 없습니다"),
    "archive of nothing": ("빈.zip", lambda folder: zipped(folder), "빈 압축 파일"),
    "archive of two": ("둘.zip", lambda folder: zipped(folder, **{"a.csv": b"a,b\n", "b.csv": b"a,b\n"}), "layer="),
    "archive in archive": ("겹.zip", lambda folder: zipped(folder, **{"a.zip": zipped(folder, a=b"a,b\n", b=b"a,b\n")}), "다시 압축 파일"),
    "shapefile without parts": ("홀로.zip", lambda folder: zipped(folder, **{"a.shp": b"\0\0\x27\x0a" + bytes(96)}), "다시 받으십시오"),
    "NaN coordinates": ("nan.geojson", lambda folder: feature("[NaN, 35.1]").encode(), "숫자가 아닌 값(NaN)"),
    "infinite coordinates": ("inf.geojson", lambda folder: feature("[126.8, -Infinity]").encode(), "숫자가 아닌 값"),
    "cut geojson": ("잘린.geojson", lambda folder: feature("[126.8, 35.1]")[:-30].encode(), "다시 받으십시오"),
    "broken json": ("깨진.json", lambda folder: '{"휴관일": ""매주 월요일""}'.encode(), "깨진 JSON"),
    "deep json": ("깊은.json", lambda folder: b"[" * 100_000, "JSON"),
    "json of nothing": ("무.json", lambda folder: b'{"a": {"b": 1}}', "행의 목록을 찾지 못했습니다"),
    "broken xml": ("깨진.xml", lambda folder: b"<response><item></response>", "깨진 XML"),
    "entity bomb": (
        "폭탄.xml",
        lambda folder: b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><r><item>&b;</item></r>',
        "금지된 개체",
    ),
    "login page as xls": ("현황.xls", lambda folder: "<!DOCTYPE html><html><body>로그인</body></html>".encode(), "HTML 문서"),
    "blank lines only": ("공백.csv", lambda folder: b"\n\n \n", "내용이 있는 행이 없습니다"),
    "a poem": ("시.txt", lambda folder: "나 보기가 역겨워\n가실 때에는\n말없이, 고이 보내\n".encode(), "표가 아닙니다"),
    "ten thousand columns": (
        "넓은.csv",
        lambda folder: (",".join(f"c{n}" for n in range(10_000)) + "\n" + ",".join(["1"] * 10_000) + "\n").encode(),
        "열이 10,000개",
    ),
    "cut gzip": ("잘린.gz", lambda folder: gzip.compress(junk())[:5], "압축이 깨졌습니다"),
    "pdf": ("표.csv", lambda folder: b"%PDF-1.7 ...", "PDF 문서"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_korean_sentence(case, tmp_path):
    name, make, told = BAD[case]
    (tmp_path / name).write_bytes(make(tmp_path))
    began = time.monotonic()
    with pytest.raises(InputError) as caught:
        read(tmp_path / name)
    message = str(caught.value)
    assert told in message
    assert name in message
    assert message.endswith(".")
    assert "\n" not in message
    assert str(tmp_path) not in message
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("look", [read, inspect])
def test_a_folder_and_a_missing_file_are_told_apart(look, tmp_path):
    with pytest.raises(InputError, match="폴더입니다"):
        look(tmp_path)
    with pytest.raises(InputError, match="파일이 없습니다"):
        look(tmp_path / "없음.csv")


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "잠긴.csv"
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    file.chmod(0)
    if os.access(file, os.R_OK):  # root reads everything: let the system call refuse

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match="권한이 없습니다"):
        read(file)
    monkeypatch.undo()
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)


def test_a_workbook_of_empty_sheets_is_refused(tmp_path):
    book = openpyxl.Workbook()
    book.create_sheet("둘째")
    book.save(tmp_path / "빈.xlsx")
    with pytest.raises(InputError, match="모든 시트"):
        read(tmp_path / "빈.xlsx")


def test_an_empty_sheet_before_a_full_one_is_passed_over_and_told(tmp_path):
    book = openpyxl.Workbook()
    page = book.create_sheet("자료")
    for row in [["이름", "값"], ["가", 1], ["나", 2]]:
        page.append(row)
    book.save(tmp_path / "t.xlsx")
    frame, table = read(tmp_path / "t.xlsx")
    assert table.decisions["sheet"] == "자료"
    assert len(frame) == 2


def test_a_header_without_rows_gives_an_empty_table_and_inspection_says_so(tmp_path):
    (tmp_path / "t.csv").write_text("이름,값,주소\n", encoding="utf-8")
    frame, table = read(tmp_path / "t.csv")
    assert frame.empty
    assert table.columns == list(frame.columns) == ["이름", "값", "주소"]
    assert any("자료 행이 없습니다" in problem for problem in inspect(tmp_path / "t.csv").problems)


def test_a_formula_injection_cell_is_kept_as_text_and_reported(tmp_path):
    (tmp_path / "t.csv").write_text("이름,값\n\"=cmd|' /C calc'!A0\",1\n나,2\n", encoding="utf-8")
    assert read(tmp_path / "t.csv")[0]["이름"].iloc[0].startswith("=cmd")
    assert any("수식으로 시작하는 칸이 1개" in problem for problem in inspect(tmp_path / "t.csv").problems)


def test_inspection_shows_no_personal_number(tmp_path):
    (tmp_path / "t.csv").write_text("이름,주민번호,전화\n가,900101-1234567,010-1234-5678\n나,9505052345678,01098765432\n", encoding="utf-8")
    found = inspect(tmp_path / "t.csv")
    shown = json.dumps(found.to_dict(), ensure_ascii=False) + found.to_text()
    assert not any(secret in shown for secret in ("1234567", "2345678", "1234-5678", "98765432"))
    assert any("주민등록번호로 보이는 값이 2개" in problem for problem in found.problems)


def test_inspection_is_json_without_nan(tmp_path):
    (tmp_path / "t.csv").write_text("경도,위도,빈\n126.8,35.1,\n,,\n", encoding="utf-8")
    json.dumps(inspect(tmp_path / "t.csv").to_dict(), allow_nan=False)
