"""Float blocks, and what they compute in exact integers.

A format has all its codes finite: sign, exponent, mantissa; exponent 0 is subnormal, or zero alone without subnormals.
Rounding is to nearest, ties to even; what is too large becomes the largest value; without subnormals, what rounds (with an
unbounded exponent) below the smallest normal becomes zero.
"""

from dataclasses import dataclass

from arithmetic import (Number, add, add_numbers, constant, leading_zeros, minimum, multiply, resize, select_number,
                        shift_left, shift_right, subtract, subtract_numbers, unsigned)
from hdl import ONE, ZERO


@dataclass(frozen=True)
class Format:
    exponent: int
    mantissa: int
    subnormals: bool = True

    @property
    def bits(self):
        return 1 + self.exponent + self.mantissa

    @property
    def bias(self):
        return (1 << self.exponent - 1) - 1

    @property
    def top(self):
        return (1 << self.exponent) - 1

    def __str__(self):
        return f"e{self.exponent}m{self.mantissa}"


# ---- References: codes and exact values, a value being sign, magnitude * 2^exponent. ----


def decode(form, code):
    """(value as an integer, exponent): value * 2^exponent."""
    mantissa = code & (1 << form.mantissa) - 1
    field = code >> form.mantissa & form.top
    if field == 0 and not form.subnormals:
        mantissa = 0
    magnitude = mantissa | (field > 0) << form.mantissa
    sign = code >> form.bits - 1
    return (-magnitude if sign else magnitude), max(field, 1) - form.bias - form.mantissa


def encode(form, sign, magnitude, exponent):
    """Rounds magnitude * 2^exponent."""
    if magnitude == 0:
        return sign << form.bits - 1
    field = exponent + magnitude.bit_length() - 1 + form.bias
    lowest = (max(field, 1) if form.subnormals else field) - form.bias - form.mantissa
    shift = lowest - exponent
    if shift > 0:
        kept, rest, half = magnitude >> shift, magnitude & (1 << shift) - 1, 1 << shift - 1
        kept += rest > half or (rest == half and kept & 1)
    else:
        kept = magnitude << -shift
    if kept >> form.mantissa + 1:
        kept, lowest = kept >> 1, lowest + 1
    field = lowest + form.bias + form.mantissa
    if not kept >> form.mantissa:
        field = 0
    if field > form.top:
        field, kept = form.top, (2 << form.mantissa) - 1
    if field <= 0 and not form.subnormals:
        field = kept = 0
    return sign << form.bits - 1 | field << form.mantissa | kept & (1 << form.mantissa) - 1


def product(form_w, form_a, form_out, w, a):
    (x, ex), (y, ey) = decode(form_w, w), decode(form_a, a)
    sign = w >> form_w.bits - 1 ^ a >> form_a.bits - 1
    return encode(form_out, sign, abs(x * y), ex + ey)


def total(form, a, b):
    (x, ex), (y, ey) = decode(form, a), decode(form, b)
    low = min(ex, ey)
    exact = (x << ex - low) + (y << ey - low)
    sign = (a >> form.bits - 1) & (b >> form.bits - 1) if exact == 0 else exact < 0
    return encode(form, int(sign), abs(exact), low)


# ---- Circuits. ----


def split(c, form, code):
    """Sign, exponent as a Number (1 for subnormals), significand with its leading bit."""
    mantissa, field = code[:form.mantissa], code[form.mantissa:form.mantissa + form.exponent]
    normal = c.any(field)
    if form.subnormals:
        effective = [c.or_(field[0], c.inv(normal))] + field[1:]
        return code[-1], unsigned(effective, 1), mantissa + [normal]
    return code[-1], unsigned(field, 0), c.mask(normal, mantissa) + [normal]


def shift_amount(c, number, limit):
    """A Number as a shift by at most 2^k - 1, and whether it goes beyond that; limit: shifts from there on are alike."""
    width = max(min(limit, number.high).bit_length(), 1)
    bits = resize(number, max(width, len(number.bits)))
    sign = number.bits[-1] if number.low < 0 else ZERO
    upper = bits[width:len(bits) - 1] if number.low < 0 else bits[width:]
    return bits[:width], c.and_(c.any(upper), c.inv(sign))


def round_and_pack(c, sign, exponent, significand, form, max_zeros):
    """Code of significand * 2^(exponent - bias - len(significand) + 1), where exponent is a Number.

    The significand is zero, or has at most `max_zeros` leading zeros. Its lowest bit may be sticky.
    """
    if form.subnormals and exponent.low < 1:  # a right shift may keep bits below: mantissa, guard and sticky bit
        significand = [ZERO] * max(form.mantissa + 3 - len(significand), 0) + significand
    width = len(significand)
    max_zeros = min(max_zeros, width - 1)
    zeros, _ = leading_zeros(c, significand[width - 1 - max_zeros:])
    zeros = unsigned(zeros, 0, max_zeros) if zeros else constant(0)
    subnormals = form.subnormals and exponent.low - max_zeros < 1
    shift = zeros
    if subnormals:
        room = subtract_numbers(c, exponent, constant(1))  # left shifts that stay normal
        if room.low < 0:
            negative = room.bits[-1]
            right = subtract_numbers(c, constant(0), room)
            significand = _shift_out(c, significand, right, negative)
            room = select_number(c, negative, constant(0), room, 0, max(room.high, 0))
        shift = minimum(c, zeros, room)
    significand = shift_left(c, significand, shift.bits, width)
    leading = significand[-1]
    field = subtract_numbers(c, exponent, shift)
    if field.high < 1:
        field = Number(field.bits, field.low, 1)
    kept = ([ZERO] * max(form.mantissa + 1 - width, 0) + significand)[-form.mantissa - 1:]
    rest = significand[:max(width - form.mantissa - 1, 0)]
    up = ZERO
    if rest:
        up = c.and_(rest[-1], c.or_(kept[0], c.any(rest[:-1])))
    # One more bit of exponent, so that rounding carries into it; negative exponents give no result.
    low, high = (0 if subnormals else min(field.low, 0), field.high + 1)
    bits = max(form.exponent + 1, high.bit_length() + (low < 0))
    exponent_bits = resize(field, bits)
    if subnormals:
        exponent_bits = c.mask(leading, exponent_bits)
    rounded, _ = add(c, kept[:-1] + exponent_bits, [ZERO] * (form.mantissa + bits), up)
    mantissa, exponent_bits = rounded[:form.mantissa], rounded[form.mantissa:]
    negative = exponent_bits[-1] if low < 0 else ZERO
    upper = exponent_bits[form.exponent:-1] if low < 0 else exponent_bits[form.exponent:]
    if high > form.top:
        over = c.and_(c.any(upper), c.inv(negative))
        mantissa = [c.or_(over, x) for x in mantissa]
        exponent_bits = [c.or_(over, x) for x in exponent_bits]
    code = mantissa + exponent_bits[:form.exponent]
    if not form.subnormals:
        keep = c.and_(leading, c.inv(negative))
        if low <= 0:
            keep = c.and_(keep, c.any(exponent_bits))
        code = c.mask(keep, code)
    elif not subnormals:
        code = c.mask(leading, code)
    return code + [sign]


def _shift_out(c, significand, amount, enable):
    """Right shift by `amount` where `enable`, keeping a sticky bit."""
    limit = len(significand)
    bits, beyond = shift_amount(c, amount, limit)
    shifted = shift_right(c, significand, c.mask(enable, bits), sticky=True)
    gone = c.and_(beyond, enable)
    return [c.mux(gone, c.any(significand), shifted[0])] + [c.and_(c.inv(gone), x) for x in shifted[1:]]


def multiply_floats(c, form_w, form_a, form_out, w, a):
    """The product as a code of form_out."""
    sign_w, exponent_w, x = split(c, form_w, w)
    sign_a, exponent_a, y = split(c, form_a, a)
    significand = multiply(c, x, y, False, False)
    exponent = add_numbers(c, exponent_w, exponent_a)
    exponent = add_numbers(c, exponent, constant(form_out.bias + 1 - form_w.bias - form_a.bias))
    subnormals = form_w.subnormals or form_a.subnormals
    max_zeros = len(significand) - 1 if subnormals else 1
    return round_and_pack(c, c.xor(sign_w, sign_a), exponent, significand, form_out, max_zeros)


def add_floats(c, form, a, b):
    """One path: swap, align with guard, round and sticky bits, add or subtract, normalise, round."""
    smaller = c.inv(subtract(c, a[:-1], b[:-1])[1])
    large, small = c.mux_bits(smaller, b, a), c.mux_bits(smaller, a, b)
    sign_l, exponent_l, x = split(c, form, large)
    sign_s, exponent_s, y = split(c, form, small)
    difference = subtract(c, exponent_l.bits, exponent_s.bits)[0]
    aligned = _shift_out(c, [ZERO] * 3 + y, unsigned(difference), ONE)
    opposite = c.xor(sign_l, sign_s)
    operand = [c.xor(opposite, bit) for bit in aligned]
    significand, carry = add(c, [ZERO] * 3 + x, operand, opposite)
    significand.append(c.and_(carry, c.inv(opposite)))
    zero = c.inv(c.any(significand))
    sign = c.and_(sign_l, c.inv(c.and_(opposite, zero)))
    exponent = add_numbers(c, exponent_l, constant(1))
    return round_and_pack(c, sign, exponent, significand, form, len(significand) - 1)
