// What a searcher by Gaussian processes takes per proposal on a study that holds n trials (ten parameters,
// one core's time, in milliseconds; the fit at an epoch's beginning counts and is shown as the largest), and
// what it finds: the mean regret over seeds after 60 trials, beside tpe and random.
//
//   bench_gp [SEARCHER...]
#include <algorithm>
#include <cmath>
#include <ctime>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hone/search/searcher.h"

namespace {

using namespace hone;

space::Space cube(int d) {
  space::Space::Builder builder;
  for (int i = 0; i < d; ++i) builder.real(fmt::format("x{}", i), 0.0, 1.0);
  return builder.build();
}

space::Space grid() {
  space::Space::Builder builder;
  for (int i = 0; i < 4; ++i) builder.ordinal(fmt::format("x{}", i), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  for (int i = 0; i < 3; ++i)
    builder.choice(fmt::format("c{}", i), {std::string("a"), std::string("b"), std::string("c")});
  return builder.build();
}

double x(const space::Config& config, int i) { return config.real(fmt::format("x{}", i)); }

double branin(const space::Config& config) {
  const double a = 15.0 * x(config, 0) - 5.0, b = 15.0 * x(config, 1);
  const double c = b - 5.1 / (4 * M_PI * M_PI) * a * a + 5.0 / M_PI * a - 6.0;
  return c * c + 10.0 * (1.0 - 1.0 / (8.0 * M_PI)) * std::cos(a) + 10.0 - 0.397887;
}

/// Ten numbers, of unequal weight, with ripples.
double rippled(const space::Config& config) {
  double sum = 0.0;
  for (int i = 0; i < 10; ++i) {
    const double off = x(config, i) - 0.3 - 0.04 * i;
    sum += (off * off + 0.02 * (1.0 - std::cos(12.0 * off))) * (i < 4 ? 4.0 : 0.5);
  }
  return sum;
}

double on_grid(const space::Config& config) {
  double sum = 0.0;
  for (int i = 0; i < 4; ++i) sum += std::pow((x(config, i) - 6.0 + i) / 9.0, 2);
  for (int i = 0; i < 3; ++i) sum += config.text(fmt::format("c{}", i)) == "b" ? 0.0 : 0.1 + 0.1 * i;
  return sum;
}

double cpu_ms() { return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

class Study {
 public:
  Study(const std::string& name, const space::Space& space, std::uint64_t seed)
      : problem_{space, {{"loss", true}}, seed}, searcher_(search::make_searcher(name, problem_)) {}

  space::Config ask() { return searcher_->ask(told_, 0).value(); }
  void tell(const space::Config& config, double value) {
    study::Trial trial;
    trial.id = told_++;
    trial.config = config;
    trial.key = config.key();
    searcher_->update({study::Change::Kind::created, &trial, nullptr});
    trial.results.push_back({1, {{"loss", value}}});
    searcher_->update({study::Change::Kind::result, &trial, &trial.results.back()});
    trial.state = study::TrialState::completed;
    searcher_->update({study::Change::Kind::state, &trial, nullptr});
  }

 private:
  search::Problem problem_;
  std::unique_ptr<search::Searcher> searcher_;
  std::int64_t told_ = 0;
};

/// The study is filled with random configs, of which each tenth is a proposal's neighbour in value.
void measure_speed(const std::string& name) {
  const space::Space space = cube(10);
  for (const int n : {50, 100, 200, 500, 1000, 5000}) {
    Study study(name, space, 1);
    Rng rng(1, "bench");
    for (int i = 0; i < n; ++i) {
      const space::Config config = space.sample(rng);
      study.tell(config, rippled(config));
    }
    std::vector<double> times;
    const int asks = n <= 200 ? 20 : 10;
    for (int i = 0; i < asks; ++i) {
      const double before = cpu_ms();
      const space::Config config = study.ask();
      times.push_back(cpu_ms() - before);
      study.tell(config, rippled(config));
    }
    std::sort(times.begin(), times.end());
    fmt::print("{:<8} n = {:<5} median {:8.2f} ms, largest {:9.2f} ms\n", name, n, times[times.size() / 2],
               times.back());
  }
}

double regret(const std::string& name, const space::Space& space, double (*f)(const space::Config&)) {
  constexpr int kSeeds = 5;
  double sum = 0.0;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    Study study(name, space, static_cast<std::uint64_t>(seed));
    double best = 1e300;
    for (int i = 0; i < 60; ++i) {
      const space::Config config = study.ask();
      best = std::min(best, f(config));
      study.tell(config, f(config));
    }
    sum += best;
  }
  return sum / kSeeds;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names(argv + 1, argv + argc);
  if (names.empty()) names = {"gp"};
  for (const std::string& name : names) measure_speed(name);
  names.insert(names.end(), {"tpe", "random"});
  for (const std::string& name : names)
    fmt::print("{:<8} regret at 60 trials: Branin {:.4f}, ten rippled numbers {:.4f}, grid {:.4f}\n", name,
               regret(name, cube(2), branin), regret(name, cube(10), rippled), regret(name, grid(), on_grid));
}
