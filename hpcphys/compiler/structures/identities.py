"""The identities of Poisson structures, as quantities that must vanish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sympy

from hpcphys.compiler.expressions.derivatives import gradient

Entries = Mapping[tuple[int, int], sympy.Expr]
Quantity = tuple[str, sympy.Expr]


def antisymmetry(entries: Entries, symbols: Sequence[sympy.Symbol]) -> Iterator[Quantity]:
    """J_ij + J_ji = 0 for every pair that has an entry."""
    for i, j in sorted({(min(key), max(key)) for key in entries}):
        both = entries.get((i, j), sympy.S.Zero) + entries.get((j, i), sympy.S.Zero)
        yield f"J[{symbols[i]}, {symbols[j]}] + J[{symbols[j]}, {symbols[i]}]", both


def symmetry(entries: Entries, symbols: Sequence[sympy.Symbol], name: str) -> Iterator[Quantity]:
    """M_ij - M_ji = 0 for every pair that has an entry."""
    for i, j in sorted({(min(key), max(key)) for key in entries}):
        both = entries.get((i, j), sympy.S.Zero) - entries.get((j, i), sympy.S.Zero)
        yield f"{name}[{symbols[i]}, {symbols[j]}] - {name}[{symbols[j]}, {symbols[i]}]", both


def jacobi(entries: Entries, symbols: Sequence[sympy.Symbol]) -> Iterator[Quantity]:
    """{i, {j, k}} + cyclic = sum over m of J_im d_m J_jk + J_jm d_m J_ki + J_km d_m J_ij = 0.

    entries: of an antisymmetric J; only triples where a term is not zero are visited, so that a constant or
        sparse J costs little.
    Source: Hairer, Lubich & Wanner (2006), section VII.2, lemma 2.3.
    """
    columns: dict[int, list[tuple[int, sympy.Expr]]] = {}
    for (i, m), entry in entries.items():
        columns.setdefault(m, []).append((i, entry))
    row = {symbol: index for index, symbol in enumerate(symbols)}
    terms: dict[tuple[int, int, int], list[sympy.Expr]] = {}
    for (j, k), entry in entries.items():
        if j > k:
            continue
        for m in sorted(row[s] for s in entry.free_symbols if s in row):
            slope = sympy.diff(entry, symbols[m])
            for i, factor in columns.get(m, []):
                if i in (j, k):
                    continue  # such triples vanish by antisymmetry
                # The sum is antisymmetric in i, j, k; sorting them costs a sign if i lies between j and k.
                sign = -1 if j < i < k else 1
                a, b, c = sorted((i, j, k))
                terms.setdefault((a, b, c), []).append(sign * factor * slope)
    for triple in sorted(terms):
        x, y, z = (symbols[index] for index in triple)
        cyclic = f"{{{x}, {{{y}, {z}}}}} + {{{y}, {{{z}, {x}}}}} + {{{z}, {{{x}, {y}}}}}"
        yield cyclic, sympy.Add(*terms[triple])


def degeneracy(
    entries: Entries, symbols: Sequence[sympy.Symbol], function: sympy.Expr, name: str
) -> Iterator[Quantity]:
    """(matrix . grad function)_i = 0; for a Casimir, (J grad C)_i = 0."""
    slopes = gradient(function, symbols)
    rows: dict[int, list[sympy.Expr]] = {}
    for (i, j), entry in sorted(entries.items()):
        rows.setdefault(i, []).append(entry * slopes[symbols[j]])
    for i in sorted(rows):
        yield f"({name})[{symbols[i]}]", sympy.Add(*rows[i])


def reversal(
    entries: Entries, symbols: Sequence[sympy.Symbol], images: Mapping[sympy.Symbol, sympy.Expr]
) -> Iterator[Quantity]:
    """R R z = z, and R reverses the bracket: DR J DR^T + J(R z) = 0, so that R retraces motions if H R = H.

    Source: Hairer, Lubich & Wanner (2006), section V.1 (rho-reversibility).
    """
    image = {symbol: sympy.sympify(images.get(symbol, symbol)) for symbol in symbols}
    for symbol, expr in images.items():
        twice = expr.xreplace(images)
        yield f"R(R({symbol})) - {symbol}", twice - symbol
    columns: dict[sympy.Symbol, list[tuple[int, sympy.Expr]]] = {symbol: [] for symbol in symbols}
    for i, symbol in enumerate(symbols):
        for other in image[symbol].free_symbols & columns.keys():
            columns[other].append((i, sympy.diff(image[symbol], other)))
    sums: dict[tuple[int, int], list[sympy.Expr]] = {}
    for (a, b), entry in entries.items():
        sums.setdefault((a, b), []).append(entry.xreplace(images))
        for i, left in columns[symbols[a]]:
            for j, right in columns[symbols[b]]:
                sums.setdefault((i, j), []).append(left * entry * right)
    for i, j in sorted(sums):
        yield f"(DR J DR^T + J R)[{symbols[i]}, {symbols[j]}]", sympy.Add(*sums[i, j])
