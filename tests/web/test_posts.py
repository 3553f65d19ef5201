"""What a post to a hook says, in each form in which programs send it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadchat.web.http import BadRequest, Request
from threadchat.web.posts import words_in

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def said(body: bytes | str, kind: str | None = FORM, **headers: str) -> str:
    data = body.encode() if isinstance(body, str) else body
    fields = [] if kind is None else [("content-type", kind)]
    fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return words_in(Request("POST", "/hook/x", "", fields, body=data), "cp1252")


def refused(body: bytes | str, kind: str | None = FORM, **headers: str) -> tuple[int, str]:
    with pytest.raises(BadRequest) as caught:
        said(body, kind, **headers)
    line = str(caught.value)
    assert "\n" not in line
    return caught.value.response.status, line


class TestPlainText:
    @pytest.mark.parametrize(
        "kind",
        [FORM, None, "text/plain", "text/plain; charset=utf-8", "application/octet-stream"],
    )
    @pytest.mark.parametrize(
        "text",
        [
            "build 512 failed",
            "two\nlines",
            "100% of a+b",
            "a=1&b=2",
            "see http://ci/?a=1&text=hello",
            "text",
            "the text=5",
            "[1, 2]",
            '"hi"',
            '{"a": 1}',
            "{oops",
            "",
        ],
    )
    def test_it_is_said_as_it_stands(self, kind: str | None, text: str) -> None:
        assert said(text, kind) == text

    def test_what_is_called_plain_text_is_nothing_else(self) -> None:
        for text in ("text=hi", '{"text": "hi"}', "payload={}"):
            assert said(text, "text/plain") == text

    def test_what_is_no_utf8_is_read_as_from_terminals(self) -> None:
        assert said("café".encode("cp1252")) == "café"
        assert said("漢字 é".encode()) == "漢字 é"
        assert said("漢 ".encode() + b"\xe9") == "漢 é"
        assert said(b"\xef\xbb\xbfhi") == "hi"

    def test_another_encoding_may_be_named(self) -> None:
        assert said("Ж".encode("koi8-r"), "text/plain; charset=KOI8-R") == "Ж"
        assert said("é".encode("latin-1"), 'text/plain;charset="iso-8859-1"') == "é"
        status, line = refused("x", "text/plain; charset=utf-7")
        assert (status, line) == (415, "The charset of that is not known here. Send UTF-8.")


class TestJson:
    @pytest.mark.parametrize("kind", [JSON, "application/json; charset=utf-8", FORM, None])
    def test_it_has_a_text(self, kind: str | None) -> None:
        assert said('{"text": "build 512\\nfailed \\u00e9"}', kind) == "build 512\nfailed é"

    def test_who_says_it_and_where_is_not_the_senders_to_choose(self) -> None:
        message = {
            "text": "hi",
            "username": "operator",
            "channel": "#lobby",
            "icon_emoji": ":tada:",
            "blocks": [{"type": "section"}],
        }
        assert said(json.dumps(message), JSON) == "hi"

    def test_attachments_follow_the_text(self) -> None:
        attachments = [
            {
                "fallback": "not shown",
                "color": "danger",
                "pretext": "above",
                "title": "Build 512",
                "title_link": "http://ci/512",
                "text": "failed\nbadly",
                "fields": [
                    {"title": "Branch", "value": "main", "short": True},
                    {"value": "alone"},
                    {},
                    "odd",
                ],
            },
            {"fallback": "only this", "image_url": "http://x/y.png"},
            "odd",
            {},
        ]
        assert said(json.dumps({"text": "first", "attachments": attachments}), JSON) == (
            "first\nabove\nBuild 512 (http://ci/512)\nfailed\nbadly\nBranch: main\nalone\nonly this"
        )
        assert said(json.dumps({"attachments": attachments[1:]}), FORM) == "only this"

    @pytest.mark.parametrize(
        ("written", "plain"),
        [
            ("<http://ci/512|#512> failed", "#512 (http://ci/512) failed"),
            ("see <https://ci/?a=1&amp;b=2>", "see https://ci/?a=1&b=2"),
            ("<mailto:al@example.org|al@example.org>", "al@example.org"),
            ("<!here> look", "@here look"),
            ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
            ("1 < 2 > 0, <b>", "1 < 2 > 0, <b>"),
            ("<javascript:alert(1)|x>", "<javascript:alert(1)|x>"),
        ],
    )
    def test_what_slack_writes_for_links_is_made_plain(self, written: str, plain: str) -> None:
        assert said(json.dumps({"text": written}), JSON) == plain

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "hi",
            "{",
            "[]",
            "null",
            '"hi"',
            "{}",
            '{"text": ""}',
            '{"text": " "}',
            '{"text": 5}',
            '{"text": null, "attachments": null}',
            '{"attachments": {"text": "x"}}',
            '{"attachments": [{"text": 5}]}',
            '{"a":' * 4000,
            '{"text": "x", "n": ' + "9" * 5000 + "}",
        ],
    )
    def test_without_words_it_is_refused(self, body: str) -> None:
        status, line = refused(body, JSON)
        assert status == 400
        assert 'Send plain text, or {"text": "words"}.' in line

    def test_half_of_a_letter_is_no_harm(self) -> None:
        assert said('{"text": "\\ud800 x"}', JSON) == "\ud800 x"


class TestForms:
    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ("text=hi", "hi"),
            ("text=a+b%26c%0Ad", "a b&c\nd"),
            ("channel=%23x&text=hi&username=bo", "hi"),
            ("payload=%7B%22text%22%3A+%22a+%26+b%22%7D", "a & b"),
            ('payload={"text": "a & b + c = 100%"}', "a & b + c = 100%"),
            ("text=%C3%A9", "é"),
            ("text=", ""),
        ],
    )
    def test_a_text_or_a_payload_is_what_it_says(self, body: str, words: str) -> None:
        assert said(body) == words
        assert said(body + "\n") == words

    @pytest.mark.parametrize("body", ["payload=hi", "payload=", "payload={}", "payload=%7B%7D"])
    def test_a_payload_without_words_is_refused(self, body: str) -> None:
        status, line = refused(body)
        assert (status, line[:11]) == (400, "The payload")

    def test_many_fields_are_no_trouble(self) -> None:
        assert said("a=b&" * 4000 + "text=hi") == "hi"


@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data; boundary=x", "image/png", "application/xml", "x" * 200, "a\u00e9/b"],
)
def test_another_type_is_refused_by_its_name(kind: str) -> None:
    status, line = refused("x", kind)
    assert status == 415
    assert line.startswith(kind[:15].partition(";")[0])
    assert len(line) < 120


def test_what_is_packed_is_refused() -> None:
    assert refused(b"\x1f\x8b", "text/plain", content_encoding="gzip")[0] == 415
    assert said("x", "text/plain", content_encoding="identity") == "x"


@given(
    st.binary(max_size=200)
    | st.text(max_size=99).map(lambda it: json.dumps({"text": it}).encode()),
    st.sampled_from([FORM, JSON, None, "text/plain", "text/plain; charset=cp437"]),
)
def test_no_bytes_raise_anything_else(body: bytes, kind: str | None) -> None:
    status = 200
    try:
        said(body, kind)
    except BadRequest as error:
        status = error.response.status
    assert status in (200, 400, 415)
