// One trial, and many, for people and programs.
#include <algorithm>
#include <cmath>
#include <deque>
#include <fstream>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/units.h"
#include "hone/run/summary.h"
#include "hone/run/trials.h"
#include "hone/run/worker.h"

namespace hone::run {

using study::Trial;
using study::TrialState;

namespace {

constexpr std::size_t kWidestReason = 60;

std::string time_text(double seconds) {
  if (seconds <= 0.0) return "-";
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(static_cast<std::time_t>(seconds)));
}

/// Under a minute in tenths: attempts are often short.
std::string spent_text(double seconds) {
  return seconds < 60.0 ? fmt::format("{:.3g} s", seconds) : duration_text(seconds);
}

std::string first_line(const std::string& text, std::size_t widest) {
  std::string line = text.substr(0, text.find('\n'));
  if (line.size() <= widest) return line;
  std::size_t end = widest - 3;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return line.substr(0, end) + "...";
}

std::string why_text(const Trial& trial) {
  if (trial.same_as >= 0) return fmt::format("same as trial {}", trial.same_as);
  if (trial.behind >= 0) return fmt::format("waits for trial {}", trial.behind);
  if (!trial.reason.empty()) return trial.reason;
  return trial.of >= 0 ? fmt::format("replicate {} of trial {}", trial.replicate, trial.of) : "";
}

/// A curve as characters: 48 columns, 8 rows, the lowest and highest value beside it.
std::string plot(const study::Curve& curve) {
  constexpr std::size_t kColumns = 48, kRows = 8;
  std::vector<std::pair<double, double>> points;
  for (const auto& point : curve)
    if (std::isfinite(point.first) && std::isfinite(point.second)) points.push_back(point);
  if (points.size() < 2) return {};
  auto [low_x, high_x] = std::pair(points.front().first, points.front().first);
  auto [low, high] = std::pair(points.front().second, points.front().second);
  for (const auto& [x, y] : points) {
    low_x = std::min(low_x, x);
    high_x = std::max(high_x, x);
    low = std::min(low, y);
    high = std::max(high, y);
  }
  const double range_x = high_x > low_x ? high_x - low_x : 1.0;
  const double range = high > low ? high - low : 1.0;
  std::vector<std::string> rows(kRows, std::string(kColumns, ' '));
  for (const auto& [x, y] : points) {
    const auto column = static_cast<std::size_t>(std::lround((x - low_x) / range_x * (kColumns - 1)));
    const auto row = static_cast<std::size_t>(std::lround((high - y) / range * (kRows - 1)));
    rows[row][column] = '*';
  }
  const std::string top = fmt::format("{:.4g}", high), bottom = fmt::format("{:.4g}", low);
  const std::size_t margin = std::max(top.size(), bottom.size());
  std::string text;
  for (std::size_t i = 0; i < kRows; ++i) {
    std::string line = fmt::format("  {:>{}} |{}",
                                   i == 0           ? top
                                   : i + 1 == kRows ? bottom
                                                    : "",
                                   margin, rows[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  const std::string from = fmt::format("{:.4g}", low_x), to = fmt::format("{:.4g}", high_x);
  text += fmt::format("  {:>{}} {}{:>{}}\n", "", margin, from, to, kColumns + 1 - from.size());
  return text;
}

std::string ending_of(const study::EndRecord& r) {
  if (r.lost) return r.state == TrialState::waiting ? "its worker died" : "its worker died: given up";
  if (r.vanished)
    return r.state == TrialState::waiting ? "its worker vanished" : "its worker vanished: given up";
  if (r.same_as >= 0) return fmt::format("known: same as trial {}", r.same_as);
  if (r.behind >= 0) return fmt::format("waits for trial {}", r.behind);
  return r.state == TrialState::waiting ? "given back" : state_name(r.state);
}

/// A table below a heading: two spaces in.
std::string indented(const std::vector<std::vector<std::string>>& rows) {
  std::string text = "  ";
  for (const char c : table_text(rows)) {
    text += c;
    if (c == '\n') text += "  ";
  }
  text.resize(text.size() - 2);
  return text;
}

/// The same without a heading of its own.
std::string listed(std::vector<std::vector<std::string>> rows) {
  rows.insert(rows.begin(), std::vector<std::string>());
  const std::string text = indented(rows);
  return text.substr(text.find('\n') + 1);
}

Json ids_json(const std::vector<std::int64_t>& ids) { return Json(ids); }

/// "12, 13, 14 and 40 more"
std::string ids_text(const std::vector<std::int64_t>& ids) {
  constexpr std::size_t kShown = 12;
  std::vector<std::int64_t> first(ids.begin(),
                                  ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), kShown)));
  std::string text = fmt::format("{}", fmt::join(first, ", "));
  if (ids.size() > kShown) text += fmt::format(" and {} more", ids.size() - kShown);
  return text;
}

}  // namespace

std::vector<Attempt> attempts_of(const study::Study& study, std::int64_t trial) {
  std::vector<Attempt> attempts;
  std::vector<study::Record> records;
  study.store().read_trial(trial, study.store().head(), [&](const study::Event& event) {
    records.clear();
    study::decode(event, records);
    for (const auto& record : records) {
      if (const auto* start = std::get_if<study::StartRecord>(&record)) {
        attempts.push_back({start->attempt, start->worker, start->to, event.time_s, 0.0, "", ""});
      } else if (const auto* end = std::get_if<study::EndRecord>(&record)) {
        for (Attempt& attempt : attempts)
          if (attempt.number == end->attempt && attempt.ended_s == 0.0) {
            attempt.ended_s = event.time_s;
            attempt.ending = ending_of(*end);
            attempt.reason = end->reason;
          }
      } else if (const auto* late = std::get_if<study::LateRecord>(&record)) {
        for (Attempt& attempt : attempts)
          if (attempt.number == late->attempt && attempt.ending.find("late") == std::string::npos)
            attempt.ending += "; its result came late and does not count";
      }
    }
  });
  return attempts;
}

std::string trials_text(const study::Study& study, const StudyFile& file, const TrialChoice& choice,
                        const Shown* shown, std::size_t width) {
  std::vector<std::vector<std::string>> rows{{"trial", "state", "origin", file.task->fidelity_unit()}};
  for (const auto& objective : study.objectives()) rows[0].push_back(objective.name);
  rows[0].insert(rows[0].end(), {"spent", "why"});
  for (const std::int64_t id : choice.ids) {
    const Trial& trial = study.trial(id);
    const study::Result* last = trial.last();
    std::vector<std::string> row{std::to_string(id), state_name(trial.state), trial.origin,
                                 last == nullptr ? "-" : std::to_string(last->fidelity)};
    const study::Measures together = shown != nullptr ? shown->measures(id) : study::Measures();
    for (const auto& objective : study.objectives()) {
      auto value = together.find(objective.name);
      if (!value && last != nullptr) value = last->measures.find(objective.name);
      if (!value) value = trial.costs.find(objective.name);
      row.push_back(value ? quantity_text(objective.name, *value) : "-");
    }
    row.push_back(trial.spent_s > 0.0 ? spent_text(trial.spent_s) : "-");
    row.push_back(first_line(why_text(trial), kWidestReason));
    rows.push_back(std::move(row));
  }
  return table_text(rows, width);
}

Json trial_json(const study::Study& study, const Trial& trial, const Shown* shown) {
  Json results = Json::array();
  for (const auto& result : trial.results)
    results.push_back({{"fidelity", result.fidelity}, {"measures", result.measures.json()}});
  Json curve = Json::array();
  for (const auto& [at, value] : trial.curve) curve.push_back({at, real_to_json(value)});
  const auto or_null = [](std::int64_t id) { return id >= 0 ? Json(id) : Json(nullptr); };
  const auto key = [](const Key& key) { return key.none() ? Json(nullptr) : Json(key.hex()); };
  Json json{{"trial", trial.id},
            {"state", state_name(trial.state)},
            {"reason", trial.reason},
            {"cause", trial.cause},
            {"origin", trial.origin},
            {"seed", trial.seed},
            {"config", trial.config.json()},
            {"key", trial.key.hex()},
            {"structural", key(trial.keys.structural)},
            {"functional", key(trial.keys.functional)},
            {"costs", trial.costs.json()},
            {"results", results},
            {"curve", curve},
            {"target", trial.target},
            {"replicate_of", or_null(trial.of)},
            {"replicate", trial.replicate},
            {"replicates", ids_json(study.replicates(trial.id))},
            {"same_as", or_null(trial.same_as)},
            {"followers", ids_json(study.followers(trial.id))},
            {"joins", or_null(trial.joins)},
            {"joined_with", ids_json(study.joined_with(trial.id))},
            {"probe_s", trial.probe_s},
            {"behind", or_null(trial.behind)},
            {"attempts", trial.attempts},
            {"lost", trial.lost},
            {"vanished", trial.vanished},
            {"worker", trial.worker},
            {"created_s", trial.created_s},
            {"finished_s", trial.finished_s},
            {"spent_s", trial.spent_s}};
  if (shown != nullptr)
    if (const auto together = shown->measures(trial.id); !together.empty())
      json["measures"] = together.json();
  return json;
}

std::string trial_text(const study::Study& study, const StudyFile& file, const Trial& trial) {
  const std::string unit = file.task->fidelity_unit();
  std::string text = fmt::format("trial {}: {}", trial.id, state_name(trial.state));
  if (!trial.cause.empty()) text += fmt::format(" ({})", trial.cause);
  if (Shown(study, file).on_front(trial.id)) text += ", on the front";
  text += '\n';
  if (!trial.reason.empty()) text += fmt::format("  {}\n", trial.reason);
  if (trial.state == TrialState::deleted && trial.key.none())
    return text + "  its proposal was lost with a damaged part of the store\n";
  text += fmt::format("  proposed {} by {}, seed {}\n", time_text(trial.created_s), trial.origin, trial.seed);
  if (trial.done() && trial.finished_s > 0.0)
    text += fmt::format("  finished {}\n", time_text(trial.finished_s));
  if (trial.of >= 0) text += fmt::format("  replicate {} of trial {}\n", trial.replicate, trial.of);
  if (trial.same_as >= 0)
    text += fmt::format("  same as trial {}: it took over its results, and was not run\n", trial.same_as);
  if (const auto joined = study.joined_with(trial.id); !joined.empty())
    text += fmt::format("  its function was evaluated by {}, too: together they count\n", ids_text(joined));
  if (trial.behind >= 0) text += fmt::format("  waits for trial {}, which computes the same\n", trial.behind);
  if (const auto& followers = study.followers(trial.id); !followers.empty())
    text += fmt::format("  its results were taken over by {}\n", ids_text(followers));

  text += "\nconfig\n";
  const auto fallback = file.space.default_config();
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : trial.config.entries()) {
    std::vector<std::string> row{name, value_text(value)};
    if (fallback) {
      const Value* usual = fallback->find(name);
      if (usual == nullptr)
        row.push_back("not in the default");
      else if (!value_same(*usual, value))
        row.push_back(fmt::format("default: {}", value_text(*usual)));
    }
    rows.push_back(std::move(row));
  }
  text += rows.empty() ? "  (no parameters)\n" : listed(rows);

  if (!trial.costs.empty()) {
    text += "\ncosts before training\n";
    rows.clear();
    for (const auto& [name, value] : trial.costs.entries())
      rows.push_back({name, quantity_text(name, value)});
    text += listed(rows);
  }
  if (!trial.results.empty()) {
    std::vector<std::string> names;
    for (const auto& result : trial.results)
      for (const auto& [name, value] : result.measures.entries())
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    text += "\nresults\n";
    rows = {{unit}};
    rows[0].insert(rows[0].end(), names.begin(), names.end());
    for (const auto& result : trial.results) {
      rows.push_back({std::to_string(result.fidelity)});
      for (const auto& name : names) {
        const auto value = result.measures.find(name);
        rows.back().push_back(value ? quantity_text(name, *value) : "-");
      }
    }
    text += indented(rows);
  }
  const std::int64_t first = trial.of >= 0 ? trial.of : trial.id;
  if (const auto& replicates = study.replicates(first); !replicates.empty()) {
    text += fmt::format("\nevaluations of this config\n  trials {}, {}\n", first, ids_text(replicates));
    const auto spread = study.spread(first);
    const study::Measures together = study.outcome(first);
    for (const auto& [name, value] : together.entries()) {
      text += fmt::format("  {}: {} together", name, quantity_text(name, value));
      if (const auto deviation = spread.deviation.find(name))
        text += fmt::format(", standard deviation {} over {}", quantity_text(name, *deviation), spread.n);
      text += '\n';
    }
  }
  if (!trial.keys.structural.none() || !trial.keys.functional.none()) {
    text += "\nkeys\n";
    if (!trial.keys.structural.none()) text += fmt::format("  structural  {}\n", trial.keys.structural.hex());
    if (!trial.keys.functional.none()) text += fmt::format("  functional  {}\n", trial.keys.functional.hex());
  }
  if (const auto attempts = attempts_of(study, trial.id); !attempts.empty()) {
    text += "\nattempts\n";
    rows.clear();
    for (const Attempt& attempt : attempts) {
      const bool under_way = attempt.ended_s == 0.0;
      const double seconds = attempt.ended_s - attempt.began_s;
      rows.push_back({std::to_string(attempt.number), time_text(attempt.began_s), "on " + attempt.worker,
                      fmt::format("to {} {}", attempt.to, unit), under_way ? "" : spent_text(seconds),
                      under_way && attempt.ending.empty() ? "under way" : attempt.ending,
                      attempt.reason == trial.reason ? "" : first_line(attempt.reason, kWidestReason)});
    }
    text += listed(rows);
    text += fmt::format("  {} in all\n", spent_text(trial.spent_s));
  }
  if (const std::string drawn = plot(trial.curve); !drawn.empty())
    text += fmt::format("\ntraining loss by {}\n{}", unit, drawn);
  return text;
}

std::string trial_output(const study::Store& store, std::int64_t trial, std::size_t lines) {
  const std::string folder = trial_folder(store, trial);
  std::ifstream stream(folder + "/output.log", std::ios::binary);
  if (folder.empty() || !stream) return {};
  std::string text, line;
  if (lines == 0) {
    while (std::getline(stream, line)) text += line + '\n';
    return text;
  }
  // The end of a long file, with some to spare for long lines.
  constexpr std::streamoff kTail = 1 << 16;
  stream.seekg(0, std::ios::end);
  const std::streamoff size = stream.tellg();
  stream.seekg(std::max<std::streamoff>(0, size - kTail));
  std::deque<std::string> last;
  while (std::getline(stream, line)) {
    last.push_back(std::move(line));
    if (last.size() > lines) last.pop_front();
  }
  for (const std::string& one : last) text += one + '\n';
  return text;
}

std::string trial_events(const study::Study& study, std::int64_t trial) {
  std::string text;
  study.store().read_trial(trial, study.store().head(), [&](const study::Event& event) {
    // The payload as it is, even where it is no JSON.
    text += fmt::format(R"({{"sequence":{},"time_s":{},"kind":)", event.sequence, event.time_s);
    append_json(text, std::string_view(event.kind));
    text += fmt::format(R"(,"version":{},"payload":{}}})", event.version, event.payload);
    text += '\n';
  });
  return text;
}

}  // namespace hone::run
