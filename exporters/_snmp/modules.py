"""
Modules of the ``snmp`` probe: shipped in exporters/modules/, or a site's own files.

A file is read and checked once; all that is wrong with it comes at once, each with file,
line and key. Nothing of a module is code.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporters._snmp import yamllines
from exporters._snmp.check import check
from exporters._snmp.compile import Plan, metrics_of, narrowed, plan_of, prefixes
from exporters._snmp.labels import Labels
from exporters._snmp.shapes import ModuleFile
from exporters._snmp.yamllines import Lines
from monitor.model.problem import Problem

SHIPPED = Path(__file__).parent.parent / "modules"
SAID = 3  # problems that fit a sentence about a target's option
_SENTENCES = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "float_parsing": "expected a number",
    "string_type": "expected text; put it in quotes",
    "tuple_type": "expected a list",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
}


class ModuleError(ValueError):
    """A module that may not be used; ``problems`` says everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        more = f" (and {len(problems) - SAID} more)" if len(problems) > SAID else ""
        super().__init__(", ".join(str(p).replace("; ", ": ") for p in problems[:SAID]) + more)
        self.problems = tuple(problems)


class Module:
    """A module: the whole of it, or what of it one kind of device is asked."""

    def __init__(self, file: ModuleFile) -> None:
        self.name = file.module
        self.missing = file.missing
        self.file = file
        self.metrics = frozenset(metrics_of(file))
        self.labels = frozenset(
            one for table in file.tables for one in Labels(table.index, table.labels).names()
        )
        self._prefixes = prefixes(file)
        self._plans: dict[tuple[bytes, ...], Plan | None] = {}

    @property
    def selective(self) -> bool:
        """Whether it asks different things of different devices."""
        return bool(self._prefixes)

    def __repr__(self) -> str:
        return f"Module({self.name})"

    def plan(self, said: bytes = b"") -> Plan | None:
        """
        Return what a device is asked whose sysObjectID is ``said`` (content bytes).

        None when the whole module is for other devices.
        """
        matched = tuple(p for p in self._prefixes if said.startswith(p))
        if matched not in self._plans:
            file = narrowed(self.file, said) if self._prefixes else self.file
            self._plans[matched] = plan_of(file) if file else None
        return self._plans[matched]


def shipped() -> tuple[str, ...]:
    """Names of the modules that come with Zhiban."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.yml")))


def module(name: str) -> Module:
    """
    Return a shipped module by its name, or a site's own by its absolute path.

    ModuleError, a ValueError, with what is wrong and where; the same file gives the same
    object until it changes.
    """
    if "/" not in name and "\\" not in name:
        if name not in shipped():
            raise ValueError(f"there is no module {name!r}; shipped are {', '.join(shipped())}")
        return _module(SHIPPED / f"{name}.yml", 0, 0)
    path = Path(name)
    if not path.is_absolute() or path.suffix != ".yml":
        raise ValueError("a module of one's own is an absolute path that ends in .yml")
    try:
        stat = path.stat()
    except OSError as error:
        raise ValueError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    return _module(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _module(path: Path, _changed: int, _size: int) -> Module:
    return of_lines(yamllines.read(path))


def of_text(file: str, text: str) -> Module:
    """Make a module from text; ``file`` is what its problems name."""
    return of_lines(yamllines.parse(file, text))


def of_lines(found: Lines) -> Module:
    """Check and compile. ModuleError with everything that is wrong."""
    shape = None
    if not found.problems:
        try:
            shape = ModuleFile.model_validate(found.data)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                _note(found, detail)
        else:
            check(shape, found)
    if found.problems or shape is None:
        raise ModuleError(found.problems)
    return Module(shape)


def _note(found: Lines, detail: ErrorDetails) -> None:
    where = tuple(step for step in detail["loc"] if step != "[key]")
    kind = detail["type"]
    if kind == "value_error":
        wrong = str(detail["ctx"]["error"])
    else:
        wrong = _SENTENCES.get(kind, detail["msg"][:1].lower() + detail["msg"][1:])
    text, _, right = wrong.partition("; ")
    found.wrong(where, text, right)
