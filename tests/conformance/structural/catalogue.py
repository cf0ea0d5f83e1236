"""Every circuit that is counted."""

from coded_circuits import codebook_mac, log_mac
from float_circuits import block_integer_dot, float_adder, float_dot, float_mac, float_multiplier
from integer_circuits import (adder, binary_mac, dot, leading_zero_counter, multiplier, register, shifter, ternary_mac,
                              xnor_dot)
from scalable_circuits import apart, data_gated, spatial, subword_together
from serial_circuits import serial_2d, serial_dot, serial_mac

FLOATS = ("e2m1", "e3m2", "e2m3", "e4m3", "e5m2", "e5m10", "e8m7", "e8m23")


def integers():
    for bits in (8, 16, 20, 24, 32, 48):
        yield adder(bits)
    for bits in (8, 16, 32, 48):
        yield adder(bits, "prefix")
    for n, m in ((2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (11, 11), (12, 12), (16, 16), (24, 24), (32, 32),
                 (4, 2), (8, 2), (8, 4), (8, 6), (16, 4), (16, 8)):
        yield multiplier(f"int{n}", f"int{m}")
    for n in (4, 8):
        yield multiplier(f"int{n}", f"uint{n}")
    for bits in (8, 16, 32):
        yield register(bits)
    for bits in (8, 16, 32, 64):
        yield shifter(bits)
        yield leading_zero_counter(bits)
    for n, m, n_acc in ((2, 2, 16), (2, 2, 20), (2, 2, 32), (3, 3, 16), (3, 3, 20), (3, 3, 32), (4, 2, 20), (4, 4, 16),
                        (4, 4, 20), (4, 4, 32), (5, 5, 20), (5, 5, 32), (6, 6, 20), (6, 6, 32), (7, 7, 20), (7, 7, 32),
                        (8, 2, 20), (8, 2, 32), (8, 4, 20), (8, 4, 32), (8, 6, 32), (8, 8, 20), (8, 8, 32), (8, 8, 48),
                        (10, 10, 32), (12, 8, 32), (12, 12, 32), (14, 14, 48), (16, 2, 32), (16, 4, 32), (16, 8, 32),
                        (16, 8, 48), (16, 16, 32), (16, 16, 48)):
        yield dot(f"int{n}", f"int{m}", f"int{n_acc}", 1)
    for n, n_acc in ((4, 20), (8, 32), (16, 48)):
        yield dot(f"int{n}", f"int{n}", f"int{n_acc}", 1, tree="fused")
        yield dot(f"int{n}", f"int{n}", f"int{n_acc}", 1, kind="prefix")
    for n, m in ((2, 2), (4, 4), (8, 4), (8, 8)):
        for terms in (4, 16, 32):
            yield dot(f"int{n}", f"int{m}", "int32", terms)
    for n in (4, 8):
        yield dot(f"int{n}", f"int{n}", "int32", 16, tree="fused")


def floats():
    for name in FLOATS:
        for subnormals in (True, False):
            yield float_multiplier(name, subnormals)
    for name in ("e4m3", "e5m2", "e5m10", "e8m7", "e8m23"):
        for subnormals in (True, False):
            yield float_adder(name, subnormals)
    for name, accumulators in (("e2m1", ("e4m3", "e5m10", "e8m23")), ("e3m2", ("e5m10", "e8m23")),
                               ("e2m3", ("e5m10", "e8m23")), ("e4m3", ("e4m3", "e5m10", "e8m7", "e8m23")),
                               ("e5m2", ("e5m10", "e8m23")), ("e5m10", ("e5m10", "e8m23")),
                               ("e8m7", ("e8m7", "e8m23")), ("e8m23", ("e8m23",))):
        for accumulator in accumulators:
            yield float_mac(name, name, accumulator)
    for name, accumulator in (("e4m3", "e5m10"), ("e4m3", "e8m23"), ("e5m10", "e5m10"), ("e5m10", "e8m23"),
                              ("e8m7", "e8m23"), ("e8m23", "e8m23")):
        yield float_mac(name, name, accumulator, subnormals=False)
    yield float_mac("e4m3", "e5m10", "e5m10")


def float_dots():
    for name, n_acc in (("e2m1", 32), ("e3m2", 32), ("e2m3", 32), ("e4m3", 48)):
        for terms in (1, 16):
            yield float_dot(name, name, f"int{n_acc}", terms)
    for name, terms in (("e4m3", 4), ("e4m3", 16), ("e4m3", 32), ("e5m2", 16), ("e8m7", 4), ("e8m7", 16), ("e5m10", 4),
                        ("e5m10", 16)):
        yield float_dot(name, name, "e8m23", terms, align=25)


def blocks():
    for terms in (16, 32):
        for name in ("e2m1", "e2m3", "e3m2"):
            yield float_dot(name, name, "e8m23", terms, scaled=True)
        for name in ("e4m3", "e5m2"):
            yield float_dot(name, name, "e8m23", terms, align=25, scaled=True)
        yield block_integer_dot(8, "e8m23", terms, 6, "mxint8")
        yield block_integer_dot(4, "e8m23", terms, 0, "bfp4")
    yield float_dot("e4m3", "e4m3", "e8m23", 32, scaled=True)
    for name in ("e4m3", "e5m2", "e3m2"):
        yield float_dot(name, name, "e8m23", 32, align=13, scaled=True)
    yield float_dot("e2m1", "e4m3", "e8m23", 32, align=25, scaled=True)


def simple_weights():
    for m, n_acc in ((8, 20), (8, 32), (4, 16), (16, 32)):
        yield binary_mac(f"int{m}", f"int{n_acc}")
        yield ternary_mac(f"int{m}", f"int{n_acc}")
    yield ternary_mac("int8", "int20", gated=True)
    yield binary_mac("int8", "int32", 32)
    yield ternary_mac("int8", "int32", 32)
    for terms in (32, 64, 128):
        yield xnor_dot("int24", terms)
    yield xnor_dot("int16", 32)


def coded():
    for bits, fraction_bits, n_acc in ((3, 0, 16), (4, 0, 24), (5, 0, 40), (3, 1, 20), (4, 1, 24), (5, 1, 32), (6, 1, 48),
                                       (6, 2, 32), (8, 3, 48)):
        yield log_mac(bits, fraction_bits, f"int{n_acc}")
    for bits, fraction_bits, n_acc in ((3, 0, 20), (4, 0, 24), (4, 0, 32), (5, 0, 32), (4, 1, 32), (5, 1, 40)):
        yield log_mac(bits, fraction_bits, f"int{n_acc}", linear="int8")
    for entries in (4, 8, 16):
        yield codebook_mac(entries, "int8", "int8", "int32")
    for sharing in (4, 16):
        yield codebook_mac(16, "int8", "int8", "int32", sharing)
    yield codebook_mac(16, "int16", "int16", "int48")
    for accumulator in ("e5m10", "e8m23"):
        yield codebook_mac(16, "e5m10", "e5m10", accumulator)


def scalable():
    yield data_gated("int20")
    yield data_gated("int32")
    for levels in (1, 2):
        yield subword_together(levels, "int20")
        yield spatial(levels, levels, "int20")
        yield spatial(levels, 0, "int20")
        for kind in ("subword", "1d", "2d"):
            yield apart(kind, levels)
    yield spatial(2, 2, "int32")
    for digit in (1, 2, 4):
        yield serial_mac(digit, "int20")
    yield serial_mac(1, "int32")
    for terms, parallel, longest, n_acc, serial in ((16, "int8", 8, 32, "weight"), (16, "int8", 8, 32, "activation"),
                                                    (16, "int16", 16, 48, "weight"), (16, "int16", 16, 48, "activation"),
                                                    (4, "int8", 8, 32, "weight")):
        yield serial_dot(terms, parallel, longest, f"int{n_acc}", serial)
    for terms in (1, 16):
        yield serial_2d(terms, "int20" if terms == 1 else "int32")


def all_designs():
    groups = (integers, floats, float_dots, blocks, simple_weights, coded, scalable)
    designs = [design for group in groups for design in group()]
    names = [design.name for design in designs]
    assert len(names) == len(set(names)), "two circuits of one name"
    return designs
