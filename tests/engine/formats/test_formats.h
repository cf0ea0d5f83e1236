// The formats that every codec test runs over: each catalogue row, and corners of the families.
#pragma once

#include <cctype>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/formats/catalog.h"
#include "engine/formats/quantizer.h"

namespace bitscape::formats {

inline Quantizer MustParse(std::string_view notation) {
  absl::StatusOr<Quantizer> quantizer = ParseQuantizer(notation);
  if (!quantizer.ok()) throw std::invalid_argument(quantizer.status().ToString());
  return *std::move(quantizer);
}

// Those that have codes without data: level sets stand in LevelSetTestFormats.
inline std::vector<std::string> TestFormats() {
  std::vector<std::string> names;
  for (const CatalogRow& row : Catalog()) {
    const NumberFormat format = MustParse(row.name).format;
    if (!row.preset && !std::holds_alternative<LevelSet>(format.element)) {
      names.emplace_back(row.name);
    }
  }
  for (const char* name : {"e3m4",
                           "e4m3",
                           "e4m3:fnuz",
                           "e5m2:fnuz",
                           "e5m2",
                           "e5m2:fn",
                           "e4m3:ieee",
                           "e1m2",
                           "e1m6",
                           "e1m0",
                           "e2m0",
                           "e3m0",
                           "e4m0:fn",
                           "e7m0:fnuz",
                           "e1m2:ieee",
                           "e2m1:fn",
                           "e3m3:ftz",
                           "e4m3:fn:ftz",
                           "e5m2:ieee:ftz",
                           "e4m3:fnuz:ftz",
                           "e3m0:ftz",
                           "e4m3:bias=-3",
                           "e4m3:bias=11",
                           "e4m3:fn:bias=140",
                           "e3m2:bias=-119",
                           "e2m3:bias=147",
                           "e6m9:ieee",
                           "e8m7",
                           "e8m10:fn",
                           "e8m7:fnuz",
                           "e8m23",
                           "e8m22:fnuz",
                           "e5m23:ieee",
                           "e8m0",
                           "e8m23:ieee:ftz",
                           "fp16:ftz",
                           "e8m7:ieee:bias=130",
                           "int7",
                           "int8:full",
                           "int3:full",
                           "int8:asym",
                           "int2:full",
                           "uint1",
                           "uint2",
                           "uint7",
                           "uint16",
                           "uint8:asym",
                           "fixed2.0",
                           "fixed8.8",
                           "fixed5.2",
                           "dfx2",
                           "dfx5",
                           "e4m3:bias=0:literal",
                           "e4m3:bias=7:literal",
                           "e5m2:bias=63:literal",
                           "e1m2:literal",
                           "e4m3:fnuz:literal",
                           "fp16:literal",
                           "e4m3:fn:scaled",
                           "e2m1:scaled",
                           "int8:pow2",
                           "uint8:pow2",
                           "uint4:asym:pow2",
                           "bfp2",
                           "bfp16",
                           "bfp5:exp2",
                           "bfp16:exp5",
                           "bfp8:exp4:ceil",
                           "bfp6:even",
                           "bfp7:rceil",
                           "mxfp8_e4m3:ceil",
                           "mxfp8_e5m2:rceil",
                           "mxfp6_e3m2:even",
                           "mxfp4_e2m1:even",
                           "mxfp4_e2m1:rceil",
                           "mxint8:full",
                           "mxint8:ceil",
                           "af3_1",
                           "af3_2",
                           "af4_1",
                           "af5_3",
                           "af6_2",
                           "af8_4",
                           "af8_7",
                           "af16_7",
                           "af16_1",
                           "af8_3:even",
                           "cfloat8_1_4_3:literal",
                           "cfloat8_1_5_2:literal",
                           "cfloat16_1_6_9:literal",
                           "cfloat8_1_4_3:bias=0",
                           "cfloat8_1_5_2:bias=63",
                           "log2",
                           "log2:unsigned",
                           "log3:sqrt2",
                           "log8:sqrt2",
                           "log8:sqrt2:unsigned",
                           "log4:unsigned",
                           "log7:unsigned",
                           "log4:radix4",
                           "log7:radix4",
                           "log6:radix4:unsigned",
                           "log3:fsr",
                           "log4:sqrt2:fsr",
                           "log3:fsr=2",
                           "log4:unsigned:fsr=-3",
                           "log4:sqrt2:fsr=4"}) {
    names.emplace_back(name);
  }
  return names;
}

// Those whose levels come from data.
inline std::vector<std::string> LevelSetTestFormats() {
  std::vector<std::string> names;
  for (const CatalogRow& row : Catalog()) {
    const NumberFormat format = MustParse(row.name).format;
    if (!row.preset && std::holds_alternative<LevelSet>(format.element)) {
      names.emplace_back(row.name);
    }
  }
  for (const char* name :
       {"codebook2", "codebook3", "codebook5:lloydmax", "codebook256:lloydmax:entries=int8",
        "codebook16:entries=fp8_e4m3", "codebook16:entries=fp32", "codebook7:entries=int4",
        "codebook16:entries=e3m0", "dorefa1", "dorefa3", "dorefa8"}) {
    names.emplace_back(name);
  }
  return names;
}

// Those whose codes can be listed.
inline std::vector<std::string> SmallTestFormats() {
  std::vector<std::string> small;
  for (const std::string& name : TestFormats()) {
    if (ElementBits(MustParse(name).format) <= 8) small.push_back(name);
  }
  return small;
}

// "e4m3:bias=-3" -> "e4m3_biasn3": what GoogleTest takes as a parameter's name.
inline std::string TestName(std::string_view notation) {
  std::string name;
  for (const char character : notation) {
    if (std::isalnum(static_cast<unsigned char>(character)) != 0) {
      name += character;
    } else {
      name += character == '-' ? "n" : character == '=' ? "" : "_";
    }
  }
  return name;
}

}  // namespace bitscape::formats
