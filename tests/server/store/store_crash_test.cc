// What was acknowledged is there after SIGKILL, and a batch is there whole or not at all.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/store/store.h"
#include "tests/server/store/store_testing.h"

namespace bitscape::server {
namespace {

constexpr int64_t kSliceImages = 16;

// Writes batches for ever, each a slice and a trial, and sends the number of each acknowledged one.
[[noreturn]] void WriteForEver(const std::filesystem::path& path, int acknowledgements) {
  auto store = OpenSqliteStore(path);
  if (!store.ok()) {
    ::_exit(2);
  }
  const auto record = (*store)->GetAccuracy("k");
  int64_t number = record.ok() && record->has_value() ? (*record)->images / kSliceImages : 0;
  for (;; ++number) {
    const absl::Status status =
        (*store)->Write({.trials = {ExampleTrial("alpha", number)},
                         .slices = {ExampleSlice("k", number * kSliceImages, kSliceImages,
                                                 static_cast<double>(number))}});
    if (!status.ok() ||
        ::write(acknowledgements, &number, sizeof number) != static_cast<ssize_t>(sizeof number)) {
      ::_exit(3);
    }
  }
}

TEST(StoreCrash, KeepsWhatWasAcknowledged) {
  TemporaryFolder folder;
  const std::filesystem::path path = folder / "results.db";
  int64_t acknowledged = -1;
  for (int round = 0; round < 8; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      WriteForEver(path, ends[1]);
    }
    ::close(ends[1]);
    // Some acknowledgements, another number in every round; then the child dies in its stride.
    int64_t number = 0;
    for (int i = 0; i < 3 + 17 * round; ++i) {
      ASSERT_EQ(::read(ends[0], &number, sizeof number), static_cast<ssize_t>(sizeof number));
      acknowledged = number;
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    while (::read(ends[0], &number, sizeof number) == static_cast<ssize_t>(sizeof number)) {
      acknowledged = number;  // sent before the end
    }
    ::close(ends[0]);
    int outcome = 0;
    ASSERT_EQ(::waitpid(child, &outcome, 0), child);
    ASSERT_TRUE(WIFSIGNALED(outcome)) << "exit code " << WEXITSTATUS(outcome);

    auto store = OpenSqliteStore(path);  // the lock has gone with the process
    ASSERT_TRUE(store.ok()) << store.status();
    const auto record = (*store)->GetAccuracy("k");
    ASSERT_TRUE(record.ok() && record->has_value()) << record.status();
    const int64_t batches = (*record)->images / kSliceImages;
    EXPECT_GE(batches, acknowledged + 1);
    EXPECT_EQ((*record)->correct, ExampleSlice("", 0, batches * kSliceImages, 0).correct);
    for (int64_t i = 0; i < batches; ++i) {
      EXPECT_EQ((*record)->loss_sums.at(static_cast<size_t>(i)), static_cast<double>(i));
    }
    EXPECT_EQ((*store)->CountTrials("alpha")->by_state[TrialState::kQueued], batches);
    EXPECT_EQ((*store)->Revision(), batches);
  }
}

}  // namespace
}  // namespace bitscape::server
