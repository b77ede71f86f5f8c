"""Numbers as text. Rounded one by one, the numbers of a true equation can make a false one: 0.14 + 0.14 = 0.28 is
0.1 + 0.1 = 0.3. The functions here take the fewest decimals at which it is true as it stands there.
"""

from collections.abc import Callable
from decimal import Decimal

# A float32 has about seven digits, so more decimals than this say nothing of the network.
_MOST_DECIMALS = 6
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, decimals: int, *, plus: bool = False) -> str:
    """A number with a proper minus, thousands apart, never "−0"; with a plus before what is above zero if `plus`."""
    text = f"{abs(value):,.{decimals}f}"
    if not Decimal(text.replace(",", "")):
        return text
    return "−" + text if value < 0 else f"+{text}" if plus else text


def scientific(value: float) -> str:
    """A number above zero with two digits and a power of ten, 3.8 × 10⁻⁶; or 0."""
    if not value:
        return "0"
    digits, power = f"{value:.1e}".split("e")
    return f"{digits} × 10{str(int(power)).translate(_SUPERSCRIPTS)}"


def written_sum(first: float, second: float, *totals: float) -> list[str]:
    """first, second and the totals, each of which is their sum, with three decimals or the fewest above that are true.

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
        return [number(value, decimals) for value in (first, second, *totals)]
    decimals = _fewest(rounds)
    return [*(number(value, decimals) for value in (first, second)), *(number(value, 3) for value in totals)]


def written_product(first: float, second: float) -> list[str]:
    """first, second and their product: the product with three decimals and a sign, the others with as many as it takes.

    Multiplied and rounded to three decimals, the written numbers give the written product; three where none do.
    """
    product = _decimal(first * second, 3)

    def holds(decimals: int) -> bool:
        return round(_decimal(first, decimals) * _decimal(second, decimals), 3) == product

    decimals = _fewest(holds)
    return [number(first, decimals), number(second, decimals), number(first * second, 3, plus=True)]


def _fewest(holds: Callable[[int], bool]) -> int:
    return next((decimals for decimals in range(3, _MOST_DECIMALS + 1) if holds(decimals)), 3)


def _decimal(value: float, decimals: int) -> Decimal:
    return Decimal(f"{value:.{decimals}f}")
