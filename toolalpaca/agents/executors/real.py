"""Calls to real APIs: allow-listed hosts at public addresses, with limits; off unless asked for."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, urlsplit

import aiohttp
from yarl import URL

from toolalpaca.agents.executors.addresses import (
    Address,
    CheckedResolver,
    Lookup,
    RefusedAddressError,
    is_public,
    literal,
    system_lookup,
)
from toolalpaca.agents.executors.calls import Response, ToolCall
from toolalpaca.openapi.documentation import body_parameters
from toolalpaca.openapi.encoding import InvalidCall
from toolalpaca.openapi.request import build_request
from toolalpaca.openapi.spec import TRANSPORT_HEADERS, Json, Operation, Spec, load_spec
from toolalpaca.schema import ReplyError, ToolAlpacaError

TIMEOUT = 20.0  # seconds for a call, its redirects included
MAX_BYTES = 1_000_000
MAX_REDIRECTS = 5
GUESSABLE = 3  # so few characters tell nothing of a credential
WRITTEN = "/?:@!$&'()*+,;=~[]%"  # what a URL that has been encoded holds beside letters, digits and -._
_TEXT = ("json", "text/", "xml", "javascript", "x-www-form-urlencoded", "yaml", "csv")


@dataclass
class _Outgoing:
    method: str
    url: URL
    headers: dict[str, str]
    body: bytes | None
    secret_headers: set[str] = field(default_factory=set)
    secret_body: bool = False


class RealExecutor:
    """Calls the API that a specification names.

    Args:
        allow_hosts: the hosts that may be called, `host` or `host:port`; nothing else is.
        credentials: name of a security scheme or parameter of the specification -> name of the
            environment variable that holds it. Values are put into the request as it is sent and cut
            out of what comes back: neither call, instance nor recorded file ever holds them.
        allowed: which addresses may be connected to. Tests serve from loopback and pass their own;
            no script does.
        lookup: name resolution, replaced in tests.

    Raises:
        ToolAlpacaError: no host, a host that is an address in disguise, or a missing credential.
    """

    def __init__(
        self,
        allow_hosts: Iterable[str],
        credentials: Mapping[str, str] | None = None,
        *,
        timeout: float = TIMEOUT,
        max_bytes: int = MAX_BYTES,
        allowed: Callable[[Address], bool] = is_public,
        lookup: Lookup = system_lookup,
    ):
        self.name = "real"
        self.timeout, self.max_bytes, self.allowed, self.lookup = timeout, max_bytes, allowed, lookup
        self.hosts = {_host_and_port(host) for host in allow_hosts}
        if not self.hosts:
            raise ToolAlpacaError("the real executor needs --allow_host HOST for every host it may call")
        self.secrets: dict[str, str] = {}
        for name, variable in (credentials or {}).items():
            if not os.environ.get(variable):
                raise ToolAlpacaError(f"--credential {name}={variable}: the environment has no {variable}")
            self.secrets[name] = os.environ[variable]

    async def execute(self, call: ToolCall) -> Response:
        """The API's answer.

        Raises:
            ReplyError: `refused_address`, `real_timeout`, `real_request`; nothing of it is the
                assistant's mistake.
        """
        spec = load_spec(call.tool.openapi)
        try:
            outgoing = self._outgoing(spec, call)
            async with asyncio.timeout(self.timeout):
                return await self._follow(outgoing)
        except RefusedAddressError as error:
            raise ReplyError("refused_address", self._redact(str(error))) from None
        except TimeoutError:
            raise ReplyError("real_timeout", f"no answer within {self.timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ReplyError("real_request", self._redact(f"{type(error).__name__}: {error}")) from None

    def _outgoing(self, spec: Spec, call: ToolCall) -> _Outgoing:
        operation = spec.operations[call.function]
        own = {p["name"] for p in operation.parameters} | _body_names(operation)
        known = {name: secret for name, secret in self.secrets.items() if name in own}
        try:
            request = build_request(spec, call.function, {**call.arguments, **known})
        except InvalidCall as mistake:
            # The message shows the value, cut where `_redact` would no longer know it.
            named = f" {mistake.parameter!r}" if mistake.parameter else "s"
            detail = f"the specification does not take the credential{named}: {mistake.kind}"
            raise ReplyError("real_request", detail) from None
        url = _as_written(request.url)
        headers = {"User-Agent": "toolalpaca", "Accept": "application/json, text/*;q=0.8", **request.headers}
        outgoing = _Outgoing(
            request.method,
            url,
            headers,
            None if request.body is None else request.body.encode(),
            secret_headers={p["name"] for p in operation.parameters if p["in"] == "header"} & known.keys(),
            secret_body=bool(known.keys() & _body_names(operation)),
        )
        self._authenticate(spec, operation, outgoing)
        return outgoing

    def _authenticate(self, spec: Spec, operation: Operation, outgoing: _Outgoing) -> None:
        """Add the credentials of the first security requirement that the environment can meet."""
        for requirement in operation.security:
            schemes = [spec.security_schemes.get(name, {}) for name in requirement]
            if (
                not requirement
                or any(map(_is_transport, schemes))
                or not requirement.keys() <= self.secrets.keys()
            ):
                continue
            for name in requirement:
                scheme, secret = spec.security_schemes.get(name, {}), self.secrets[name]
                kind, where = scheme.get("type"), scheme.get("in")
                if kind == "apiKey" and where == "query":
                    pair = f"{quote(str(scheme['name']), safe='')}={quote(secret, safe='')}"
                    text = str(outgoing.url)
                    outgoing.url = URL(
                        f"{text}{'&' if outgoing.url.raw_query_string else '?'}{pair}", encoded=True
                    )
                elif kind == "apiKey" and where == "cookie":
                    pair = f"{scheme['name']}={quote(secret, safe='')}"
                    cookies = [outgoing.headers.get("Cookie", ""), pair]
                    outgoing.headers["Cookie"] = "; ".join(filter(None, cookies))
                    outgoing.secret_headers.add("Cookie")
                elif kind == "apiKey":
                    outgoing.headers[str(scheme["name"])] = secret
                    outgoing.secret_headers.add(str(scheme["name"]))
                else:
                    basic = kind == "http" and str(scheme.get("scheme", "")).lower() == "basic"
                    word = "Basic" if basic else "Bearer"
                    token = base64.b64encode(secret.encode()).decode() if basic else secret
                    outgoing.headers["Authorization"] = f"{word} {token}"
                    outgoing.secret_headers.add("Authorization")
            return

    async def _follow(self, outgoing: _Outgoing) -> Response:
        resolver = CheckedResolver(self.allowed, self.lookup)
        connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
        # trust_env stays off: a proxy would connect in our place, unchecked.
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        ) as session:
            for _ in range(MAX_REDIRECTS + 1):
                self._check(outgoing.url)
                async with session.request(
                    outgoing.method,
                    outgoing.url,
                    headers=outgoing.headers,
                    data=outgoing.body,
                    allow_redirects=False,
                ) as response:
                    location = response.headers.get("Location")
                    if response.status not in (301, 302, 303, 307, 308) or not location:
                        return await self._response(response)
                    outgoing = _redirected(outgoing, response.status, self._target(outgoing, location))
        raise RefusedAddressError(f"more than {MAX_REDIRECTS} redirects")

    def _target(self, outgoing: _Outgoing, location: str) -> URL:
        url = outgoing.url.join(URL(location))
        self._check(url)
        return url

    def _check(self, url: URL) -> None:
        """Refuse what is known to be wrong before any name is resolved."""
        if url.scheme not in ("http", "https") or not url.host:
            raise RefusedAddressError(
                f"expected an http or https URL with a host, got {self._redact(str(url))[:200]!r}"
            )
        if url.user is not None or url.password is not None:
            raise RefusedAddressError(f"a URL with credentials before its host ({url.host}) is not called")
        spelled = literal(url.host)
        if spelled is not None and not self.allowed(spelled):
            raise RefusedAddressError(f"{url.host} is {spelled}, which is no public address")
        host = url.host.rstrip(".").lower()
        standard = url.port == {"http": 80, "https": 443}[url.scheme]
        if (host, url.port) not in self.hosts and not (standard and (host, None) in self.hosts):
            shown = host if standard else f"{host}:{url.port}"
            raise RefusedAddressError(f"{shown} is not allowed; --allow_host {shown} would allow it")

    async def _response(self, response: aiohttp.ClientResponse) -> Response:
        kind = (response.headers.get("Content-Type") or "").split(";")[0].strip().lower()
        data, cut = b"", False
        async for chunk in response.content.iter_chunked(65_536):
            data += chunk
            if len(data) > self.max_bytes:
                data, cut = data[: self.max_bytes], True
                break
        size = f"more than {self.max_bytes}" if cut else str(len(data))
        note = f"[{kind or 'binary'} content of {size} bytes is not shown]"
        if (kind and not any(mark in kind for mark in _TEXT)) or b"\0" in data:
            return Response(response.status, note)
        try:
            text = data.decode("utf-8-sig", "ignore" if cut else "strict")
        except UnicodeDecodeError:
            try:
                text = data.decode(response.charset or "")
            except (LookupError, UnicodeDecodeError):
                return Response(response.status, note)
        text = self._redact(text)
        if cut:
            text = self._without_beginning(text)
            return Response(response.status, f"{text} [cut after {self.max_bytes} bytes]")
        try:
            return Response(response.status, json.loads(text) if text.strip() else text)
        except (ValueError, RecursionError):
            return Response(response.status, text)

    def _redact(self, text: str) -> str:
        for form in self._forms():
            text = text.replace(form, "***")
        return text

    def _without_beginning(self, text: str) -> str:
        """A text that was cut, without the beginning of a credential at its end."""
        forms = self._forms()
        for length in range(len(forms[0]) - 1 if forms else 0, GUESSABLE, -1):
            if any(form.startswith(text[-length:]) for form in forms):
                return text[:-length]
        return text

    def _forms(self) -> list[str]:
        """The credentials as they may be written, the longest first."""
        forms: set[str] = set()
        for secret in self.secrets.values():
            encoded = base64.b64encode(secret.encode()).decode()
            forms |= {secret, encoded, quote(secret, safe=""), quote(secret), quote_plus(secret)}
            forms.add(json.dumps(secret)[1:-1])
        return sorted(forms, key=len, reverse=True)


def parse_credentials(pairs: Iterable[str]) -> dict[str, str]:
    """`NAME=VARIABLE` texts as a mapping.

    Raises:
        ToolAlpacaError: a text of another form.
    """
    found = {}
    for pair in pairs:
        name, mark, variable = pair.rpartition("=")
        if not mark or not name or not variable:
            raise ToolAlpacaError(
                "--credential: expected NAME=VARIABLE, the variable's name and not its value"
            )
        found[name] = variable
    return found


def _as_written(text: str) -> URL:
    """A URL whose path and query stand as they are written; its host in normal form.

    yarl alone decodes whatever need not be encoded in general, such as the comma inside one value of a list.
    """
    path, _, query = text.partition("#")[0].partition("?")
    url = URL(path)
    bare = url.with_path(quote(urlsplit(path).path or "/", safe=WRITTEN), encoded=True)
    return URL(f"{bare}?{quote(query, safe=WRITTEN)}", encoded=True) if query else bare


def _redirected(outgoing: _Outgoing, status: int, url: URL) -> _Outgoing:
    method, body, headers = outgoing.method, outgoing.body, dict(outgoing.headers)
    if status == 303 or (status in (301, 302) and method == "POST"):
        method, body = ("HEAD" if method == "HEAD" else "GET"), None
        headers.pop("Content-Type", None)
    upgraded = outgoing.url.scheme == "http" and url == outgoing.url.with_scheme("https")
    if url.origin() != outgoing.url.origin() and not upgraded:
        if outgoing.url.scheme == "https" and url.scheme == "http":
            raise RefusedAddressError(f"a redirect from https to http ({url.host}) is not followed")
        if outgoing.secret_body and body is not None:
            raise RefusedAddressError(f"a redirect to {url.host} would carry credentials there")
        headers = {k: v for k, v in headers.items() if k not in outgoing.secret_headers}
    return _Outgoing(method, url, headers, body, outgoing.secret_headers, outgoing.secret_body)


def _host_and_port(text: str) -> tuple[str, int | None]:
    try:
        url = URL(f"http://{text}")
        explicit = url.explicit_port
        good = bool(url.host) and url.path in ("", "/") and url.user is None and not url.query_string
    except ValueError:
        good = False
    if not good or "/" in text:
        raise ToolAlpacaError(f"--allow_host {text!r}: expected a host name such as api.example.com")
    return str(url.host).rstrip(".").lower(), explicit


def _is_transport(scheme: Json) -> bool:
    return scheme.get("in") == "header" and str(scheme.get("name")).lower() in TRANSPORT_HEADERS


def _body_names(operation: Operation) -> set[str]:
    return {parameter.name for parameter in body_parameters(operation)}
