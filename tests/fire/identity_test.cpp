// Two workers on one study whose candidates compute few functions, and kill -9 in the middle: with every
// identity policy each function is evaluated as often as the policy says, and nothing waits for ever.
#include <map>
#include <random>

#include "../program.h"
#include "../run/twin_task.h"
#include "random_journal.h"

namespace hone {
namespace {

using identity::Policy;
using identity::Settings;
using study::TrialState;
using test::Folder;

constexpr std::int64_t kTrials = 45, kFunctions = 6;

run::StudyFile study_of(const Settings& settings) {
  auto task = std::make_shared<test::TwinTask>();
  task->noise = 0.01;
  auto file = test::twin_study(task, settings, {}, kFunctions);
  file.budget.trials = kTrials;
  return file;
}

pid_t start_worker(const Settings& settings, const std::string& url, int number) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  try {
    const auto file = study_of(settings);
    test::TwinEvaluator evaluator(std::dynamic_pointer_cast<const test::TwinTask>(file.task));
    evaluator.during = [](const task::Assignment&) { ::usleep(15000); };
    run::WorkerOptions options;
    options.name = run::process_name("w" + std::to_string(number));
    options.lease_s = 0.3;
    run::work(file, study::open_store(url), evaluator, options);
    ::_exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "worker: %s\n", error.what());
    ::_exit(1);
  }
}

void two_workers_one_killed(const Settings& settings, std::uint64_t seed) {
  const Folder folder;
  const std::string url = "sqlite:" + folder.file("s.sqlite");
  study::Study::create(*study::open_store(url), study_of(settings).header());
  std::mt19937_64 random(seed);
  pid_t workers[] = {start_worker(settings, url, 0), start_worker(settings, url, 1)};
  for (int kill = 0; kill < 4; ++kill) {
    ::usleep(static_cast<useconds_t>(20000 + random() % 80000));
    const auto which = static_cast<int>(random() % 2);
    ::kill(workers[which], SIGKILL);
    ::waitpid(workers[which], nullptr, 0);
    workers[which] = start_worker(settings, url, which);
  }
  for (const pid_t worker : workers) {
    int status = -1;
    const bool ended = test::wait_until([&] { return ::waitpid(worker, &status, WNOHANG) == worker; }, 60.0);
    if (!ended) ::kill(worker, SIGKILL);
    ASSERT_TRUE(ended) << "it waits for ever";
    EXPECT_EQ(status, 0);
  }
  study::Study study(study::open_store(url)), light(study::open_store(url), study::Study::Depth::light);
  study.sync();
  light.sync();
  EXPECT_EQ(test::everything(light), test::everything(study));
  EXPECT_EQ(study.size(), kTrials);
  EXPECT_EQ(study.count(TrialState::completed), kTrials);
  std::map<Key, std::int64_t> evaluated, members;
  for (const auto& trial : study.trials()) {
    ASSERT_FALSE(trial.keys.functional.none());
    ++members[trial.keys.functional];
    if (trial.same_as < 0) {
      ++evaluated[trial.keys.functional];
    } else {
      EXPECT_LT(study.trial(trial.same_as).same_as, 0) << "results come from who was evaluated";
    }
  }
  EXPECT_EQ(members.size(), static_cast<std::size_t>(kFunctions));
  for (const auto& [key, n] : members) {
    if (settings.policy == Policy::reuse) {
      EXPECT_EQ(evaluated[key], 1) << "trained twice";
    }
    if (settings.policy == Policy::average) {
      EXPECT_LE(evaluated[key], settings.evaluations);
      EXPECT_GE(evaluated[key], std::min<std::int64_t>(n, 1));
    }
    if (settings.policy == Policy::count) {
      EXPECT_EQ(evaluated[key], n);
    }
    if (settings.policy == Policy::forget) {
      EXPECT_GE(evaluated[key], 1);
    }
  }
}

TEST(IdentityFire, Reuse) { two_workers_one_killed(Policy::reuse, 1); }

TEST(IdentityFire, Forget) {
  Settings settings(Policy::forget);
  settings.forget = 0.3;
  two_workers_one_killed(settings, 2);
}

TEST(IdentityFire, Average) {
  Settings settings(Policy::average);
  settings.evaluations = 3;
  two_workers_one_killed(settings, 3);
}

TEST(IdentityFire, Count) { two_workers_one_killed(Policy::count, 4); }

}  // namespace
}  // namespace hone
