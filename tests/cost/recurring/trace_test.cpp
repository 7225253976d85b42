// Traces of recurring jobs, and Zeus against the default and grid search on them.
#include "hone/cost/recurring/trace.h"

#include <cmath>

#include <gtest/gtest.h>

#include "hone/base/error.h"
#include "hone/cost/recurring/power_profile.h"

namespace hone::cost {
namespace {

TEST(PowerProfile, GoesFromHighToLowAndKeepsTheCheapest) {
  const std::vector<double> limits{150, 250, 200};
  PowerProfile profile;
  EXPECT_FALSE(profile.best(limits, 0.5, 250.0));
  EXPECT_EQ(profile.next(limits), 250.0);
  profile.add({250, 240, 10});
  EXPECT_EQ(profile.next(limits), 200.0);
  profile.add({200, 195, 9.5});
  profile.add({150, 148, 6});
  EXPECT_FALSE(profile.next(limits));
  EXPECT_EQ(profile.best(limits, 0.0, 250.0)->limit_w, 250.0);  // the fastest
  EXPECT_EQ(profile.best(limits, 1.0, 250.0)->limit_w, 200.0);  // 24, 20.5 and 24.7 J a step
  EXPECT_DOUBLE_EQ(slice_cost({200, 195, 9.5}, 0.5, 250.0), (97.5 + 125.0) / 9.5);
  EXPECT_TRUE(std::isinf(slice_cost({200, 195, 0.0}, 0.5, 250.0)));
  profile.add({200, 300, 1});  // measured anew
  EXPECT_EQ(profile.best(limits, 1.0, 250.0)->limit_w, 250.0);
}

constexpr const char* kSmallTrace =
    "# measured by hand\n"
    "epochs,batch_size,power_limit_w,seconds_per_epoch,average_power_w\n"
    "4,16,100,12,98\n4;5,16,200,10,180\n"
    "3,32,100,9,99\n3,32,200,7,190\n"
    "inf,64,100,8,100\n,64,200,6,195\n";

TEST(RecurringTrace, ReadsRepeatsAndWhatDidNotReach) {
  const RecurringTrace trace = RecurringTrace::parse(kSmallTrace, "t.csv");
  EXPECT_EQ(trace.batches.size(), 3u);
  EXPECT_EQ(trace.batches.at(16).epochs, (std::vector<double>{4, 4, 5}));
  EXPECT_TRUE(std::isinf(trace.batches.at(64).epochs[1]));
  EXPECT_EQ(trace.max_power_w(), 200.0);
  EXPECT_EQ(trace.max_epochs(), 5.0);
  EXPECT_EQ(trace.batches.at(32).by_limit.at(200).average_power_w, 190.0);
  const RecurringTrace again = RecurringTrace::parse(trace.csv(), "u.csv");
  EXPECT_EQ(again.batches.at(32).by_limit.at(100).seconds_per_epoch, 9.0);
}

TEST(RecurringTrace, NamesTheLineOfWhatIsWrong) {
  const auto message = [](const std::string& text) {
    try {
      RecurringTrace::parse(text, "t.csv");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::string head = "batch_size,power_limit_w,epochs,seconds_per_epoch,average_power_w\n";
  EXPECT_NE(message("batch_size,epochs\n").find("t.csv:1: has no column 'power_limit_w'"), std::string::npos);
  EXPECT_NE(message("epochs," + head + "4,8,100,3,1,50\n").find("t.csv:1: has the column 'epochs' twice"),
            std::string::npos);
  EXPECT_NE(message(head + "8,100,1e308,1,50\n").find("t.csv:2: epochs: must be at most 1e+15, found 1e308"),
            std::string::npos);
  EXPECT_NE(message(head + "8,100,3,x,50\n").find("t.csv:2: seconds_per_epoch: expected a number, found 'x'"),
            std::string::npos);
  EXPECT_NE(message(head + "8,100,3,-1,50\n").find("t.csv:2: seconds_per_epoch: must be above 0"),
            std::string::npos);
  EXPECT_NE(message(head + "8,100,3\n").find("t.csv:2: has 3 cells"), std::string::npos);
  EXPECT_NE(message(head + "8.5,100,3,1,50\n").find("whole number"), std::string::npos);
  EXPECT_NE(message(head + "8,100,3,1,50\n16,200,3,1,50\n").find("different power limits"),
            std::string::npos);
  EXPECT_NE(message(head).find("holds no measurements"), std::string::npos);
}

TEST(RecurringReplay, ComesToTheBestAndCountsWhatItPaid) {
  const RecurringTrace trace = RecurringTrace::parse(kSmallTrace, "t.csv");
  ReplayOptions options;
  options.zeus.default_batch = 16;
  options.zeus.eta = 1.0;
  options.recurrences = 40;
  const ReplayResult result = replay_trace(trace, options);
  EXPECT_EQ(result.best_batch, 32);
  EXPECT_EQ(result.best_limit_w, 100.0);
  EXPECT_DOUBLE_EQ(result.best_cost, 3 * 9 * 99);
  const ReplayTotals &zeus = result.of("zeus"), &usual = result.of("default"), &grid = result.of("grid");
  EXPECT_DOUBLE_EQ(zeus.last_energy_j, 3 * 9 * 99);
  EXPECT_LT(zeus.energy_j, usual.energy_j);
  EXPECT_LT(zeus.regret, grid.regret + usual.regret);
  EXPECT_EQ(usual.runs, 40);
  EXPECT_EQ(usual.unreached, 0);
  EXPECT_EQ(grid.chosen.at(64), 1);  // pruned after its first failure
  EXPECT_LE(zeus.chosen.at(64), 2);
  EXPECT_NEAR(zeus.regret, zeus.cost - 40 * result.best_cost, 1e-6);
  EXPECT_EQ(zeus.regrets.size(), 40u);
  EXPECT_EQ(replay_trace(trace, options).json(), result.json());  // the same again
}

TEST(RecurringReplay, ADefaultThatNeverReachesIsAnError) {
  const RecurringTrace trace = RecurringTrace::parse(kSmallTrace, "t.csv");
  ReplayOptions options;
  options.zeus.default_batch = 64;
  EXPECT_THROW(replay_trace(trace, options), Error);
  options.zeus.default_batch = 24;
  EXPECT_THROW(replay_trace(trace, options), Error);
}

TEST(RecurringReplay, SavesOnEverySyntheticJobWithLessRegretThanGridSearch) {
  for (const SyntheticJob& job : synthetic_jobs()) {
    ReplayOptions options;
    options.zeus.default_batch = job.default_batch;
    options.zeus.eta = 1.0;
    const ReplayResult result = replay_trace(synthetic_trace(job, 5, 1), options);
    EXPECT_LT(result.of("zeus").last_energy_j, 0.9 * result.of("default").last_energy_j) << job.name;
    EXPECT_LT(result.of("zeus").regret, result.of("grid").regret) << job.name;
  }
}

TEST(SyntheticTrace, IsConvexOverBatchSizeAndPowerSavesEnergy) {
  for (SyntheticJob job : synthetic_jobs()) {
    job.noise = 0.0;
    const RecurringTrace trace = synthetic_trace(job, 1, 1);
    std::vector<double> costs;  // at full power
    for (const auto& [size, batch] : trace.batches) {
      const auto& full = batch.by_limit.at(250.0);
      if (std::isfinite(batch.epochs[0]))
        costs.push_back(batch.epochs[0] * full.seconds_per_epoch * full.average_power_w);
      const auto& low = batch.by_limit.at(100.0);
      EXPECT_GE(low.seconds_per_epoch, full.seconds_per_epoch);
      EXPECT_LE(low.average_power_w, full.average_power_w);
    }
    int turns = 0;  // it falls, and then rises
    for (std::size_t i = 2; i < costs.size(); ++i)
      if ((costs[i] > costs[i - 1]) != (costs[i - 1] > costs[i - 2])) ++turns;
    EXPECT_LE(turns, 1) << job.name;
  }
}

}  // namespace
}  // namespace hone::cost
