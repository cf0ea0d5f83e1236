#include "cost_models/technology/published_rows.h"

namespace bitscape::cost_models {
namespace {

constexpr std::string_view kHorowitz =
    "Horowitz, Computing's energy problem, ISSCC 2014, 45 nm 0.9 V; areas TSMC 45 nm, as in MIT "
    "6.5930, lecture Precision";
constexpr std::string_view kAladdin =
    "Aladdin 40 nm library (Shao et al., ISCA 2014), as in accelergy-aladdin-plug-in";
constexpr std::string_view kMalladi = "Malladi et al., ISCA 2012, as in accelergy-cacti-plug-in";
constexpr std::string_view kChatterjee =
    "Chatterjee et al., MICRO 2017, as in accelergy-cacti-plug-in";

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
    {"sram_32kb_64b", 32 * 1024, 64, 20, kHorowitz},
    {"sram_1mb_64b", 1024 * 1024, 64, 100, kHorowitz},
};

constexpr RegisterFileRow kRegisterFiles[] = {
    {"ram_128b_1r1w", 128, 1498.98, kBitFusion},
    {"ram_1kb_1r1w", 1024, 8823.62, kBitFusion},
    {"ram_2kb_1r1w", 2 * 1024, 15132.0, kBitFusion},
    {"ram_4kb_1r1w", 4 * 1024, 30060.7, kBitFusion},
    {"ram_8kb_1r1w", 8 * 1024, 57506.1, kBitFusion},
    {"ram_16kb_1r1w", 16 * 1024, 108577.0, kBitFusion},
};

constexpr DramRow kDram[] = {
    {"dram", 640.0 / 32, kHorowitz},  // 640 pJ for a 32-bit read
    {"dram_lpddr4", 8, "public data, as in accelergy-cacti-plug-in"},
    {"dram_lpddr", 40, kMalladi},
    {"dram_ddr3", 70, kMalladi},
    {"dram_gddr5", 14, kChatterjee},
    {"dram_hbm2", 3.9, kChatterjee},
};

constexpr UnitRow kUnits[] = {
    {"register_energy", 0.009, "pJ/bit/clock", kAladdin},
    {"register_area", 5.98, "um2/bit", kAladdin},
    {"shifter32_energy", 0.417, "pJ", kAladdin},  // 32 bits, 5 stages
    {"shifter32_area", 250, "um2", kAladdin},
};

}  // namespace

std::span<const ArithmeticRow> ArithmeticRows() { return kArithmetic; }
std::span<const SramRow> SramRows() { return kSram; }
std::span<const RegisterFileRow> RegisterFileRows() { return kRegisterFiles; }
std::span<const DramRow> DramRows() { return kDram; }
std::span<const UnitRow> UnitRows() { return kUnits; }

}  // namespace bitscape::cost_models
