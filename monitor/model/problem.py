"""One thing wrong in a file that a person wrote."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """File, line (1-based; 0 when the whole file), key path, what is wrong, what would be right."""

    file: str
    line: int
    key: str
    wrong: str
    right: str = ""

    def __str__(self) -> str:
        """``file:line: key: what is wrong; what would be right``."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{where}: {self.key}: {self.wrong}" if self.key else f"{where}: {self.wrong}"
        return f"{text}; {self.right}" if self.right else text
