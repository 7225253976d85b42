// The virtual-clock simulator: trials a second of real time, over a recorded grid of 62,208 rows and recorded
// curves of 1,000 rows and 51 steps, both made here. And what reading such a grid takes.
#include "hone/run/simulator.h"

#include <cmath>
#include <cstdio>
#include <string>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/task/recorded.h"

namespace {

using namespace hone;

/// 2 x 2 x 4 x 3 x 3 x 6 x 2 x 6 x 6 values, a loss over four seeds, seconds.
std::string grid_rows() {
  std::string rows = "a,b,c,d,e,f,g,h,i,loss_0,loss_1,loss_2,loss_3,runtime_s\n";
  const int sizes[9] = {2, 2, 4, 3, 3, 6, 2, 6, 6};
  for (int code = 0; code < 62208; ++code) {
    int rest = code;
    double loss = 0.0;
    for (const int size : sizes) {
      const int k = rest % size;
      rest /= size;
      loss += std::pow(k / static_cast<double>(size) - 0.4, 2);
      rows += fmt::format("{},", k);
    }
    for (int seed = 0; seed < 4; ++seed)
      rows += fmt::format("{},", loss + 1e-3 * std::sin(code * 7.0 + seed));
    rows += fmt::format("{}\n", 60.0 + code % 97);
  }
  return rows;
}

const char* const kGrid =
    R"({"space": {"a": [0, 1], "b": [0, 1], "c": [0, 1, 2, 3], "d": [0, 1, 2], "e": [0, 1, 2],
 "f": [0, 1, 2, 3, 4, 5], "g": [0, 1], "h": [0, 1, 2, 3, 4, 5], "i": [0, 1, 2, 3, 4, 5]},
 "metrics": {"loss": {"seeds": 4}, "runtime_s": {"unit": "s"}}})";

std::string curve_rows() {
  std::string rows = "lr,decay";
  for (int step = 0; step < 51; ++step) rows += fmt::format(",loss_{}", step);
  for (int i = 0; i < 1000; ++i) {
    const double u = std::fmod(i * 0.7548776662466927, 1.0), v = std::fmod(i * 0.5698402909980532, 1.0);
    rows += fmt::format("\n{},{}", std::pow(10.0, -6.0 * u), v);
    for (int step = 1; step <= 51; ++step)
      rows += fmt::format(",{}", 1.0 + std::abs(u - 0.4) + v * v + std::exp(-step / 10.0));
  }
  return rows + "\n";
}

const char* const kCurves =
    R"({"space": {"lr": "float", "decay": "float"}, "metrics": {"loss": {"steps": 51}}})";

run::Problem problem_of(const std::string& name, const char* description, const std::string& rows) {
  const double began = monotonic_s();
  auto table = std::make_shared<const task::Table>(task::Table::parse(description, rows, name));
  std::printf("%-7s %zu rows of %.1f MB read in %.3f s\n", name.c_str(), table->rows(),
              static_cast<double>(rows.size()) / 1e6, monotonic_s() - began);
  return run::Problem(std::make_shared<const task::Recorded>(name, std::vector{table}, task::RecordedUse{}));
}

void measure(const run::Problem& problem, const std::string& searcher, const std::string& scheduler,
             std::int64_t workers, std::int64_t trials) {
  run::Simulation simulation;
  simulation.searcher = searcher;
  simulation.scheduler = scheduler;
  if (scheduler == "asha") simulation.scheduler_options = {{"steps", {1, 51}}, {"eta", 3}};
  simulation.workers = workers;
  simulation.trials = trials;
  const double began = monotonic_s();
  const auto simulated = run::simulate(problem, simulation);
  const double took = monotonic_s() - began;
  std::printf("%-7s %-8s %-9s %8lld %8lld %10.0f %12.0f\n", problem.name().c_str(), searcher.c_str(),
              scheduler.c_str(), static_cast<long long>(workers), static_cast<long long>(simulated.trials),
              static_cast<double>(simulated.trials) / took, simulated.time_s);
}

}  // namespace

int main() {
  const auto grid = problem_of("grid", kGrid, grid_rows()),
             curves = problem_of("curves", kCurves, curve_rows());
  std::printf("%-7s %-8s %-9s %8s %8s %10s %12s\n", "problem", "searcher", "scheduler", "workers", "trials",
              "trials/s", "virtual s");
  for (const std::int64_t workers : {1, 8, 100}) measure(grid, "random", "fixed", workers, 20000);
  measure(curves, "random", "fixed", 8, 20000);
  measure(curves, "random", "asha", 8, 20000);
  measure(grid, "tpe", "fixed", 8, 1000);
  measure(curves, "tpe", "asha", 8, 1000);
}
