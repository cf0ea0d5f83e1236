// Parts that families are put together from.
#pragma once

#include <absl/status/status.h>

#include "cost_models/mac/families.h"
#include "cost_models/mac/operands.h"
#include "cost_models/technology/technology.h"

namespace bitscape::cost_models {

// Two-input NAND equivalents: of an AND, an XOR or XNOR, and of one more input.
inline constexpr double kGateOfAnd = 1.5, kGateOfXor = 2.5, kGateOfThirdInput = 0.5;

inline constexpr int kWidestExponent = 11, kWidestSignificand = 64;  // float64's; an int64 register

// Errors: kUnimplemented, naming an operand whose widths no block has a figure for.
absl::Status CheckWidths(const MacOperands& operands);

// Errors: kInvalidArgument, naming the field, for a number of stages, a share or a clock out of
// range.
absl::Status CheckDesign(const MacDesign& design);
// Of a family that has one multiplier an accumulator, and of one that gains nothing from operands
// narrower than built. Errors: kUnimplemented, naming what of the design it would have to ignore.
absl::Status CheckOneMultiplier(const MacDesign& design);
absl::Status CheckOneWidth(const MacDesign& design);

// Stages of a shifter that moves by up to `span` places.
int ShiftStages(int span);
// A sign and a magnitude of `from_bits`, moved by up to `span` places to where it stands in a
// fixed-point word of `to_bits`: each stage is as wide as what can have reached it; the carry of
// the addition that follows completes the negation.
BlockCost ToFixedPoint(int from_bits, int to_bits, int span, const Technology& technology);
// Finds the leading one and shifts it to the top.
BlockCost Normaliser(int bits, const Technology& technology);

// A product as it leaves the multiplier: a magnitude, and how far its exponent moves it. Sign and
// zero travel beside it. Without a span it is a fixed-point number.
struct Product {
  BlockCost cost = {};
  int significand_bits = 0;
  int exponent_bits = 0;
  int span = 0;             // bit positions that the exponent moves it by, at most
  bool normalised = false;  // the leading one stands at the top
};

// What stands between the register of an operand and its multiplier: a zero point's subtractor, the
// read of a codebook's table, which `lanes` multipliers share.
BlockCost Decode(const Operand& operand, int lanes, const Technology& technology);

// The exact product, not rounded: array multiplier of significands beside an adder of exponents;
// signs and zeros of binary and ternary operands pass or hold the other one; a log exponent shifts
// later, by the exponent of the product, and its fraction picks a constant out of a table.
// `precision_bits`: what that constant needs.
Product Multiply(const Operand& weight, const Operand& activation, int precision_bits,
                 const Technology& technology);
// As a floating-point multiplier gives it, normalised and rounded to the wider operand; integers
// and subnormals are normalised first. Kinds that take no multiplier: as Multiply.
Product MultiplyAndRound(const Operand& weight, const Operand& activation, int precision_bits,
                         const Technology& technology);

// Adds a product (or a sum of products, as wide) to the accumulator, its register included:
// shifted to a fixed point, or normalised and added as a float.
BlockCost Accumulate(const Product& product, const Operand& accumulator, bool stochastic,
                     const Technology& technology);

// Significant bits of the accumulator, guard bit included: more of a product never matters in a sum
// whose order is free.
int UsefulBits(const Operand& accumulator);

// One finished output: conversion to the vector format, scales, batch norm, the search for a range,
// rounding to what is stored.
BlockCost PriceOutput(const MacOperands& operands, const Technology& technology);

}  // namespace bitscape::cost_models
