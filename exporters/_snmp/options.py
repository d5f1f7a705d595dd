"""
Options of the ``snmp`` probe: who asks, and what.

Version 3 with authentication and privacy is the rule. Anything weaker is refused unless
the target says ``insecure: yes``, and then stands as a metric beside its readings.
"""

import itertools
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from exporters import _options
from exporters._snmp.community import V1, V2C
from exporters._snmp.credentials import Community, Credentials, User
from exporters._snmp.modules import Module, module
from monitor.probe import Options as ProbeOptions
from monitor.secret import Secret

LEAST = 8  # characters of a password, RFC 3414 section 11.2
REMEDY = "; use version 3 with user, auth and priv, or say insecure: yes for this target"


def as_text(value: object) -> object:
    """YAML reads ``version: 3`` as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def as_module(value: object) -> object:
    """Find a module by name or path; ValueError with what is wrong with it."""
    if isinstance(value, Module):
        return value
    if not isinstance(value, str):
        raise ValueError("expected the name of a module, or the path of one's own")  # noqa: TRY004 - pydantic turns ValueError into an error of the field
    return module(value)


def long_enough(value: SecretStr | None) -> SecretStr | None:
    """Refuse a password that RFC 3414 does not allow; its length is all that is said."""
    if value is not None and len(value.get_secret_value().encode()) < LEAST:
        raise ValueError(f"the password is shorter than the {LEAST} characters of RFC 3414")
    return value


def not_empty(value: tuple[Module, ...]) -> tuple[Module, ...]:
    """Refuse to ask for nothing."""
    if not value:
        raise ValueError("is empty; name at least one module, for example if_mib")
    return value


Password = Annotated[Secret | None, AfterValidator(long_enough)]
Wanted = Annotated[Module, BeforeValidator(as_module)]


class Options(ProbeOptions):
    """Version 3, SHA-256 and AES-128, unless something else is said."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    version: Annotated[Literal["3", "2c", "1"], BeforeValidator(as_text)] = "3"
    user: str = Field(default="", max_length=32)  # RFC 3414: SnmpAdminString of 1 to 32
    auth: Password = None
    auth_protocol: Literal["sha1", "sha224", "sha256", "sha384", "sha512"] = "sha256"
    priv: Password = None
    priv_protocol: Literal["aes128", "aes192", "aes256", "aes192c", "aes256c"] = "aes128"
    context: str = ""
    community: Secret | None = None
    insecure: bool = False
    modules: Annotated[tuple[Wanted, ...], AfterValidator(not_empty)]
    keep: dict[str, _options.Pattern] = Field(default_factory=dict)  # label: RE2, whole
    max_repetitions: int = Field(default=25, ge=0, le=200)  # 0: GetNext alone

    @model_validator(mode="after")
    def _modules_fit(self) -> "Options":
        for one, other in itertools.combinations(self.modules, 2):
            if both := one.metrics & other.metrics:
                raise ValueError(
                    f"{one.name} and {other.name} both yield {min(both)}; name one of them"
                )
        labels = {label for one in self.modules for label in one.labels}
        if strange := sorted(self.keep.keys() - labels):
            raise ValueError(
                f"keep: no table of these modules has a label {strange[0]}; "
                f"they have {', '.join(sorted(labels)) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _whole(self) -> "Options":
        if self.version == "3":
            self._of_v3()
        elif self.user or self.auth or self.priv:
            raise ValueError(f"version {self.version} has no user, auth and priv")
        elif self.community is None:
            raise ValueError(f"version {self.version} needs a community; write community: env:NAME")
        if not self.insecure and (why := weakness(self)):
            raise ValueError(f"{why}{REMEDY}")
        return self

    def _of_v3(self) -> None:
        if self.community is not None:
            raise ValueError("version 3 has no community; write user, auth and priv")
        if not self.user:
            raise ValueError("version 3 needs a user; write user, auth and priv")
        if self.priv and not self.auth:
            raise ValueError("priv without auth: version 3 does not encrypt for just anybody")


def weakness(options: Options) -> str:
    """Why somebody on the way may read or forge the answers; "" where nobody may."""
    return next(weaknesses(options), "")


def weaknesses(options: Options) -> Iterator[str]:
    """Everything weaker than version 3 with SHA-2 and AES."""
    if options.version != "3":
        yield f"version {options.version} sends its community in the clear"
    elif options.auth is None:
        yield "version 3 without auth believes anybody"
    elif options.priv is None:
        yield "version 3 without priv sends everything in the clear"
    elif options.auth_protocol == "sha1":
        yield "SHA-1 is no longer good enough"


def protocol(options: Options) -> str:
    """What is spoken, in the words of a label: SNMPv2c, SNMPv3 authNoPriv ..."""
    if options.version != "3":
        return f"SNMPv{options.version}"
    if options.auth is None:
        return "SNMPv3 noAuthNoPriv"
    if options.priv is None:
        return "SNMPv3 authNoPriv"
    return f"SNMPv3 authPriv {options.auth_protocol}"


def credentials(options: Options) -> Credentials:
    """Who asks."""
    if options.version != "3":
        name = options.community or SecretStr("")
        return Community(name, V1 if options.version == "1" else V2C)
    return User(
        name=options.user,
        auth=options.auth_protocol if options.auth else "none",
        auth_password=options.auth or SecretStr(""),
        priv=options.priv_protocol if options.priv else "none",
        priv_password=options.priv or SecretStr(""),
        context=options.context,
    )
