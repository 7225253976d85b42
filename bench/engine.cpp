// The engine's own cost: microseconds a trial (ask and tell together) through the whole of ask/tell, on six
// mixed parameters, with a journal in memory and in an SQLite file.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/files.h"
#include "hone/run/optimizer.h"

namespace {

hone::space::Space six_mixed() {
  return hone::space::Space::Builder()
      .real("lr", 1e-4, 1e-1, {.log = true})
      .real("dropout", 0.0, 0.5)
      .integer("width", 16, 512, {.log = true})
      .integer("layers", 1, 8)
      .choice("activation", {std::string("relu"), std::string("gelu"), std::string("tanh")})
      .flag("tied")
      .build();
}

double objective(const hone::space::Config& config) {
  return std::pow(std::log10(config.real("lr")) + 2.5, 2) + config.real("dropout") +
         std::abs(static_cast<double>(config.integer("width")) - 200.0) / 200.0;
}

/// Microseconds a trial in each tenth of the run.
std::vector<double> run(const std::string& searcher, const std::string& store, int trials) {
  hone::run::Optimizer::Setup setup;
  setup.space = six_mixed();
  setup.objectives = {{"loss", true}};
  setup.searcher = searcher;
  hone::run::Optimizer optimizer(setup, hone::study::open_store(store));
  std::vector<double> tenths;
  for (int tenth = 0; tenth < 10; ++tenth) {
    const double began = hone::monotonic_s();
    for (int i = 0; i < trials / 10; ++i) {
      const auto job = optimizer.ask();
      optimizer.tell(*job, {{"loss", objective(job->config)}});
    }
    tenths.push_back((hone::monotonic_s() - began) / (trials / 10) * 1e6);
  }
  return tenths;
}

}  // namespace

int main() {
  const hone::ScratchFolder scratch("hone-bench");
  const std::string& folder = scratch.path();
  std::printf("microseconds a trial, ask and tell, six mixed parameters (low: best tenth of the run)\n");
  std::printf("%-8s %-8s %8s %8s %8s %8s\n", "searcher", "store", "trials", "low", "first", "last");
  int file = 0;
  for (const auto& [searcher, trials] :
       std::vector<std::pair<std::string, int>>{{"random", 10000}, {"sobol", 10000}, {"tpe", 1000}})
    for (const char* store : {"memory", "sqlite"}) {
      const std::string url =
          std::string(store) == "memory" ? "memory:" : fmt::format("sqlite:{}/{}.sqlite", folder, file++);
      const auto tenths = run(searcher, url, trials);
      std::printf("%-8s %-8s %8d %8.1f %8.1f %8.1f\n", searcher.c_str(), store, trials,
                  *std::min_element(tenths.begin(), tenths.end()), tenths.front(), tenths.back());
    }
}
