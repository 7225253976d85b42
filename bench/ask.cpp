// What a searcher takes per proposal, and per trial that it is told, on a study that already holds n trials:
// one table, a row for every searcher of the program or those named, medians in microseconds. A trial is told
// as its three changes: created, result, completed. The first n trials are random configs, those between the
// measured asks are what was asked for, as in a study.
//
//   --space six|sixteen|wide|rare   mixed parameters: 6, 16 (the default), 500; 3 with 64 of 10^10 feasible
//   --objectives M                  1
//   --most N                        10,000
//   --thinning                      instead: what tpe loses where its bad density keeps fewer observations
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hone/search/searcher.h"

namespace {

using namespace hone;

space::Space six_mixed() {
  return space::Space::Builder()
      .real("lr", 1e-4, 3e-2, {.log = true})
      .real("dropout", 0.0, 0.5)
      .integer("layers", 1, 8)
      .integer("width", 16, 1024, {.log = true})
      .choice("mixer", {std::string("attention"), std::string("pattention"), std::string("conv")})
      .flag("tied")
      .build();
}

space::Space sixteen_mixed() {
  space::Space::Builder builder;
  for (int i = 0; i < 6; ++i) builder.real(fmt::format("real{}", i), 0.0, 1.0);
  for (int i = 0; i < 5; ++i) builder.integer(fmt::format("integer{}", i), 1, 20 + 10 * i);
  for (int i = 0; i < 5; ++i)
    builder.choice(fmt::format("choice{}", i), {std::string("a"), std::string("b"), std::string("c")});
  return builder.build();
}

space::Space wide() {
  space::Space::Builder builder;
  for (int i = 0; i < 250; ++i) builder.real(fmt::format("real{}", i), 0.0, 1.0);
  for (int i = 0; i < 125; ++i) builder.integer(fmt::format("integer{}", i), 1, 20);
  for (int i = 0; i < 125; ++i)
    builder.choice(fmt::format("choice{}", i), {std::string("a"), std::string("b"), std::string("c")});
  return builder.build();
}

space::Space rare() {
  return space::Space::Builder()
      .integer("a", 1, 100000)
      .integer("b", 1, 100000)
      .real("free", 0.0, 1.0)
      .where("a * b == 3 * 5 * 7 * 11 * 13 * 17")
      .build();
}

space::Space space_named(const std::string& name) {
  return name == "six" ? six_mixed() : name == "wide" ? wide() : name == "rare" ? rare() : sixteen_mixed();
}

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// A study that one searcher is told.
class Study {
 public:
  Study(const std::string& name, const space::Space& space, int objectives)
      : problem_{space, {}, 1}, rng_(1, "bench") {
    for (int i = 0; i < objectives; ++i)
      problem_.objectives.push_back({std::string(1, static_cast<char>('a' + i)), true});
    searcher_ = search::make_searcher(name, problem_);
  }

  std::int64_t told() const { return told_; }

  /// Asks; nullopt where it has nothing more. `us`: what that took.
  std::optional<space::Config> ask(double& us) {
    const double start = now_us();
    auto config = searcher_->ask(told_, 0);
    us = now_us() - start;
    return config;
  }

  /// Returns what it took.
  double tell(space::Config config) {
    study::Trial trial;
    trial.id = told_++;
    trial.config = std::move(config);
    trial.key = trial.config.key();
    const space::Point point = problem_.space.encode(trial.config);
    study::Result result{1, {}};
    for (std::size_t i = 0; i < problem_.objectives.size(); ++i) {
      double value = 0.0;
      for (std::size_t k = 0; k < point.size(); ++k)
        value += std::abs(point[k] - 0.3 - 0.4 * static_cast<double>(i)) + 0.1 * rng_.uniform();
      result.measures.set(problem_.objectives[i].name, value);
    }
    const double start = now_us();
    searcher_->update({study::Change::Kind::created, &trial, nullptr});
    trial.results.push_back(result);
    searcher_->update({study::Change::Kind::result, &trial, &trial.results.back()});
    trial.state = study::TrialState::completed;
    searcher_->update({study::Change::Kind::state, &trial, nullptr});
    return now_us() - start;
  }
  void tell_random() { tell(problem_.space.sample(rng_)); }

 private:
  search::Problem problem_;
  std::unique_ptr<search::Searcher> searcher_;
  Rng rng_;
  std::int64_t told_ = 0;
};

void measure(const std::string& name, const space::Space& space, int objectives, std::int64_t most) {
  Study study(name, space, objectives);
  std::string line = fmt::format("{:<24}", name);
  for (std::int64_t n = 100; n <= most; n *= 10) {
    while (study.told() < n) study.tell_random();
    std::vector<double> asks, tells;
    double spent_us = 0.0;
    for (int i = 0; i < 51 && spent_us < 5e6; ++i) {
      double us = 0.0;
      auto config = study.ask(us);
      if (!config) break;
      asks.push_back(us);
      tells.push_back(study.tell(std::move(*config)));
      spent_us += asks.back() + tells.back();
    }
    line += fmt::format(" | {:>9.1f} {:>9.1f}", median(std::move(asks)), median(std::move(tells)));
  }
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

/// Mean best value after 1,500 trials, over seeds, with so many observations kept.
void measure_thinning() {
  const space::Space space = sixteen_mixed();
  constexpr int kSeeds = 6, kTrials = 1500;
  fmt::print(
      "tpe, sixteen mixed parameters: regret after 250, 500, 1,000 and 1,500 trials, by observations kept\n");
  for (const int kept : {100, 250, 500, 1000, 2000}) {
    std::vector<double> regret(4, 0.0);
    double ask_us = 0.0;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      const search::Problem problem{space, {{"a", true}}, seed};
      const auto searcher = search::make_searcher("tpe", problem, Json{{"max_observations", kept}});
      double best = 1e9;
      for (int number = 0; number < kTrials; ++number) {
        study::Trial trial;
        trial.id = number;
        const double start = now_us();
        trial.config = *searcher->ask(number, 0);
        ask_us += (now_us() - start) / (kSeeds * kTrials);
        trial.key = trial.config.key();
        searcher->update({study::Change::Kind::created, &trial, nullptr});
        const space::Point point = space.encode(trial.config);
        double value = 0.0;
        for (std::size_t k = 0; k < point.size(); ++k)
          value += point[k] > 1.0 ? 1.0 : std::pow(point[k] - 0.3, 2);
        best = std::min(best, value);
        trial.results.push_back({1, study::Measures{{"a", value}}});
        searcher->update({study::Change::Kind::result, &trial, &trial.results.back()});
        trial.state = study::TrialState::completed;
        searcher->update({study::Change::Kind::state, &trial, nullptr});
        const int at = number + 1;
        const int column = at == 250 ? 0 : at == 500 ? 1 : at == 1000 ? 2 : at == 1500 ? 3 : -1;
        if (column >= 0) regret[static_cast<std::size_t>(column)] += best / kSeeds;
      }
    }
    fmt::print("{:>6} kept | {:.4f} {:.4f} {:.4f} {:.4f} | {:.0f} us/ask\n", kept, regret[0], regret[1],
               regret[2], regret[3], ask_us);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names;
  std::string space = "sixteen";
  int objectives = 1;
  std::int64_t most = 10000;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--thinning") {
      measure_thinning();
      return 0;
    }
    if (word == "--most" && i + 1 < argc)
      most = std::stoll(argv[++i]);
    else if (word == "--space" && i + 1 < argc)
      space = argv[++i];
    else if (word == "--objectives" && i + 1 < argc)
      objectives = std::stoi(argv[++i]);
    else
      names.push_back(word);
  }
  if (names.empty()) names = methods().names("searcher");
  std::string line = fmt::format("{:<24}", "microseconds: ask, tell");
  for (std::int64_t n = 100; n <= most; n *= 10) line += fmt::format(" | {:>19}", fmt::format("n = {}", n));
  fmt::print("{}\n", line);
  for (const std::string& name : names) measure(name, space_named(space), objectives, most);
  return 0;
}
