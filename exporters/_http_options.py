"""The options of the http probe, and what can be said about them offline. Pure."""

import base64
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from yarl import URL

from exporters import _options, _placeholders
from monitor.probe import Options as ProbeOptions
from monitor.secret import Secret

MAX_STEPS = 10
CLASSES = {"1xx": 1, "2xx": 2, "3xx": 3, "4xx": 4, "5xx": 5}
StatusClass = Literal["1xx", "2xx", "3xx", "4xx", "5xx"]
Status = Annotated[int, Field(ge=100, le=599)] | StatusClass


def checked_capture(pattern: str) -> str:
    """Refuse a pattern that captures nothing, or leaves open what."""
    if _options.compiled(pattern).groups != 1:
        raise ValueError("captures nothing or too much; write one group in parentheses")
    return pattern


def checked_name(name: str) -> str:
    """Refuse what could not stand in braces."""
    if not _placeholders.NAME.fullmatch(name):
        raise ValueError(f"is no name for a value: {name!r}; write lower-case letters, 0-9 and _")
    return name


Capture = Annotated[_options.Pattern, AfterValidator(checked_capture)]
Name = Annotated[str, AfterValidator(checked_name)]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Basic(ProbeOptions):
    """RFC 7617."""

    username: _options.Line
    password: Secret


class Expectation(ProbeOptions):
    """What is asked, and what makes the answer a good one."""

    method: Method = "GET"
    headers: Mapping[_options.Field, _options.Line] = {}
    body: str | None = None
    status: Annotated[tuple[Status, ...], Field(min_length=1)] = ("2xx",)
    match: _options.Pattern | None = None  # RE2, must be found in the body
    not_match: _options.Pattern | None = None  # RE2, must not be found


class Step(Expectation):
    """One step of several; its url may be relative to the target's address."""

    name: str = Field(min_length=1, max_length=64)
    url: str = ""
    capture: Mapping[Name, Capture] = {}  # value's name: RE2 with one group


class Options(Expectation):
    """Nothing set: GET, and any 2xx is good."""

    follow: int = Field(default=3, ge=0, le=10)  # redirects at most
    verify: bool = True
    ca_file: str | None = None
    basic_auth: Basic | None = None
    bearer_token: Secret | None = None
    max_bytes: int = Field(default=1 << 20, ge=1, le=16 << 20)  # of a body, after inflation
    secrets: Mapping[Name, Secret] = {}  # for {name} in steps
    steps: Annotated[tuple[Step, ...], Field(max_length=MAX_STEPS)] = ()

    def walk(self) -> tuple[Step, ...]:
        """Return the steps; without any, the one question the options ask themselves."""
        if self.steps:
            return self.steps
        own = {name: getattr(self, name) for name in Expectation.model_fields}
        return (Step.model_construct(name="http", url="", capture={}, **own),)

    def auth_headers(self) -> dict[str, str]:
        """Return the header that carries the credentials, if there are any."""
        if self.bearer_token:
            return {"Authorization": f"Bearer {self.bearer_token.get_secret_value()}"}
        if self.basic_auth:
            password = self.basic_auth.password.get_secret_value()
            pair = f"{self.basic_auth.username}:{password}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}

    @model_validator(mode="after")
    def _one_way(self) -> "Options":
        if self.basic_auth and self.bearer_token:
            raise ValueError("basic_auth and bearer_token exclude each other")
        single = Expectation.model_fields.keys() & self.model_fields_set
        if self.steps and single:
            raise ValueError(f"with steps, write {', '.join(sorted(single))} in the step it is for")
        return self

    @model_validator(mode="after")
    def _known_placeholders(self) -> "Options":
        known = set(self.secrets)
        for step in self.steps:
            used = {n for t in (step.url, *step.headers.values()) for n in _placeholders.names(t)}
            used |= _placeholders.names(step.body or "")
            if unknown := used - known:
                raise ValueError(
                    f"step {step.name} uses {{{min(unknown)}}}, "
                    "which no earlier step captures and secrets does not name"
                )
            known |= set(step.capture)
        if len({s.name for s in self.steps}) < len(self.steps):
            raise ValueError("two steps have the same name")
        return self


def accepted(status: int, expected: tuple[Status, ...]) -> bool:
    """Whether a status code is one of the codes or classes."""
    return any(status == e or status // 100 == CLASSES.get(str(e)) for e in expected)


def check_url(text: str) -> str:
    """Return "" for an http or https address, else what is wrong with it."""
    try:
        url = URL(text)
        usable = url.scheme in {"http", "https"} and bool(url.host) and bool(url.port)
    except ValueError:
        usable = False
    if not usable:
        return f"is no http or https address: {text!r}; write for example https://his.lan/health"
    if url.user or url.password:
        return "holds a user or a password; write basic_auth in the options"
    return ""
