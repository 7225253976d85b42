#include <algorithm>
#include <cmath>

#include "hone/base/rng.h"
#include "hone/cost/recurring/trace.h"

namespace hone::cost {

const std::vector<SyntheticJob>& synthetic_jobs() {
  // Ranges of batch sizes, defaults and lengths as of the paper's table 1 (speech, answering questions,
  // sentiment, images large and small, recommendation); the constants of the curves are ours.
  static const std::vector<SyntheticJob> jobs{
      {"speech", {8, 12, 16, 24, 32, 48, 56, 64, 96, 128, 156, 192}, 192, 48, 14.0, 900.0, 12.0, 1e9, 0.14},
      {"questions", {8, 12, 16, 24, 32, 48, 56}, 32, 16, 2.6, 2400.0, 6.0, 50.0, 0.10},
      {"sentiment", {8, 16, 32, 64, 128}, 128, 32, 2.4, 800.0, 8.0, 1e9, 0.12},
      {"images", {64, 128, 192, 256, 360}, 256, 192, 42.0, 1600.0, 40.0, 330.0, 0.10},
      {"small images",
       {8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096},
       1024,
       128,
       24.0,
       14.0,
       48.0,
       1500.0,
       0.18},
      {"recommendation",
       {32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384},
       1024,
       4096,
       9.0,
       20.0,
       512.0,
       12000.0,
       0.20}};
  return jobs;
}

RecurringTrace synthetic_trace(const SyntheticJob& job, int repeats, std::uint64_t seed) {
  constexpr double kMaxPower = 250.0, kIdle = 55.0;
  RecurringTrace trace;
  for (std::size_t i = 0; i < job.batch_sizes.size(); ++i) {
    const std::int64_t size = job.batch_sizes[i];
    const double b = static_cast<double>(size), ratio = b / static_cast<double>(job.best_epochs_at);
    RecurringTrace::Batch& batch = trace.batches[size];
    // Below the best batch size gradients are noisy and the learning rate is not made for them; above, each
    // epoch has fewer updates.
    const double mean =
        job.epochs * (0.25 * std::pow(ratio, -0.6) + 0.75 * std::max(1.0, std::pow(ratio, 0.75)));
    Rng rng(seed, "synthetic-trace", i);
    for (int k = 0; k < repeats; ++k)
      batch.epochs.push_back(b >= job.fails_from ? kInfinity
                                                 : mean * std::max(0.4, 1.0 + job.noise * rng.normal()));
    // Small batches leave the device idle between steps: it draws less and gives less.
    const double use = b / (b + job.overhead_batch);
    const double demand = kIdle + (kMaxPower - kIdle) * std::pow(use, 0.7);
    for (double limit = 100.0; limit <= kMaxPower; limit += 25.0) {
      const double drawn = std::min(limit, demand);
      // Power rises steeper than linearly with the clock: half of the power gives more than half of the work.
      const double clock = std::pow((drawn - 0.6 * kIdle) / (demand - 0.6 * kIdle), 0.45);
      batch.by_limit[limit] = {job.epoch_s / use / clock, drawn};
    }
  }
  return trace;
}

}  // namespace hone::cost
