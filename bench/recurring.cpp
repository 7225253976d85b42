// Training jobs that recur: what Zeus saves against the default batch size at full power and against grid
// search, on traces made by formula, as its paper's section 6.2 compares them. bench_recurring [ETA
// [RECURRENCES [SEEDS]]]; by default 0.5, twice batch sizes times limits, and means over 10 seeds.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "hone/base/error.h"
#include "hone/cost/recurring/trace.h"

namespace {

int compare(int count, char** arguments) {
  namespace cost = hone::cost;
  const double eta = count > 1 ? std::atof(arguments[1]) : 0.5;
  const long recurrences = count > 2 ? std::atol(arguments[2]) : 0;
  const int seeds = count > 3 ? std::atoi(arguments[3]) : 10;
  std::printf(
      "eta %g, means over %d seeds; the last five recurrences and all of them, against the default\n\n", eta,
      seeds);
  std::printf("%-16s %6s | %8s %8s | %8s %8s | %8s %8s | %s\n", "job", "times", "last: E", "time", "all: E",
              "time", "grid: E", "time", "regret against grid's");
  for (const cost::SyntheticJob& job : cost::synthetic_jobs()) {
    double sums[7]{};
    std::int64_t times = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
      const auto trace = cost::synthetic_trace(job, 5, static_cast<std::uint64_t>(seed));
      cost::ReplayOptions options;
      options.zeus.default_batch = job.default_batch;
      options.zeus.eta = eta;
      options.zeus.seed = static_cast<std::uint64_t>(seed);
      options.recurrences = recurrences;
      const cost::ReplayResult result = cost::replay_trace(trace, options);
      times = result.recurrences;
      const auto &zeus = result.of("zeus"), &usual = result.of("default"), &grid = result.of("grid");
      const double one[]{zeus.last_energy_j / usual.last_energy_j,
                         zeus.last_seconds / usual.last_seconds,
                         zeus.energy_j / usual.energy_j,
                         zeus.seconds / usual.seconds,
                         grid.energy_j / usual.energy_j,
                         grid.seconds / usual.seconds,
                         zeus.regret / grid.regret};
      for (int i = 0; i < 7; ++i) sums[i] += one[i] / seeds;
    }
    const auto change = [](double ratio) { return 100.0 * (ratio - 1.0); };
    std::printf("%-16s %6lld | %+7.1f%% %+7.1f%% | %+7.1f%% %+7.1f%% | %+7.1f%% %+7.1f%% | %.3f\n",
                job.name.c_str(), static_cast<long long>(times), change(sums[0]), change(sums[1]),
                change(sums[2]), change(sums[3]), change(sums[4]), change(sums[5]), sums[6]);
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return compare(count, arguments);
  } catch (const hone::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
