"""The paging client against a local server that answers in the shapes of real open APIs."""

from __future__ import annotations

import http.server
import json
import logging
import threading
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from gsan_lib.bank.client import download, pages
from gsan_lib.bank.readers import read
from gsan_lib.errors import InputError, UsageError

KEY = "a+b/c=="
ENCODED = "a%2Bb%2Fc%3D%3D"
ROWS = [{"fcltyNo": f"광산-{number}", "latitude": "35.1", "longitude": "126.8"} for number in range(1, 26)]
Answer = tuple[int, str, bytes]


def as_json(page: int, size: int) -> Answer:
    body = {"items": ROWS[(page - 1) * size : page * size], "totalCount": len(ROWS), "pageNo": page, "numOfRows": size}
    return (
        200,
        "application/json",
        json.dumps({"response": {"header": {"resultCode": "00", "resultMsg": "NORMAL SERVICE."}, "body": body}}).encode(),
    )


def as_xml(page: int, size: int) -> Answer:
    items = "".join(
        "<item>" + "".join(f"<{key}>{value}</{key}>" for key, value in row.items()) + "</item>"
        for row in ROWS[(page - 1) * size : page * size]
    )
    text = f"<response><header><resultCode>00</resultCode><resultMsg>NORMAL SERVICE.</resultMsg></header><body><items>{items}</items><totalCount>{len(ROWS)}</totalCount></body></response>"
    return 200, "application/xml", ('<?xml version="1.0" encoding="UTF-8"?>' + text).encode()


def key_error(page: int, size: int) -> Answer:
    body = b"<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg><returnAuthMsg>SERVICE_KEY_IS_NOT_REGISTERED_ERROR</returnAuthMsg><returnReasonCode>30</returnReasonCode></cmmMsgHeader></OpenAPI_ServiceResponse>"
    return 200, "text/xml", body


def utf16_error(page: int, size: int) -> Answer:
    text = json.dumps({"header": {"resultCode": "11", "resultMsg": "NO_MANDATORY_REQUEST_PARAMETERS_ERROR"}})
    return 200, "application/json", text.encode("utf-16")


class Server:
    """A local API whose next answers a test chooses; it remembers the queries."""

    def __init__(self) -> None:
        self.answer: Callable[[int, int], Answer] = as_json
        self.queries: list[dict[str, list[str]]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                outer.queries.append(query)
                status, kind, body = outer.answer(int(query["pageNo"][0]), int(query["numOfRows"][0]))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/openapi/hydrants"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, daemon=True)
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


def fetch(server: Server, **options: object) -> list[dict[str, object]]:
    with httpx.Client(trust_env=False) as client:
        return [
            row
            for page in pages(server.url, {"type": "json"}, key=ENCODED, page_rows=10, client=client, pause=lambda _: None, **options)
            for row in page.envelope.rows
        ]


@pytest.mark.parametrize("shape", [as_json, as_xml])
def test_all_pages_add_up_to_the_total(server, shape):
    server.answer = shape
    assert fetch(server) == ROWS
    assert [query["pageNo"] for query in server.queries] == [["1"], ["2"], ["3"]]


def test_an_encoded_key_reaches_the_server_decoded_once(server):
    fetch(server)
    assert {query["serviceKey"][0] for query in server.queries} == {KEY}


@pytest.mark.parametrize(("shape", "told"), [(key_error, "코드 30"), (utf16_error, "코드 11")])
def test_an_error_body_with_http_200_is_an_error(server, shape, told):
    server.answer = shape
    with pytest.raises(InputError, match=told):
        fetch(server)


def test_a_gateway_that_stumbles_is_asked_again(server):
    stumbles = iter([True, False, True, True, False, False])
    server.answer = lambda page, size: (502, "text/html", b"Bad Gateway") if next(stumbles) else as_json(page, size)
    assert fetch(server) == ROWS
    assert len(server.queries) == 6


def test_a_gateway_that_never_answers_is_given_up(server):
    server.answer = lambda page, size: (503, "text/html", b"")
    with pytest.raises(InputError, match="4번 모두 답하지 않았습니다"):
        fetch(server)


def test_a_short_page_is_refused(server):
    def short(page: int, size: int) -> Answer:
        status, kind, body = as_json(page, size)
        content = json.loads(body)
        if page == 2:
            content["response"]["body"]["items"].pop()
        return status, kind, json.dumps(content).encode()

    server.answer = short
    with pytest.raises(InputError, match="전체 25건이라는데 24건"):
        fetch(server)


def test_a_service_that_ignores_the_page_number_is_refused(server):
    server.answer = lambda page, size: as_json(1, size)
    with pytest.raises(InputError, match="앞쪽과 같습니다"):
        fetch(server)


def test_a_total_that_changes_is_refused(server):
    def growing(page: int, size: int) -> Answer:
        status, kind, body = as_json(page, size)
        return status, kind, body.replace(b'"totalCount": 25', f'"totalCount": {24 + page}'.encode())

    server.answer = growing
    with pytest.raises(InputError, match="바뀌었습니다"):
        fetch(server)


@pytest.mark.parametrize(
    "shape", [key_error, lambda page, size: (403, "text/plain", b"Forbidden " + KEY.encode()), lambda page, size: (503, "text/plain", b"")]
)
def test_the_key_is_in_no_message_and_in_no_log(server, shape, caplog):
    server.answer = shape
    with caplog.at_level(logging.DEBUG), pytest.raises(InputError) as caught:
        fetch(server)
    everything = str(caught.value) + caplog.text + repr(caught.value.__cause__)
    assert caplog.text  # httpx does log its requests
    assert not any(secret in everything for secret in (KEY, ENCODED, "a%2Bb"))


def test_an_unreachable_host_is_one_sentence_without_the_key(server):
    server.http.server_close()
    with pytest.raises(InputError, match="답하지 않았습니다") as caught:
        fetch(server)
    assert KEY not in str(caught.value)


def test_a_download_is_read_like_any_file_and_is_whole_or_absent(server, tmp_path):
    with httpx.Client(trust_env=False) as client:
        assert download(server.url, tmp_path / "소화전.json", key=KEY, page_rows=10, client=client) == 25
        frame, table = read(tmp_path / "소화전.json")
        assert frame["fcltyNo"].tolist() == [row["fcltyNo"] for row in ROWS]
        assert not table.repairs
        server.answer = lambda page, size: key_error(page, size) if page == 3 else as_json(page, size)
        with pytest.raises(InputError):
            download(server.url, tmp_path / "둘째.json", key=KEY, page_rows=10, client=client)
    assert [file.name for file in tmp_path.iterdir()] == ["소화전.json"]


def test_an_empty_key_is_a_wrong_call(server):
    with pytest.raises(UsageError, match="비어 있습니다"):
        list(pages(server.url, key=" "))
