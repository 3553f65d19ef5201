"""Find the words in a post to a hook: plain text, JSON as Slack and Mattermost take it, or a form.

`curl -d WORDS` calls whatever it sends a form, and some programs give no type at all. So a body
that is called a form is one only if it has a field `text` or `payload`; else it is JSON, if it is
an object with words in it, and else plain text.
"""

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from threadchat.text.decoder import Decoder
from threadchat.text.encodings import usable_encoding
from threadchat.web.http import BadRequest, Request

_FORM = "application/x-www-form-urlencoded"

_GUESSED = ("", _FORM)
"""The types that are no sign of what is in a body."""

_PLAIN = (*_GUESSED, "application/octet-stream")

_WAY_OUT = 'Send plain text, or {"text": "words"}.'

_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_CHARSET = re.compile(r""";\s*charset\s*=\s*"?([^\s;"]+)""", re.IGNORECASE)


def words_in(request: Request, fallback: str) -> str:
    """Return what the body of `request` says; it may have several lines, and is not safe to show.

    What is not said to be in another encoding is taken for UTF-8, or else for `fallback`, as what
    terminals send is. Raise `BadRequest`.
    """
    if request.value("content-encoding").lower() not in ("", "identity"):
        raise BadRequest(415, f"A body that is packed is not read here. {_WAY_OUT}")
    given = request.value("content-type")
    kind = given.partition(";")[0].strip().lower()
    text = _decoded(request.body, given, fallback)
    if kind == "application/json" or kind.endswith("+json"):
        words = _words_in_json(text)
        if words is None:
            raise BadRequest(400, f"That is no JSON with a text. {_WAY_OUT}")
        return words
    if kind not in _PLAIN and not kind.startswith("text/"):
        raise BadRequest(415, f"{kind[:50]} is not read here. {_WAY_OUT}")
    if kind in _GUESSED:
        form = _fields_in(text)
        if "payload" in form:
            words = _words_in_json(form["payload"])
            if words is None:
                raise BadRequest(400, f"The payload is no JSON with a text. {_WAY_OUT}")
            return words
        if "text" in form:
            return form["text"]
        words = _words_in_json(text)
        return text if words is None else words
    return text


def _decoded(body: bytes, content_type: str, fallback: str) -> str:
    charset = _CHARSET.search(content_type)
    if charset is None or charset[1].lower() in ("utf-8", "utf8"):
        return Decoder(fallback).decode(body, final=True)
    try:
        return body.decode(usable_encoding(charset[1]), "replace")
    except LookupError:
        raise BadRequest(415, "The charset of that is not known here. Send UTF-8.") from None


def _fields_in(text: str) -> dict[str, str]:
    """Return the fields of a form by their names; none if `text` is not one."""
    name, _, rest = text.strip().partition("=")
    if name == "payload" and rest.startswith("{"):
        return {name: rest}  # not encoded, as in many examples of curl
    fields = {}
    for field in text.strip().split("&"):
        name, sign, value = field.partition("=")
        if not sign or not _FIELD_NAME.fullmatch(name):
            return {}
        fields[name] = unquote_plus(value)
    return fields


# JSON


def _words_in_json(text: str) -> str | None:
    """Return the words in the JSON `text`; None if it is not an object with any."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    lines = [*_text_of(message, "text")]
    attachments = message.get("attachments")
    for attachment in attachments if isinstance(attachments, list) else ():
        if isinstance(attachment, dict):
            lines += [*_shown(attachment)] or [*_text_of(attachment, "fallback")]
    return _without_markup("\n".join(lines)) if lines else None


def _shown(attachment: dict[str, object]) -> Iterator[str]:
    """Yield the lines of an attachment: what is above it, its title, its text, its fields."""
    yield from _text_of(attachment, "pretext")
    link = " ".join(_text_of(attachment, "title_link"))
    for title in _text_of(attachment, "title"):
        yield f"{title} ({link})" if link else title
    yield from _text_of(attachment, "text")
    fields = attachment.get("fields")
    for field in fields if isinstance(fields, list) else ():
        if isinstance(field, dict):
            parts = [*_text_of(field, "title"), *_text_of(field, "value")]
            if parts:
                yield ": ".join(parts)


def _text_of(values: dict[str, object], name: str) -> Iterator[str]:
    """Yield the text that is called `name`, if there is one with anything in it."""
    value = values.get(name)
    if isinstance(value, str) and value.strip():
        yield value


# What Slack's senders write for links and for those whom a line is for; and three signs in the way
# of HTML, as "<" begins these.
_MARKUP = re.compile(r"<(?:!(\w+)|((?:https?|mailto):[^|<>\s]+)(?:\|([^<>]*))?)>")

_SIGNS = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def _without_markup(text: str) -> str:
    text = _MARKUP.sub(_plain, text)
    for written, sign in _SIGNS:
        text = text.replace(written, sign)
    return text


def _plain(markup: re.Match[str]) -> str:
    everybody, link, label = markup.groups()
    if everybody:
        return f"@{everybody}"
    address = link.removeprefix("mailto:")
    return f"{label} ({address})" if label and label != address else address
