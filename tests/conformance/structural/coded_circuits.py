"""Logarithmic and codebook multiply-accumulates."""

from arithmetic import add, extend, multiply, shift_left
from design import Design, accumulate, bits_of, draw, lanes, signed, summing_stimulus
from float_circuits import draw_float, parse
from floats import add_floats, multiply_floats, product, total
from hdl import ONE, ZERO

TABLE_FRACTION = 7  # bits below the point of the table of fractional powers


def powers(fraction_bits):
    """2^(k / 2^fraction_bits), k from 0, as the table holds them; one constant where there is nothing to look up."""
    if fraction_bits == 0:
        return [1]
    return [round(2 ** (k / 2 ** fraction_bits + TABLE_FRACTION)) for k in range(1 << fraction_bits)]


def look_up(c, table, address):
    """A read-only table of integers."""
    width = max(table).bit_length()
    rows = [[ONE if value >> i & 1 else ZERO for i in range(width)] for value in table]
    return read(c, rows, address)


def read(c, rows, address):
    for select in address:
        rows = [c.mux_bits(select, rows[i + 1], rows[i]) for i in range(0, len(rows), 2)]
    return rows[0]


def negate_if(c, sign, bits, width):
    """Addend and carry of +-bits."""
    return [c.xor(sign, x) for x in extend(bits, width, False)], sign


def log_mac(bits, fraction_bits, accumulator, linear=""):
    """Codes: sign, then a magnitude c; 0 is zero, else 2^(c / 2^fraction_bits). Exponents add; the power's fraction is
    looked up, its integer shifts; the sum is linear. linear: the activation is that integer and is shifted instead."""
    n_acc, table = bits_of(accumulator), powers(fraction_bits)
    m = bits_of(linear) if linear else bits
    name = f"log{bits}" + {0: "", 1: ":sqrt2"}.get(fraction_bits, f":root{1 << fraction_bits}")
    scale = TABLE_FRACTION if fraction_bits else 0

    def build(c):
        w, a = c.register(c.input("w", bits)), c.register(c.input("a", m))
        first = c.register(c.input("first", 1))[0]
        register = c.new_register(n_acc)
        nonzero = c.any(w[:-1])
        exponent = w[:-1]
        if not linear:
            nonzero = c.and_(nonzero, c.any(a[:-1]))
            summed, carry = add(c, exponent, a[:-1])
            exponent = summed + [carry]
        power = look_up(c, table, exponent[:fraction_bits])
        if linear:
            sign = c.and_(nonzero, w[-1])
            number = multiply(c, power, a, False, True) if fraction_bits else a
            number = shift_left(c, extend(number, n_acc, True), exponent[fraction_bits:], n_acc)
            addend = [c.xor(sign, x) for x in c.mask(nonzero, number)]
        else:
            sign = c.and_(nonzero, c.xor(w[-1], a[-1]))
            largest = (2 * ((1 << bits - 1) - 1) >> fraction_bits) + len(power)
            number = shift_left(c, power, exponent[fraction_bits:], min(largest, n_acc))
            addend = [c.xor(sign, x) for x in extend(c.mask(nonzero, number), n_acc, False)]
        accumulate(c, first, register, lambda old: add(c, old, addend, sign)[0])
        c.output("sum", register)

    def operands(rng):
        w, a = draw(rng, bits), draw(rng, m)
        magnitude = w & (1 << bits - 1) - 1
        negative = w >> bits - 1
        if linear:
            value = signed(a, m)
            exponent = magnitude
        else:
            other = a & (1 << bits - 1) - 1
            value = int(other > 0)
            negative ^= a >> bits - 1
            exponent = magnitude + other
        if magnitude == 0:
            value = 0
        value *= table[exponent & (1 << fraction_bits) - 1] << (exponent >> fraction_bits)
        return {"w": w, "a": a}, -value if negative else value

    suffix = f"_{linear}" if linear else ""
    return Design(f"log_mac_{name.replace(':', '_')}{suffix}_{accumulator}", "log_mac", name, linear or name, accumulator, 1, build,
                  lambda rng, _: summing_stimulus(rng, operands, lambda old, x: (old + x) & (1 << n_acc) - 1),
                  extra={"fraction_bits": fraction_bits, "table_entries": len(table) if fraction_bits else 0,
                         "table_fraction_bits": scale})


def codebook_mac(entries, element, activation, accumulator, sharing=1):
    """Weights are indices into a table of registers that is written before; `sharing` MACs read one table. The MACs are
    as wide as entries and activations."""
    is_float = element.startswith("e")
    n, m, n_acc = bits_of(element), bits_of(activation), bits_of(accumulator)
    index_bits = (entries - 1).bit_length()
    if is_float:
        form_w, form_a, form = (parse(x) for x in (element, activation, accumulator))

    def build(c):
        write, address, data = c.input("write", 1)[0], c.input("address", index_bits), c.input("data", n)
        rows = []
        for k in range(entries):
            hit = c.and_(write, c.all([x if k >> i & 1 else c.inv(x) for i, x in enumerate(address)]))
            row = c.new_register(n)
            c.drive(row, c.mux_bits(hit, data, row))
            rows.append(row)
        indices = lanes(c.register(c.input("w", index_bits * sharing)), index_bits)
        activations = lanes(c.register(c.input("a", m * sharing)), m)
        first = c.register(c.input("first", 1))[0]
        sums = []
        for index, a in zip(indices, activations):
            w = read(c, rows, index)
            register = c.new_register(n_acc)
            if is_float:
                accumulate(c, first, register,
                           lambda old: add_floats(c, form, old, multiply_floats(c, form_w, form_a, form, w, a)))
            else:
                accumulate(c, first, register,
                           lambda old: add(c, old, extend(multiply(c, w, a, True, True), n_acc, True))[0])
            sums += register
        c.output("sum", sums)

    def step_one(old, w, a):
        if is_float:
            return total(form, old, product(form_w, form_a, form, w, a))
        return (old + signed(w, n) * signed(a, m)) & (1 << n_acc) - 1

    def stimulus(rng, _):
        table = [draw_float(rng, form_w) if is_float else draw(rng, n) for _ in range(entries)]
        loads = [{"write": 1, "address": k, "data": value, "w": 0, "a": 0, "first": 1} for k, value in enumerate(table)]

        def operands(rng):
            indices = [rng.randrange(entries) for _ in range(sharing)]
            codes = [draw_float(rng, form_a) if is_float else draw(rng, m) for _ in range(sharing)]
            return {"write": 0, "w": sum(x << i * index_bits for i, x in enumerate(indices)),
                    "a": sum(x << i * m for i, x in enumerate(codes))}, [(table[i], a) for i, a in zip(indices, codes)]

        def step(old, pairs):
            parts = [old >> i * n_acc & (1 << n_acc) - 1 for i in range(sharing)]
            return sum(step_one(x, *pair) << i * n_acc for i, (x, pair) in enumerate(zip(parts, pairs)))

        inputs, expected = summing_stimulus(rng, operands, step)
        return loads + inputs, [None] * entries + expected

    return Design(f"codebook{entries}_{element}_{activation}_{accumulator}{f'_shared{sharing}' if sharing > 1 else ''}",
                  "codebook_mac", f"codebook{entries}", activation, accumulator, 1, build, stimulus,
                  extra={"entries": element, "sharing": sharing}, modes={"single": (None, sharing)},
                  busy=(entries + 2, entries + 12))
