"""Integer parts, multiply-accumulates and dot products; binary and ternary weights."""

from arithmetic import Columns, add, extend, leading_zeros, multiply, shift_left
from design import Design, accumulate, bits_of, draw, draw_many, lanes, signed, stateless_stimulus, summing_stimulus
from hdl import ZERO


def adder(bits, kind="ripple"):
    def build(c):
        c.output("out", add(c, c.input("a", bits), c.input("b", bits), kind=kind)[0])

    def operands(rng):
        a, b = draw(rng, bits), draw(rng, bits)
        return {"a": a, "b": b}, (a + b) & (1 << bits) - 1

    suffix = "" if kind == "ripple" else f"_{kind}"
    return Design(f"add_{bits}{suffix}", "adder", "", "", f"int{bits}", 1, build,
                  lambda rng, _: stateless_stimulus(rng, operands, lambda x: x), registered=False, extra={"carry": kind})


def multiplier(weight, activation):
    n, m = bits_of(weight), bits_of(activation)
    w_signed, a_signed = weight.startswith("int"), activation.startswith("int")

    def build(c):
        c.output("out", multiply(c, c.input("w", n), c.input("a", m), w_signed, a_signed))

    def operands(rng):
        w, a = draw(rng, n), draw(rng, m)
        x = signed(w, n) if w_signed else w
        y = signed(a, m) if a_signed else a
        return {"w": w, "a": a}, x * y & (1 << n + m) - 1

    return Design(f"mul_{weight}_{activation}", "multiplier", weight, activation, "", 1, build,
                  lambda rng, _: stateless_stimulus(rng, operands, lambda x: x), registered=False)


def register(bits):
    def build(c):
        c.output("out", c.register(c.input("in", bits)))

    def stimulus(rng, _):
        values = [draw(rng, bits) for _ in range(6)]
        return [{"in": x} for x in values], [{"out": x} for x in values]

    return Design(f"reg_{bits}", "register", "", "", f"int{bits}", 1, build, stimulus)


def shifter(bits):
    """Left, by 0 .. bits - 1; what leaves is lost."""
    steps = (bits - 1).bit_length()

    def build(c):
        c.output("out", shift_left(c, c.input("in", bits), c.input("amount", steps), bits))

    def operands(rng):
        value, amount = draw(rng, bits), rng.randrange(1 << steps)
        return {"in": value, "amount": amount}, (value << amount) & (1 << bits) - 1

    return Design(f"shift_{bits}", "shifter", "", "", f"int{bits}", 1, build,
                  lambda rng, _: stateless_stimulus(rng, operands, lambda x: x), registered=False, extra={"stages": steps})


def leading_zero_counter(bits):
    """Of a number that is not zero."""

    def build(c):
        c.output("out", leading_zeros(c, c.input("in", bits))[0])

    def operands(rng):
        value = (draw(rng, bits) or 1) >> rng.randrange(bits) or 1
        return {"in": value}, bits - value.bit_length()

    return Design(f"leading_zeros_{bits}", "leading_zeros", "", "", f"int{bits}", 1, build,
                  lambda rng, _: stateless_stimulus(rng, operands, lambda x: x), registered=False)


def dot(weight, activation, accumulator, terms, tree="separate", kind="ripple"):
    """Registers, products, their sum, accumulator.

    tree: `separate` adds up each product, then their sum, then the accumulator (one carry propagation each); `fused` is
    one sum of all partial products and the accumulator.
    """
    n, m, n_acc = bits_of(weight), bits_of(activation), bits_of(accumulator)
    signs = weight.startswith("int"), activation.startswith("int")
    n_sum = min(n + m + (terms - 1).bit_length(), n_acc)

    def build(c):
        w = lanes(c.register(c.input("w", n * terms)), n)
        a = lanes(c.register(c.input("a", m * terms)), m)
        first = c.register(c.input("first", 1))[0]
        total = c.new_register(n_acc)

        def fused(old):
            columns = Columns(c, n_acc)
            columns.add_number(old, signed=True)
            for x, y in zip(w, a):
                columns.add_product(x, y, *signs)
            return columns.sum(kind)

        def separate(old):
            products = [multiply(c, x, y, *signs, kind)[:n_sum] for x, y in zip(w, a)]
            return add(c, old, extend(sum_of(c, products, n_sum, any(signs), kind), n_acc, any(signs)), kind=kind)[0]

        accumulate(c, first, total, fused if tree == "fused" else separate)
        c.output("sum", total)

    def operands(rng):
        w, ws = draw_many(rng, n, terms)
        a, activations = draw_many(rng, m, terms)
        xs = [signed(x, n) if signs[0] else x for x in ws]
        ys = [signed(y, m) if signs[1] else y for y in activations]
        return {"w": w, "a": a}, sum(x * y for x, y in zip(xs, ys))

    def stimulus(rng, _):
        return summing_stimulus(rng, operands, lambda old, x: (old + x) & (1 << n_acc) - 1)

    family = "integer_mac" if terms == 1 else "integer_dot"
    prefix = "mac" if terms == 1 else f"dot{terms}"
    options = ("" if tree == "separate" else f"_{tree}") + ("" if kind == "ripple" else f"_{kind}")
    return Design(f"{prefix}_{weight}_{activation}_{accumulator}{options}", family, weight, activation, accumulator, terms,
                  build, stimulus, extra={"tree": tree, "carry": kind})


def sum_of(c, numbers, width, is_signed, kind="ripple"):
    """The sum of numbers of one sign kind, modulo 2^width."""
    if len(numbers) == 1:
        return extend(numbers[0], width, is_signed) if len(numbers[0]) < width else numbers[0][:width]
    columns = Columns(c, width)
    for number in numbers:
        columns.add_number(number, is_signed)
    return columns.sum(kind)


def binary_mac(activation, accumulator, terms=1):
    """Weights +1 (code 0) and -1 (code 1) on integer activations: each activation is inverted or not, then added."""
    m, n_acc = bits_of(activation), bits_of(accumulator)

    def build(c):
        w = c.register(c.input("w", terms))
        a = lanes(c.register(c.input("a", m * terms)), m)
        first = c.register(c.input("first", 1))[0]
        total = c.new_register(n_acc)

        def step(old):
            if terms == 1:
                return add(c, old, extend([c.xor(w[0], x) for x in a[0]], n_acc, True), w[0])[0]
            columns = Columns(c, m + terms.bit_length())
            for x, y in zip(w, a):
                columns.add_number([c.xor(x, bit) for bit in y], signed=True)
                columns.add_bit(0, x)
            return add(c, old, extend(columns.sum(), n_acc, True))[0]

        accumulate(c, first, total, step)
        c.output("sum", total)

    def operands(rng):
        w = rng.getrandbits(terms)
        a, values = draw_many(rng, m, terms)
        return {"w": w, "a": a}, sum(signed(y, m) * (-1 if w >> i & 1 else 1) for i, y in enumerate(values))

    prefix = "binary_mac" if terms == 1 else f"binary_dot{terms}"
    return Design(f"{prefix}_{activation}_{accumulator}", "binary_mac", "binary", activation, accumulator, terms, build,
                  lambda rng, _: summing_stimulus(rng, operands, lambda old, x: (old + x) & (1 << n_acc) - 1))


def xnor_dot(accumulator, terms):
    """Both operands +1 (code 0) or -1: terms - 2 * (number of differing bits)."""
    n_acc = bits_of(accumulator)

    def build(c):
        w, a = (c.register(c.input(port, terms)) for port in "wa")
        first = c.register(c.input("first", 1))[0]
        total = c.new_register(n_acc)
        count = Columns(c, terms.bit_length())
        for x, y in zip(w, a):
            count.add_bit(0, c.inv(c.xor(x, y)))
        doubled = [ZERO] + count.sum()

        def step(old):
            columns = Columns(c, n_acc)
            columns.add_number(old, signed=True)
            columns.add_number(doubled, signed=False)
            columns.constant -= terms
            return columns.sum()

        accumulate(c, first, total, step)
        c.output("sum", total)

    def operands(rng):
        w = rng.getrandbits(terms)
        a = rng.choice([w, w ^ (1 << terms) - 1, rng.getrandbits(terms), rng.getrandbits(terms)])
        return {"w": w, "a": a}, terms - 2 * bin(w ^ a).count("1")

    return Design(f"xnor_dot{terms}_{accumulator}", "xnor_dot", "binary", "binary", accumulator, terms, build,
                  lambda rng, _: summing_stimulus(rng, operands, lambda old, x: (old + x) & (1 << n_acc) - 1))


def ternary_mac(activation, accumulator, terms=1, gated=False):
    """Weights 0, +1, -1: bit 0 says nonzero, bit 1 negative. `gated`: the operand's register and the sum hold at zero."""
    m, n_acc = bits_of(activation), bits_of(accumulator)

    def build(c):
        w_in, a_in = c.input("w", 2 * terms), c.input("a", m * terms)
        w = lanes(c.register(w_in), 2)
        if gated:
            held = c.new_register(m * terms)
            enables = [pair[0] for pair in lanes(w_in, 2) for _ in range(m)]
            c.drive(held, [c.mux(enable, new, old) for enable, new, old in zip(enables, a_in, held)])
            a = lanes(held, m)
        else:
            a = lanes(c.register(a_in), m)
        first = c.register(c.input("first", 1))[0]
        total = c.new_register(n_acc)

        def step(old):
            if terms == 1:
                nonzero, negative = w[0]
                inverted = c.and_(nonzero, negative)
                operand = c.mask(nonzero, [c.xor(negative, x) for x in a[0]])
                return add(c, old, extend(operand, n_acc, True), inverted)[0]
            columns = Columns(c, m + terms.bit_length())
            for (nonzero, negative), y in zip(w, a):
                columns.add_number(c.mask(nonzero, [c.xor(negative, bit) for bit in y]), signed=True)
                columns.add_bit(0, c.and_(nonzero, negative))
            return add(c, old, extend(columns.sum(), n_acc, True))[0]

        accumulate(c, first, total, step)
        c.output("sum", total)

    def operands(rng):
        a, values = draw_many(rng, m, terms)
        weights = [rng.choice([0, 2, 1, 3]) for _ in values]
        exact = sum(y for y in (signed(y, m) * (x & 1) * (-1 if x & 2 else 1) for x, y in zip(weights, values)))
        return {"w": sum(x << 2 * i for i, x in enumerate(weights)), "a": a}, exact

    prefix = "ternary_mac" if terms == 1 else f"ternary_dot{terms}"
    return Design(f"{prefix}_{activation}_{accumulator}{'_gated' if gated else ''}", "ternary_mac", "ternary", activation,
                  accumulator, terms, build,
                  lambda rng, _: summing_stimulus(rng, operands, lambda old, x: (old + x) & (1 << n_acc) - 1),
                  extra={"zero_gated": gated})
