"""Formats of texts and numbers (JSON Schema 2020-12 validation, section 7.3, and OpenAPI's own)."""

from __future__ import annotations

import calendar
import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from jsonschema import FormatChecker

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_HOUR = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = re.compile(rf"{_HOUR}:(?:[0-5][0-9]|60)(?:\.[0-9]+)?(?:[zZ]|[+-]{_HOUR})")
_SHORT_TIME = re.compile(rf"{_HOUR}(?::[0-5][0-9])?")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\.?$){_LABEL}(?:\.{_LABEL})*\.?")
_ATOM = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_EMAIL = re.compile(rf"{_ATOM}@{_LABEL}(?:\.{_LABEL})*")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_DURATION = re.compile(
    r"P(?=[0-9T])(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+W)?(?:[0-9]+D)?"
    r"(?:T(?=[0-9])(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?"
)

checker = FormatChecker(formats=())  # what is no text fits every format of texts


def _format(*names: str) -> Any:
    def register(test: Any) -> Any:
        for name in names:
            checker.checks(name)(lambda value: not isinstance(value, str) or bool(test(value)))
        return test

    return register


@_format("date")
def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if not found:
        return False
    year, month, day = map(int, found.groups())
    return year >= 1 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


@_format("time")
def _is_any_time(text: str) -> bool:
    # RFC 3339 wants seconds and an offset; nobody writes them for an opening hour.
    return _is_time(text) or _SHORT_TIME.fullmatch(text) is not None


def _is_time(text: str) -> bool:
    return _TIME.fullmatch(text) is not None


@_format("date-time")
def _is_date_time(text: str) -> bool:
    return len(text) > 10 and text[10] in "Tt" and _is_date(text[:10]) and _is_time(text[11:])


@_format("email")
def _is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None and ".." not in text.rpartition("@")[0]


@_format("idn-email")
def _is_idn_email(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    return _is_email(text) or bool(
        local and domain and text.isprintable() and not text.isascii() and " " not in text
    )


@_format("uuid")
def _is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is not None


@_format("uri", "url")
def _is_uri(text: str) -> bool:
    if not _is_uri_reference(text):
        return False
    parts = urlsplit(text)
    return bool(parts.scheme and (parts.netloc or parts.path))


@_format("uri-reference")
def _is_uri_reference(text: str) -> bool:
    try:
        _ = urlsplit(text).port
    except ValueError:
        return False
    return re.search(r"[\s<>\"{}|\\^`]", text) is None


@_format("byte")
def _is_base64(text: str) -> bool:
    return _BASE64.fullmatch(text) is not None


@_format("duration")
def _is_duration(text: str) -> bool:
    return _DURATION.fullmatch(text) is not None


@_format("json-pointer")
def _is_pointer(text: str) -> bool:
    return _POINTER.fullmatch(text) is not None


@_format("regex")
def _is_regex(text: str) -> bool:
    # Python writes ECMA's \p{L} not at all, and its named groups in another way.
    text = re.sub(r"\(\?<(?=\w)", "(?P<", re.sub(r"\\[pP]\{\w+(?:=\w+)?\}", "a", text))
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


@_format("ipv4")
def _is_ipv4(text: str) -> bool:
    return _address(ipaddress.IPv4Address, text)


@_format("ipv6")
def _is_ipv6(text: str) -> bool:
    return "%" not in text and _address(ipaddress.IPv6Address, text)


@_format("hostname")
def _is_hostname(text: str) -> bool:
    return _HOST.fullmatch(text) is not None


checker.checks("int32")(lambda v: not _is_int(v) or -(2**31) <= v < 2**31)
checker.checks("int64")(lambda v: not _is_int(v) or -(2**63) <= v < 2**63)


def _address(cls: Any, text: str) -> bool:
    try:
        cls(text)
    except ValueError:
        return False
    return True


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
