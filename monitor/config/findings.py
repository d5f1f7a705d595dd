"""What is wrong with a configuration, gathered so that all of it is said at once."""

from collections.abc import Iterable

from monitor.model.problem import Problem

MAX_PROBLEMS = 200  # a reader mends a few at a time; a terminal holds no more
MAX_TEXT = 400  # characters


def clean(text: str) -> str:
    """Fit for a terminal and a log line, whatever the file holds."""
    short = text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."
    return "".join(c if c.isprintable() else "?" for c in short)


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` says why, all at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Findings:
    """Problems in the order they were found, each once."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, *problems: Problem) -> None:
        """Remember problems."""
        for p in problems:
            texts = map(clean, (p.key, p.wrong, p.right))
            self._found[Problem(clean(p.file), p.line, *texts)] = None

    def problems(self) -> tuple[Problem, ...]:
        """All of them, files in the order they were met, then by line; bounded."""
        order = {file: n for n, file in enumerate(dict.fromkeys(p.file for p in self._found))}
        found = sorted(self._found, key=lambda p: (order[p.file], p.line))
        if len(found) > MAX_PROBLEMS:
            rest = len(found) - MAX_PROBLEMS
            found = [*found[:MAX_PROBLEMS], Problem(found[0].file, 0, "", f"and {rest} more")]
        return tuple(found)
