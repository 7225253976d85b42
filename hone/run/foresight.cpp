#include "hone/run/foresight.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/units.h"
#include "hone/study/predicted.h"

namespace hone::run {
namespace {

/// All of so many trials are learned from; then, at twice as many, every second, and so on.
constexpr std::int64_t kEach = 2000;
constexpr std::int64_t kFirstLetThrough = 32;
constexpr std::int64_t kLetThroughUntilKept = 4;
/// Entries of a row that describe the model's graph.
constexpr std::size_t kGraphEntries = 5;

/// A count of any size in [0, 1], by its logarithm.
double squashed(double count) { return std::clamp(std::log2(1.0 + std::max(0.0, count)) / 48.0, 0.0, 1.0); }

void add_graph(const graph::Graph& written, std::vector<double>& row) {
  const graph::Graph graph = graph::canonical_graph(written);
  const graph::Work work = graph.work();
  std::vector<int> depth(graph.nodes().size(), 0);
  int deepest = 0;
  for (std::size_t i = 0; i < depth.size(); ++i) {
    for (const int input : graph.nodes()[i].inputs)
      depth[i] = std::max(depth[i], depth[static_cast<std::size_t>(input)] + 1);
    deepest = std::max(deepest, depth[i]);
  }
  row.push_back(squashed(work.flops));
  row.push_back(squashed(work.bytes));
  row.push_back(squashed(static_cast<double>(graph.parameter_count())));
  row.push_back(squashed(static_cast<double>(graph.nodes().size())));
  row.push_back(squashed(deepest));
}

std::vector<predict::Input> inputs_of(const search::Coding& coding, bool graph) {
  std::vector<predict::Input> inputs = coding.inputs();
  if (graph) inputs.insert(inputs.end(), kGraphEntries, predict::Input{0, true});
  return inputs;
}

}  // namespace

struct Foresight::One {
  One(Foreseen of, std::vector<predict::Input> inputs)
      : foreseen(std::move(of)), forecast(std::move(inputs)) {}

  double broken(const cost::Forecast::Prediction& at) const {
    double above = 0.0, below = 0.0;
    if (foreseen.limit.max) above = *foreseen.limit.max > 0.0 ? at.above(*foreseen.limit.max) : 1.0;
    if (foreseen.limit.min && *foreseen.limit.min > 0.0) below = 1.0 - at.above(*foreseen.limit.min);
    return std::min(1.0, above + below);
  }

  Foreseen foreseen;
  cost::Forecast forecast;
  std::int64_t seen = 0;
};

Foresight::Foresight(const space::Space& space, std::vector<Foreseen> foreseen, std::int64_t horizon,
                     GraphOf graph_of, double risk)
    : moves_(space), coding_(moves_), horizon_(horizon), graph_of_(std::move(graph_of)), risk_(risk) {
  for (Foreseen& one : foreseen)
    foreseen_.push_back(
        std::make_unique<One>(std::move(one), inputs_of(coding_, static_cast<bool>(graph_of_))));
}

Foresight::~Foresight() = default;

std::vector<double> Foresight::row(const space::Config& config) const {
  std::vector<double> row = coding_.row(moves_.space().encode(config));
  if (!graph_of_) return row;
  try {
    if (const auto graph = graph_of_(config)) add_graph(*graph, row);
  } catch (const Error&) {
    // No possible model: that is for others to say.
  }
  row.resize(coding_.inputs().size() + kGraphEntries, kNaN);
  return row;
}

bool Foresight::keeps(const study::Change& change) const {
  study::Measures measures = change.trial->costs;
  if (change.result) measures.merge(change.result->measures);
  return std::all_of(foreseen_.begin(), foreseen_.end(), [&](const auto& one) {
    const study::Limit& limit = one->foreseen.limit;
    const auto value = measures.find(limit.name);
    return value && std::isfinite(*value) && limit.violation(measures).empty();
  });
}

void Foresight::update(const study::Change& change) {
  using Kind = study::Change::Kind;
  const bool result = change.kind == Kind::result && change.result->fidelity >= horizon_;
  if ((change.kind != Kind::keys && !result) || change.trial->of >= 0) return;
  const study::Trial& trial = *change.trial;
  if (!kept_ && keeps(change)) {
    kept_ = true;
    in_a_row_ = 0;
  }
  bool first_result = result && trial.same_as < 0, broken = false;
  std::vector<double> row;
  for (auto& one : foreseen_) {
    const study::Limit& limit = one->foreseen.limit;
    const auto known = trial.costs.find(limit.name);
    // Costs are told by keys; a result repeats them.
    if (result && (known || one->foreseen.before || trial.same_as >= 0)) {
      first_result = first_result && !known;
      continue;
    }
    const auto value = result ? change.result->measures.find(limit.name) : known;
    if (!value || !std::isfinite(*value)) continue;
    broken = broken || !limit.violation(change.result ? change.result->measures : trial.costs).empty();
    const std::int64_t every = std::max<std::int64_t>(
        1, std::int64_t{1} << std::max(0, std::ilogb(static_cast<double>(one->seen / kEach + 1))));
    if (one->seen++ % every != 0) continue;
    if (row.empty()) row = this->row(trial.config);
    one->forecast.tell(row, *value);
  }
  if (first_result) {
    ++evaluated_;
    broken_ += broken;
  }
}

Foresight::Judgement Foresight::judge(const space::Config& config, const study::Measures& known) {
  Judgement judgement;
  std::vector<double> row;
  double kept_before = 1.0, kept = 1.0, worst = -1.0;
  std::string what;
  for (const auto& one : foreseen_) {
    const study::Limit& limit = one->foreseen.limit;
    if (known.find(limit.name)) continue;
    if (row.empty()) row = this->row(config);
    const auto at = one->forecast.predict(row);
    if (!at) continue;
    judgement.predicted.set(study::predicted_name(limit.name), at->value);
    const double broken = one->broken(*at);
    (one->foreseen.before ? kept_before : kept) *= 1.0 - broken;
    if (broken <= worst) continue;
    worst = broken;
    // Several limits together may be likely to be broken though none of them is.
    const bool over = limit.max && at->value > *limit.max, under = limit.min && at->value < *limit.min;
    const double nearer = over || !limit.min ? limit.max.value_or(0.0) : *limit.min;
    what = fmt::format("{} will be {} within {:.0f}%, {} the limit of {}, by {} measured", limit.name,
                       quantity_text(limit.name, at->value), 100.0 * std::expm1(2.0 * at->log_deviation),
                       over    ? "over"
                       : under ? "under"
                               : "too near",
                       quantity_text(limit.name, nearer), one->forecast.told());
  }
  const double breaks = 1.0 - kept, allowed = risk_ * static_cast<double>(evaluated_ + 1);
  const bool turned_away =
      1.0 - kept_before > kSure ||
      (breaks > 0.5 && (breaks > kDoubt || static_cast<double>(broken_) + breaks > allowed));
  if (!turned_away) {
    in_a_row_ = 0;
    let_through_at_ = kFirstLetThrough;
  } else if (++in_a_row_ >= (kept_ ? let_through_at_ : kLetThroughUntilKept)) {
    if (kept_)
      let_through_at_ *= 2;
    else
      in_a_row_ = 0;
  } else {
    judgement.violation = what;
  }
  return judgement;
}

}  // namespace hone::run
