// What a searcher takes per proposal on a study that already holds n trials: six and sixteen mixed
// parameters, one and two objectives, every searcher of the program or those named. Prints microseconds per
// ask, and per told trial (created, result, completed). With --most N up to N trials (10,000). With
// --thinning instead: what tpe loses where its bad density keeps fewer observations than there are trials.
#include <algorithm>
#include <chrono>
#include <cmath>
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

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void measure(const std::string& name, const space::Space& space, int objectives, std::int64_t most) {
  search::Problem problem{space, {}, 1};
  for (int i = 0; i < objectives; ++i)
    problem.objectives.push_back({std::string(1, static_cast<char>('a' + i)), true});
  const auto searcher = search::make_searcher(name, problem);
  Rng rng(1, "bench");
  double told_us = 0.0;
  std::int64_t told = 0;
  study::Trial trial;
  // A told trial is a neighbour of a proposal's kind: what matters here is only that values differ.
  const auto tell = [&] {
    trial = study::Trial{};
    trial.id = told++;
    trial.config = space.sample(rng);
    trial.key = trial.config.key();
    const space::Point point = space.encode(trial.config);
    study::Result result{1, {}};
    for (int i = 0; i < objectives; ++i) {
      double value = 0.0;
      for (std::size_t k = 0; k < point.size(); ++k)
        value += std::abs(point[k] - 0.3 - 0.4 * i) + 0.1 * rng.uniform();
      result.measures.set(problem.objectives[static_cast<std::size_t>(i)].name, value);
    }
    const double start = now_us();
    searcher->update({study::Change::Kind::created, &trial, nullptr});
    trial.results.push_back(result);
    searcher->update({study::Change::Kind::result, &trial, &trial.results.back()});
    trial.state = study::TrialState::completed;
    searcher->update({study::Change::Kind::state, &trial, nullptr});
    told_us += now_us() - start;
  };
  std::string line = fmt::format("{:<8} {:>10} {:>10}", name, space.size(), objectives);
  for (const std::int64_t n : {100, 1000, 10000, 100000, 1000000}) {
    if (n > most) break;
    told_us = 0.0;
    const std::int64_t first = told;
    while (told < n) tell();
    const double per_told = told_us / static_cast<double>(told - first);
    // Between two asks a trial is told, as in a study; the median keeps a neighbour's noise out.
    std::vector<double> asks;
    for (int i = 0; i < 101; ++i) {
      const double start = now_us();
      if (!searcher->ask(told, 0)) break;
      asks.push_back(now_us() - start);
      tell();
    }
    std::sort(asks.begin(), asks.end());
    line += fmt::format(" | {:>9.1f} {:>7.1f}", asks.empty() ? 0.0 : asks[asks.size() / 2], per_told);
  }
  fmt::print("{}\n", line);
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
  std::int64_t most = 10000;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--thinning") {
      measure_thinning();
      return 0;
    }
    if (word == "--most" && i + 1 < argc)
      most = std::stoll(argv[++i]);
    else
      names.push_back(word);
  }
  if (names.empty()) names = methods().names("searcher");
  fmt::print(
      "microseconds        parameters objectives | ask, tell at n = 100 | at n = 1,000, 10,000, ...\n");
  for (const std::string& name : names)
    for (const auto& space : {six_mixed(), sixteen_mixed()})
      for (const int objectives : {1, 2}) measure(name, space, objectives, most);
  return 0;
}
