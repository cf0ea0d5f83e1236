"""What every circuit of the catalogue has: its row in the data, how it is built, what it must compute."""

import random
from dataclasses import dataclass, field
from typing import Callable


class Operands(random.Random):
    """Draws operands: a share of extremes to find mistakes, or none, to measure what usual data does."""

    def __init__(self, seed, extremes=True):
        super().__init__(seed)
        self.extremes = extremes

    def rarely(self, probability):
        return self.extremes and self.random() < probability



@dataclass
class Design:
    name: str  # of the Verilog module and the row
    family: str
    weight: str  # format, in the notation of engine/formats; "" where there is none
    activation: str
    accumulator: str
    terms: int  # products summed before the accumulator is written
    build: Callable  # (Circuit) -> None
    stimulus: Callable  # (Operands, mode) -> (inputs by cycle, expected outputs by cycle); None where nothing is expected
    registered: bool = True  # outputs are read after the clock edge
    extra: dict = field(default_factory=dict)  # parameters of the family
    modes: dict = field(default_factory=dict)  # "8x4" (weight x activation): what stimulus takes, products a cycle
    busy: tuple = (2, 12)  # cycles of the stimulus that are typical


def bits_of(name):
    """Bits of an element: "int8" -> 8, "e4m3" -> 8."""
    if name.startswith("e") and "m" in name:
        exponent, mantissa = name[1:].split("m")
        return 1 + int(exponent) + int(mantissa)
    return int("".join(ch for ch in name if ch.isdigit()))


def signed(value, bits):
    """A code as a two's complement number."""
    value &= (1 << bits) - 1
    return value - (value >> bits - 1 << bits)


def draw(rng, bits):
    """A code, with the extremes more often than a uniform draw has them."""
    if rng.rarely(0.2):
        top = 1 << bits - 1
        return rng.choice([0, 1, top - 1, top, (1 << bits) - 1, min(top + 1, (1 << bits) - 1)])
    return rng.getrandbits(bits)


def draw_many(rng, bits, count):
    """`count` codes side by side, as one number."""
    if rng.rarely(0.1):  # the largest sums
        code = rng.choice([0, (1 << bits - 1) - 1, 1 << bits - 1])
        codes = [code] * count
    else:
        codes = [draw(rng, bits) for _ in range(count)]
    return sum(code << i * bits for i, code in enumerate(codes)), codes


def lanes(bits, width):
    """One number's bits as numbers of `width` bits."""
    return [bits[i:i + width] for i in range(0, len(bits), width)]


def accumulate(c, first, register, add):
    """Drives `register` with add(the old sum, or zero where `first`)."""
    keep = c.inv(first)
    c.drive(register, add(c.mask(keep, register)))


def summing_stimulus(rng, operands, step, zero=0, cycles=12, latency=1):
    """For circuits that register operands and `first`, then sum.

    operands(rng) -> (ports, what step takes); step(sum, operand) -> sum, the port `sum` `latency` cycles later.
    """
    inputs, expected, value = [], [None] * latency, zero
    for cycle in range(cycles):
        ports, operand = operands(rng)
        first = int(cycle == 0 or rng.rarely(0.15))
        value = step(zero if first else value, operand)
        inputs.append({**ports, "first": first})
        expected.append({"sum": value})
    return inputs, expected[:cycles]


def stateless_stimulus(rng, operands, function, cycles=12):
    """For combinational circuits with one port `out`."""
    inputs, expected = [], []
    for _ in range(cycles):
        ports, operand = operands(rng)
        inputs.append(ports)
        expected.append({"out": function(operand)})
    return inputs, expected
