#include "hone/run/latency_tables.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/base/json.h"
#include "hone/base/numbers.h"
#include "hone/task/table_lines.h"

namespace hone::run {
namespace {

constexpr const char* kMean = "latency_mean_";
constexpr const char* kSd = "latency_std_";

struct Measure {
  std::size_t column = 0;
  std::string device, target;
  std::size_t sd_column = std::string::npos;
};

struct Layout {
  std::vector<std::size_t> inputs;
  std::vector<Measure> measures;
};

double cell_value(std::string_view cell) {
  double value = kNaN;
  const auto [end, code] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return code == std::errc{} && end == cell.data() + cell.size() && std::isfinite(value) ? value : kNaN;
}

Layout layout_of(const std::vector<std::string>& header, const Json& description, const std::string& stem,
                 const Place& place) {
  Layout layout;
  const auto column = [&](const std::string& name) {
    return static_cast<std::size_t>(std::find(header.begin(), header.end(), name) - header.begin());
  };
  std::set<std::size_t> used;
  if (description.contains("metrics")) {
    if (!description["metrics"].is_object())
      throw Error("metrics must be a table", place, "see docs/formats.md");
    for (const auto& [name, metric] : description["metrics"].items()) {
      const std::size_t at = column(name);
      if (at == header.size())
        throw Error(fmt::format("the metric '{}' is not a column of the table", name), place);
      layout.measures.push_back({at, name, "", std::string::npos});
      used.insert(at);
    }
  } else {
    for (std::size_t c = 0; c < header.size(); ++c) {
      if (header[c].rfind(kMean, 0) == 0) {
        const std::string target = header[c].substr(std::string(kMean).size());
        const std::size_t sd = column(kSd + target);
        layout.measures.push_back({c, stem, target, sd < header.size() ? sd : std::string::npos});
        used.insert(c);
      } else if (header[c].rfind(kSd, 0) == 0) {
        used.insert(c);
      }
    }
  }
  if (layout.measures.empty())
    throw Error("there is no latency in the table", place,
                "name its \"metrics\", or call columns latency_mean_X");
  for (std::size_t c = 0; c < header.size(); ++c)
    if (used.count(c) == 0) layout.inputs.push_back(c);
  if (layout.inputs.empty()) throw Error("the table has no column that describes a design", place);
  return layout;
}

/// What all names begin with, without a dangling separator.
std::string common_start(const std::vector<std::string>& names) {
  std::string start = names.front();
  for (const auto& name : names) {
    const auto end = std::mismatch(start.begin(), start.end(), name.begin(), name.end()).first;
    start.erase(end, start.end());
  }
  while (!start.empty() && (start.back() == '_' || start.back() == '-' || start.back() == '.'))
    start.pop_back();
  return start;
}

class Reader {
 public:
  void read(const std::filesystem::path& path) {
    const std::string file = path.string();
    std::string stem = path.filename().string();
    stem = stem.substr(0, stem.find(".csv"));
    const std::string json_file = (path.parent_path() / (stem + ".json")).string();
    const Json description = parse_json(read_file(json_file), json_file);
    if (!description.is_object())
      throw Error("expected a JSON object", Place{json_file, 0, ""}, "see docs/formats.md");
    task::LineReader lines(file);
    std::string_view line;
    if (!lines.next(line)) throw Error("the table is empty", Place{file, 0, ""});
    std::vector<std::string_view> cells;
    task::split_cells(line, cells);
    const std::vector<std::string> header(cells.begin(), cells.end());
    const Layout layout = layout_of(header, description, stem, Place{json_file, 0, ""});
    std::vector<std::string> columns;
    for (const std::size_t c : layout.inputs) columns.push_back(header[c]);

    auto found = std::find_if(families_.begin(), families_.end(),
                              [&](const LatencyFamily& family) { return family.columns == columns; });
    if (found == families_.end()) {
      families_.push_back({"", columns, {}, {}});
      tables_.emplace_back();
      index_.emplace_back();
      found = std::prev(families_.end());
    }
    const auto at = static_cast<std::size_t>(found - families_.begin());
    LatencyFamily& family = *found;
    auto& index = index_[at];
    tables_[at].push_back(stem);
    const std::size_t first = family.series.size();
    for (const Measure& measure : layout.measures) {
      LatencySeries series{measure.device, measure.target, {}, {}, {}};
      for (std::size_t s = 0; s < first; ++s)
        if (family.series[s].name() == series.name()) series.device = stem + " " + measure.device;
      family.series.push_back(std::move(series));
    }
    std::map<std::string, int> seen;
    while (lines.next(line)) {
      if (line.empty()) continue;
      task::split_cells(line, cells);
      const Place place{file, lines.line_number(), ""};
      if (cells.size() != header.size())
        throw Error(fmt::format("{} cells where the table has {} columns", cells.size(), header.size()),
                    place);
      std::string key;
      std::vector<std::string> design;
      for (const std::size_t c : layout.inputs) {
        design.emplace_back(cells[c]);
        key += design.back() + ",";
      }
      key += std::to_string(seen[key]++);
      const auto [entry, fresh] = index.emplace(key, family.designs.size());
      if (fresh) family.designs.push_back(std::move(design));
      for (std::size_t m = 0; m < layout.measures.size(); ++m) {
        LatencySeries& series = family.series[first + m];
        series.latency.resize(family.designs.size(), kNaN);
        const double value = cell_value(cells[layout.measures[m].column]);
        if (!(value > 0.0)) continue;
        series.latency[entry->second] = value;
        series.order.push_back(static_cast<int>(entry->second));
        if (layout.measures[m].sd_column == std::string::npos) continue;
        series.sd.resize(family.designs.size(), kNaN);
        series.sd[entry->second] = cell_value(cells[layout.measures[m].sd_column]);
      }
    }
  }

  std::vector<LatencyFamily> finish() {
    for (std::size_t f = 0; f < families_.size(); ++f) {
      families_[f].name = common_start(tables_[f]);
      if (families_[f].name.empty()) families_[f].name = tables_[f].front();
      for (LatencySeries& series : families_[f].series) {
        // Names of devices need not repeat what they all begin with.
        const std::string& start = families_[f].name;
        if (tables_[f].size() > 1 && series.device.size() > start.size() + 1 &&
            series.device.rfind(start, 0) == 0)
          series.device = series.device.substr(start.size() + 1);
        series.latency.resize(families_[f].designs.size(), kNaN);
        if (!series.sd.empty()) series.sd.resize(families_[f].designs.size(), kNaN);
      }
    }
    return std::move(families_);
  }

 private:
  std::vector<LatencyFamily> families_;
  std::vector<std::vector<std::string>> tables_;           // names, by family
  std::vector<std::map<std::string, std::size_t>> index_;  // of designs, by family
};

}  // namespace

std::vector<LatencyFamily> read_latency_tables(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    if (name.size() > 4 && (name.ends_with(".csv") || name.ends_with(".csv.gz")))
      paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  Reader reader;
  for (const auto& path : paths) reader.read(path);
  return reader.finish();
}

}  // namespace hone::run
