// What an interruption leaves of a search, wherever it comes.
#include <cstdlib>
#include <fstream>
#include <optional>

#include <fmt/format.h>

#include "../program.h"
#include "hone/base/clock.h"
#include "hone/label/finalists.h"
#include "hone/label/tuner.h"
#include "label_fixture.h"

namespace hone::label {
namespace {

/// The machine's locks are in a folder of their own while it lives.
class LocksApart {
 public:
  LocksApart() {
    if (const char* const before = std::getenv("HONE_LOCK_DIR")) before_ = before;
    ::setenv("HONE_LOCK_DIR", folder_.path().c_str(), 1);
  }
  ~LocksApart() {
    if (before_) {
      ::setenv("HONE_LOCK_DIR", before_->c_str(), 1);
    } else {
      ::unsetenv("HONE_LOCK_DIR");
    }
  }
  LocksApart(const LocksApart&) = delete;
  LocksApart& operator=(const LocksApart&) = delete;

 private:
  test::Folder folder_;
  std::optional<std::string> before_;
};

// While others measure, the comparison waits: an interruption ends that, too. With the machine free, what is
// faster is still found after one.
TEST_F(Label, AnInterruptionEndsTheComparisonAndKeepsAWinner) {
  const LocksApart apart;
  const auto compiled = [&](int first) {
    std::string text = kProduct;
    text.replace(text.find("%i = 0 to 24"), 12, fmt::format("%i = {} to 24", first));
    return backend().compile(frontend().lower(text));
  };
  const auto original = compiled(0);
  Memory work(original->arguments(), 1);
  TuneOptions options;
  options.tolerance = 1e300;
  options.interrupted = [] { return true; };
  Finalists one;
  one.add({1e-6, "one row", "one row", compiled(23)});
  TuneResult waited, free;
  waited.trials.push_back({"", 0.0, 1e-5, 0.0, ""});
  free.trials = waited.trials;
  {
    cost::MachineLock lock;
    const cost::Quiet others(lock);
    one.decide(*original, work, options, waited);
  }
  one.decide(*original, work, options, free);
  EXPECT_TRUE(waited.interrupted);
  EXPECT_EQ(waited.recipe, "");
  EXPECT_EQ(waited.original_s, 1e-5);
  EXPECT_TRUE(free.interrupted);
  EXPECT_EQ(free.recipe, "one row");
}

// While others have the machine the original comes back, and is not timed.
TEST_F(Label, InterruptedBeforeTheOriginalIsTimedThereIsNoTrial) {
  const LocksApart apart;
  TuneOptions options;
  options.machine = cost::NestMachine{};
  options.compilations = 3;
  double asked_s = 0.0;  // first
  options.interrupted = [&] {
    if (asked_s == 0.0) asked_s = monotonic_s();
    return monotonic_s() >= asked_s + 1.0;
  };
  TuneResult result;
  {
    cost::MachineLock lock;
    const cost::Quiet others(lock);
    result = tune(frontend(), backend(), kProduct, "product", options);
  }
  EXPECT_TRUE(result.interrupted);
  EXPECT_TRUE(result.trials.empty());
  EXPECT_EQ(result.text, kProduct);
}

/// What a process took of the processors so far.
double processor_seconds(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string word;
  double ticks = 0.0;
  for (int field = 1; field <= 15 && file >> word; ++field)
    if (field >= 14) ticks += std::stod(word);
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// From the fifth call on it never ends: past what is tried in a process of its own.
TEST_F(Label, TwoInterruptsEndTuningWhateverRuns) {
  const test::Folder folder;
  folder.write("late.mlir", R"(
func.func @late(%x: memref<1xf64>) {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f64
  %five = arith.constant 5.0 : f64
  %old = memref.load %x[%c0] : memref<1xf64>
  %new = arith.addf %old, %one : f64
  memref.store %new, %x[%c0] : memref<1xf64>
  %end = scf.while (%v = %new) : (f64) -> f64 {
    %w = memref.load %x[%c0] : memref<1xf64>
    %u = arith.addf %w, %one : f64
    %more = arith.cmpf ogt, %new, %five : f64
    scf.if %more {
      memref.store %u, %x[%c0] : memref<1xf64>
    }
    scf.condition(%more) %u : f64
  } do {
  ^bb0(%u: f64):
    scf.yield %u : f64
  }
  return
}
)");
  const pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(folder.path().c_str()) != 0) ::_exit(99);
    ::setenv("HONE_LOCK_DIR", folder.path().c_str(), 1);
    const int nothing = ::open("/dev/null", O_WRONLY);
    ::dup2(nothing, 1);
    ::dup2(nothing, 2);
    ::execl(HONE_PROGRAMS "/hone-label", "hone-label", "tune", "late.mlir", "--quiet", nullptr);
    ::_exit(98);
  }
  // What it does before the fifth call takes two seconds of a processor at most.
  for (int wait = 0; wait < 1200 && processor_seconds(child) < 5.0; ++wait) ::usleep(100000);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, WNOHANG), 0) << "it ended by itself";
  // A request may come as several signals, as timeout sends it to a process and to its group.
  ::kill(child, SIGINT);
  ::usleep(20000);
  ::kill(child, SIGINT);
  ::kill(child, SIGTERM);
  ::usleep(1000000);
  EXPECT_EQ(::waitpid(child, &status, WNOHANG), 0) << "one was enough";
  ::kill(child, SIGTERM);
  bool ended = false;
  for (int wait = 0; wait < 100 && !ended; ++wait) {
    ::usleep(100000);
    ended = ::waitpid(child, &status, WNOHANG) == child;
  }
  EXPECT_TRUE(ended && WIFSIGNALED(status));
  if (!ended) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
  }
}

}  // namespace
}  // namespace hone::label
