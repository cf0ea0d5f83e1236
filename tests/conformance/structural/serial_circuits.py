"""Bit-serial multiply-accumulates: one operand a digit at a time (1D), or both (2D).

Fewer digits take fewer cycles: any width up to the longest.
"""

from itertools import product as pairs

from arithmetic import Columns, Number, add, extend, multiply, resize
from design import Design, accumulate, bits_of, draw, signed
from hdl import ZERO
from integer_circuits import sum_of

BITS = 8


def serial_mac(digit, accumulator):
    """Weights come `digit` bits a cycle, the lowest first, while the activation moves left (1D, one product)."""
    n_acc = bits_of(accumulator)
    width = 2 * BITS - digit

    def build(c):
        load, last, first = (c.register(c.input(port, 1))[0] for port in ("load", "last", "first"))
        w = c.register(c.input("w", digit))
        a_in = c.register(c.input("a", BITS))
        moving = c.new_register(width)
        a = c.mux_bits(load, extend(a_in, width, True), moving)
        c.drive(moving, ([ZERO] * digit + a)[:width])
        register = c.new_register(n_acc)

        def step(old):
            if digit == 1:
                negative = c.and_(w[0], last)
                addend = extend([c.xor(negative, x) for x in c.mask(w[0], a)], n_acc, True)
                return add(c, old, addend, negative)[0]
            number = multiply(c, w + [c.and_(last, w[-1])], a, True, True)
            return add(c, old, resize(Number(number, -1, 0), n_acc))[0]

        accumulate(c, first, register, step)
        c.output("sum", register)

    def stimulus(rng, mode):
        cycles = 24
        steps = mode or rng.randint(1, BITS // digit)
        inputs, expected, value = [], [None], 0
        while len(inputs) + steps <= cycles:
            n = steps * digit
            w, a, first = draw(rng, n), draw(rng, BITS), int(not inputs or rng.rarely(0.2))
            value = (0 if first else value) + signed(w, n) * signed(a, BITS)
            for k in range(steps):
                inputs.append({"w": w >> k * digit & (1 << digit) - 1, "a": a, "load": int(k == 0),
                               "last": int(k == steps - 1), "first": int(first and k == 0)})
                expected.append({"sum": value & (1 << n_acc) - 1} if k == steps - 1 else None)
        while len(inputs) < cycles:
            inputs.append({"w": 0, "first": 0})
            expected.append(None)
        return inputs, expected[:cycles]

    return Design(f"serial1d_digit{digit}_int8_int8_{accumulator}", "serial_1d", "int8", "int8", accumulator, 1, build,
                  stimulus, extra={"digit_bits": digit, "serial": "weight", "widths": list(range(digit, BITS + 1, digit))},
                  modes={f"{n}x8": (n // digit, digit / n) for n in (8, 4, 2) if n >= digit}, busy=(4, 20))


def serial_dot(terms, parallel, longest, accumulator, serial):
    """One operand of each term a bit at a time, the highest first; a tree sums the terms, a shifted sum the bits, and an
    accumulator the products (Stripes: activations serial; UNPU: weights serial)."""
    n, n_acc = bits_of(parallel), bits_of(accumulator)
    n_tree = n + (terms - 1).bit_length()
    n_sum = n_tree + longest

    def build(c):
        load, p_in = c.input("load", 1)[0], c.input("p", n * terms)
        start, done, first = (c.register(c.input(port, 1))[0] for port in ("start", "done", "first"))
        held = c.new_register(n * terms)
        c.drive(held, c.mux_bits(load, p_in, held))
        s = c.register(c.input("s", terms))
        numbers = [c.mask(bit, held[k * n:(k + 1) * n]) for k, bit in enumerate(s)]
        tree = extend(sum_of(c, numbers, n_tree, True), n_sum, True)
        partial = c.new_register(n_sum)
        doubled = c.mask(c.inv(start), [ZERO] + partial[:-1])
        c.drive(partial, add(c, doubled, [c.xor(start, x) for x in tree], start)[0])
        finish(c, partial, done, first, n_acc)

    def stimulus(rng, mode):
        cycles = 2 * longest + 4
        inputs, expected, value = [], [None] * 2, 0
        steps = mode or rng.randint(1, longest)
        while len(inputs) + steps <= cycles:
            codes = [draw(rng, n) for _ in range(terms)]
            others = [draw(rng, steps) for _ in range(terms)]
            first = int(not inputs or rng.rarely(0.2))
            value = (0 if first else value) + sum(signed(x, n) * signed(y, steps) for x, y in zip(codes, others))
            for k in range(steps):
                digits = sum((y >> steps - 1 - k & 1) << i for i, y in enumerate(others))
                inputs.append({"p": sum(x << i * n for i, x in enumerate(codes)), "load": int(k == 0), "s": digits,
                               "start": int(k == 0), "done": int(k == steps - 1), "first": int(first and k == steps - 1)})
                expected.append({"sum": value & (1 << n_acc) - 1} if k == steps - 1 else None)
        while len(inputs) < cycles:
            inputs.append({"load": 0, "s": 0, "start": 1, "done": 0, "first": 0})
            expected.append(None)
        return inputs, expected[:cycles]

    modes = {f"{k}x{n}" if serial == "weight" else f"{n}x{k}": (k, terms / k) for k in (16, 8, 4, 2) if k <= longest}
    weight, activation = (f"int{longest}", parallel) if serial == "weight" else (parallel, f"int{longest}")
    return Design(f"serial1d_dot{terms}_{serial}_{weight}_{activation}_{accumulator}", "serial_1d", weight, activation,
                  accumulator, terms, build, stimulus,
                  extra={"digit_bits": 1, "serial": serial, "widths": list(range(1, longest + 1))},
                  modes=modes, busy=(4, 4 + longest))


def finish(c, partial, done, first, n_acc):
    """The accumulator takes the finished sum one cycle after its last bit."""
    done, first = c.register([done])[0], c.register([first])[0]
    register = c.new_register(n_acc)
    accumulate(c, first, register, lambda old: add(c, old, extend(c.mask(done, partial), n_acc, True))[0])
    c.output("sum", register)


def serial_2d(terms, accumulator):
    """Both operands a bit at a time, the highest first: for each bit of the weights all bits of the activations (Loom)."""
    n_acc = bits_of(accumulator)
    n_inner = BITS + terms.bit_length()
    n_outer = n_inner + BITS

    def build(c):
        flags = {port: c.register(c.input(port, 1))[0]
                 for port in ("start_a", "done_a", "top_w", "done_w", "first")}
        w, a = (c.register(c.input(port, terms)) for port in "wa")
        count = Columns(c, terms.bit_length())
        for x, y in zip(w, a):
            count.add_bit(0, c.and_(x, y))
        negative = c.xor(flags["start_a"], flags["top_w"])
        number = [c.xor(negative, x) for x in extend(count.sum(), n_inner, False)]
        inner = c.new_register(n_inner)
        c.drive(inner, add(c, c.mask(c.inv(flags["start_a"]), [ZERO] + inner[:-1]), number, negative)[0])
        done_a, top_w = c.register([flags["done_a"]])[0], c.register([flags["top_w"]])[0]
        outer = c.new_register(n_outer)
        doubled = c.mask(c.inv(top_w), [ZERO] + outer[:-1])
        c.drive(outer, c.mux_bits(done_a, add(c, doubled, extend(inner, n_outer, True))[0], outer))
        finish(c, outer, *(c.register([flags[port]])[0] for port in ("done_w", "first")), n_acc)

    def stimulus(rng, mode):
        cycles = 132
        steps_w, steps_a = mode or (rng.randint(1, BITS), rng.randint(1, BITS))
        inputs, expected, value = [], [None] * 3, 0
        while len(inputs) + steps_w * steps_a <= cycles:
            ws, activations = ([draw(rng, n) for _ in range(terms)] for n in (steps_w, steps_a))
            first = int(not inputs or rng.rarely(0.2))
            value = (0 if first else value) + sum(signed(x, steps_w) * signed(y, steps_a)
                                                  for x, y in zip(ws, activations))
            for i, j in pairs(range(steps_w), range(steps_a)):
                end = i == steps_w - 1 and j == steps_a - 1
                inputs.append({"w": sum((x >> steps_w - 1 - i & 1) << k for k, x in enumerate(ws)),
                               "a": sum((y >> steps_a - 1 - j & 1) << k for k, y in enumerate(activations)),
                               "start_a": int(j == 0), "done_a": int(j == steps_a - 1), "top_w": int(i == 0),
                               "done_w": int(end), "first": int(first and end)})
                expected.append({"sum": value & (1 << n_acc) - 1} if end else None)
        while len(inputs) < cycles:
            inputs.append({"w": 0, "a": 0, "start_a": 1, "done_a": 0, "top_w": 0, "done_w": 0, "first": 0})
            expected.append(None)
        return inputs, expected[:cycles]

    return Design(f"serial2d{f'_dot{terms}' if terms > 1 else ''}_int8_int8_{accumulator}", "serial_2d", "int8", "int8",
                  accumulator, terms, build, stimulus,
                  extra={"digit_bits": 1, "serial": "both", "widths": list(range(1, BITS + 1))},
                  modes={f"{n}x{m}": ((n, m), terms / (n * m)) for n in (8, 4, 2) for m in (8, 4, 2)}, busy=(4, 68))
