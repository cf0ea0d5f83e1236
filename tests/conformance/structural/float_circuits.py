"""Float multipliers, adders and multiply-accumulates; dot products of floats and of MX blocks."""

from arithmetic import (Columns, Number, add, add_numbers, constant, maximum, multiply, resize, shift_left, shift_right,
                        subtract_numbers, unsigned)
from design import Design, accumulate, bits_of, draw_many, lanes, signed, stateless_stimulus, summing_stimulus
from floats import (Format, add_floats, decode, encode, multiply_floats, product, round_and_pack, shift_amount, split,
                    total)
from hdl import ZERO
from integer_circuits import sum_of


def parse(name, subnormals=True):
    exponent, mantissa = name[1:].split("m")
    return Format(int(exponent), int(mantissa), subnormals)


def canonical(form, code):
    """A code that arithmetic leaves: without subnormals, their exponent means zero."""
    if not form.subnormals and code >> form.mantissa & form.top == 0:
        return code >> form.bits - 1 << form.bits - 1
    return code


def draw_float(rng, form):
    """Often zero, subnormal, or at an end of the range."""
    code = rng.getrandbits(form.bits)
    kind = rng.random() if rng.extremes else 0.3  # usual data: near one
    if kind < 0.15:
        code &= ~(form.top << form.mantissa)
    elif kind < 0.2:
        code |= form.top << form.mantissa
    elif kind < 0.25:
        code &= 1 << form.bits - 1
    elif kind < 0.6:  # near one, where exponents meet
        field = max(0, min(form.top, form.bias + rng.randint(-3, 3)))
        code = code & ~(form.top << form.mantissa) | field << form.mantissa
    return code


def suffix(subnormals):
    return "" if subnormals else "_ftz"


def float_multiplier(name, subnormals=True):
    form = parse(name, subnormals)

    def build(c):
        c.output("out", multiply_floats(c, form, form, form, c.input("w", form.bits), c.input("a", form.bits)))

    def operands(rng):
        w, a = draw_float(rng, form), draw_float(rng, form)
        return {"w": w, "a": a}, product(form, form, form, w, a)

    return Design(f"fmul_{name}{suffix(subnormals)}", "float_multiplier", name, name, "", 1, build,
                  lambda rng, _: stateless_stimulus(rng, operands, lambda x: x), registered=False,
                  extra={"subnormals": subnormals})


def float_adder(name, subnormals=True):
    form = parse(name, subnormals)

    def build(c):
        c.output("out", add_floats(c, form, c.input("a", form.bits), c.input("b", form.bits)))

    def operands(rng):
        a = canonical(form, draw_float(rng, form))
        b = canonical(form, rng.choice([draw_float(rng, form), draw_float(rng, form), a, a ^ 1 << form.bits - 1,
                                        a ^ 1 << form.bits - 1 ^ 1]))
        return {"a": a, "b": b}, total(form, a, b)

    return Design(f"fadd_{name}{suffix(subnormals)}", "float_adder", "", "", name, 1, build,
                  lambda rng, _: stateless_stimulus(rng, operands, lambda x: x), registered=False,
                  extra={"subnormals": subnormals})


def float_mac(name_w, name_a, name_acc, subnormals=True):
    """The product is rounded to the accumulator's format (exact where that is wide enough), then added."""
    form_w, form_a, form = (parse(name, subnormals) for name in (name_w, name_a, name_acc))

    def build(c):
        w = c.register(c.input("w", form_w.bits))
        a = c.register(c.input("a", form_a.bits))
        first = c.register(c.input("first", 1))[0]
        register = c.new_register(form.bits)
        accumulate(c, first, register,
                   lambda old: add_floats(c, form, old, multiply_floats(c, form_w, form_a, form, w, a)))
        c.output("sum", register)

    def operands(rng):
        w, a = draw_float(rng, form_w), draw_float(rng, form_a)
        return {"w": w, "a": a}, product(form_w, form_a, form, w, a)

    both = name_w if name_w == name_a else f"{name_w}_{name_a}"
    return Design(f"fmac_{both}_{name_acc}{suffix(subnormals)}", "float_mac", name_w, name_a, name_acc, 1, build,
                  lambda rng, _: summing_stimulus(rng, operands, lambda old, x: total(form, old, x)),
                  extra={"subnormals": subnormals})


def _magnitude(c, number):
    """Sign and magnitude of a two's complement number."""
    sign = number[-1]
    return sign, add(c, [c.xor(sign, bit) for bit in number[:-1]], [ZERO] * (len(number) - 1), sign)[0]


def _to_float(c, number, exponent, form):
    """number * 2^(exponent - bias), exponent a Number."""
    sign, magnitude = _magnitude(c, number)
    exponent = add_numbers(c, exponent, constant(len(magnitude) - 1))
    return round_and_pack(c, sign, exponent, magnitude, form, len(magnitude) - 1)


def _scales(c, scaled, form, offset):
    """The exponent that the block's two E8M0 scales and `offset` (the exponent of the sum's lowest bit) give."""
    exponent = constant(offset + form.bias)
    if not scaled:
        return exponent
    scales = [unsigned(c.register(c.input(port, 8))) for port in ("scale_w", "scale_a")]
    return add_numbers(c, add_numbers(c, *scales), add_numbers(c, exponent, constant(-254)))


def _scale_operands(rng, scaled):
    """Ports, and the exponent of the scales; mostly where sums neither vanish nor saturate."""
    if not scaled:
        return {}, 0
    codes = [rng.getrandbits(8) if rng.rarely(0.2) else 127 + rng.randint(-6, 6) for _ in range(2)]
    return dict(zip(("scale_w", "scale_a"), codes)), sum(codes) - 254


def _aligned_terms(c, form_w, form_a, ws, activations, align):
    """Signed terms on one grid, as wide as each other, and the exponent of the grid's lowest bit (a Number), counted
    from the lowest that products have. align: 0 shifts left on a fixed grid, exact; else products are cut to `align`
    bits below the largest exponent's place."""
    parts = []
    for w, a in zip(ws, activations):
        sign_w, exponent_w, x = split(c, form_w, w)
        sign_a, exponent_a, y = split(c, form_a, a)
        exponent = subtract_numbers(c, add_numbers(c, exponent_w, exponent_a), constant(2))
        parts.append((c.xor(sign_w, sign_a), exponent, multiply(c, x, y, False, False)))
    width = len(parts[0][2])
    if not align:
        width += parts[0][1].high
        return [(sign, shift_left(c, bits, exponent.bits, width)) for sign, exponent, bits in parts], constant(0)
    exponents = [exponent for _, exponent, _ in parts]
    while len(exponents) > 1:
        exponents = [maximum(c, *exponents[i:i + 2]) if i + 1 < len(exponents) else exponents[i]
                     for i in range(0, len(exponents), 2)]
    top, terms = exponents[0], []
    for sign, exponent, bits in parts:
        distance = subtract_numbers(c, top, exponent)
        distance = Number(distance.bits[:-1], 0, distance.high) if distance.low < 0 else distance
        bits = ([ZERO] * max(align - width, 0) + bits)[-align:]
        amount, beyond = shift_amount(c, distance, align)
        terms.append((sign, c.mask(c.inv(beyond), shift_right(c, bits, amount))))
    return terms, add_numbers(c, top, constant(width - align))


def float_dot(name_w, name_a, name_acc, terms, align=0, scaled=False):
    """Exact products on one grid, their integer sum, and the accumulator: a float, to which the sum is rounded, then
    added; or "intN", the grid itself. scaled: MX, the blocks' two E8M0 scales once per sum."""
    form_w, form_a = parse(name_w), parse(name_a)
    fixed = name_acc.startswith("int")
    form = None if fixed else parse(name_acc)
    n_acc = bits_of(name_acc)
    lowest = 2 - form_w.bias - form_a.bias - form_w.mantissa - form_a.mantissa
    width = form_w.mantissa + form_a.mantissa + 2

    def build(c):
        ws = lanes(c.register(c.input("w", form_w.bits * terms)), form_w.bits)
        activations = lanes(c.register(c.input("a", form_a.bits * terms)), form_a.bits)
        first = c.register(c.input("first", 1))[0]
        parts, grid = _aligned_terms(c, form_w, form_a, ws, activations, align)
        register = c.new_register(n_acc)
        n_sum = len(parts[0][1]) + 1 + (terms - 1).bit_length()

        def sum_terms(columns):
            for sign, bits in parts:
                columns.add_number([c.xor(sign, bit) for bit in bits] + [sign], signed=True)
                columns.add_bit(0, sign)
            return columns.sum()

        if fixed:
            def step(old):
                return add(c, old, resize(Number(sum_terms(Columns(c, min(n_sum, n_acc))), -1, 0), n_acc))[0]
        else:
            def step(old):
                exponent = add_numbers(c, grid, _scales(c, scaled, form, lowest))
                return add_floats(c, form, old, _to_float(c, sum_terms(Columns(c, n_sum)), exponent, form))
        accumulate(c, first, register, step)
        c.output("sum", register)

    def exact_sum(ws, activations):
        """The integer sum and the exponent of its lowest bit."""
        products = []
        for w, a in zip(ws, activations):
            (x, ex), (y, ey) = decode(form_w, w), decode(form_a, a)
            products.append((x * y, ex + ey))
        if not align:
            return sum(x << e - lowest for x, e in products), lowest
        grid = max(e for _, e in products) + width - align
        cut = [(abs(x) << e - grid if e >= grid else abs(x) >> grid - e) * (-1 if x < 0 else 1) for x, e in products]
        return sum(cut), grid

    def operands(rng):
        ports = {}
        codes = []
        for port, form_x in (("w", form_w), ("a", form_a)):
            drawn = [draw_float(rng, form_x) for _ in range(terms)]
            if rng.rarely(0.1):  # the largest sums
                drawn = [form_x.top << form_x.mantissa | (1 << form_x.mantissa) - 1] * terms
            ports[port] = sum(code << i * form_x.bits for i, code in enumerate(drawn))
            codes.append(drawn)
        scale_ports, scale = _scale_operands(rng, scaled)
        value, exponent = exact_sum(*codes)
        return {**ports, **scale_ports}, (value, exponent + scale)

    def step(old, operand):
        value, exponent = operand
        if fixed:
            return (old + value) & (1 << n_acc) - 1
        return total(form, old, encode(form, int(value < 0), abs(value), exponent))

    both = name_w if name_w == name_a else f"{name_w}_{name_a}"
    prefix = "mx" if scaled else "fdot"
    return Design(f"{prefix}{terms}_{both}_{name_acc}{f'_align{align}' if align else ''}",
                  "mx_dot" if scaled else "float_dot", f"mxfp{form_w.bits}_{name_w}" if scaled else name_w,
                  f"mxfp{form_a.bits}_{name_a}" if scaled else name_a, name_acc, terms, build,
                  lambda rng, _: summing_stimulus(rng, operands, step, cycles=8), busy=(2, 8),
                  extra={"align_bits": align, "shared_scale": scaled, "subnormals": True})


def block_integer_dot(bits, name_acc, terms, fraction_bits, name):
    """MXINT8 and block floating point: integer products and sum, the blocks' exponents added once, a float accumulator."""
    form, n_acc = parse(name_acc), bits_of(name_acc)
    n_sum = 2 * bits + (terms - 1).bit_length()

    def build(c):
        ws, activations = (lanes(c.register(c.input(port, bits * terms)), bits) for port in "wa")
        first = c.register(c.input("first", 1))[0]
        register = c.new_register(n_acc)

        def step(old):
            number = sum_of(c, [multiply(c, w, a, True, True) for w, a in zip(ws, activations)], n_sum, True)
            exponent = _scales(c, True, form, -2 * fraction_bits)
            return add_floats(c, form, old, _to_float(c, number + [number[-1]], exponent, form))

        accumulate(c, first, register, step)
        c.output("sum", register)

    def operands(rng):
        (w, ws), (a, activations) = draw_many(rng, bits, terms), draw_many(rng, bits, terms)
        scale_ports, scale = _scale_operands(rng, True)
        value = sum(signed(x, bits) * signed(y, bits) for x, y in zip(ws, activations))
        return {"w": w, "a": a, **scale_ports}, (value, scale - 2 * fraction_bits)

    def step(old, operand):
        value, exponent = operand
        return total(form, old, encode(form, int(value < 0), abs(value), exponent))

    return Design(f"{name}_dot{terms}_{name_acc}", "mx_dot" if name.startswith("mx") else "bfp_dot", name, name, name_acc,
                  terms, build, lambda rng, _: summing_stimulus(rng, operands, step, cycles=8), busy=(2, 8),
                  extra={"align_bits": 0, "shared_scale": True})
