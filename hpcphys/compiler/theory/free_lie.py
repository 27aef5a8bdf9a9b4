"""The free Lie algebra up to a degree: logarithms of products of exponentials (Baker, Campbell, Hausdorff).

Elements are sums of words in letters 0, 1, ...; a word is a tuple, its degree its length.  The logarithm of a
product of exponentials of Lie elements is a Lie element; here it is written in Lyndon's basis.

A bracket is a letter or a pair of brackets: (0, (0, 1)) is [A, [A, B]].
Source: Reutenauer (1993) Free Lie Algebras, sections 3.1 and 5.1; Hairer, Lubich & Wanner (2006), section
III.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

Word = tuple[int, ...]
Element = dict[Word, float]
Bracket = Any
"""int, or (Bracket, Bracket)"""

_LEAST = 1e-14
"""Coefficients below this are rounding errors of order conditions that hold."""


def plus(a: Mapping[Word, float], b: Mapping[Word, float], scale: float = 1.0) -> Element:
    """a + scale b."""
    total = dict(a)
    for word, value in b.items():
        total[word] = total.get(word, 0.0) + scale * value
    return total


def times(a: Mapping[Word, float], b: Mapping[Word, float], degree: int) -> Element:
    """The product a b, without words longer than `degree`."""
    product: Element = {}
    for left, x in a.items():
        for right, y in b.items():
            if len(left) + len(right) <= degree:
                product[left + right] = product.get(left + right, 0.0) + x * y
    return product


def commutator(a: Mapping[Word, float], b: Mapping[Word, float], degree: int) -> Element:
    """[a, b] = a b - b a."""
    return plus(times(a, b, degree), times(b, a, degree), -1.0)


def exponential(a: Mapping[Word, float], degree: int) -> Element:
    """exp(a) for an element without a constant."""
    total: Element = {(): 1.0}
    term: Element = {(): 1.0}
    for k in range(1, degree + 1):
        term = {word: value / k for word, value in times(term, a, degree).items()}
        total = plus(total, term)
    return total


def logarithm(a: Mapping[Word, float], degree: int) -> Element:
    """log(a) for an element with the constant 1."""
    rest = {word: value for word, value in a.items() if word}
    total: Element = {}
    power: Element = {(): 1.0}
    for k in range(1, degree + 1):
        power = times(power, rest, degree)
        total = plus(total, power, (-1.0) ** (k + 1) / k)
    return total


def product_logarithm(exponents: Iterable[Mapping[Word, float]], degree: int) -> Element:
    """log(exp(e1) exp(e2) ...) up to words of `degree`."""
    product: Element = {(): 1.0}
    for exponent in exponents:
        product = times(product, exponential(exponent, degree), degree)
    return logarithm(product, degree)


def lyndon_words(letters: int, degree: int) -> Iterator[Word]:
    """Lyndon words of at most `degree` letters in lexicographic order (Duval's algorithm)."""
    word = [-1]
    while word:
        word[-1] += 1
        yield tuple(word)
        length = len(word)
        while len(word) < degree:
            word.append(word[len(word) - length])
        while word and word[-1] == letters - 1:
            word.pop()


@cache
def lyndon_bracket(word: Word) -> Bracket:
    """The bracket of a Lyndon word: [u, v] of its standard factorisation, v its longest Lyndon suffix."""
    if len(word) == 1:
        return word[0]
    cut = next(k for k in range(1, len(word)) if _is_lyndon(word[k:]))
    return lyndon_bracket(word[:cut]), lyndon_bracket(word[cut:])


def _is_lyndon(word: Word) -> bool:
    return all(word < word[k:] for k in range(1, len(word)))


def expansion(bracket: Bracket, degree: int) -> Element:
    """The words of a bracket."""
    if not isinstance(bracket, tuple):
        return {(bracket,): 1.0}
    return commutator(expansion(bracket[0], degree), expansion(bracket[1], degree), degree)


def lie_coefficients(element: Mapping[Word, float], letters: int, degree: int) -> dict[Bracket, float]:
    """Bracket -> coefficient of a Lie element in Lyndon's basis; coefficients of rounding size are left out.

    A Lyndon bracket is its own word plus greater words, so that the coefficients follow one after the other.
    Raises ValueError if the element is no Lie element.
    """
    rest = dict(element)
    scale = max((abs(value) for value in rest.values()), default=0.0)
    found: dict[Bracket, float] = {}
    for word in sorted(lyndon_words(letters, degree), key=lambda w: (len(w), w)):
        value = rest.get(word, 0.0)
        if abs(value) > _LEAST * scale:
            found[lyndon_bracket(word)] = value
            rest = plus(rest, expansion(lyndon_bracket(word), degree), -value)
    left = max((abs(value) for value in rest.values()), default=0.0)
    if left > 1e-9 * scale:
        raise ValueError(f"the element is no Lie element: words with coefficients up to {left:.1e} are left")
    return found
