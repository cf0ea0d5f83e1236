// The reference vectors of this folder, read and named as bitscape names formats (README.md).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace bitscape::golden {

// The files of vectors whose name says a format, and its notation.
struct FormatFile {
  const char* file;
  const char* notation;
};
// decode_FILE.csv
inline constexpr FormatFile kDecoded[] = {{"e2m1", "fp4_e2m1"},      {"e2m3", "fp6_e2m3"},
                                          {"e3m2", "fp6_e3m2"},      {"e4m3fn", "fp8_e4m3"},
                                          {"e4m3fnuz", "e4m3:fnuz"}, {"e5m2", "fp8_e5m2"},
                                          {"e5m2fnuz", "e5m2:fnuz"}};
// rne_sat_FILE.csv
inline constexpr FormatFile kRounded[] = {{"bf16", "bf16"},       {"fp16", "fp16"},
                                          {"e2m1", "fp4_e2m1"},   {"e3m2", "fp6_e3m2"},
                                          {"e4m3fn", "fp8_e4m3"}, {"e5m2", "fp8_e5m2"}};
// The formats of mx_blocks.json.
inline constexpr const char* kMxFormats[] = {"mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e3m2",
                                             "mxfp6_e2m3", "mxfp4_e2m1", "mxint8"};

// A test fails where the file can't be read. Python's NaN, which JSON lacks, becomes null.
nlohmann::json ReadJson(const std::string& name);
// Rows of a CSV file without its header.
std::vector<std::vector<std::string>> ReadRows(const std::string& name);

// 8 hexadecimal digits, or fewer for codes.
uint32_t Bits(const std::string& hexadecimal);
float FromBits(const std::string& hexadecimal);
// An array of such digits.
std::vector<float> FloatsOf(const nlohmann::json& bits);

// "cfloat8_1_4_3_bias7", a key of cfloat8_decode.json, apart.
struct CfloatName {
  std::string format;
  int bias = 0;
  std::string Notation() const;  // the bias as a constant of the format
};
CfloatName CfloatNameOf(const std::string& key);
// The notations of cases of lecture_formats.json.
std::string LogNetNotation(const nlohmann::json& test);
std::string AdaptivFloatNotation(const nlohmann::json& test);

}  // namespace bitscape::golden
