"""roc-validator without a network: its cache holds the contexts that lie among the real public files, and nothing else can be reached."""

from __future__ import annotations

import io
import json
import logging
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests_cache
import urllib3
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter, HTTPAdapter
from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationResult
from rocrate_validator.utils import log

log.basicConfig(logging.CRITICAL)  # its report at exit says what the tests assert

CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": "ro-crate-1.1-context.jsonld",
    "https://w3id.org/ro/terms/workflow-run/context": "workflow-run-context.jsonld",
}
PROFILES = {
    "https://w3id.org/ro/wfrun/workflow/0.5": "workflow-run-crate",
    "https://w3id.org/ro/wfrun/process/0.5": "process-run-crate",
}  # the richer first


class _Shelf(BaseAdapter):
    """Answers with files instead of the network."""

    def __init__(self, standards: Path) -> None:
        super().__init__()
        self.standards = standards

    def send(self, request: PreparedRequest, **_: Any) -> Response:
        body = io.BytesIO((self.standards / CONTEXTS[str(request.url)]).read_bytes())
        answer = urllib3.HTTPResponse(body=body, status=200, headers={"Content-Type": "application/ld+json"}, preload_content=False)
        return HTTPAdapter().build_response(request, answer)

    def close(self) -> None:
        pass


@contextmanager
def no_network() -> Iterator[None]:
    """Whatever wants to connect or to look up a name fails."""

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("a test wanted to reach the network")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, refused)
        for name in ("getaddrinfo", "gethostbyname", "create_connection"):
            patch.setattr(socket, name, refused)
        yield


def contexts(standards: Path) -> list[dict[str, Any]]:
    """The contexts' own text, for readers that take them in place of an address."""
    return [json.loads((standards / name).read_text(encoding="utf-8"))["@context"] for name in CONTEXTS.values()]


class OfflineValidator:
    """Validates editions against the profile that they claim, every check of it."""

    def __init__(self, standards: Path, cache: Path) -> None:
        self.cache = cache
        with requests_cache.CachedSession(str(cache), backend="sqlite", expire_after=-1) as session:
            session.mount("https://", _Shelf(standards))
            for address in CONTEXTS:
                session.get(address).raise_for_status()

    def profile(self, folder: Path) -> str:
        """The richest profile that the crate claims."""
        graph = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
        claimed = next(one for one in graph if one["@id"] == "./").get("conformsTo", [])
        ids = {one["@id"] for one in (claimed if isinstance(claimed, list) else [claimed])}
        return next((name for address, name in PROFILES.items() if address in ids), "workflow-run-crate")

    def __call__(self, folder: Path, severity: Severity = Severity.REQUIRED, profile: str = "") -> ValidationResult:
        """The result, with the network closed. Fails where a check was left out."""
        settings = {
            "rocrate_uri": str(folder), "profile_identifier": profile or self.profile(folder), "requirement_severity": severity,
            "offline": True, "cache_path": self.cache, "cache_max_age": -1,
        }  # fmt: skip
        with no_network():
            return services.validate(settings)

    def problems(self, folder: Path, severity: Severity = Severity.REQUIRED, profile: str = "") -> list[str]:
        """What the validator objects to. A crate without objection was checked in full: no check skipped, none left unreached."""
        result = self(folder, severity, profile)
        said = [issue.message for issue in result.get_issues(severity)]
        if not said:
            assert result.passed(severity)
            assert not result.skipped_checks, sorted(check.name for check in result.skipped_checks)
        return said

    def copied(self, folder: Path, place: Path) -> Path:
        """A copy of an edition, to be damaged."""
        return Path(shutil.copytree(folder, place / folder.name))
