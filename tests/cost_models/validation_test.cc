// The published figures beside the model's, as `bitscape cost validate` prints them.
#include "cost_models/validation/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "engine/core/files.h"
#include "server/specs/convert.h"

namespace bitscape::cost_models {
namespace {

using ::testing::HasSubstr;
using Role = ValidationRow::Role;
namespace fs = std::filesystem;

absl::StatusOr<Accelerator> FindShipped(std::string_view name) {
  const absl::StatusOr<fs::path> data = DataDirectory();
  if (!data.ok()) return data.status();
  const absl::StatusOr<v1::AcceleratorSpec> spec =
      server::ReadAcceleratorFile(*data / "accelerators" / (std::string(name) + ".yaml"));
  if (!spec.ok()) return spec.status();
  return server::ToAccelerator(*spec);
}

fs::path FigureFolder() { return *DataDirectory() / "validation"; }

const std::vector<ValidationRow>& Rows() {
  static const auto* const kRows = [] {
    const absl::StatusOr<std::vector<ValidationRow>> rows =
        RunValidation({.data = FigureFolder(), .find_accelerator = FindShipped});
    EXPECT_TRUE(rows.ok()) << rows.status();
    return new std::vector<ValidationRow>(rows.ok() ? *rows : std::vector<ValidationRow>{});
  }();
  return *kRows;
}

const ValidationRow& RowNamed(std::string_view group, std::string_view name) {
  static const ValidationRow kNone;
  for (const ValidationRow& row : Rows()) {
    if (row.group == group && row.name == name) return row;
  }
  ADD_FAILURE() << group << " has no row " << name;
  return kNone;
}

TEST(Validation, EveryFigureThatCountsIsWithinItsBound) {
  ASSERT_FALSE(Rows().empty());
  std::map<Role, int> roles;
  for (const ValidationRow& row : Rows()) {
    ++roles[row.role];
    std::printf("%-14s %-62s %12.5g %12.5g %+9.1f %% (%g) %-11s %s%s\n", row.group.c_str(),
                row.name.c_str(), row.published, row.model, row.deviation_percent,
                row.bound_percent, std::string(ToString(row.role)).c_str(), row.unit.c_str(),
                row.passes ? "" : "  FAILS");
    if (!row.note.empty()) std::printf("%-14s   %s\n", "", row.note.c_str());
    EXPECT_TRUE(row.passes) << row.group << ", " << row.name << ": published " << row.published
                            << ", model " << row.model << " " << row.unit;
    EXPECT_TRUE(std::isfinite(row.model) && std::isfinite(row.deviation_percent)) << row.name;
  }
  for (const auto& [role, count] : roles) {
    std::printf("%s: %d\n", std::string(ToString(role)).c_str(), count);
  }
  EXPECT_GT(roles[Role::kValidation], 90);
  EXPECT_GT(roles[Role::kFitted], 20);
  EXPECT_GT(roles[Role::kInput], 20);
}

TEST(Validation, EveryRowSaysWhereItIsFrom) {
  std::set<std::string> names;
  for (const ValidationRow& row : Rows()) {
    EXPECT_FALSE(row.source.empty()) << row.name;
    EXPECT_TRUE(names.insert(row.group + "/" + row.name).second) << row.group << " " << row.name;
    if (row.bound_percent > 30) {
      EXPECT_FALSE(row.note.empty()) << row.name;
    }
    EXPECT_THAT(row.note, Not(HasSubstr("skipped, "))) << row.name;
    EXPECT_THAT(row.note, Not(HasSubstr("infeasible"))) << row.name;
  }
}

// The figures that the technology takes or was fitted to never count; neither does what was not
// seen.
TEST(Validation, WhatTheModelKnowsDoesNotCount) {
  std::set<std::string> counting;
  for (const ValidationRow& row : Rows()) {
    if (row.role != Role::kValidation) continue;
    counting.insert(row.group);
    EXPECT_THAT(row.source, Not(HasSubstr("from memory"))) << row.name;
    EXPECT_THAT(row.note, Not(HasSubstr("fitted on these"))) << row.name;
  }
  EXPECT_THAT(counting, ::testing::UnorderedElementsAre("bitfusion", "bitnet", "camus", "chips",
                                                        "eyeriss", "fp8_int8", "microexponents",
                                                        "networks", "psma", "timeloop"));
  EXPECT_EQ(RowNamed("horowitz", "int8_mul energy").role, Role::kFitted);
  EXPECT_EQ(RowNamed("horowitz", "DRAM, 32-bit read").role, Role::kInput);
  EXPECT_EQ(RowNamed("moons", "power reduction on AlexNet layer 2, 7 of 16 bits").role,
            Role::kFitted);
  EXPECT_EQ(RowNamed("gpus", "A100: peak, int8").role, Role::kInput);
  EXPECT_EQ(RowNamed("psma", "5 ns, energy at 8x8: rank correlation").role, Role::kFitted);
  EXPECT_EQ(RowNamed("psma", "1 ns, energy at 8x8: rank correlation").role, Role::kValidation);
  EXPECT_EQ(RowNamed("bitnet", "1.3B: memory saved").role, Role::kFromMemory);
}

TEST(Validation, RegistersAndActivityHaveRowsOfTheirOwn) {
  std::map<std::string, int> readings;
  for (const ValidationRow& row : Rows()) {
    if (row.group != "readings") continue;
    ++readings[row.name.substr(0, row.name.find(':'))];
    EXPECT_EQ(row.role, Role::kInformation);
  }
  EXPECT_GT(readings["registers none"], 10);
  EXPECT_GT(readings["activity 0.45"], 0);
  EXPECT_GT(readings["areas gate_counts"], 10);
}

TEST(Validation, AMissingMachineIsSaidAndNotCounted) {
  const absl::StatusOr<std::vector<ValidationRow>> rows = RunValidation(
      {.data = FigureFolder(), .find_accelerator = [](std::string_view name) {
         return absl::StatusOr<Accelerator>(absl::NotFoundError("no " + std::string(name)));
       }});
  ASSERT_TRUE(rows.ok()) << rows.status();
  int skipped = 0;
  for (const ValidationRow& row : *rows) {
    if (row.note.find("skipped, no machine \"unpu\"") == std::string::npos) continue;
    ++skipped;
    EXPECT_EQ(row.role, Role::kInformation);
  }
  EXPECT_GE(skipped, 5);
}

TEST(Validation, CircuitsAreFollowed) {
  int families = 0;
  for (const ValidationRow& row : Rows()) {
    if (row.group != "gate_counts" || !row.name.ends_with("rank correlation")) continue;
    ++families;
    EXPECT_GT(row.model, 0.9) << row.name;
  }
  EXPECT_GE(families, 20);
}

// scalable_relations.csv holds the same figures, for the tests of the families: no two versions.
TEST(Validation, ScalableRelationsAreTheSameInBothFiles) {
  std::string figures;
  for (const char* name : {"camus.json", "bitfusion.json", "chips.json", "moons.json"}) {
    figures += *ReadFile(FigureFolder() / name, 1 << 20);
  }
  std::ifstream file(SCALABLE_RELATIONS);
  int relations = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#') || line.starts_with("key,")) continue;
    ++relations;
    const std::string key = line.substr(0, line.find(','));
    const size_t at = figures.find("\"key\": \"" + key + "\"");
    ASSERT_NE(at, std::string::npos) << key;
    const size_t begin =
        figures.rfind("\"published\": ", at) + std::string("\"published\": ").size();
    std::vector<std::string> cells;
    std::stringstream stream(line);
    for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
    EXPECT_NEAR(std::stod(figures.substr(begin)) / std::stod(cells.at(3)), 1, 1e-3) << key;
  }
  EXPECT_GT(relations, 10);
}

// A folder with the shipped files and one of them replaced.
class DamagedFigures : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::copy(FigureFolder(), folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string MessageWith(const std::string& figure) {
    std::ofstream(folder_ / "moons.json") << R"({"source": "S", "figures": [)" << figure << "]}";
    const auto rows = RunValidation({.data = folder_, .find_accelerator = FindShipped});
    EXPECT_FALSE(rows.ok());
    return std::string(rows.status().message());
  }
  fs::path folder_;
};

TEST_F(DamagedFigures, AreNamed) {
  const auto with = [&](const std::string& fields) {
    return MessageWith(R"({"name": "n", "model": "block", "published": 1, "unit": "pJ", )" +
                       fields + "}");
  };
  EXPECT_THAT(with(R"("role": "fact")"), HasSubstr("role \"fact\" is unknown"));
  EXPECT_THAT(with(R"("role": "fact")"), HasSubstr("moons.json: figure 1"));
  EXPECT_THAT(with(R"("role": "validation")"), HasSubstr("needs a bound_percent or a relation"));
  EXPECT_THAT(with(R"("role": "validation", "bound_percent": 31)"),
              HasSubstr("it needs a note that says why"));
  EXPECT_THAT(with(R"("role": "input", "bits": -8)"), HasSubstr("bits is -8"));
  EXPECT_THAT(with(R"("role": "input", "source": "")"), HasSubstr("source is missing"));
  EXPECT_THAT(with(R"("role": "input", "bits": 8)"), HasSubstr("model block needs \"block\""));
  EXPECT_THAT(with(R"("role": "input", "block": "turbine", "quantity": "area")"),
              HasSubstr("block \"turbine\" is unknown"));
  EXPECT_THAT(MessageWith(R"({"name": "n", "model": "network_total", "published": 1, "unit": "x",
                              "role": "input", "network": "alexnett", "total": "conv_macs"})"),
              HasSubstr("there is no network 'alexnett'"));
  EXPECT_THAT(MessageWith(R"({"name": "n", "model": "guess", "published": 1, "role": "input"})"),
              HasSubstr("model \"guess\" is unknown"));
  EXPECT_THAT(MessageWith(R"({"name": "n", "model": "block", "role": "input"})"),
              HasSubstr("published is not above 0"));
  EXPECT_THAT(MessageWith("not json"), HasSubstr("moons.json: expected an object"));
  fs::copy_file(FigureFolder() / "moons.json", folder_ / "moons.json",
                fs::copy_options::overwrite_existing);
  const auto with_file = [&](const char* name, const char* text) {
    std::ofstream(folder_ / name) << text;
    const auto rows = RunValidation({.data = folder_, .find_accelerator = FindShipped});
    EXPECT_FALSE(rows.ok());
    fs::copy_file(FigureFolder() / name, folder_ / name, fs::copy_options::overwrite_existing);
    return std::string(rows.status().message());
  };
  EXPECT_THAT(with_file("timeloop.json", R"({"source": "S", "cases": [{"name": "c"}]})"),
              HasSubstr("timeloop.json: case 1"));
  EXPECT_THAT(with_file("gate_counts.json", R"({"rows": [{"family": "adder"}]})"),
              HasSubstr("gate_counts.json: row 1"));
  EXPECT_THAT(with_file("psma_28nm.csv", "clock"), HasSubstr("psma_28nm.csv"));
  fs::remove(folder_ / "moons.json");
  const auto rows = RunValidation({.data = folder_, .find_accelerator = FindShipped});
  EXPECT_THAT(std::string(rows.status().message()), HasSubstr("moons.json"));
}

}  // namespace
}  // namespace bitscape::cost_models
