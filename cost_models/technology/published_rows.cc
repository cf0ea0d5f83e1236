#include "cost_models/technology/published_rows.h"

namespace bitscape::cost_models {
namespace {

constexpr std::string_view kHorowitz =
    "Horowitz, Computing's energy problem, ISSCC 2014, 45 nm 0.9 V; areas TSMC 45 nm, as in MIT "
    "6.5930, lecture Precision";
constexpr std::string_view kHorowitzFromMemory = "Horowitz, ISSCC 2014; this figure from memory";
constexpr std::string_view kAladdin =
    "Aladdin 40 nm library (Shao et al., ISCA 2014), as in accelergy-aladdin-plug-in";

constexpr std::string_view kBitFusion =
    "CACTI sweep at 45 nm itrs-hp, published with BitFusion (Sharma et al., ISCA 2018)";

constexpr ArithmeticRow kArithmetic[] = {
    {"int8_add", ArithmeticKind::kIntegerAdd, 8, 0, 0, 0.03, 36, kHorowitz},
    {"int16_add", ArithmeticKind::kIntegerAdd, 16, 0, 0, 0.05, 67, kHorowitz},
    {"int32_add", ArithmeticKind::kIntegerAdd, 32, 0, 0, 0.1, 137, kHorowitz},
    {"int8_multiply", ArithmeticKind::kIntegerMultiply, 8, 0, 0, 0.2, 282, kHorowitz},
    {"int32_multiply", ArithmeticKind::kIntegerMultiply, 32, 0, 0, 3.1, 3495, kHorowitz},
    {"fp16_add", ArithmeticKind::kFloatAdd, 16, 5, 10, 0.4, 1360, kHorowitz},
    {"fp32_add", ArithmeticKind::kFloatAdd, 32, 8, 23, 0.9, 4184, kHorowitz},
    {"fp16_multiply", ArithmeticKind::kFloatMultiply, 16, 5, 10, 1.1, 1640, kHorowitz},
    {"fp32_multiply", ArithmeticKind::kFloatMultiply, 32, 8, 23, 3.7, 7700, kHorowitz},
};

constexpr SramRow kSram[] = {
    {"sram_8kb_32b", 8 * 1024, 32, 5, kHorowitz},
    {"sram_8kb_64b", 8 * 1024, 64, 10, kHorowitz},
    {"sram_32kb_64b", 32 * 1024, 64, 20, kHorowitzFromMemory},
    {"sram_1mb_64b", 1024 * 1024, 64, 100, kHorowitzFromMemory},
};

constexpr RegisterFileRow kRegisterFiles[] = {
    {"ram_128b_1r1w", 128, 1498.98, kBitFusion},
    {"ram_1kb_1r1w", 1024, 8823.62, kBitFusion},
    {"ram_2kb_1r1w", 2 * 1024, 15132.0, kBitFusion},
    {"ram_4kb_1r1w", 4 * 1024, 30060.7, kBitFusion},
    {"ram_8kb_1r1w", 8 * 1024, 57506.1, kBitFusion},
    {"ram_16kb_1r1w", 16 * 1024, 108577.0, kBitFusion},
};

// Channels are those of the JEDEC standards at a common speed grade.
constexpr DramRow kDram[] = {
    {"dram", 640.0 / 32, 0, 0, kHorowitz},  // 640 pJ for a 32-bit read
    {"dram_lpddr4", 8, 16, 3.2, "public data, as in accelergy-cacti-plug-in; LPDDR4-3200"},
    {"dram_lpddr", 40, 32, 0.8,
     "Malladi et al., ISCA 2012 (LPDDR2), as in accelergy-cacti-plug-in; LPDDR2-800"},
    {"dram_ddr3", 70, 64, 1.6,
     "Malladi et al., ISCA 2012, as in accelergy-cacti-plug-in; DDR3-1600"},
    // A burst from an open row: VDD (IDD4R - IDD3N) over 8 pins. Rows that are opened for one
    // burst, termination and standby come on top.
    {"dram_ddr4", 1.2 * (145 - 55) / (8 * 2.4), 64, 2.4,
     "Micron TN-40-07 with the currents of an 8 Gb x8 device in Ramulator 2; DDR4-2400"},
    {"dram_gddr5", 14, 32, 8,
     "O'Connor, Chatterjee et al., MICRO 2017, as in accelergy-cacti-plug-in; 8 Gb/s"},
    {"dram_hbm2", 3.9, 128, 2,
     "O'Connor, Chatterjee et al., MICRO 2017, as in accelergy-cacti-plug-in; 8 channels a stack"},
    {"dram_hmc", 4.2, 0, 0, "Gao et al., ASPLOS 2017 (TETRIS), as in hwcomponents-cacti"},
};

constexpr UnitRow kUnits[] = {
    {"register_energy", 0.009, "pJ/bit/clock", kAladdin},
    {"register_area", 5.98, "um2/bit", kAladdin},
    {"shifter32_energy", 0.417, "pJ", kAladdin},  // 32 bits, 5 stages
    {"shifter32_area", 250, "um2", kAladdin},
    {"logic_leakage", 3.13e-5, "mW/um2",
     "median of 105 systolic arrays at 45 nm, 500 MHz (2.0e-5 to 4.1e-5), synthesis table "
     "published with BitFusion (Sharma et al., ISCA 2018), its repeated rows once"},
    {"wire_energy", 310.0 / (256 * 10), "pJ/bit/mm",
     "Keckler et al., IEEE Micro 31(5), 2011: 310 pJ for 256 random bits over 10 mm, 40 nm 0.9 V"},
};

}  // namespace

std::span<const ArithmeticRow> ArithmeticRows() { return kArithmetic; }
std::span<const SramRow> SramRows() { return kSram; }
std::span<const RegisterFileRow> RegisterFileRows() { return kRegisterFiles; }
std::span<const DramRow> DramRows() { return kDram; }
std::span<const UnitRow> UnitRows() { return kUnits; }

}  // namespace bitscape::cost_models
