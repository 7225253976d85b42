// A task of one's own: fits y = sin(x) by gradient descent on a polynomial, and reports how well and at what
// cost. hone search study.toml asks this program what it is, and starts it as its worker processes.
#include <cmath>
#include <vector>

#include <hone/hone.h>

namespace {

/// Trains from the beginning to assignment.to: cheap enough to keep no checkpoint.
hone::Outcome fit(const hone::Assignment& assignment, hone::Reporter& reporter,
                  const hone::Options& options) {
  const auto degree = static_cast<std::size_t>(assignment.trial.config.integer("degree"));
  const double lr = assignment.trial.config.real("lr");
  const auto points = static_cast<int>(options.integer("points"));

  std::vector<double> weights(degree + 1, 0.0);
  double error = 0.0;
  for (std::int64_t step = 0; step < assignment.to; ++step) {
    if (reporter.interrupted()) return {.ending = hone::Ending::interrupted, .fidelity = step};
    std::vector<double> slope(weights.size(), 0.0);
    error = 0.0;
    for (int i = 0; i < points; ++i) {
      const double x = 2.0 * i / (points - 1) - 1.0;
      double predicted = 0.0, power = 1.0;
      for (double weight : weights) predicted += weight * power, power *= x;
      const double miss = predicted - std::sin(3.0 * x);
      error += miss * miss / points;
      power = 1.0;
      for (double& s : slope) s += 2.0 * miss * power / points, power *= x;
    }
    for (std::size_t k = 0; k < weights.size(); ++k) weights[k] -= lr * slope[k];
    if (!std::isfinite(error))
      return {.ending = hone::Ending::failed, .reason = "diverged", .fidelity = step, .cause = "diverged"};
  }
  return {.fidelity = assignment.to,
          .measures = {{"error", error}, {"terms", static_cast<double>(weights.size())}}};
}

}  // namespace

int main(int argc, char** argv) {
  return hone::worker_main(
      argc, argv,
      {{.name = "polynomial",
        .summary = "fits sin(3 x) on [-1, 1] by a polynomial",
        .measures = {{"error", "mean squared error"}, {.name = "terms", .summary = "size of the model"}},
        .options = {{.name = "points",
                     .type = hone::OptionSpec::Type::integer,
                     .fallback = 32,
                     .summary = "points to fit",
                     .low = 2,
                     .high = 10000}},
        .fidelity_unit = "steps",
        .fidelity_note = "gradient steps; the learning rate does not depend on them",
        .run = fit}});
}
