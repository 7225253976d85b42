// The suites of a folder of recorded benchmarks.
#include <algorithm>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/run/suite.h"
#include "hone/task/recorded.h"

namespace hone::run {
namespace {

namespace fs = std::filesystem;

/// A table that was found, read once.
struct Found {
  std::string name;
  std::string path;
  std::shared_ptr<const task::Table> table;

  bool has_steps() const {
    const auto& metrics = table->description().metrics;
    return std::any_of(metrics.begin(), metrics.end(), [](const auto& metric) { return metric.steps > 0; });
  }
  /// Seconds of one use, rather than of training: what a device is measured by.
  bool is_latency() const {
    const auto& metrics = table->description().metrics;
    return std::all_of(metrics.begin(), metrics.end(), [](const auto& metric) {
      return (metric.unit == "ms" || metric.unit == "s") && metric.minimize && metric.steps == 0;
    });
  }
};

/// Whether a file says that it is about a table; what else lies in the folder is nobody's business.
bool describes_table(const std::string& path) {
  const Json json = Json::parse(read_file(path), nullptr, false);
  return json.is_object() && (json.contains("metrics") || json.contains("space"));
}

std::vector<Found> tables_below(const std::string& folder, std::vector<std::string>* left_out) {
  if (!fs::is_directory(folder))
    throw Error("there is no such folder", Place{folder, 0, ""}, "it holds NAME.csv.gz with NAME.json");
  std::vector<std::string> paths;
  for (const auto& entry :
       fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied))
    if (entry.path().extension() == ".json" && entry.is_regular_file())
      paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  std::map<std::string, int> times;
  for (const std::string& path : paths) ++times[fs::path(path).stem().string()];
  const auto name_of = [&](const fs::path& path) {
    return times.at(path.stem().string()) == 1 ? path.stem().string()
                                               : path.lexically_relative(folder).replace_extension().string();
  };
  std::vector<Found> found;
  for (const std::string& path : paths) {
    const auto leave_out = [&](const std::string& why) {
      if (left_out != nullptr) left_out->push_back(path + ": " + why);
    };
    try {
      task::Table::files(path);
    } catch (const Error&) {
      if (describes_table(path)) leave_out("there are no rows beside it");
      continue;
    }
    try {
      task::Table::describe(path);
    } catch (const Error& error) {
      const std::string& key = error.place().key;
      leave_out((key.empty() ? "" : key + ": ") + error.message());
      continue;
    }
    try {
      found.push_back({name_of(path), path, std::make_shared<const task::Table>(task::Table::read(path))});
    } catch (const Error& error) {  // of the rows: its own place says where
      if (left_out == nullptr) throw;
      left_out->push_back(error.what());
    }
  }
  return found;
}

}  // namespace

std::vector<Suite> recorded_suites(const std::string& folder, std::vector<std::string>* left_out,
                                   bool with_devices) {
  Suite tables{"tables", "recorded tables: one objective, a grid", {}};
  Suite curves{"curves", "recorded learning curves: fidelity is steps", {}};
  Suite devices{"devices", "recorded quality against recorded latency on a device", {}};
  const auto found = tables_below(folder, left_out);
  const auto joins = [](const Found& device, const Found& table) {
    return device.is_latency() && !table.is_latency() &&
           device.table->space().key() == table.table->space().key() &&
           device.table->rows() == table.table->rows();
  };
  for (const Found& one : found) {
    if (one.is_latency() && !one.has_steps()) {
      const auto joined = [&](const Found& other) { return joins(one, other); };
      if (left_out != nullptr && std::none_of(found.begin(), found.end(), joined))
        left_out->push_back(one.name + ": a device's latencies alone; no table beside it has its rows");
      continue;
    }
    Suite& suite = one.has_steps() ? curves : tables;
    try {
      suite.problems.emplace_back(
          std::make_shared<const task::Recorded>(one.name, std::vector{one.table}, task::RecordedUse{}),
          suite.name);
    } catch (const Error& error) {
      if (left_out == nullptr) throw;
      left_out->push_back(fmt::format("{}: {}", one.path, error.message()));
      continue;
    }
    if (!with_devices) continue;
    std::map<std::string, int> times;  // devices that measure it
    for (const Found& other : found)
      if (joins(other, one))
        for (const auto& metric : other.table->description().metrics) ++times[metric.name];
    for (const Found& other : found) {
      if (!joins(other, one)) continue;
      for (const auto& metric : other.table->description().metrics) {
        const std::string measured =
            times.at(metric.name) == 1 ? metric.name : other.name + "." + metric.name;
        task::RecordedUse use;
        use.objectives = {suite.problems.back().objectives().front().name, metric.name};
        try {
          devices.problems.emplace_back(
              std::make_shared<const task::Recorded>(one.name + "+" + measured,
                                                     std::vector{one.table, other.table}, use),
              devices.name);
        } catch (const Error& error) {  // each alone may be as good as any
          if (left_out != nullptr)
            left_out->push_back(fmt::format("{} with {}: {}", one.path, other.path, error.message()));
          break;
        }
      }
    }
  }
  std::vector<Suite> suites;
  for (Suite* suite : {&tables, &curves, &devices})
    if (!suite->problems.empty()) suites.push_back(std::move(*suite));
  return suites;
}

}  // namespace hone::run
