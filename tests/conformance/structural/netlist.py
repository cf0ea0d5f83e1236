"""A mapped netlist: its size, its depth, and what it computes.

Simulation keeps one Python integer per net, one bit a lane, so that all lanes of a gate take one operation.
"""

from collections import Counter

# cell: (area in two-input NAND gates x 2, inputs, function of (lanes mask, inputs)); the areas are cells.lib's.
GATES = {
    "INV": (1, "A", lambda m, a: m ^ a),
    "BUF": (2, "A", lambda m, a: a),
    "NAND2": (2, "AB", lambda m, a, b: m ^ (a & b)),
    "NOR2": (2, "AB", lambda m, a, b: m ^ (a | b)),
    "AND2": (3, "AB", lambda m, a, b: a & b),
    "OR2": (3, "AB", lambda m, a, b: a | b),
    "NAND3": (3, "ABC", lambda m, a, b, c: m ^ (a & b & c)),
    "NOR3": (3, "ABC", lambda m, a, b, c: m ^ (a | b | c)),
    "AOI21": (3, "ABC", lambda m, a, b, c: m ^ (a & b | c)),
    "OAI21": (3, "ABC", lambda m, a, b, c: m ^ ((a | b) & c)),
    "AOI22": (4, "ABCD", lambda m, a, b, c, d: m ^ (a & b | c & d)),
    "OAI22": (4, "ABCD", lambda m, a, b, c, d: m ^ ((a | b) & (c | d))),
    "XOR2": (5, "AB", lambda m, a, b: a ^ b),
    "XNOR2": (5, "AB", lambda m, a, b: m ^ a ^ b),
    "MUX2": (5, "ABS", lambda m, a, b, s: a ^ (s & (a ^ b))),
}
FLIP_FLOP, FLIP_FLOP_AREA = "DFF", 12


class Netlist:
    """From the JSON that yosys writes for one flat module."""

    def __init__(self, module):
        self.inputs = {name: port["bits"] for name, port in module["ports"].items() if port["direction"] == "input"}
        self.outputs = {name: port["bits"] for name, port in module["ports"].items() if port["direction"] == "output"}
        self.flip_flops, gates = [], []
        self.cells = Counter()
        for cell in module["cells"].values():
            pins, kind = {pin: bits[0] for pin, bits in cell["connections"].items()}, cell["type"]
            self.cells[kind] += 1
            if kind == FLIP_FLOP:
                self.flip_flops.append((pins["D"], pins["Q"]))
            else:
                gates.append((pins["Y"], kind, [pins[pin] for pin in GATES[kind][1]]))
        self._order(gates)

    def _order(self, gates):
        """Inputs before outputs; depth in gates from any input or register to any output or register."""
        drivers = {gate[0]: gate for gate in gates}
        level = {}
        self.gates = []
        for start in drivers:
            stack = [start]
            while stack:
                net = stack[-1]
                if net in level or net not in drivers:
                    stack.pop()
                    continue
                pending = [x for x in drivers[net][2] if x in drivers and x not in level]
                if pending:
                    stack += pending
                    continue
                level[net] = 1 + max((level.get(x, 0) for x in drivers[net][2]), default=0)
                self.gates.append(drivers[net])
                stack.pop()
        ends = [d for d, _ in self.flip_flops] + [bit for bits in self.outputs.values() for bit in bits]
        self.depth = max((level.get(bit, 0) for bit in ends), default=0)

    def combinational_nand2(self):
        return sum(GATES[kind][0] * count for kind, count in self.cells.items() if kind != FLIP_FLOP) / 2

    def sequential_nand2(self):
        return FLIP_FLOP_AREA * self.cells[FLIP_FLOP] / 2

    def nand2(self):
        return self.combinational_nand2() + self.sequential_nand2()

    def run(self, stimuli, registered):
        """Outputs by cycle and lane. stimuli: by lane, by cycle, {port: value}; an absent port keeps its value.

        registered: outputs are read after the clock edge that ends the cycle, else before it.
        """
        lanes = len(stimuli)
        mask = (1 << lanes) - 1
        value = {"0": 0, "1": mask, "x": 0}
        value.update({q: 0 for _, q in self.flip_flops})
        value.update({bit: 0 for bits in self.inputs.values() for bit in bits if isinstance(bit, int)})
        results = []
        for cycle in range(len(stimuli[0])):
            self._apply(value, [lane[cycle] for lane in stimuli])
            self._settle(value, mask)
            if not registered:
                results.append(self._read(value, lanes))
            value.update([(q, value[d]) for d, q in self.flip_flops])
            if registered:
                self._settle(value, mask)
                results.append(self._read(value, lanes))
        return results

    def switching(self, stimuli, start, stop):
        """Area (NAND2) of the cells whose output differs from the cycle before, and of the flip-flops among them, a cycle
        and lane, on average over the cycles from `start` (at least 1) to `stop`. Glitches don't count."""
        lanes = len(stimuli)
        mask = (1 << lanes) - 1
        value = {"0": 0, "1": mask, "x": 0}
        value.update({q: 0 for _, q in self.flip_flops})
        value.update({bit: 0 for bits in self.inputs.values() for bit in bits if isinstance(bit, int)})
        gates = flip_flops = 0
        for cycle in range(stop):
            before = dict(value)
            self._apply(value, [lane[cycle] for lane in stimuli])
            self._settle(value, mask)
            if cycle >= start:
                gates += sum((before[out] ^ value[out]).bit_count() * GATES[kind][0] for out, kind, _ in self.gates)
                flip_flops += sum((value[q] ^ value[d]).bit_count() for d, q in self.flip_flops) * FLIP_FLOP_AREA
            value.update([(q, value[d]) for d, q in self.flip_flops])
        share = 2 * lanes * (stop - start)
        return (gates + flip_flops) / share, flip_flops / share

    def _apply(self, value, ports):
        for name, bits in self.inputs.items():
            if name == "clk":
                continue
            for i, bit in enumerate(bits):
                packed = value[bit]
                for lane, port in enumerate(ports):
                    if name in port:
                        packed = packed & ~(1 << lane) | (port[name] >> i & 1) << lane
                value[bit] = packed

    def _settle(self, value, mask):
        for out, kind, inputs in self.gates:
            value[out] = GATES[kind][2](mask, *[value[x] for x in inputs])

    def _read(self, value, lanes):
        rows = [dict.fromkeys(self.outputs, 0) for _ in range(lanes)]
        for name, bits in self.outputs.items():
            for i, bit in enumerate(bits):
                for lane in range(lanes):
                    rows[lane][name] |= (value[bit] >> lane & 1) << i
        return rows
