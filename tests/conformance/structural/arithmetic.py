"""Integer blocks: adders, column sums, multipliers, shifters, leading zeros, and numbers with a known range.

Structures are fixed here rather than left to synthesis: ripple-carry adders (least area; `prefix` asks for Sklansky's),
Baugh-Wooley partial products, 3:2 compressors, logarithmic shifters.
"""

from dataclasses import dataclass

from hdl import ONE, ZERO


def full_adder(c, a, b, carry):
    half = c.xor(a, b)
    if carry == ZERO:
        return half, c.and_(a, b)
    if carry == ONE:
        return c.inv(half), c.or_(a, b)
    return c.xor(half, carry), c.or_(c.and_(a, b), c.and_(half, carry))


def add(c, a, b, carry=ZERO, kind="ripple"):
    """Sum (as wide as a and b) and carry."""
    assert len(a) == len(b)
    if kind == "prefix":
        return _prefix_add(c, a, b, carry)
    total = []
    for x, y in zip(a, b):
        bits = sorted((x, y, carry), key=lambda bit: bit in (ZERO, ONE))  # constants last
        s, carry = full_adder(c, *bits)
        total.append(s)
    return total, carry


def _prefix_add(c, a, b, carry):
    propagate = [c.xor(x, y) for x, y in zip(a, b)]
    spans = [(c.and_(x, y), p) for x, y, p in zip(a, b, propagate)]
    spans[0] = (c.or_(spans[0][0], c.and_(propagate[0], carry)), ZERO)
    step = 1
    while step < len(a):
        for i in range(len(a)):
            if i & step:
                generate, through = spans[(i | (step - 1)) - step]
                g, p = spans[i]
                spans[i] = (c.or_(g, c.and_(p, generate)), c.and_(p, through))
        step *= 2
    carries = [carry] + [g for g, _ in spans]
    return [c.xor(p, x) for p, x in zip(propagate, carries)], carries[-1]


def subtract(c, a, b, kind="ripple"):
    """a - b modulo 2^width, and whether a >= b as unsigned numbers."""
    return add(c, a, [c.inv(x) for x in b], ONE, kind)


def extend(bits, width, signed):
    assert len(bits) <= width, (len(bits), width)
    return list(bits) + [bits[-1] if signed else ZERO] * (width - len(bits))


class Columns:
    """A sum of bits with weights 2^k or -2^k, modulo 2^width."""

    def __init__(self, circuit, width):
        self.c, self.width, self.constant = circuit, width, 0
        self.columns = [[] for _ in range(width)]

    def add_bit(self, k, bit, negative=False):
        if k >= self.width:
            return
        if negative:  # -x = ~x - 1
            bit = self.c.inv(bit)
            self.constant -= 1 << k
        if bit == ONE:
            self.constant += 1 << k
        elif bit != ZERO:
            self.columns[k].append(bit)

    def add_number(self, bits, signed, shift=0):
        for i, bit in enumerate(bits):
            self.add_bit(i + shift, bit, negative=signed and i == len(bits) - 1)

    def add_product(self, w, a, w_signed, a_signed, shift=0):
        for i, x in enumerate(w):
            for j, y in enumerate(a):
                negative = (w_signed and i == len(w) - 1) != (a_signed and j == len(a) - 1)
                self.add_bit(i + j + shift, self.c.and_(x, y), negative)

    def sum(self, kind="ripple"):
        columns = [list(column) for column in self.columns]
        for k in range(self.width):
            if self.constant >> k & 1:
                columns[k].append(ONE)
        for k in range(self.width):
            while len(columns[k]) > 2:
                bits = [columns[k].pop(0) for _ in range(3)]
                s, carry = full_adder(self.c, *sorted(bits, key=lambda bit: bit in (ZERO, ONE)))
                columns[k].append(s)
                if k + 1 < self.width:
                    columns[k + 1].append(carry)
        rows = [[(column + [ZERO, ZERO])[i] for column in columns] for i in range(2)]
        return add(self.c, *rows, kind=kind)[0]


def multiply(c, w, a, w_signed, a_signed, kind="ripple"):
    """The exact product, len(w) + len(a) bits."""
    columns = Columns(c, len(w) + len(a))
    columns.add_product(w, a, w_signed, a_signed)
    return columns.sum(kind)


def shift_left(c, bits, amount, width):
    """bits << amount in `width` bits; bits beyond are lost. amount: a list of bits."""
    bits = extend(bits, width, signed=False)[:width] if len(bits) <= width else list(bits)[:width]
    for stage, select in enumerate(amount):
        moved = ([ZERO] * min(1 << stage, width) + bits)[:width]
        bits = c.mux_bits(select, moved, bits)
    return bits


def shift_right(c, bits, amount, sticky=False):
    """bits >> amount, zeros from above; with `sticky`, the lowest bit is 1 if any bit that left was."""
    bits, width = list(bits), len(bits)
    for stage, select in enumerate(amount):
        step = min(1 << stage, width)
        moved = bits[step:] + [ZERO] * step
        if sticky:
            moved[0] = c.any(bits[:step + 1])
        bits = c.mux_bits(select, moved, bits)
    return bits


def leading_zeros(c, bits):
    """Count of zeros above the highest 1, and whether all bits are 0 (the count then means nothing)."""
    width = 1
    while width < len(bits):
        width *= 2
    if len(bits) == 1:
        return [], c.inv(bits[0])
    # A one below the number bounds the count; not needed where the width is a power of two.
    return _leading_zeros(c, [ZERO] * (width - len(bits)) + list(bits))


def _leading_zeros(c, bits):
    if len(bits) == 1:
        return [], c.inv(bits[0])
    half = len(bits) // 2
    low, low_zero = _leading_zeros(c, bits[:half])
    high, high_zero = _leading_zeros(c, bits[half:])
    return c.mux_bits(high_zero, low, high) + [high_zero], c.and_(high_zero, low_zero)


@dataclass
class Number:
    """Two's complement if low < 0, else unsigned; low and high bound its value."""

    bits: list
    low: int
    high: int


def width_of(low, high):
    if low >= 0:
        return max(high.bit_length(), 1)
    return max((-low - 1).bit_length(), max(high, 0).bit_length()) + 1


def constant(value):
    return Number([ONE if value >> i & 1 else ZERO for i in range(width_of(value, value))], value, value)


def unsigned(bits, low=0, high=None):
    return Number(list(bits), low, (1 << len(bits)) - 1 if high is None else high)


def resize(number, width):
    return extend(number.bits, width, number.low < 0) if len(number.bits) <= width else number.bits[:width]


def add_numbers(c, a, b):
    low, high = a.low + b.low, a.high + b.high
    width = width_of(low, high)
    return Number(add(c, resize(a, width), resize(b, width))[0], low, high)


def subtract_numbers(c, a, b):
    low, high = a.low - b.high, a.high - b.low
    width = width_of(low, high)
    return Number(subtract(c, resize(a, width), resize(b, width))[0], low, high)


def is_less(c, a, b):
    """a < b."""
    if a.high < b.low:
        return ONE
    if a.low >= b.high:
        return ZERO
    difference = subtract_numbers(c, a, b)
    return difference.bits[-1]


def select_number(c, condition, one, zero, low=None, high=None):
    """The bounds may be narrower than the operands' where the caller knows why."""
    low = min(one.low, zero.low) if low is None else low
    high = max(one.high, zero.high) if high is None else high
    width = width_of(low, high)
    return Number(c.mux_bits(condition, resize(one, width), resize(zero, width)), low, high)


def minimum(c, a, b):
    return select_number(c, is_less(c, a, b), a, b, min(a.low, b.low), min(a.high, b.high))


def maximum(c, a, b):
    return select_number(c, is_less(c, a, b), b, a, max(a.low, b.low), max(a.high, b.high))
