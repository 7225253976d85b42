#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/base/units.h"
#include "hone/study/front.h"
#include "hone/task/cell_network.h"
#include "hone/task/recorded.h"

namespace hone::task {
namespace {

/// Of ascending numbers: the middle one, or the mean of two.
double middle_of(const std::vector<double>& sorted) {
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : 0.5 * sorted[half - 1] + 0.5 * sorted[half];
}

/// Where an error lies: the option that says it.
Place option(const char* name) { return Place{"", 0, name}; }

/// Numbers of a probe: equal ones of different functions would be a wonder.
constexpr std::size_t kProbe = 64;

std::string stem_of(const std::string& path) {
  const std::string description = Table::files(path).second;
  return std::filesystem::path(description).stem().string();
}

std::vector<std::shared_ptr<const Table>> read_all(const std::string& path, const RecordedUse& use) {
  std::vector<std::shared_ptr<const Table>> tables{
      std::make_shared<const Table>(Table::read(path, use.measures))};
  for (const std::string& beside : use.beside)
    tables.push_back(std::make_shared<const Table>(Table::read(beside, use.measures)));
  return tables;
}

}  // namespace

Recorded::Recorded(const std::string& path, RecordedUse use)
    : Recorded(stem_of(path), read_all(path, use), use) {}

Recorded::Recorded(std::string name, std::vector<std::shared_ptr<const Table>> tables, RecordedUse use)
    : name_(std::move(name)), tables_(std::move(tables)), use_(std::move(use)) {
  title_ = table().description().title.empty() ? name_ : table().description().title;
  join();
  if (use_.cell != "none") {
    const bool cells = task::has_cells(table().space(), CellKind::nasbench201);
    if (!cells && use_.cell != "auto")
      throw Error(
          fmt::format("'{}' has no cells of NAS-Bench-201", title_), option("cell"),
          fmt::format("its columns would be {}", fmt::join(cell_parameters(CellKind::nasbench201), ", ")));
    if (cells) functions_ = std::make_unique<CellFunctions>(CellMaps::relu_linear_pool, kProbe);
  }
  std::vector<std::string> names;
  for (std::size_t t = 0; t < tables_.size(); ++t)
    for (std::size_t m = 0; m < tables_[t]->description().metrics.size(); ++m) {
      const TableMetric& metric = tables_[t]->description().metrics[m];
      if (std::find(names.begin(), names.end(), metric.name) != names.end())
        throw Error(fmt::format("two tables beside each other measure '{}'", metric.name),
                    t > 0 ? option("beside") : Place());
      if (metric.steps > 0) {
        if (steps_ && metric.steps != horizon_)
          throw Error(fmt::format("'{}' is recorded for {} steps, others for {}", metric.name, metric.steps,
                                  horizon_),
                      t > 0 ? option("beside") : Place());
        steps_ = true;
        horizon_ = metric.steps;
      }
      names.push_back(metric.name);
      const bool latency =
          t > 0 && functions_ && metric.steps == 0 && (metric.unit == "s" || metric.unit == "ms");
      measures_.push_back({metric.name, metric.unit, metric.minimize, latency});
      sources_.push_back({t, m});
    }
  const std::string cost = use_.cost.empty() ? "runtime_s" : use_.cost;
  if (const auto at = std::find(names.begin(), names.end(), cost); at != names.end())
    cost_ = static_cast<std::size_t>(at - names.begin());
  else if (!use_.cost.empty())
    throw Error(fmt::format("the table does not measure '{}'", cost), option("cost"), suggest(cost, names));
  if (use_.objectives.empty()) use_.objectives = {usual_objective()};
  for (const std::string& objective : use_.objectives) {
    const auto at = std::find(names.begin(), names.end(), objective);
    if (at == names.end())
      throw Error(fmt::format("the table does not measure '{}'", objective), {}, suggest(objective, names));
    objective_sources_.push_back(static_cast<std::size_t>(at - names.begin()));
    objectives_.push_back({objective, measures_[objective_sources_.back()].minimize});
  }
  if (!table().complete()) measures_.push_back({"row", "", true, false});
  summarise_cost();
  summarise();
}

std::string Recorded::usual_objective() const {
  const auto& metrics = table().description().metrics;
  if (cost_ != 0u) return metrics.front().name;
  const auto other = std::find_if(metrics.begin(), metrics.end(), [&](const TableMetric& metric) {
    return metric.name != cost_measure() && !metric.is_cost();
  });
  return other == metrics.end() ? metrics.front().name : other->name;
}

std::string Recorded::called(std::size_t table) const {
  const std::string& title = tables_[table]->description().title;
  if (!title.empty()) return fmt::format("'{}'", title);
  return table <= use_.beside.size() ? fmt::format("'{}'", use_.beside[table - 1]) : "the table beside it";
}

void Recorded::join() {
  for (std::size_t t = 1; t < tables_.size(); ++t) {
    const Table& other = *tables_[t];
    std::vector<std::uint32_t> rows(table().rows());
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const auto found = other.find(table(), row);
      if (!found)
        throw Error(fmt::format("{} lacks a configuration that '{}' has: {}", called(t), title_,
                                table().config(row).shown()),
                    option("beside"), "tables beside each other are of the same configurations");
      rows[row] = static_cast<std::uint32_t>(*found);
    }
    rows_.push_back(std::move(rows));
  }
}

double Recorded::cell(const Source& source, std::size_t row, const std::uint64_t* seed,
                      std::int64_t fidelity) const {
  const Table& from = *tables_[source.table];
  const std::size_t at = source.table == 0 ? row : rows_[source.table - 1][row];
  const TableMetric& metric = from.description().metrics[source.metric];
  if (metric.steps > 0) return from.value(at, source.metric, fidelity - 1);
  if (seed == nullptr || metric.seeds <= 1) return from.mean(at, source.metric);
  // Among those recorded, the same one for every measure of so many seeds.
  std::vector<std::int64_t> recorded;
  for (std::int64_t k = 0; k < metric.seeds; ++k)
    if (!std::isnan(from.value(at, source.metric, k))) recorded.push_back(k);
  if (recorded.empty()) return kNaN;
  Rng rng(*seed, "recorded seed", row);
  return from.value(at, source.metric, recorded[rng.below(recorded.size())]);
}

std::optional<double> Recorded::whole_cost(std::size_t row, const std::uint64_t* seed,
                                           std::int64_t reached) const {
  if (!cost_) return std::nullopt;
  const Source& source = sources_[*cost_];
  const auto at = [&](std::int64_t step) -> std::optional<double> {
    const double cost = cell(source, row, seed, step);
    if (!std::isfinite(cost) || cost < 0.0) return std::nullopt;
    return cost;
  };
  if (tables_[source.table]->description().metrics[source.metric].steps == 0) return at(reached);
  // By the last step up to there that has one, else by the first behind it.
  for (std::int64_t i = 0; i < horizon_; ++i) {
    const std::int64_t step = i < reached ? reached - i : i + 1;
    if (const auto cost = at(step))
      return *cost / (static_cast<double>(step) / static_cast<double>(horizon_));
  }
  return std::nullopt;
}

void Recorded::summarise_cost() {
  usual_cost_ = static_cast<double>(horizon_);
  if (!cost_) return;
  std::vector<double> known;
  for (std::size_t row = 0; row < table().rows(); ++row)
    if (const auto cost = whole_cost(row, nullptr, horizon_)) known.push_back(*cost);
  costless_ = table().rows() - known.size();
  if (known.empty()) return;
  std::sort(known.begin(), known.end());
  usual_cost_ = middle_of(known);
}

std::string Recorded::note() const {
  if (costless_ == 0) return {};
  if (costless_ == table().rows())
    return fmt::format("no row has {}: {} takes 1 s", cost_measure(), steps_ ? "a step" : "an evaluation");
  const bool one = costless_ == 1;
  return fmt::format("{} of {} rows {} no {}: {} the others' median, {}", costless_, table().rows(),
                     one ? "has" : "have", cost_measure(), one ? "it takes" : "they take",
                     quantity_text("usual_s", usual_cost_));
}

Evaluation Recorded::answer(std::size_t row, const std::uint64_t* seed, std::int64_t fidelity) const {
  Evaluation evaluation;
  std::int64_t reached = fidelity;
  for (const std::size_t objective : objective_sources_) {
    const Source& source = sources_[objective];
    const bool by_step = tables_[source.table]->description().metrics[source.metric].steps > 0;
    for (std::int64_t step = by_step ? 1 : fidelity; step <= reached; ++step) {
      const double value = cell(source, row, seed, step);
      if (std::isfinite(value)) continue;
      evaluation.failure =
          steps_ ? fmt::format("diverged: {} is {} at step {}", measures_[objective].name, value, step)
          : std::isnan(value) ? fmt::format("{} was not recorded", measures_[objective].name)
                              : fmt::format("{} was recorded as {}", measures_[objective].name, value);
      evaluation.infinite = std::isinf(value);
      reached = step;
      evaluation.failed_at = step;
      break;
    }
  }
  const double share = static_cast<double>(reached) / static_cast<double>(horizon_);
  evaluation.cost_s = whole_cost(row, seed, reached).value_or(usual_cost_) * share;
  if (!evaluation.failure.empty()) return evaluation;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    double value = cell(sources_[i], row, seed, fidelity);
    // What a whole run took is recorded; so far it took a share of it.
    if (cost_ == i) value = evaluation.cost_s;
    evaluation.measures.add(measures_[i].name, value);
  }
  if (measures_.size() > sources_.size()) evaluation.measures.add("row", static_cast<double>(row));
  return evaluation;
}

Evaluation Recorded::at_row(std::size_t row, std::int64_t fidelity) const {
  return answer(row, nullptr, fidelity);
}

Evaluation Recorded::evaluate(const space::Config& config, std::uint64_t seed, std::int64_t fidelity) const {
  return at_row(row_of(config), seed, fidelity);
}

std::optional<std::size_t> Recorded::row_of(const space::Config& config) const {
  std::optional<std::size_t> row;
  if (table().complete() || !use_.nearest)
    row = table().find(config);
  else
    row = table().nearest(config);
  // A user's own space may have values between the recorded ones.
  if (!row && use_.nearest) row = table().nearest(config);
  return row;
}

Evaluation Recorded::at_row(std::optional<std::size_t> row, std::uint64_t seed, std::int64_t fidelity) const {
  if (fidelity < 1 || fidelity > horizon_)
    throw Error(fmt::format("{} was recorded for 1 to {} steps, not {}", name_, horizon_, fidelity));
  if (!row) {
    Evaluation evaluation;
    evaluation.cost_s = 0.0;
    evaluation.failure = "this configuration was not recorded";
    return evaluation;
  }
  return answer(*row, use_.each_seed ? &seed : nullptr, fidelity);
}

std::vector<double> Recorded::probe(const space::Config& config) const {
  if (!functions_) return {};
  const auto cells = cells_of(CellKind::nasbench201, config);
  const std::lock_guard lock(functions_mutex_);
  return functions_->values(cells.front());
}

std::optional<graph::Graph> Recorded::graph(const space::Config& config) const {
  if (!functions_) return std::nullopt;
  return cell_graph(CellKind::nasbench201, cells_of(CellKind::nasbench201, config).front(), 1, 16, 32);
}

study::Measures Recorded::costs(const space::Config& config) const {
  study::Measures costs;
  std::optional<std::size_t> row;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (!measures_[i].before) continue;
    if (!row) row = row_of(config);
    if (!row) break;
    const double value = cell(sources_[i], *row, nullptr, horizon_);
    if (std::isfinite(value)) costs.add(measures_[i].name, value);
  }
  return costs;
}

Key Recorded::data_key() const {
  std::call_once(key_once_, [this] {
    KeyBuilder key;
    for (const auto& one : tables_) key.key(one->rows_key());
    if (costless_ > 0) key.real(usual_cost_);
    key_ = key.build();
  });
  return key_;
}

void Recorded::summarise() {
  std::vector<double> values;
  std::vector<std::vector<double>> points;
  study::Front front;
  for (std::size_t row = 0; row < table().rows(); ++row) {
    std::vector<double> point;
    bool failed = false;
    for (std::size_t i = 0; i < objectives_.size(); ++i) {
      const Source& source = sources_[objective_sources_[i]];
      const double value = cell(source, row, nullptr, horizon_);
      const bool by_step = tables_[source.table]->description().metrics[source.metric].steps > 0;
      for (std::int64_t step = 1; by_step && step < horizon_ && !failed; ++step)
        failed = !std::isfinite(cell(source, row, nullptr, step));
      failed = failed || !std::isfinite(value);
      point.push_back(objectives_[i].minimize ? value : -value);
    }
    values.push_back(failed ? kInfinity : point.front());
    if (failed) continue;
    if (objectives_.size() > 1) {
      front.insert(static_cast<std::int64_t>(row), point);
      points.push_back(std::move(point));
    }
  }
  const double sign = objectives_.front().minimize ? 1.0 : -1.0;
  std::sort(values.begin(), values.end());
  if (std::isfinite(values.front())) optimum_ = sign * values.front();
  double middle = middle_of(values);
  if (!std::isfinite(middle)) {
    std::erase_if(values, [](double value) { return !std::isfinite(value); });
    if (!values.empty()) middle = middle_of(values);
  }
  median_ = sign * middle;
  for (const auto& member : front.members()) front_.push_back(member.values);
  if (!points.empty()) reference_ = study::reference_point(points);
}

}  // namespace hone::task
