#include "hone/run/ask_times.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/clock.h"
#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/predict/score.h"
#include "hone/run/comparison.h"
#include "hone/run/optimizer.h"
#include "hone/run/summary.h"
#include "hone/search/searcher.h"

namespace hone::run {

namespace {

/// Proposals whose median is the figure.
constexpr int kAsks = 11;
/// The longest that is spent on one figure once it has a first value.
constexpr double kEnough_s = 60.0;
constexpr std::int64_t kMostOfPeers = 10000;

struct Case {
  std::string name, method;
  space::Space space;
  std::size_t objectives = 1;
  std::vector<std::int64_t> sizes;
  std::vector<std::string> peers;
};

space::Space mixed(int reals, int integers, int choices) {
  space::Space::Builder builder;
  for (int i = 0; i < reals; ++i) builder.real(fmt::format("real{}", i), 0.0, 1.0);
  for (int i = 0; i < integers; ++i) builder.integer(fmt::format("integer{}", i), 1, 20 + 10 * i);
  for (int i = 0; i < choices; ++i)
    builder.choice(fmt::format("choice{}", i), {std::string("a"), std::string("b"), std::string("c")});
  return builder.build();
}

std::vector<Case> cases() {
  return {{"16 mixed parameters", "tpe", mixed(6, 5, 5), 1, {1000, 10000, 100000}, {"optuna_tpe"}},
          {"10 reals", "gp", mixed(10, 0, 0), 1, {50, 100, 200, 500}, {"optuna_gp", "botorch"}},
          {"6 mixed parameters", "random", mixed(2, 2, 2), 1, {10000, 1000000}, {"random"}},
          {"10 reals, 2 objectives", "nsga2", mixed(10, 0, 0), 2, {1000, 10000}, {"optuna_nsga2"}}};
}

/// A bowl for each objective, with its lowest point elsewhere.
std::vector<double> values_of(const Case& one, const space::Config& config) {
  const space::Point point = one.space.encode(config);
  std::vector<double> values;
  for (std::size_t k = 0; k < one.objectives; ++k) {
    double value = 0.0;
    for (const double x : point) value += std::pow(x - 0.3 - 0.4 * static_cast<double>(k), 2);
    values.push_back(value);
  }
  return values;
}

Optimizer::Setup setup_of(const Case& one, const std::string& searcher) {
  Optimizer::Setup setup;
  setup.name = "bench";
  setup.space = one.space;
  for (std::size_t k = 0; k < one.objectives; ++k)
    setup.objectives.push_back({fmt::format("loss{}", k), true});
  setup.seed = 1;
  setup.searcher = searcher;
  setup.worker = "bench";
  return setup;
}

study::Measures measures_of(const Case& one, const space::Config& config) {
  study::Measures measures;
  const auto values = values_of(one, config);
  for (std::size_t k = 0; k < values.size(); ++k) measures.add(fmt::format("loss{}", k), values[k]);
  return measures;
}

double own_ms(const Case& one, std::int64_t n, const AskTimesOptions& options) {
  const auto store = study::open_store("memory:");
  {
    Optimizer random(setup_of(one, "random"), store);
    constexpr std::int64_t kBatch = 1000;
    for (std::int64_t i = 0; i < n;) {
      stop_if(options.interrupted);
      std::vector<Optimizer::Told> told;
      for (auto& job : random.ask_alike(std::min(kBatch, n - i))) {
        auto measures = measures_of(one, job.config);
        told.push_back({std::move(job), std::move(measures)});
      }
      if (told.empty()) break;
      i += static_cast<std::int64_t>(random.tell(told));
    }
  }
  Optimizer optimizer(setup_of(one, one.method), store);
  std::vector<double> times;
  const double began = monotonic_s();
  for (int i = 0; i < kAsks && (i == 0 || monotonic_s() - began < kEnough_s); ++i) {
    stop_if(options.interrupted);
    const double start = monotonic_s();
    const auto job = optimizer.ask();
    double spent = monotonic_s() - start;
    if (!job) break;
    const auto measures = measures_of(one, job->config);
    const double again = monotonic_s();
    optimizer.tell(*job, measures);
    times.push_back((spent + monotonic_s() - again) * 1e3);
  }
  return times.empty() ? kNaN : predict::median(std::move(times));
}

double peer_ms(const Case& one, const PeerMethod& method, std::int64_t n, const AskTimesOptions& options) {
  PeerStart start;
  start.space = one.space;
  start.objectives = one.objectives;
  start.seed = 1;
  start.trials = n + kAsks;
  start.interrupted = options.interrupted;
  Peer peer(method, start);
  std::vector<space::Config> configs;
  std::vector<std::vector<double>> values;
  for (std::int64_t i = 0; i < n; ++i) {
    Rng rng(1, "ask times", static_cast<std::uint64_t>(i));
    configs.push_back(one.space.sample(rng));
    values.push_back(values_of(one, configs.back()));
  }
  peer.fill(configs, values);
  std::vector<double> times;
  const double began = monotonic_s();
  for (int i = 0; i < kAsks && (i == 0 || monotonic_s() - began < kEnough_s); ++i) {
    const auto asked = peer.ask(n + i);
    if (!asked.config) break;
    times.push_back(asked.ms + peer.tell(asked.trial, values_of(one, *asked.config)));
  }
  return times.empty() ? kNaN : predict::median(std::move(times));
}

}  // namespace

Json AskTime::json() const {
  Json out{{"problem", problem}, {"method", method}, {"searcher", contender},
           {"version", version}, {"n", n},           {"ms_per_ask", finite_or_null(ms)}};
  if (!lacks.empty()) out["lacks"] = lacks;
  return out;
}

std::vector<AskTime> ask_times(const AskTimesOptions& options) {
  std::vector<AskTime> times;
  const auto add = [&](const Case& one, const std::string& contender, const std::string& version,
                       std::int64_t n, const std::function<double()>& measured) {
    AskTime time{one.name, one.method, contender, version, n, kNaN, {}};
    try {
      time.ms = measured();
    } catch (const Error& error) {
      stop_if(options.interrupted);
      time.lacks = error.what();
    }
    times.push_back(time);
    if (options.done) options.done(time);
  };
  const auto own = methods().names("searcher");
  const std::string version = program_version();
  for (const Case& one : cases()) {
    if (std::find(own.begin(), own.end(), one.method) == own.end()) continue;
    if (!options.methods.empty() &&
        std::find(options.methods.begin(), options.methods.end(), one.method) == options.methods.end())
      continue;
    for (const std::int64_t n : one.sizes) {
      if (n > options.most) break;
      add(one, one.method, version, n, [&] { return own_ms(one, n, options); });
      if (n > kMostOfPeers) continue;
      for (const PeerMethod& peer : options.peers)
        if (std::find(one.peers.begin(), one.peers.end(), peer.name) != one.peers.end())
          add(one, "peer:" + peer.name, peer.version, n, [&] { return peer_ms(one, peer, n, options); });
    }
  }
  return times;
}

std::string ask_times_text(const std::vector<AskTime>& times) {
  std::vector<std::vector<std::string>> rows{
      {"problem", "trials held", "searcher", "ms per ask+tell", "times hone's", "version"}};
  double own = kNaN;
  for (const AskTime& time : times) {
    const bool ours = time.contender == time.method;
    if (ours) own = time.ms;
    rows.push_back(
        {time.problem, std::to_string(time.n), time.contender,
         time.lacks.empty() ? fmt::format("{:.3g}", time.ms) : std::string("-"),
         ours || !std::isfinite(time.ms / own) ? std::string() : fmt::format("{:.3g}", time.ms / own),
         time.lacks.empty() ? time.version : time.lacks});
  }
  return table_text(rows);
}

}  // namespace hone::run
