"""Old words that keep working for one release: a warning names the new one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OldWord:
    """An old word and the one that replaces it.

    Attributes:
        where: what it is: `command`, `argument`, `check`, `variable`, `value` of the variable named in `of`, `import`,
            `make target`.
        old, new: the words.
        of: the variable that a value belongs to.
        removed_in: the version that no longer knows the old word.
    """

    where: str
    old: str
    new: str
    of: str = ""
    removed_in: str = "0.3.0"

    @property
    def warning(self) -> str:
        """One line of warning for a use of the old word."""
        old, new = (f"{self.of}={self.old}", f"{self.of}={self.new}") if self.of else (self.old, self.new)
        return f"{old} is now called {new}; the old word works until {self.removed_in}"


OLD_WORDS = (
    OldWord("command", "faceswap debug", "faceswap doctor"),
    OldWord("argument", "--rungs", "--checks"),
    OldWord("check", "picture", "image"),
    OldWord("value", "carried", "bundled", "FACESWAP_TRITON"),
    OldWord("import", "faceswap_client.Picture", "faceswap_client.ImageInput"),
    OldWord("import", "faceswap_client.drawing", "faceswap_client.images.drawing"),
    OldWord("import", "faceswap_client.verification", "faceswap_client.images.verification"),
    OldWord("make target", "make debug", "make doctor"),
)


def old_word(old: str) -> OldWord:
    """The row of an old word; raises KeyError."""
    for word in OLD_WORDS:
        if word.old == old:
            return word
    raise KeyError(old)
