"""Numbers as text: correct to the last digit, and equations that are true as written."""

from decimal import Decimal

import numpy as np
import pytest

from cam.formatting import format_number, format_product, format_scientific, format_sum


def value(text: str) -> Decimal:
    return Decimal(text.replace("−", "-").replace(",", ""))


@pytest.mark.parametrize(
    ("given", "decimals", "plus", "text"),
    [
        (1.25, 1, False, "1.2"),
        (-1.26, 1, False, "−1.3"),
        (1.26, 1, True, "+1.3"),
        (-0.04, 1, True, "0.0"),
        (0.04, 1, True, "0.0"),
        (1234.5, 1, False, "1,234.5"),
        (-1234.5, 1, True, "−1,234.5"),
    ],
)
def test_a_number_is_rounded_and_signed(given, decimals, plus, text):
    assert format_number(given, decimals, plus=plus) == text


def test_a_sum_that_is_true_with_three_decimals_has_three():
    assert format_sum(1.0, 2.0, 3.0) == ["1.000", "2.000", "3.000"]


def test_a_sum_that_rounding_makes_false_gets_the_decimals_that_make_it_true():
    # With three decimals it would read 0.000 + 0.000 = 0.001.
    assert format_sum(0.0004, 0.0004, 0.0008) == ["0.0004", "0.0004", "0.0008"]
    assert format_sum(1.00044, 0.00044, 1.00088) == ["1.00044", "0.00044", "1.00088"]


def test_totals_that_differ_by_rounding_are_written_alike_where_they_can_be():
    # With three decimals the totals would read 0.500 and 0.501.
    assert format_sum(0.5, 0.0005, 0.5004999, 0.5005001) == ["0.5000", "0.0005", "0.5005", "0.5005"]


def test_totals_that_do_differ_are_not_made_alike():
    assert format_sum(1.0, 2.0, 3.0, 4.0) == ["1.000", "2.000", "3.000", "4.000"]


def test_most_sums_are_true_as_written_and_all_are_correct():
    rng = np.random.default_rng(5)
    true = 0
    for first, second in rng.normal(size=(400, 2)) * (10, 0.1):
        a, b, total = map(value, format_sum(first, second, first + second))
        half = Decimal(1).scaleb(total.as_tuple().exponent) * Decimal("0.500001")
        numbers = ((a, first), (b, second), (total, first + second))
        assert all(abs(text - Decimal(float(exact))) <= half for text, exact in numbers)
        true += a + b == total
    # A quarter is false at any one number of decimals, so of four numbers of them 1 in 256 stays.
    assert true >= 395


def test_a_product_is_written_with_factors_that_give_it():
    assert format_product(0.5, 2.0) == ["0.500", "2.000", "+1.000"]
    # 0.123 * 3.457 would be 0.425.
    assert format_product(0.12344, 3.45678) == ["0.1234", "3.4568", "+0.427"]
    assert format_product(-0.5, 0.0) == ["−0.500", "0.000", "0.000"]


def test_products_are_true_as_written():
    for first, second in np.random.default_rng(6).normal(size=(200, 2)):
        a, b, product = map(value, format_product(first, second))
        assert round(a * b, 3) == product
        assert abs(float(product) - first * second) <= 0.0005001


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (3.8147e-6, "3.8 × 10⁻⁶"), (9.96e-7, "1.0 × 10⁻⁶"), (0.5, "5.0 × 10⁻¹"), (1.2e-10, "1.2 × 10⁻¹⁰")],
)
def test_small_numbers_are_written_with_a_power_of_ten(value, text):
    assert format_scientific(value) == text
