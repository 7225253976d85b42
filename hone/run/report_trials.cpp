#include <algorithm>
#include <cmath>
#include <map>

#include "hone/base/rng.h"
#include "hone/run/cost_pairs.h"
#include "hone/run/failures.h"
#include "hone/run/report_data.h"

namespace hone::run {

using study::Trial;
using study::TrialState;

namespace {

constexpr std::size_t kCurvePoints = 120;
constexpr std::size_t kCurves = 300;       // of trials that are not on the front
constexpr std::size_t kRungTrials = 1500;  // whose results at lower fidelities come along, likewise
constexpr std::size_t kReasonLetters = 300;
constexpr std::size_t kReasonBytes = 800000;  // beyond which reasons lose their numbers

/// So many digits are enough to draw and to compare.
double rounded(double value, int digits) {
  if (value == 0.0 || !std::isfinite(value)) return value;
  const double scale = std::pow(10.0, digits - 1 - static_cast<int>(std::floor(std::log10(std::abs(value)))));
  return std::isfinite(scale) && scale > 0.0 ? std::round(value * scale) / scale : value;
}

/// A double as JSON: whole ones without a point, to save bytes.
Json number(double value, int digits = 6) {
  const double kept = std::abs(value) < 1e15 && value == std::floor(value) ? value : rounded(value, digits);
  if (std::abs(kept) < 1e15 && kept == std::floor(kept)) return static_cast<std::int64_t>(kept);
  return real_to_json(kept);
}

Json seconds(double value) { return number(std::round(value * 1000.0) / 1000.0, 15); }

std::string cut(const std::string& text) {
  if (text.size() <= kReasonLetters) return text;
  std::size_t end = kReasonLetters;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not within a letter
  return text.substr(0, end) + "...";
}

struct Chosen {
  std::vector<const Trial*> trials;
  std::int64_t sampled = -1;  // how many of them are the uniform choice; -1: all trials are there
};

Chosen choose(const study::Study& study, std::int64_t most, const std::set<std::int64_t>& must) {
  Chosen chosen;
  if (study.size() <= most) {
    for (const Trial& trial : study.trials()) chosen.trials.push_back(&trial);
    return chosen;
  }
  std::set<std::int64_t> kept;
  for (const std::int64_t id : must)
    if (static_cast<std::int64_t>(kept.size()) < most / 2) kept.insert(id);
  for (std::size_t k = 0; k < study.objectives().size(); ++k) {
    const auto& objective = study.objectives()[k];
    std::vector<std::pair<double, std::int64_t>> values;
    for (const Trial& trial : study.trials())
      if (const auto* result = trial.at(study.header().horizon))
        if (const auto value = result->measures.find(objective.name); value && std::isfinite(*value))
          values.emplace_back(objective.minimize ? *value : -*value, trial.id);
    const std::size_t best = std::min(kReportBest, values.size());
    std::partial_sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(best), values.end());
    for (std::size_t i = 0; i < best; ++i) kept.insert(values[i].second);
  }
  // Of the others every one has the same chance (selection sampling: Knuth, volume 2, section 3.4.2, S).
  Rng rng(study.header().seed, "report");
  std::int64_t wanted = most - static_cast<std::int64_t>(kept.size());
  std::int64_t left = study.size() - static_cast<std::int64_t>(kept.size());
  chosen.sampled = wanted;
  for (const Trial& trial : study.trials()) {
    if (kept.count(trial.id)) {
      chosen.trials.push_back(&trial);
      continue;
    }
    if (static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(left))) < wanted) {
      chosen.trials.push_back(&trial);
      --wanted;
    }
    --left;
  }
  return chosen;
}

/// The curve at even steps, its ends among them: [[fidelities], [values]].
Json thinned(const study::Curve& curve) {
  Json at = Json::array(), values = Json::array();
  const std::size_t n = curve.size(), kept = std::min(n, kCurvePoints);
  for (std::size_t k = 0; k < kept; ++k) {
    const auto& [x, y] = curve[kept < 2 ? 0 : k * (n - 1) / (kept - 1)];
    at.push_back(number(x));
    values.push_back(number(y, 4));
  }
  return Json::array({at, values});
}

Json text_or_null(const std::string& value) { return value.empty() ? Json(nullptr) : Json(value); }
Json key_or_null(Key value) { return value.none() ? Json(nullptr) : Json(value.hex().substr(0, 10)); }
Json id_or_null(std::int64_t id) { return id >= 0 ? Json(id) : Json(nullptr); }
Json positive_or_null(std::int64_t value) { return value > 0 ? Json(value) : Json(nullptr); }

/// Measures in the task's order, then what else trials report; "X (before)" where X changed since.
std::vector<std::string> reported_measures(const study::Study& study, const StudyFile& file) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const auto& objective : study.objectives()) add(objective.name);
  for (const auto& info : file.task->measures()) add(info.name);
  std::set<std::string> extra;
  for (const Trial& trial : study.trials()) {
    for (const auto& entry : trial.costs.entries()) extra.insert(entry.first);
    if (trial.last() != nullptr)
      for (const auto& entry : trial.last()->measures.entries()) extra.insert(entry.first);
  }
  for (const auto& name : extra) add(name);
  for (const CostPair& pair : cost_pairs(study, file)) add(pair.predicted);
  return names;
}

/// The trials of a report, column by column.
class TrialColumns {
 public:
  TrialColumns(const Shown& shown, const StudyFile& file, const std::set<std::int64_t>& must)
      : shown_(shown),
        study_(shown.study()),
        file_(file),
        must_(must),
        names_(reported_measures(study_, file)) {
    const auto columns = static_cast<std::int64_t>(file.space.size() + names_.size() + 18);
    chosen_ = choose(study_, std::clamp(kReportCells / columns, kReportTrialsLeast, kReportTrials), must);
  }

  Json json() const {
    Json data = {{"total", study_.size()}, {"rows", chosen_.trials.size()}};
    if (chosen_.sampled >= 0) data["sampled"] = chosen_.sampled;
    put_trials(data);
    put_measures(data);
    put_results(data);
    put_curves(data);
    return data;
  }

 private:
  Json column(const auto& get) const {
    std::vector<Json> values;
    values.reserve(chosen_.trials.size());
    for (const Trial* trial : chosen_.trials) values.push_back(get(*trial));
    return packed_column(values);
  }

  void put_trials(Json& data) const {
    const double start = study_.first_time_s();
    const bool short_reasons = reasons_are_long();
    data["id"] = column([](const Trial& t) { return Json(t.id); });
    data["state"] = column([](const Trial& t) { return Json(state_name(t.state)); });
    data["fidelity"] = column(
        [&](const Trial& t) { return t.last() != nullptr ? Json(t.last()->fidelity) : Json(nullptr); });
    data["created_s"] = column([&](const Trial& t) { return seconds(t.created_s - start); });
    data["finished_s"] = column(
        [&](const Trial& t) { return t.finished_s > 0 ? seconds(t.finished_s - start) : Json(nullptr); });
    data["spent_s"] =
        column([&](const Trial& t) { return t.spent_s > 0 ? number(t.spent_s, 4) : Json(nullptr); });
    data["origin"] = column([&](const Trial& t) { return text_or_null(t.origin); });
    data["worker"] =
        column([&](const Trial& t) { return text_or_null(t.worker.substr(0, t.worker.find('.'))); });
    data["cause"] = column([&](const Trial& t) { return text_or_null(t.cause); });
    data["reason"] = column([&](const Trial& t) {
      return text_or_null(short_reasons ? kind_of_reason(cut(t.reason)) : cut(t.reason));
    });
    data["attempts"] = column([&](const Trial& t) { return positive_or_null(t.attempts); });
    data["lost"] = column([&](const Trial& t) { return positive_or_null(t.lost); });
    data["same_as"] = column([&](const Trial& t) { return id_or_null(t.same_as); });
    data["of"] = column([&](const Trial& t) { return id_or_null(t.of); });
    data["replicate"] = column([&](const Trial& t) { return positive_or_null(t.replicate); });
    data["key"] = column([&](const Trial& t) { return key_or_null(t.key); });
    data["structural"] = column([&](const Trial& t) { return key_or_null(t.keys.structural); });
    data["functional"] = column([&](const Trial& t) { return key_or_null(t.keys.functional); });
  }

  /// Whether reasons take so much room that they come along without their numbers.
  bool reasons_are_long() const {
    std::set<std::string> reasons;
    std::size_t bytes = 0;
    for (const Trial* trial : chosen_.trials)
      if (reasons.insert(cut(trial->reason)).second) bytes += std::min(trial->reason.size(), kReasonLetters);
    return bytes > kReasonBytes;
  }

  Json configs() const {
    Json config = Json::object();
    for (const auto& parameter : file_.space.parameters())
      config[parameter.name] = column([&](const Trial& t) {
        const Value* value = t.config.find(parameter.name);
        return value != nullptr ? value_to_json(*value) : Json(nullptr);
      });
    return config;
  }

  /// What a trial's own evaluation gave.
  static std::optional<double> own(const Trial& t, const std::string& name) {
    const double value = cost_of(t, name);
    // A NaN that a trial reported is worth showing, one that stands for "none" is not.
    const bool reported =
        !std::isnan(value) || (t.last() != nullptr && t.last()->measures.find(name)) || t.costs.find(name);
    return reported ? std::optional(value) : std::nullopt;
  }

  /// What a trial's evaluations make together is what the study goes by; where that is not what its own gave,
  /// both come along. Replicates stand for themselves.
  void put_measures(Json& data) const {
    std::map<std::int64_t, study::Measures> together;
    for (const Trial* trial : chosen_.trials)
      if (trial->of < 0 && trial->last() != nullptr && trial->last()->fidelity == study_.header().horizon)
        if (auto whole = shown_.measures(trial->id); !whole.empty()) together[trial->id] = std::move(whole);
    const auto counted = [&](const Trial& t, const std::string& name) -> std::optional<double> {
      if (const auto found = together.find(t.id); found != together.end())
        if (const auto value = found->second.find(name)) return value;
      return own(t, name);
    };
    Json measures = Json::object(), alone = Json::object();
    for (const auto& name : names_) {
      Json packed = column([&](const Trial& t) {
        const auto value = counted(t, name);
        return value ? number(*value) : Json(nullptr);
      });
      if (!packed.is_null()) measures[name] = std::move(packed);
      packed = column([&](const Trial& t) {
        const auto value = own(t, name), shared = counted(t, name);
        return value && shared && number(*value) != number(*shared) ? number(*value) : Json(nullptr);
      });
      if (!packed.is_null()) alone[name] = std::move(packed);
    }
    data["config"] = configs();
    data["measures"] = std::move(measures);
    data["alone"] = std::move(alone);
    data["evaluations"] = column([&](const Trial& t) {
      const std::int64_t n = together.contains(t.id) ? study_.spread(t.id).n : 0;
      return n > 1 ? Json(n) : Json(nullptr);
    });
  }

  /// Of rows, those of the front and an even choice of the rest, about `room` of them.
  std::vector<std::size_t> some(const std::vector<std::size_t>& rows, std::size_t room) const {
    const std::size_t every = std::max<std::size_t>(1, (rows.size() + room - 1) / room);
    std::vector<std::size_t> kept;
    std::size_t others = 0;
    for (const std::size_t row : rows)
      if (must_.count(chosen_.trials[row]->id) || others++ % every == 0) kept.push_back(row);
    return kept;
  }

  /// The rows of the trials of which something holds.
  std::vector<std::size_t> rows_with(const auto& holds) const {
    std::vector<std::size_t> rows;
    for (std::size_t row = 0; row < chosen_.trials.size(); ++row)
      if (holds(*chosen_.trials[row])) rows.push_back(row);
    return rows;
  }

  /// By row: [fidelity, values by name] of each rung.
  void put_results(Json& data) const {
    const auto rows = rows_with([](const Trial& trial) { return trial.results.size() > 1; });
    Json results = Json::object();
    for (const std::size_t row : some(rows, kRungTrials)) {
      Json list = Json::array();
      for (const auto& result : chosen_.trials[row]->results) {
        Json line = Json::array({result.fidelity});
        for (const auto& name : names_) {
          const auto value = result.measures.find(name);
          line.push_back(value ? number(*value, 5) : Json(nullptr));
        }
        while (line.size() > 1 && line.back().is_null()) line.erase(line.size() - 1);
        list.push_back(std::move(line));
      }
      results[std::to_string(row)] = std::move(list);
    }
    data["result_names"] = names_;
    data["results"] = std::move(results);
    data["results_total"] = rows.size();
  }

  void put_curves(Json& data) const {
    const auto rows = rows_with([](const Trial& trial) { return !trial.curve.empty(); });
    Json curves = Json::object();
    for (const std::size_t row : some(rows, kCurves))
      curves[std::to_string(row)] = thinned(chosen_.trials[row]->curve);
    data["curves"] = std::move(curves);
    data["curves_total"] = rows.size();
  }

  const Shown& shown_;
  const study::Study& study_;
  const StudyFile& file_;
  const std::set<std::int64_t>& must_;
  const std::vector<std::string> names_;
  Chosen chosen_;
};

}  // namespace

Json packed_column(const std::vector<Json>& values) {
  std::size_t nulls = 0;
  bool texts = false, equal = true;
  for (const Json& value : values) {
    nulls += value.is_null() ? 1 : 0;
    texts = texts || value.is_string() || value.is_boolean();
    equal = equal && value == values.front();
  }
  if (nulls == values.size()) return nullptr;
  if (equal) return {{"c", values.front()}};
  std::vector<Json> plain = values;
  Json kinds = Json::array();
  if (texts) {
    std::map<std::string, std::size_t> seen;  // by JSON text: "1" and 1 differ
    for (Json& value : plain) {
      if (value.is_null()) continue;
      const auto [place, is_new] =
          seen.try_emplace(value.dump(-1, ' ', false, Json::error_handler_t::replace), kinds.size());
      if (is_new) kinds.push_back(value);
      value = place->second;
    }
  }
  Json column = Json::array();
  Json rows = Json::array();
  const bool sparse = 10 * nulls > 6 * values.size();
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (plain[i].is_null()) {
      if (!sparse) column.push_back(texts ? Json(-1) : Json(nullptr));
      continue;
    }
    column.push_back(std::move(plain[i]));
    if (sparse) rows.push_back(i);
  }
  Json packed = Json::object();
  if (!sparse && !texts) return column;
  if (texts) packed["k"] = std::move(kinds);
  if (sparse) {
    packed["n"] = values.size();
    packed["i"] = std::move(rows);
  }
  packed["v"] = std::move(column);
  return packed;
}

Json report_trials(const Shown& shown, const StudyFile& file, const std::set<std::int64_t>& must) {
  return TrialColumns(shown, file, must).json();
}

}  // namespace hone::run
