"""Builds one flat Verilog module from single bits.

A bit is a Verilog expression (a string); a number is a list of bits, the least significant first. Gates with a
constant input fold away, so that generic blocks leave no logic for operands that are known.
"""

ZERO = "1'b0"
ONE = "1'b1"


class Circuit:
    """One module. Registers have no reset; `clk` is added where there are any."""

    def __init__(self, name):
        self.name = name
        self.inputs = {}  # port -> width
        self.outputs = {}  # port -> bits
        self.flip_flops = 0
        self._wires = 0
        self._lines = []
        self._clocked = []

    def input(self, name, width):
        self.inputs[name] = width
        return [f"{name}[{i}]" for i in range(width)]

    def output(self, name, bits):
        self.outputs[name] = list(bits)

    def _wire(self, expression):
        name = f"n{self._wires}"
        self._wires += 1
        self._lines.append(f"  wire {name} = {expression};")
        return name

    def inv(self, a):
        if a in (ZERO, ONE):
            return ONE if a == ZERO else ZERO
        return self._wire(f"~{a}")

    def and_(self, a, b):
        if ZERO in (a, b):
            return ZERO
        if a == ONE or a == b:
            return b
        if b == ONE:
            return a
        return self._wire(f"{a} & {b}")

    def or_(self, a, b):
        if ONE in (a, b):
            return ONE
        if a == ZERO or a == b:
            return b
        if b == ZERO:
            return a
        return self._wire(f"{a} | {b}")

    def xor(self, a, b):
        if a == ZERO:
            return b
        if b == ZERO:
            return a
        if a == b:
            return ZERO
        if a == ONE:
            return self.inv(b)
        if b == ONE:
            return self.inv(a)
        return self._wire(f"{a} ^ {b}")

    def mux(self, select, one, zero):
        """`one` where select is 1, else `zero`."""
        if select == ONE or one == zero:
            return one
        if select == ZERO:
            return zero
        if zero == ZERO:
            return self.and_(select, one)
        if one == ZERO:
            return self.and_(self.inv(select), zero)
        if one == ONE:
            return self.or_(select, zero)
        if zero == ONE:
            return self.or_(self.inv(select), one)
        return self._wire(f"{select} ? {one} : {zero}")

    def reduce(self, gate, bits, empty):
        """A balanced tree of `gate` (and_, or_, xor)."""
        bits = list(bits)
        if not bits:
            return empty
        while len(bits) > 1:
            bits = [gate(*bits[i:i + 2]) if i + 1 < len(bits) else bits[i] for i in range(0, len(bits), 2)]
        return bits[0]

    def any(self, bits):
        return self.reduce(self.or_, bits, ZERO)

    def all(self, bits):
        return self.reduce(self.and_, bits, ONE)

    def mux_bits(self, select, one, zero):
        return [self.mux(select, a, b) for a, b in zip(one, zero, strict=True)]

    def mask(self, enable, bits):
        return [self.and_(enable, b) for b in bits]

    def new_register(self, width):
        """Bits to read now; drive() gives the register's input later."""
        names = [f"r{self.flip_flops + i}" for i in range(width)]
        self.flip_flops += width
        self._lines += [f"  reg {name};" for name in names]
        return names

    def drive(self, register, bits):
        for name, bit in zip(register, bits, strict=True):
            self._clocked.append(f"    {name} <= {bit};")

    def register(self, bits):
        register = self.new_register(len(bits))
        self.drive(register, bits)
        return register

    def verilog(self):
        ports = ["clk"] * bool(self._clocked) + list(self.inputs) + list(self.outputs)
        text = [f"module {self.name}({', '.join(ports)});"]
        text += ["  input clk;"] * bool(self._clocked)
        text += [f"  input [{width - 1}:0] {name};" for name, width in self.inputs.items()]
        text += [f"  output [{len(bits) - 1}:0] {name};" for name, bits in self.outputs.items()]
        text += self._lines
        if self._clocked:
            text += ["  always @(posedge clk) begin"] + self._clocked + ["  end"]
        text += [f"  assign {name} = {{{', '.join(reversed(bits))}}};" for name, bits in self.outputs.items()]
        return "\n".join(text + ["endmodule", ""])
