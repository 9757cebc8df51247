"""Every real file is read or refused in one sentence; none crashes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import real_files

from gsan_lib.bank.inspection import inspect
from gsan_lib.errors import InputError


def files() -> list[str]:
    """Every file but the benchmark instances, which have their own readers."""
    folder = real_files()
    if folder is None:
        return []
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() and "or_benchmarks" not in file.parts)


REFUSED = {
    "SHA256SUMS": "표가 아닙니다",
    "api_samples/error_30_service_key_not_registered.xml": "SERVICE_KEY_IS_NOT_REGISTERED_ERROR",
    "api_samples/error_no_mandatory_params_utf16.json": "NO_MANDATORY_REQUEST_PARAMETERS_ERROR",
    "facilities/national/전국도서관표준데이터.json": "깨진 JSON",
    **{f"standards/dcat-ap-3.0.1-{name}.ttl": "표가 아닙니다" for name in ("deprecateduris", "range", "shapes", "shapes_recommended")},
}
NO_TABLE = {".md", ".jsonld", ".tif", ".bz2", ".graphml"}


@pytest.mark.real
@pytest.mark.parametrize("name", files() or ["(no real files)"])
def test_a_real_file_is_read_or_refused_in_one_sentence(name: str, inbox: Path):
    if name in REFUSED:
        with pytest.raises(InputError) as caught:
            inspect(inbox / name)
        message = str(caught.value)
        assert REFUSED[name] in message
        assert "\n" not in message
        assert message.endswith(".")
        return
    found = inspect(inbox / name)
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.readable == (Path(name).suffix not in NO_TABLE)
    assert Path(name).name in found.to_text().splitlines()[0]
    if found.readable:
        assert found.rows
        assert len(found.columns) > 1


@pytest.mark.real
def test_every_kind_of_file_is_among_them(inbox: Path):
    assert len(files()) >= 80
    assert {Path(name).suffix for name in files()} >= {
        ".csv",
        ".tsv",
        ".xls",
        ".xlsx",
        ".json",
        ".geojson",
        ".xml",
        ".zip",
        ".parquet",
        *NO_TABLE,
    }
