#include "hone/run/new_device.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <set>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/json.h"
#include "hone/base/numbers.h"
#include "hone/run/latency_features.h"
#include "hone/task/table_lines.h"

namespace hone::run {
namespace {

std::string chosen_name(const std::string& given, const std::vector<std::string>& names,
                        const std::string& what, const std::string& flag) {
  if (given.empty() && names.size() == 1) return names.front();
  if (std::find(names.begin(), names.end(), given) != names.end()) return given;
  throw Error(
      given.empty() ? fmt::format("there are several {}", what) : fmt::format("there is no '{}' here", given),
      Place{"", 0, flag}, suggest(given, names));
}

}  // namespace

NewDevice::NewDevice(const std::string& tables, const std::string& family, const std::string& target)
    : families_(read_latency_tables(tables)) {
  if (families_.empty())
    throw Error("there is no table of latencies", Place{tables, 0, ""},
                "a table is NAME.csv.gz with NAME.json beside it");
  std::vector<std::string> names;
  for (const LatencyFamily& one : families_) names.push_back(one.name);
  const std::string name = chosen_name(family, names, "families of designs", "--family");
  family_ = &*std::find_if(families_.begin(), families_.end(),
                           [&](const LatencyFamily& one) { return one.name == name; });
  std::set<std::string> targets;
  for (const LatencySeries& series : family_->series) targets.insert(series.target);
  const std::string timed =
      chosen_name(target, {targets.begin(), targets.end()}, "things that were timed", "--target");
  const auto designs = std::make_shared<cost::Designs>(latency_features(*family_).designs);
  std::vector<cost::KnownDevice> known;
  for (const LatencySeries& series : family_->series)
    if (series.target == timed && !series.order.empty()) {
      known.push_back(cost::KnownDevice::learn(*designs, series.device, series.latency));
      known_.push_back(series.device);
    }
  transfer_ = std::make_unique<cost::DeviceTransfer>(designs, std::move(known));
}

void NewDevice::read_measured(const std::string& path) {
  task::LineReader lines(path);
  std::string_view line;
  if (!lines.next(line)) throw Error("the file is empty", Place{path, 0, ""});
  std::vector<std::string_view> cells;
  task::split_cells(line, cells);
  const std::vector<std::string> header(cells.begin(), cells.end());
  const auto column = [&](const std::string& name) {
    const auto found = std::find(header.begin(), header.end(), name);
    if (found == header.end())
      throw Error(fmt::format("there is no column '{}'", name), Place{path, 1, ""},
                  "it wants the designs' columns and 'latency'");
    return static_cast<std::size_t>(found - header.begin());
  };
  std::vector<std::size_t> at;
  for (const std::string& name : family_->columns) at.push_back(column(name));
  const std::size_t latency = column("latency");
  std::map<std::vector<std::string>, std::size_t> index;
  for (std::size_t i = 0; i < family_->designs.size(); ++i) index.emplace(family_->designs[i], i);
  while (lines.next(line)) {
    if (line.empty()) continue;
    task::split_cells(line, cells);
    const Place place{path, lines.line_number(), ""};
    if (cells.size() != header.size())
      throw Error(fmt::format("{} cells where the file has {} columns", cells.size(), header.size()), place);
    std::vector<std::string> design;
    for (const std::size_t c : at) design.emplace_back(cells[c]);
    const auto found = index.find(design);
    if (found == index.end())
      throw Error("no table has this design", place, "take designs that --choose names");
    const std::string_view cell = cells[latency];
    double value = kNaN;
    const auto [end, code] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (code != std::errc{} || end != cell.data() + cell.size()) {
      // A word says how it failed; "12 ms" is a mistake.
      if (!cell.empty() && std::isdigit(static_cast<unsigned char>(cell.front())) != 0)
        throw Error(fmt::format("latency: '{}' is not a number", cell), place,
                    "numbers without a unit; a word, or nothing, where measuring failed");
      value = kNaN;
    }
    measurements_.push_back({found->second, value});
  }
}

std::vector<std::size_t> NewDevice::choose(std::size_t count, std::uint64_t seed) const {
  std::vector<std::size_t> done;
  for (const auto& measurement : measurements_) done.push_back(measurement.design);
  return transfer_->choose(count, seed, done);
}

cost::AdaptedDevice NewDevice::adapt() const { return transfer_->adapt(measurements_); }

std::string designs_csv(const LatencyFamily& family, const std::vector<std::size_t>& designs,
                        const std::vector<std::pair<std::string, std::vector<double>>>& extra) {
  std::string text;
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t c = 0; c < cells.size(); ++c) {
      if (c > 0) text += ',';
      text += cells[c];
    }
  };
  line(family.columns);
  for (const auto& [name, values] : extra) (text += ',') += name;
  text += '\n';
  for (std::size_t i = 0; i < designs.size(); ++i) {
    line(family.designs[designs[i]]);
    for (const auto& [name, values] : extra) (text += ',') += real_text(values[i]);
    text += '\n';
  }
  return text;
}

}  // namespace hone::run
