#include "hone/run/identity_study.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/predict/score.h"

namespace hone::run {
namespace {

constexpr const char* kPublished = "published evolution";
constexpr int kBits[] = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24};
/// Examples and steps of the probes whose bits are varied: the usual one, and a single loss.
constexpr std::pair<std::int64_t, std::int64_t> kProbes[] = {{10, 3}, {1, 1}};

/// One table's searches.
class Searches {
 public:
  Searches(const Landscape& landscape, const IdentityStudyOptions& options, TableStudy& study)
      : landscape_(landscape), options_(options), study_(study) {}

  Replay base(const std::string& searcher) const {
    Replay replay;
    replay.proposals = options_.proposals;
    replay.published = searcher == kPublished;
    replay.searcher = replay.published ? "regularized_evolution" : searcher;
    if (searcher == "regularized_evolution") replay.searcher_options = {{"population", 100}, {"sample", 10}};
    replay.probe.mantissa_bits = 10;
    return replay;
  }

  /// Noise of an evaluation: "none", "recorded", or so many standard deviations between recorded seeds.
  void set_noise(Replay& replay, const std::string& noise) const {
    replay.recorded_noise = noise == "recorded";
    replay.noise = 0.0;
    if (noise.starts_with("gaussian")) replay.noise = std::stod(noise.substr(9)) * landscape_.seed_noise();
  }

  void run(const std::string& analysis, const std::string& setting, double x, Replay replay,
           const std::string& noise = "none") {
    if (stopped()) return;
    if (options_.progress)
      options_.progress(fmt::format("{}: {}, {} {}", landscape_.name(), analysis, replay.policy, setting));
    set_noise(replay, noise);
    IdentityRow row{analysis,      setting, x, replay.published ? kPublished : replay.searcher,
                    replay.policy, noise};
    std::vector<double> qualities, shares;
    for (std::int64_t seed = 0; seed < options_.seeds; ++seed) {
      replay.seed = static_cast<std::uint64_t>(seed);
      const Replayed& off = without_cache(replay, noise);
      const Replayed with = replay.policy == "off" ? off : run::replay(landscape_, replay);
      const auto n = static_cast<double>(with.proposals);
      row.hit_rate += static_cast<double>(with.hits) / n;
      const std::int64_t known = std::max<std::int64_t>(1, with.hits);
      row.collisions += static_cast<double>(with.collisions) / static_cast<double>(known);
      row.evaluations += static_cast<double>(with.evaluations);
      qualities.push_back(landscape_.shown(with.quality));
      row.quality_off += landscape_.shown(off.quality);
      shares.push_back(with.evaluations_to(off.quality) / off.evaluations_to(off.quality));
    }
    row.seeds = static_cast<double>(options_.seeds);
    for (double* value : {&row.hit_rate, &row.collisions, &row.evaluations, &row.quality_off})
      *value /= row.seeds;
    for (const double quality : qualities) row.quality += quality / row.seeds;
    double squares = 0.0;
    for (const double quality : qualities) squares += (quality - row.quality) * (quality - row.quality);
    if (row.seeds > 1) row.quality_error = std::sqrt(squares / (row.seeds - 1) / row.seeds);
    row.share_of_evaluations = predict::upper_median(shares);
    study_.rows.push_back(std::move(row));
  }

  bool stopped() const { return options_.interrupted && options_.interrupted(); }

 private:
  /// The same search with every proposal paid; made once.
  const Replayed& without_cache(Replay replay, const std::string& noise) {
    replay.policy = "off";
    const std::string key = fmt::format("{} {} {} {} {}", replay.published, replay.searcher,
                                        replay.searcher_options.dump(), noise, replay.seed);
    const auto found = off_.find(key);
    return found != off_.end() ? found->second
                               : off_.emplace(key, run::replay(landscape_, replay)).first->second;
  }

  const Landscape& landscape_;
  const IdentityStudyOptions& options_;
  TableStudy& study_;
  std::unordered_map<std::string, Replayed> off_;
};

/// Pooled standard deviation of the metric within classes, over classes of the better half.
double spread_within(const Landscape& landscape, const std::vector<std::size_t>& classes) {
  std::vector<double> values;
  for (std::size_t row = 0; row < landscape.size(); ++row) values.push_back(landscape.value(row));
  const double middle = predict::upper_median(values);
  struct Sum {
    double n = 0.0, mean = 0.0, squares = 0.0;
  };
  std::unordered_map<std::size_t, Sum> sums;
  for (std::size_t row = 0; row < landscape.size(); ++row) {
    const double value = landscape.value(row);
    if (!std::isfinite(value) || landscape.value(classes[row]) > middle) continue;
    Sum& sum = sums[classes[row]];
    const double before = value - sum.mean;
    sum.mean += before / ++sum.n;
    sum.squares += before * (value - sum.mean);
  }
  double squares = 0.0, degrees = 0.0;
  for (const auto& [first, sum] : sums) squares += sum.squares, degrees += sum.n - 1.0;
  return degrees > 0.0 ? std::sqrt(squares / degrees) : 0.0;
}

HashRow hash_row(const Landscape& landscape, const LandscapeProbe& probe) {
  const auto& classes = landscape.classes(probe);
  const auto& functions = landscape.functions();
  HashRow row{probe, class_count(classes), 0.0, 0.0};
  row.a_key = static_cast<double>(landscape.size()) / static_cast<double>(row.classes);
  std::vector<char> mixed(landscape.size(), 0);
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (functions[i] != functions[classes[i]]) mixed[classes[i]] = 1;
  for (const std::size_t first : classes) row.collided += mixed[first];
  row.collided /= static_cast<double>(landscape.size());
  return row;
}

void study_hash(const Landscape& landscape, TableStudy& study) {
  for (const auto& [examples, steps] : kProbes)
    for (const int bits : kBits) study.hashes.push_back(hash_row(landscape, {bits, examples, steps}));
  for (const int bits : {4, 10})
    for (const std::int64_t steps : {1, 3, 5})
      for (const std::int64_t examples : {1, 3, 10, 32})
        study.hashes.push_back(hash_row(landscape, {bits, examples, steps}));
  const auto add = [&](const std::string& name, const std::vector<std::size_t>& classes) {
    study.agreement.push_back({name, class_count(classes), spread_within(landscape, classes)});
  };
  add("published", landscape.string_classes(task::CellStrings::published));
  add("structural", landscape.string_classes(task::CellStrings::structural));
  add("functional", landscape.functions());
}

}  // namespace

TableStudy study_table(const Landscape& landscape, const IdentityStudyOptions& options) {
  TableStudy study;
  study.table = landscape.name();
  study.title = landscape.recorded().title();
  study.metric = landscape.metric();
  study.maximize = !landscape.recorded().objectives().front().minimize;
  study.computes = landscape.computes();
  study.designs = landscape.size();
  study.functions = class_count(landscape.functions());
  study.best = landscape.shown(landscape.best());
  study.seed_noise = landscape.seed_noise();
  study.seeds = landscape.seeds();
  Searches searches(landscape, options, study);
  // Without functions, what the config alone saves: repeats, which only the published evolution proposes.
  const std::vector<std::string> searchers =
      study.computes ? std::vector<std::string>{"regularized_evolution", "random", kPublished}
                     : std::vector<std::string>{kPublished};
  std::vector<std::string> noises{"none"};
  if (landscape.has_seeds()) noises.insert(noises.end(), {"recorded", "gaussian 2", "gaussian 4"});
  for (const auto& searcher : searchers)
    for (const auto& noise : noises)
      for (const std::string policy : {"off", "config", "reuse", "forget", "average"}) {
        // hone's engine proposes no config twice, and where nothing is computed reuse is by config.
        if (policy == "config" && (searcher != kPublished || !study.computes)) continue;
        Replay replay = searches.base(searcher);
        replay.policy = policy;
        searches.run("policies", noise, 0.0, replay, noise);
      }
  if (!study.computes) return study;
  study_hash(landscape, study);

  const std::string evolution = "regularized_evolution";
  for (const auto& [examples, steps] : kProbes)
    for (const int bits : kBits) {
      Replay replay = searches.base(kPublished);
      replay.probe = {bits, examples, steps};
      searches.run(fmt::format("bits, {} losses", examples * steps), fmt::format("{} bits", bits), bits,
                   replay);
    }
  const std::string noise = landscape.has_seeds() ? "gaussian 2" : "none";
  // So few bits of so small a probe that functions collide; and the usual.
  for (const LandscapeProbe& probe : {LandscapeProbe{6, 1, 1}, LandscapeProbe{10, 10, 3}})
    for (const double forget : {0.0, 0.05, 0.1, 0.2, 0.5, 1.0}) {
      Replay replay = searches.base(kPublished);
      replay.policy = "forget";
      replay.forget = forget;
      replay.probe = probe;
      searches.run(
          fmt::format("forget, {} bits of {} losses", probe.mantissa_bits, probe.examples * probe.steps),
          fmt::format("F = {}", forget), forget, replay, noise);
    }
  for (const std::int64_t most : {1, 2, 3, 5, 10, 20}) {
    Replay replay = searches.base(kPublished);
    replay.policy = "average";
    replay.evaluations = most;
    searches.run("average", fmt::format("M = {}", most), static_cast<double>(most), replay, noise);
  }
  if (landscape.has_seeds())
    for (const double level : {0.5, 1.0, 2.0, 4.0, 8.0})
      for (const std::string policy : {"off", "reuse", "forget", "average"}) {
        Replay replay = searches.base(kPublished);
        replay.policy = policy;
        searches.run("noise", fmt::format("{} seed deviations", level), level, replay,
                     fmt::format("gaussian {}", level));
      }
  const auto vary = [&](const char* option, const std::vector<std::int64_t>& values) {
    for (const std::int64_t value : values)
      for (const std::string& searcher : {evolution, std::string(kPublished)}) {
        Replay replay = searches.base(searcher);
        replay.searcher_options = {{"population", 100}, {"sample", 10}};
        replay.searcher_options[option] = value;
        searches.run(option, fmt::format("{} = {}", option, value), static_cast<double>(value), replay);
      }
  };
  vary("population", {20, 50, 100, 200, 500});
  vary("sample", {2, 5, 10, 25, 50});
  vary("changes", {1, 2, 3, 6});
  return study;
}

IdentityStudy study_identity(const std::string& folder, const IdentityStudyOptions& options) {
  IdentityStudy study;
  study.seeds = options.seeds;
  study.proposals = options.proposals;
  std::vector<std::unique_ptr<Landscape>> landscapes;
  const auto stopped = [&] { return options.interrupted && options.interrupted(); };
  if (options.progress) options.progress("reading tables");
  for (const Suite& suite : recorded_suites(folder)) {
    for (const Problem& problem : suite.problems) {
      if (stopped()) break;
      const auto recorded = std::dynamic_pointer_cast<const task::Recorded>(problem.benchmark());
      if (suite.name == "tables") {
        landscapes.push_back(std::make_unique<Landscape>(recorded));
        study.tables.push_back(study_table(*landscapes.back(), options));
        if (!landscapes.back()->computes())
          study.notes.push_back(fmt::format(
              "{}: its designs are no cells: they are known by their configs alone", problem.name()));
      } else if (suite.name == "devices") {
        for (const auto& landscape : landscapes)
          if (problem.name().starts_with(landscape->name() + "+") && landscape->computes())
            study.gains.push_back(study_gain(*landscape, *recorded, options));
      } else {
        study.notes.push_back(fmt::format("{}: curves, left out", problem.name()));
      }
    }
  }
  study.interrupted = stopped();
  if (study.tables.empty() && !study.interrupted)
    throw Error("there is no recorded table to study", Place{folder, 0, ""},
                "it holds NAME.csv.gz with NAME.json (docs/formats.md)");
  return study;
}

}  // namespace hone::run
