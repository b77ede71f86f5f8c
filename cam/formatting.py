"""Numbers and names as text.

Rounded one by one, the numbers of a true equation can make a false one: 0.14 + 0.14 = 0.28 becomes 0.1 + 0.1 = 0.3.
`format_sum` and `format_product` take the fewest decimals at which the printed equation is true.
"""

import re
from collections.abc import Callable
from decimal import Decimal

# A float32 has about seven digits, so more decimals than this say nothing of the network.
_MOST_DECIMALS = 6
# Bytes of a file's name, of which file systems take 255; endings and the like come on top.
_FILE_NAME_BYTES = 200
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def format_number(value: float, decimals: int, *, plus: bool = False) -> str:
    """A number with a proper minus, thousands apart, never "−0"; with a plus before what is above zero if `plus`."""
    text = f"{abs(value):,.{decimals}f}"
    if not Decimal(text.replace(",", "")):
        return text
    return "−" + text if value < 0 else f"+{text}" if plus else text


def format_scientific(value: float) -> str:
    """A number above zero with two digits and a power of ten, 3.8 × 10⁻⁶; or 0."""
    if not value:
        return "0"
    digits, power = f"{value:.1e}".split("e")
    return f"{digits} × 10{str(int(power)).translate(_SUPERSCRIPTS)}"


def format_percent(probability: float) -> str:
    """A probability as it is read aloud: 78 %, 3.4 %, below 0.1 %, above 99.9 %."""
    share = 100 * probability
    if share < 0.1:
        return "below 0.1 %"
    if share > 99.9:
        return "above 99.9 %"
    return f"{share:.0f} %" if 9.95 <= share < 99 else f"{share:.1f} %"


def format_whole_percent(share: float) -> str:
    """A share 0..1 as whole percent: 7 %."""
    return f"{round(100 * share)} %"


def format_ordinal(number: int) -> str:
    """Write a place in a ranking: 1st, 2nd, 3rd, 11th, 1,000th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def shorten(text: str, most: int = 60) -> str:
    """The first `most` letters of a text that is quoted, with "..." where it goes on."""
    return text if len(text) <= most else f"{text[:most]}..."


def slugify(*names: str, ascii_only: bool = False) -> str:
    """Names joined to that of a file, without its ending: runs of what a file system might not take become "-".

    Args:
        names: any text.
        ascii_only: replace all but a-z, A-Z, 0-9, ".", "_" and "-", for links.
    """
    plain = re.sub(r"[^\w.-]+" if ascii_only else r"[^\w.]+", "-", "-".join(names), flags=re.ASCII * ascii_only)
    return plain.strip("-.").encode()[:_FILE_NAME_BYTES].decode(errors="ignore")


def format_sum(first: float, second: float, *totals: float) -> list[str]:
    """Two terms and the totals, each of which is their sum, with three decimals or the fewest above that are true.

    True means: the written numbers add up, and all totals are written alike. Where no number of decimals is, the totals
    have three, and the others the fewest with which their sum rounds to them.
    """

    def holds(decimals: int) -> bool:
        total = _decimal(first, decimals) + _decimal(second, decimals)
        return all(_decimal(value, decimals) == total for value in totals)

    def rounds(decimals: int) -> bool:
        total = round(_decimal(first, decimals) + _decimal(second, decimals), 3)
        return all(_decimal(value, 3) == total for value in totals)

    decimals = _fewest(holds)
    if holds(decimals):
        return [format_number(value, decimals) for value in (first, second, *totals)]
    decimals = _fewest(rounds)
    return [
        *(format_number(value, decimals) for value in (first, second)),
        *(format_number(value, 3) for value in totals),
    ]


def format_product(first: float, second: float) -> list[str]:
    """Two factors and their product: the product with three decimals and a sign, the others with as many as it takes.

    Multiplied and rounded to three decimals, the written numbers give the written product; three where none do.
    """
    product = _decimal(first * second, 3)

    def holds(decimals: int) -> bool:
        return round(_decimal(first, decimals) * _decimal(second, decimals), 3) == product

    decimals = _fewest(holds)
    return [
        format_number(first, decimals),
        format_number(second, decimals),
        format_number(first * second, 3, plus=True),
    ]


def _fewest(holds: Callable[[int], bool]) -> int:
    return next((decimals for decimals in range(3, _MOST_DECIMALS + 1) if holds(decimals)), 3)


def _decimal(value: float, decimals: int) -> Decimal:
    return Decimal(f"{value:.{decimals}f}")
