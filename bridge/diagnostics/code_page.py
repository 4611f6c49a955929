"""What a person reads about one code."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """What a person reads about one code: what it means, why it is refused, how to mend it."""

    code: str
    title: str
    what: str
    why: str
    mend: str

    def __str__(self) -> str:
        return f"{self.code}: {self.title}\n\n  what  {self.what}\n  why   {self.why}\n  mend  {self.mend}\n"
