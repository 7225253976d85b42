// What a searcher takes per proposal on a study that already holds n trials: six mixed parameters, one and
// two objectives, every searcher of the program or those named. Prints microseconds per ask, and per told
// trial (created, result, completed).
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
  for (const std::int64_t n : {100, 1000, 10000}) {
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

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names(argv + 1, argv + argc);
  if (names.empty()) names = methods().names("searcher");
  fmt::print(
      "microseconds        parameters objectives | ask, tell at n = 100 | at n = 1,000     | at n = "
      "10,000\n");
  for (const std::string& name : names)
    for (const auto& space : {six_mixed(), sixteen_mixed()})
      for (const int objectives : {1, 2}) measure(name, space, objectives, 10000);
  return 0;
}
