#include "tests/golden/vectors.h"

#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <iterator>
#include <sstream>

namespace bitscape::golden {
namespace {

std::ifstream Open(const std::string& name) {
  std::ifstream file(std::string(BITSCAPE_GOLDEN_DIR) + "/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  return file;
}

}  // namespace

nlohmann::json ReadJson(const std::string& name) {
  std::ifstream file = Open(name);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  for (size_t at = text.find("NaN"); at != std::string::npos; at = text.find("NaN", at)) {
    text.replace(at, 3, "null");
  }
  return nlohmann::json::parse(text);
}

std::vector<std::vector<std::string>> ReadRows(const std::string& name) {
  std::ifstream file = Open(name);
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    rows.emplace_back();
    for (std::string field; std::getline(fields, field, ',');) rows.back().push_back(field);
  }
  return rows;
}

uint32_t Bits(const std::string& hexadecimal) {
  return static_cast<uint32_t>(std::stoul(hexadecimal, nullptr, 16));
}

float FromBits(const std::string& hexadecimal) { return std::bit_cast<float>(Bits(hexadecimal)); }

std::vector<float> FloatsOf(const nlohmann::json& bits) {
  std::vector<float> values;
  for (const auto& value : bits) values.push_back(FromBits(value));
  return values;
}

std::string CfloatName::Notation() const { return format + ":bias=" + std::to_string(bias); }

CfloatName CfloatNameOf(const std::string& key) {
  const std::string marker = "_bias";
  const size_t at = key.find(marker);
  return {key.substr(0, at), std::stoi(key.substr(at + marker.size()))};
}

std::string LogNetNotation(const nlohmann::json& test) {
  const bool square_root = test.at("base").is_string();
  return "log" + std::to_string(test.at("bits").get<int>()) + (square_root ? ":sqrt2" : "") +
         (test.at("signed").get<int>() != 0 ? "" : ":unsigned") +
         ":fsr=" + std::to_string(test.at("FSR").get<int>());
}

std::string AdaptivFloatNotation(const nlohmann::json& test) {
  return "af" + std::to_string(test.at("n").get<int>()) + "_" +
         std::to_string(test.at("e").get<int>());
}

}  // namespace bitscape::golden
