// Coefficients of the technology's fits at 45 nm and kReferenceVolts: pJ, um2, ns, widths in bits.
// FittedCosts() lists each with its formula, residual and source; the tests fit them again.
#pragma once

#include <cmath>

namespace bitscape::cost_models::fits {

inline constexpr double kReferenceVolts = 0.9;

// Horowitz.
inline constexpr double kAdderEnergy[] = {0.00282202, 0.00692521};
inline constexpr double kAdderArea[] = {4.12454, 2.68145};
inline constexpr double kMultiplierEnergy[] = {0.00299479, 0.000520833};
inline constexpr double kMultiplierArea[] = {3.08203, 5.29688};
inline constexpr double kFloatAdderEnergy = 0.00618222;
inline constexpr double kFloatAdderArea[] = {10.1996, 3.73778};
inline constexpr double kFloatMultiplierEnergy = 0.0180187;
inline constexpr double kFloatMultiplierArea = 3.50486;
inline constexpr double kSramEnergy[] = {0.020077, 0.0492485};

// Aladdin's rows: a register bit, and a 32-bit shifter of 5 stages.
inline constexpr double kRegisterEnergy = 0.009;
inline constexpr double kRegisterArea = 5.98;
inline constexpr double kShifterEnergy = 0.417 / (32 * 5);
inline constexpr double kShifterArea = 250.0 / (32 * 5);

// Netlists: transistors, and what one costs where it stands in one of Horowitz's adders.
inline constexpr double kTransistorEnergy = 8.05178e-05;
inline constexpr double kTransistorArea = 0.106407;
inline constexpr double kAdderTransistors = 40.7784;
inline constexpr double kMultiplierTransistors[] = {9.0256, 51.7019};
inline constexpr double kRegisterTransistors = 16;
inline constexpr double kFloatAdderTransistors[] = {70.8088, 184.457};
inline constexpr double kFloatMultiplierTransistors[] = {1.01693, 57.4776};
inline constexpr double kShifterTransistors = 10.8739;
inline constexpr double kMultiplexerTransistors = 12.5209;
inline constexpr double kLeadingZerosTransistors = 18.3684;
inline constexpr double kPopulationCountTransistors[] = {42.7789, 17.4116};
inline constexpr double kTransistorsPerNand2 = 4;
// One AND for each pair of bits, and an array of full adders between them.
constexpr double MultiplierTransistors(double a, double b) {
  return kMultiplierTransistors[0] * a * b + kMultiplierTransistors[1] * (a - 1) * (b - 1);
}

// CACTI 7 sweeps, 45 nm: k KB^p (width / 64)^q.
inline constexpr double kCactiLopRead[] = {0.01362, 0.55, -0.397};
inline constexpr double kCactiLopWrite[] = {0.02394, 0.443, -0.297};
inline constexpr double kCactiHpRead[] = {0.02359, 0.537, -0.397};
inline constexpr double kCactiHpWrite[] = {0.04815, 0.429, -0.297};
inline double PowerLaw(const double (&fit)[3], double kilobytes, double width) {
  return fit[0] * std::pow(kilobytes, fit[1]) * std::pow(width, fit[2]);
}
inline constexpr double kSramArea[] = {0.4226, 0.0524};
inline constexpr double kSramHpArea[] = {0.3829, 0.0672};
inline constexpr double kSramLopAccess[] = {0.4501, 0.0916};
inline constexpr double kSramHpAccess[] = {0.1505, 0.0616};
inline constexpr double kSramLopLeakage = 0.0165;
inline constexpr double kSramHpLeakage = 1.2083;
// Six two-ported RAMs of 128 bytes to 16 KB.
inline constexpr double kRegisterFileArea[] = {0.781799, 0.246650};

inline constexpr double kLogicLeakage = 3.13e-5;     // mW/um2
inline constexpr double kWire = 310.0 / (256 * 10);  // pJ/bit/mm

// Shapes that no published delay was fitted to, ns. They are kept within two designs that were
// published as closing: BitFusion's element of 16 bits at 500 MHz in 45 nm, and multipliers of 8
// bits with their sums at 1 GHz in 28 nm.
inline constexpr double kAdderDelay[] = {0.10, 0.06};
inline constexpr double kMultiplierDelay[] = {0.10, 0.04};
inline constexpr double kRegisterDelay = 0.12;
inline constexpr double kMultiplexerDelay = 0.04;
inline constexpr double kGateDelay = 0.03;
inline constexpr double kLeadingZerosDelay = 0.05;
inline constexpr double kPopulationCountDelay = 0.10;

}  // namespace bitscape::cost_models::fits
