// Asks for designs, tries them, tells what came of it: the loop is yours, the search is hone's.
#include <cmath>
#include <cstdio>

#include <hone/hone.h>

/// Stands for a training run: the loss of a learning rate and a depth. Least, 0.1, at 0.01 and 4.
double train(double lr, std::int64_t depth) {
  return 0.1 + std::pow(std::log10(lr) + 2.0, 2) + 0.05 * std::abs(static_cast<double>(depth - 4));
}

int main() {
  using namespace hone;
  Optimizer optimizer(
      {.space = Space::Builder().real("lr", 1e-4, 1e-1, {.log = true}).integer("depth", 1, 8).build(),
       .objectives = {{"loss"}},
       .max_trials = 60});
  while (auto job = optimizer.ask())
    optimizer.tell(*job, {{"loss", train(job->config.real("lr"), job->config.integer("depth"))}});

  const Trial& best = *optimizer.best();
  std::printf("loss %.3f with %s\n", *best.last()->measures.find("loss"), best.config.shown().c_str());
}
