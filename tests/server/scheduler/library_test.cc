#include "server/scheduler/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "engine/core/files.h"
#include "server/specs/convert.h"
#include "tests/server/scheduler/scheduler_testing.h"

namespace bitscape::server {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::StartsWith;

// Big-endian, as IDX has it.
std::string Word(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>((value >> shift) & 0xff));
  }
  return bytes;
}

Library::DatasetFiles ExampleFiles(uint32_t images, char first_pixel) {
  Library::DatasetFiles files;
  files.train_images = Word(0x803) + Word(images) + Word(2) + Word(2);
  files.train_labels = Word(0x801) + Word(images);
  for (uint32_t i = 0; i < images; ++i) {
    files.train_images +=
        std::string(4, static_cast<char>(first_pixel + static_cast<char>(i % 50)));
    files.train_labels.push_back(static_cast<char>(i % 3));
  }
  return files;
}

std::string ZooFile(const std::string& name) {
  return ReadFile(DataDirectory().value() / "zoo" / name, int64_t{1} << 30).value();
}

class LibraryTest : public ::testing::Test {
 protected:
  // The same store after a restart.
  std::unique_ptr<Library> Restarted() { return std::make_unique<Library>(*store_); }

  std::unique_ptr<Store> store_ = CreateMemoryStore();
  Library library_{*store_};
};

TEST_F(LibraryTest, SaysThatTheAcceleratorsFolderIsMissing) {
  const std::filesystem::path kept = DataDirectory().value();
  const std::filesystem::path empty =
      std::filesystem::temp_directory_path() / ("bitscape_no_machines_" + std::to_string(getpid()));
  std::filesystem::create_directories(empty);
  setenv("BITSCAPE_DATA_DIR", empty.c_str(), 1);
  const absl::Status names = library_.AcceleratorNames().status();
  const absl::Status machine = library_.GetAccelerator("eyeriss_like").status();
  setenv("BITSCAPE_DATA_DIR", kept.c_str(), 1);
  std::filesystem::remove(empty);
  EXPECT_THAT(std::string(names.message()), HasSubstr((empty / "accelerators").string()));
  EXPECT_EQ(names, machine);
}

TEST_F(LibraryTest, KnowsWhatShipsWithIt) {
  EXPECT_THAT(library_.NetworkNames().value(), IsSupersetOf({"dscnn", "lenet5", "resnet8"}));
  EXPECT_THAT(library_.DatasetNames().value(), Contains("fashion-mnist"));
  const std::vector<std::string> machines = library_.AcceleratorNames().value();
  EXPECT_THAT(machines, Contains("eyeriss_like"));
  for (const std::string& name : machines) {
    const auto accelerator = library_.GetAccelerator(name);
    ASSERT_TRUE(accelerator.ok()) << accelerator.status();
    EXPECT_EQ((*accelerator)->name, name);
  }
  const auto network = library_.GetNetwork("lenet5");
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(library_.GetNetwork("lenet5")->get(), network->get());  // kept
}

TEST_F(LibraryTest, KnowsNetworksOfWhichOnlyTheShapesAreKnown) {
  const std::vector<std::string> names = library_.NetworkNames().value();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_THAT(names, IsSupersetOf({"alexnet", "llama_7b_decode", "resnet8", "vgg16"}));
  for (const std::string& name : names) {
    const auto network = library_.GetNetwork(name);
    ASSERT_TRUE(network.ok()) << network.status();
    EXPECT_EQ((*network)->name, name);
    EXPECT_EQ(library_.NetworkKind(name).value(), (*network)->HasWeights() ? "zoo" : "shapes");
  }
  // Of any length, listed or not.
  EXPECT_EQ((*library_.GetNetwork("bert_base_s64"))->nodes[0].shape, (network::Shape{1, 64, 768}));
  EXPECT_EQ(library_.GetNetwork("bert_base_s513").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(LibraryTest, RefusesNamesOfShapesForOtherNetworksButKeepsOlderOnes) {
  const network::InputScaling scaling{{0.25F}, {0.5F}};
  const std::string onnx = ZooFile("lenet5.onnx");
  EXPECT_EQ(library_.ImportNetwork("vgg16", "lenet5.onnx", onnx, scaling, false).status(),
            absl::AlreadyExistsError(
                "network 'vgg16' exists already with other content: choose another name"));
  // A database may hold the name from before.
  WriteBatch batch;
  batch.resources.push_back({StoredResource::Kind::kNetwork,
                             "vgg16",
                             "digest",
                             R"({"file": "lenet5.onnx", "mean": [0.25], "std": [0.5]})",
                             {onnx}});
  ASSERT_TRUE(store_->Write(std::move(batch)).ok());
  const auto library = Restarted();
  const auto network = library->GetNetwork("vgg16");
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_TRUE((*network)->HasWeights());
  EXPECT_EQ(library->NetworkKind("vgg16").value(), "imported");
}

TEST_F(LibraryTest, NamesTheNearest) {
  EXPECT_EQ(library_.GetNetwork("lenet").status(),
            absl::NotFoundError("there is no network 'lenet'; did you mean 'lenet5'?"));
  EXPECT_THAT(std::string(library_.GetDataset("fashion_mnist").status().message()),
              HasSubstr("did you mean 'fashion-mnist'?"));
  EXPECT_THAT(std::string(library_.GetAccelerator("eyeriss").status().message()),
              HasSubstr("no accelerator 'eyeriss'"));
  EXPECT_EQ(library_.GetEvaluator("lenet", "fashion-mnist", 32, 1).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(LibraryTest, ImportsANetworkAndReadsItBack) {
  const network::InputScaling scaling{{0.25F}, {0.5F}};
  const std::string onnx = ZooFile("lenet5.onnx");
  const auto checked = library_.ImportNetwork("mine", "lenet5.onnx", onnx, scaling, true);
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_FALSE(library_.GetNetwork("mine").ok());  // only checked
  const auto imported = library_.ImportNetwork("mine", "lenet5.onnx", onnx, scaling, false);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(library_.NetworkNames().value(), Contains("mine"));
  const auto again = library_.ImportNetwork("mine", "lenet5.onnx", onnx, scaling, false);
  EXPECT_TRUE(again.ok()) << again.status();

  const auto read = Restarted()->GetNetwork("mine");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->name, "mine");
  EXPECT_EQ((*read)->Digest(), (*imported)->Digest());
  EXPECT_THAT((*read)->input_scaling.std, ElementsAre(0.5F));
}

TEST_F(LibraryTest, RefusesOtherContentUnderAKnownName) {
  const network::InputScaling scaling{{0.25F}, {0.5F}};
  const std::string lenet5 = ZooFile("lenet5.onnx");
  ASSERT_TRUE(library_.ImportNetwork("mine", "a.onnx", lenet5, scaling, false).ok());
  const auto other =
      library_.ImportNetwork("mine", "b.onnx", ZooFile("dscnn.onnx"), scaling, false);
  EXPECT_EQ(other.status(), absl::AlreadyExistsError("network 'mine' exists already with other "
                                                     "content: choose another name"));
  // The scaling is content, and the zoo's names are taken.
  EXPECT_EQ(
      library_.ImportNetwork("mine", "a.onnx", lenet5, {{0.0F}, {1.0F}}, false).status().code(),
      absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(library_.ImportNetwork("resnet8", "a.onnx", lenet5, scaling, true).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(LibraryTest, RefusesBadNamesAndFiles) {
  const std::string lenet5 = ZooFile("lenet5.onnx");
  const std::string long_name(64, 'x');
  for (const std::string name : {"", "Mine", "1st", "a/b", "a.b", long_name.c_str()}) {
    const auto imported = library_.ImportNetwork(name, "a.onnx", lenet5, {{0.0F}, {1.0F}}, false);
    EXPECT_THAT(std::string(imported.status().message()), HasSubstr("1 to 63")) << name;
  }
  const auto bad =
      library_.ImportNetwork("mine", "a.onnx", lenet5.substr(0, 1000), {{0.0F}, {1.0F}}, false);
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr("a.onnx"));
  EXPECT_FALSE(library_.GetNetwork("mine").ok());
}

TEST_F(LibraryTest, ImportsADatasetAndReadsItBack) {
  const auto imported = library_.ImportDataset("digits", ExampleFiles(200, 1));
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(library_.DatasetNames().value(), Contains("digits"));
  const auto read = Restarted()->GetDataset("digits");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->digest, (*imported)->digest);
  EXPECT_EQ((*read)->name, "digits");
  EXPECT_GT((*read)->test.size(), 0);
  EXPECT_TRUE(library_.ImportDataset("digits", ExampleFiles(200, 1)).ok());
  EXPECT_EQ(library_.ImportDataset("digits", ExampleFiles(200, 2)).status().code(),
            absl::StatusCode::kAlreadyExists);
  Library::DatasetFiles broken = ExampleFiles(200, 1);
  broken.train_labels.pop_back();
  const absl::Status cut = library_.ImportDataset("broken", broken).status();
  EXPECT_EQ(cut.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(cut.message()),
              StartsWith("uploaded file train-labels: the content ends"));
  broken.train_labels = ExampleFiles(199, 1).train_labels;
  EXPECT_EQ(library_.ImportDataset("broken", broken).status().message(),
            "uploaded file train-labels has 199 labels, uploaded file train-images has 200 images");
  EXPECT_FALSE(library_.GetDataset("broken").ok());
}

TEST_F(LibraryTest, CreatesAnAcceleratorAndReadsItBack) {
  cost_models::Accelerator machine = **library_.GetAccelerator("eyeriss_like");
  machine.name = "wide_array";
  machine.array_columns = 28;
  const std::string bytes = ToProto(machine).SerializeAsString();
  ASSERT_TRUE(library_.CreateAccelerator(machine, bytes, true).ok());
  EXPECT_FALSE(library_.GetAccelerator("wide_array").ok());
  const auto created = library_.CreateAccelerator(machine, bytes, false);
  ASSERT_TRUE(created.ok()) << created.status();
  const auto read = Restarted()->GetAccelerator("wide_array");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->Digest(), machine.Digest());
  EXPECT_EQ((*read)->array_columns, 28);
  machine.array_columns = 30;
  EXPECT_EQ(library_.CreateAccelerator(machine, bytes, false).status().code(),
            absl::StatusCode::kAlreadyExists);
  machine.name = "broken";
  machine.array_columns = -1;
  EXPECT_EQ(library_.CreateAccelerator(machine, bytes, false).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(LibraryEvaluators, AreSharedAndOutliveTheLibrary) {
  EvaluatorControl control;
  const auto store = CreateMemoryStore();
  auto library = std::make_unique<Library>(*store, FakeSources(control));
  const auto first = library->GetEvaluator("tiny", "noise", 32, 1).value();
  EXPECT_EQ(library->GetEvaluator("tiny", "noise", 32, 1).value(), first);
  EXPECT_NE(library->GetEvaluator("tiny", "noise", 16, 1).value(), first);
  EXPECT_NE(library->GetEvaluator("tiny", "noise", 32, 2).value(), first);
  library.reset();
  EXPECT_TRUE(first->Evaluate({}, data::Split::kTest, {0, 32}).ok());
}

}  // namespace
}  // namespace bitscape::server
