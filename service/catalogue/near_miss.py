"""Near misses: the detection of misspelt names among free text."""

from collections.abc import Iterable

from service.catalogue.catalogue import MAX_TEXT, fold

#: Shortest names that may have one mistake, and two. Shorter names resemble too many words.
_ONCE, _TWICE = 4, 8


def near_miss(text: str, names: Iterable[str]) -> str | None:
    """Return the name that `text` misspells; None if it is exactly a name, or similar to none.

    Names are compared after `fold`, by optimal string alignment: an extra, missing or wrong letter, or two exchanged
    neighbours, is one mistake. One mistake is allowed from four letters on, two from eight. Names with other digits
    never match: spring_2025 does not misspell spring_2026.
    """
    names = list(names)
    if text in names:
        return None
    asked = fold(text[: MAX_TEXT + 1])
    found: tuple[int, str] | None = None
    for name in names:
        known = fold(name)
        allowed = (len(known) >= _ONCE) + (len(known) >= _TWICE)
        if not allowed or abs(len(known) - len(asked)) > allowed or _digits(known) != _digits(asked):
            continue
        mistakes = _mistakes(asked, known)
        if mistakes <= allowed and (found is None or (mistakes, name) < found):
            found = mistakes, name
    return found and found[1]


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _mistakes(one: str, other: str) -> int:
    """Return the optimal string alignment distance (Damerau 1964, no piece edited twice)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, left in enumerate(one):
        row = [i + 1]
        for j, right in enumerate(other):
            cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (left != right))
            if i and j and left == other[j - 1] and right == one[i - 1]:
                cost = min(cost, before[j - 1] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]
