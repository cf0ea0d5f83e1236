"""Precision-scalable multiply-accumulates, by the taxonomy of Camus et al., "Review and Benchmarking of
Precision-Scalable Multiply-Accumulate Unit Architectures for Embedded Neural-Network Processing", JETCAS 9(4), 2019.

Here those that divide in space, around 8 x 8 bits, two's complement; modes are ports that stay put during a sum. Serial
ones are in serial_circuits.py.
"""

from itertools import product as pairs

from arithmetic import Columns, Number, add, add_numbers, extend, multiply, resize
from design import Design, accumulate, bits_of, draw, signed, summing_stimulus
from hdl import ONE, ZERO

BITS = 8


def data_gated(accumulator):
    """A conventional MAC. At 4 or 2 bits an operand is in its upper bits; the others are held at zero."""
    n_acc = bits_of(accumulator)

    def build(c):
        first = c.register(c.input("first", 1))[0]
        operands = []
        for port in "wa":
            bits, gate = c.input(port, BITS), c.input(f"gate_{port}", 2)
            keep4, keep2 = c.inv(gate[1]), c.inv(c.or_(gate[0], gate[1]))
            operands.append(c.register(c.mask(keep2, bits[:4]) + c.mask(keep4, bits[4:6]) + bits[6:]))
        register = c.new_register(n_acc)
        accumulate(c, first, register,
                   lambda old: add(c, old, extend(multiply(c, *operands, True, True), n_acc, True))[0])
        c.output("sum", register)

    def stimulus(rng, mode):
        gates = mode or [rng.choice([0, 1, 2]) for _ in "wa"]

        def operands(rng):
            w, a = draw(rng, BITS), draw(rng, BITS)
            kept = [signed(x, BITS) >> cut << cut for x, cut in ((w, (0, 4, 6)[gates[0]]), (a, (0, 4, 6)[gates[1]]))]
            return {"w": w, "a": a, "gate_w": gates[0], "gate_a": gates[1]}, kept[0] * kept[1]

        return summing_stimulus(rng, operands, lambda old, x: (old + x) & (1 << n_acc) - 1)

    return Design(f"gated_int8_int8_{accumulator}", "data_gated", "int8", "int8", accumulator, 1, build, stimulus,
                  extra={"widths": [2, 4, 8], "scaled_operands": ["weight", "activation"]},
                  modes=any_widths(3, 3, lambda *_: 1))


def any_widths(count_w, count_a, products):
    """Modes with each operand at its own width: 8 bits, or halved once, twice."""
    return {f"{BITS >> i}x{BITS >> j}": ((i, j), products(i, j)) for i in range(count_w) for j in range(count_a)}


class Bricks:
    """An 8 x 8 product from products of digits. Each operand is halved `levels` times; at each level, from the halves of
    the whole down, its halves are one number (`fused`) or two."""

    def __init__(self, circuit, levels_w, levels_a, fused_w, fused_a):
        self.c = circuit
        self.levels = levels_w, levels_a
        self.fused = fused_w, fused_a
        self.digit = BITS >> levels_w, BITS >> levels_a

    def positions(self, side):
        """Tuples, one bit a level: 1 for the upper half."""
        return list(pairs((0, 1), repeat=self.levels[side]))

    def digit_of(self, side, bits, place):
        """With a sign bit: a digit is signed if it is the uppermost of its number."""
        top = self.c.all([ONE if up else self.c.inv(fused) for up, fused in zip(place, self.fused[side])])
        return bits + [self.c.and_(top, bits[-1])]

    def product(self, w, a, place_w, place_a):
        x, y = self.digit_of(0, w, place_w), self.digit_of(1, a, place_a)
        bits = multiply(self.c, x, y, True, True)
        top = (1 << len(x) - 1) - 1, (1 << len(y) - 1) - 1
        low = min(-(1 << len(x) - 2) * top[1], -(1 << len(y) - 2) * top[0])
        number = Number(bits, low, top[0] * top[1])
        return Number(resize(number, len(x) + len(y) - 1), low, number.high)

    def combine(self, low, high, weight, fused):
        """low + high * 2^weight where fused, else low + high."""
        width = len(high.bits) + weight
        shifted = [ZERO] * weight + high.bits
        number = Number(self.c.mux_bits(fused, shifted, extend(high.bits, width, True)), high.low << weight,
                        high.high << weight)
        return add_numbers(self.c, low, number)

    def merge(self, sums, side, level, fused):
        """Joins the upper and lower halves of one operand at one level. sums: by the places of both operands."""
        merged = {}
        for key, low in sums.items():
            if key[side][level] == 0:
                upper, outer = list(key), list(key)
                upper[side], outer[side] = key[side][:level] + (1,), key[side][:level]
                merged[tuple(outer)] = self.combine(low, sums[tuple(upper)], BITS >> level + 1, fused)
        return merged


def spatial(levels_w, levels_a, accumulator):
    """Divide and conquer, sum together (Bit Fusion; one operand alone: 1D): all bricks work in all modes, on as many
    products as fit; shifts between the levels follow the mode. Operands come side by side, digit by digit."""
    n_acc = bits_of(accumulator)
    count = 1 << levels_w + levels_a
    digit = BITS >> levels_w, BITS >> levels_a

    def build(c):
        fused = c.input("fused_w", max(levels_w, 1)), c.input("fused_a", max(levels_a, 1))
        fused = fused[0][:levels_w], fused[1][:levels_a]
        first = c.register(c.input("first", 1))[0]
        ports = [c.register(c.input(port, count * digit[side])) for side, port in enumerate("wa")]
        bricks = Bricks(c, levels_w, levels_a, *fused)

        def routed(side, own, other):
            """The digit at `own`; halves of the other operand that are fused share their digits."""
            def at(place):
                index = int("".join(map(str, own + place)), 2)
                return ports[side][index * digit[side]:(index + 1) * digit[side]]

            def choose(level, place):
                if level == len(other):
                    return at(place)
                if not other[level]:
                    return choose(level + 1, place + (0,))
                return c.mux_bits(fused[1 - side][level], choose(level + 1, place + (0,)), choose(level + 1, place + (1,)))

            return choose(0, ())

        sums = {}
        for i, j in pairs(bricks.positions(0), bricks.positions(1)):
            sums[i, j] = bricks.product(routed(0, i, j), routed(1, j, i), i, j)
        for level in reversed(range(max(levels_w, levels_a))):
            for side in (0, 1):
                if level < bricks.levels[side]:
                    sums = bricks.merge(sums, side, level, fused[side][level])
        total = c.new_register(n_acc)
        accumulate(c, first, total, lambda old: add(c, old, resize(sums[(), ()], n_acc))[0])
        c.output("sum", total)

    def stimulus(rng, mode):
        cuts = mode or (rng.randint(0, levels_w), rng.randint(0, levels_a))  # levels that are not fused, from the top
        bits = BITS >> cuts[0], BITS >> cuts[1]
        flags = [sum(1 << level for level in range(cut, levels)) for cut, levels in zip(cuts, (levels_w, levels_a))]

        def operands(rng):
            words, value = [0, 0], 0
            for i, j in pairs(pairs((0, 1), repeat=cuts[0]), pairs((0, 1), repeat=cuts[1])):
                codes = draw(rng, bits[0]), draw(rng, bits[1])
                value += signed(codes[0], bits[0]) * signed(codes[1], bits[1])
                for side, (own, other) in enumerate(((i, j), (j, i))):
                    levels = (levels_w, levels_a)[side]
                    fused_other = (0,) * ((levels_a, levels_w)[side] - cuts[1 - side])
                    for k, tail in enumerate(pairs((0, 1), repeat=levels - cuts[side])):
                        index = int("".join(map(str, own + tail + other + fused_other)), 2)
                        part = codes[side] >> k * digit[side] & (1 << digit[side]) - 1
                        words[side] |= part << index * digit[side]
            return {"w": words[0], "a": words[1], "fused_w": flags[0], "fused_a": flags[1]}, value

        return summing_stimulus(rng, operands, lambda old, x: (old + x) & (1 << n_acc) - 1)

    kind = "2d" if levels_a else "1d"
    return Design(f"spatial{kind}_together{max(levels_w, levels_a)}_{accumulator}", f"spatial_{kind}", "int8", "int8",
                  accumulator, 1, build, stimulus,
                  extra={"sum": "together", "widths": [BITS >> k for k in range(levels_w, -1, -1)],
                         "bricks": count, "scaled_operands": ["weight", "activation"] if levels_a else ["weight"]},
                  modes=any_widths(levels_w + 1, levels_a + 1, lambda i, j: 1 << i + j))


def subword_together(levels, accumulator):
    """Sub-word parallel, sum together: within one 8 x 8 array, narrower products lie on the antidiagonal, where their
    weights agree, so that no shifts are needed; the other bricks are held at zero."""
    n_acc = bits_of(accumulator)
    digit = BITS >> levels

    def build(c):
        split = c.input("split", levels)  # bit k: halves at level k are numbers of their own
        fused = [c.inv(x) for x in split]
        first = c.register(c.input("first", 1))[0]
        w, a = (c.register(c.input(port, BITS)) for port in "wa")
        bricks = Bricks(c, levels, levels, fused, fused)
        columns = Columns(c, 2 * BITS)
        for i, j in pairs(bricks.positions(0), bricks.positions(1)):
            at = [int("".join(map(str, place)), 2) * digit for place in (i, j)]
            active = c.all([c.inv(s) if x == y else ONE for x, y, s in zip(i, j, split)])
            x, y = w[at[0]:at[0] + digit], a[at[1]:at[1] + digit]
            number = bricks.product(c.mask(active, x), c.mask(active, y), i, j)
            columns.add_number(number.bits, signed=True, shift=sum(at))
        total = c.new_register(n_acc)
        product = columns.sum()
        accumulate(c, first, total, lambda old: add(c, old, extend(product, n_acc, True))[0])
        c.output("sum", total)

    def stimulus(rng, mode):
        cut = rng.randint(0, levels) if mode is None else mode
        bits = BITS >> cut

        def operands(rng):
            w, a = draw(rng, BITS), draw(rng, BITS)
            value = sum(signed(w >> k * bits, bits) * signed(a >> BITS - bits - k * bits, bits) for k in range(1 << cut))
            return {"w": w, "a": a, "split": (1 << cut) - 1}, value << BITS - bits

        return summing_stimulus(rng, operands, lambda old, x: (old + x) & (1 << n_acc) - 1)

    return Design(f"subword_together{levels}_{accumulator}", "subword", "int8", "int8", accumulator, 1, build, stimulus,
                  extra={"sum": "together", "widths": [BITS >> k for k in range(levels, -1, -1)]},
                  modes={f"{BITS >> k}x{BITS >> k}": (k, 1 << k) for k in range(levels + 1)})


def apart(kind, levels):
    """Sum apart: each product has an accumulator of its own, made of segments whose carries are cut or joined.

    kind: "subword" (DVAFS: the diagonal of one 8 x 8 array), "2d" (all bricks, operands side by side), "1d" (weights alone
    are divided). Both operands have the same mode; segments have at least four bits more than their products.
    """
    levels_a = 0 if kind == "1d" else levels
    digit = BITS >> levels, BITS >> levels_a
    segment = digit[0] + digit[1] + 4
    all_bricks = kind == "2d"
    copies = 1 << levels_a if all_bricks else 1  # of each operand's bits: numbers that the other operand's parts take
    count = (1 << levels) * (1 << levels if all_bricks else 1)

    def places(cut):
        """Products of the mode `cut`, in order of their segments: positions of weight and activation."""
        if kind == "1d":
            return [(i, ()) for i in pairs((0, 1), repeat=cut)]
        if all_bricks:
            return [(p[::2], p[1::2]) for p in pairs((0, 1), repeat=2 * cut)]
        return [(i, i) for i in pairs((0, 1), repeat=cut)]

    def segments(cut):
        """Segments that one product's accumulator has, and the first one of each product."""
        bits = (BITS >> cut) + (BITS >> cut if kind != "1d" else BITS) + 4
        stride = count // len(places(cut))
        return min(-(-bits // segment), stride), stride

    def build(c):
        split = c.input("split", levels)
        fused = [c.inv(x) for x in split]
        first = c.register(c.input("first", 1))[0]
        w, a = (c.register(c.input(port, BITS * copies)) for port in "wa")
        bricks = Bricks(c, levels, levels_a, fused, fused[:levels_a])

        def digit_at(side, word, own, other):
            """2d: the operand's copies belong to the other operand's upper and lower parts while those are split."""
            position = int("0" + "".join(map(str, own)), 2)
            if not all_bricks:
                return word[position * digit[side]:(position + 1) * digit[side]]

            def choose(level, place):
                if level == len(other):
                    index = int("0" + "".join(map(str, place)), 2) * (1 << levels) + position
                    return word[index * digit[side]:(index + 1) * digit[side]]
                if not other[level]:
                    return choose(level + 1, place + (0,))
                return c.mux_bits(split[level], choose(level + 1, place + (1,)), choose(level + 1, place + (0,)))

            return choose(0, ())

        sums = {(i, j): bricks.product(digit_at(0, w, i, j), digit_at(1, a, j, i), i, j)
                for i, j in pairs(bricks.positions(0), bricks.positions(1))}
        products = {levels: sums}
        for level in reversed(range(levels)):
            for side in (0, 1) if levels_a else (0,):
                sums = bricks.merge(sums, side, level, ONE)
            products[level] = sums
        # The mode with `cut` levels split: split[0..cut-1] are set.
        modes = [c.and_(split[cut - 1] if cut else ONE, c.inv(split[cut]) if cut < levels else ONE)
                 for cut in range(levels + 1)]
        addend = [ZERO] * (count * segment)
        joined = [ZERO] * count  # segment k takes the carry of segment k - 1
        for cut, mode in enumerate(modes):
            used, stride = segments(cut)
            for k, place in enumerate(places(cut)):
                number = resize(products[cut][place], used * segment)
                for i, bit in enumerate(number):
                    at = k * stride * segment + i
                    addend[at] = c.or_(addend[at], c.and_(mode, bit))
                for s in range(1, used):
                    joined[k * stride + s] = c.or_(joined[k * stride + s], mode)
        total = c.new_register(count * segment)

        def step(old):
            bits, carry = [], ZERO
            for s in range(count):
                part = slice(s * segment, (s + 1) * segment)
                some, carry = add(c, old[part], addend[part], c.and_(carry, joined[s]))
                bits += some
            return bits

        accumulate(c, first, total, step)
        c.output("sum", total)

    def stimulus(rng, mode):
        cut = rng.randint(0, levels) if mode is None else mode
        used, stride = segments(cut)
        bits = BITS >> cut, BITS if kind == "1d" else BITS >> cut

        def operands(rng):
            words = [0, 0]
            values = []
            if all_bricks:
                for i, j in places(cut):
                    codes = draw(rng, bits[0]), draw(rng, bits[1])
                    values.append(signed(codes[0], bits[0]) * signed(codes[1], bits[1]))
                    for side, (own, other) in enumerate(((i, j), (j, i))):
                        copy = int("0" + "".join(map(str, other + (0,) * (levels - cut))), 2)
                        place = int("0" + "".join(map(str, own)), 2)
                        words[side] |= codes[side] << copy * BITS + place * bits[side]
            else:
                words = [draw(rng, BITS), draw(rng, BITS)]
                for k, (i, j) in enumerate(places(cut)):
                    a = words[1] if kind == "1d" else words[1] >> k * bits[1]
                    values.append(signed(words[0] >> k * bits[0], bits[0]) * signed(a, bits[1]))
            return {"w": words[0], "a": words[1], "split": (1 << cut) - 1}, values

        def step(old, values):
            result = 0
            for k, value in enumerate(values):
                at, width = k * stride * segment, used * segment
                result |= ((old >> at) + value & (1 << width) - 1) << at
            return result

        return summing_stimulus(rng, operands, step)

    family = "subword" if kind == "subword" else f"spatial_{kind}"
    return Design(f"{family.replace('_', '')}_apart{levels}_seg{segment}", family, "int8", "int8", "", 1, build, stimulus,
                  extra={"sum": "apart", "widths": [BITS >> k for k in range(levels, -1, -1)],
                         "accumulator_bits": count * segment, "segment_bits": segment},
                  modes={f"{BITS >> k}x{BITS if kind == '1d' else BITS >> k}": (k, len(places(k)))
                         for k in range(levels + 1)})
