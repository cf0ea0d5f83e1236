// `bitscape format` against one server, with tensors in files.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/process.h"
#include "tests/e2e/server_process.h"

namespace bitscape::e2e {

using Floats = std::vector<float>;

class FormatTest : public testing::Test {
 protected:
  // One server for all commands.
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  static Result Run(std::vector<std::string> arguments);
  // `format round`. One row where `shape` is empty.
  Floats Round(const std::string& format, const Floats& values, std::string shape = "");
  // Bit for bit; any NaN equals any other.
  void ExpectRounds(const std::string& format, const Floats& values, const Floats& expected,
                    const std::string& shape = "");
  void WriteFloats(const std::string& name, const Floats& values);

  Folder folder_;

 private:
  static std::unique_ptr<Folder> home_;
  static std::unique_ptr<ServerProcess> server_;
};

}  // namespace bitscape::e2e
