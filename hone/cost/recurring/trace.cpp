#include "hone/cost/recurring/trace.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/error.h"
#include "hone/base/files.h"
#include "hone/cost/csv.h"

namespace hone::cost {
namespace {

const std::vector<std::string>& trace_columns() {
  static const std::vector<std::string> names{"batch_size", "power_limit_w", "epochs", "seconds_per_epoch",
                                              "average_power_w"};
  return names;
}

std::vector<std::string> split_at(const std::string& text, char mark) {
  std::vector<std::string> parts{""};
  for (const char c : text) {
    if (c == mark)
      parts.emplace_back();
    else if (c != '\r' && !(c == ' ' && parts.back().empty()))
      parts.back() += c;
  }
  for (std::string& part : parts)
    while (!part.empty() && part.back() == ' ') part.pop_back();
  return parts;
}

constexpr double kLargest = 1e15;

double trace_number(const std::string& text, const Place& place, double low) {
  double value = 0.0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || !std::isfinite(value))
    throw Error(fmt::format("expected a number, found '{}'", text), place);
  if (!(value > low)) throw Error(fmt::format("must be above {}, found {}", low, text), place);
  // Their products are to stay finite.
  if (value > kLargest) throw Error(fmt::format("must be at most {:g}, found {}", kLargest, text), place);
  return value;
}

/// Epochs of a repeat; empty, inf, none and nan: not reached.
double trace_epochs(const std::string& text, const Place& place) {
  for (const char* word : {"", "inf", "Inf", "Infinity", "nan", "NaN", "NAN", "none"})
    if (text == word) return kInfinity;
  return trace_number(text, place, 0.0);
}

}  // namespace

double RecurringTrace::max_power_w() const {
  return batches.empty() || batches.begin()->second.by_limit.empty()
             ? 0.0
             : batches.begin()->second.by_limit.rbegin()->first;
}

double RecurringTrace::max_epochs() const {
  double most = 0.0;
  for (const auto& [size, batch] : batches)
    for (const double epochs : batch.epochs)
      if (std::isfinite(epochs)) most = std::max(most, epochs);
  return most;
}

RecurringTrace RecurringTrace::parse(const std::string& text, const std::string& file) {
  RecurringTrace trace;
  std::vector<int> where;  // of each column that we want, in the line
  std::size_t width = 0;
  std::map<std::pair<std::int64_t, double>, int> counted;
  std::map<std::pair<std::int64_t, double>, std::vector<double>> epochs;
  int number = 0;
  for (const std::string& line : split_at(std::string(without_mark(text)), '\n')) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    const auto read = csv_cells(line);
    if (!read)
      throw Error("a quoted cell does not end on its line, or something follows it", Place{file, number, ""});
    const std::vector<std::string>& cells = *read;
    if (where.empty()) {
      for (const std::string& name : trace_columns()) {
        const auto found = std::find(cells.begin(), cells.end(), name);
        if (found == cells.end())
          throw Error(fmt::format("has no column '{}'", name), Place{file, number, ""},
                      fmt::format("the first line names the columns: {}", fmt::join(trace_columns(), ",")));
        if (std::find(found + 1, cells.end(), name) != cells.end())
          throw Error(fmt::format("has the column '{}' twice", name), Place{file, number, ""});
        where.push_back(static_cast<int>(found - cells.begin()));
      }
      width = cells.size();
      continue;
    }
    if (cells.size() != width)
      throw Error(fmt::format("has {} cells where the first line has {}", cells.size(), width),
                  Place{file, number, ""});
    const auto cell = [&](int column) {
      return cells[static_cast<std::size_t>(where[static_cast<std::size_t>(column)])];
    };
    const auto place = [&](int column) {
      return Place{file, number, trace_columns()[static_cast<std::size_t>(column)]};
    };
    const double size = trace_number(cell(0), place(0), 0.0);
    if (size != std::floor(size) || size > 1e15) throw Error("must be a whole number", place(0));
    const auto batch_size = static_cast<std::int64_t>(size);
    const double limit = trace_number(cell(1), place(1), 0.0);
    Batch& batch = trace.batches[batch_size];
    for (const std::string& one : split_at(cell(2), ';'))
      epochs[{batch_size, limit}].push_back(trace_epochs(one, place(2)));
    Point& point = batch.by_limit[limit];
    const double n = ++counted[{batch_size, limit}];
    point.seconds_per_epoch += (trace_number(cell(3), place(3), 0.0) - point.seconds_per_epoch) / n;
    point.average_power_w += (trace_number(cell(4), place(4), 0.0) - point.average_power_w) / n;
  }
  if (trace.batches.empty()) throw Error("holds no measurements", Place{file, 0, ""});
  const auto& all = trace.batches.begin()->second.by_limit;
  for (auto& [size, batch] : trace.batches) {
    const bool same = batch.by_limit.size() == all.size() &&
                      std::equal(all.begin(), all.end(), batch.by_limit.begin(),
                                 [](const auto& a, const auto& b) { return a.first == b.first; });
    if (!same)
      throw Error(fmt::format("batch sizes {} and {} have different power limits",
                              trace.batches.begin()->first, size),
                  Place{file, 0, ""}, "measure every batch size under every limit");
    // The epochs of a batch size do not depend on the limit (section 4.2): all its lines tell of them.
    for (const auto& [limit, point] : batch.by_limit) {
      const auto& repeats = epochs[{size, limit}];
      batch.epochs.insert(batch.epochs.end(), repeats.begin(), repeats.end());
    }
  }
  return trace;
}

RecurringTrace RecurringTrace::read(const std::string& path) { return parse(read_file(path), path); }

std::string RecurringTrace::csv() const {
  std::string text = fmt::format("{}\n", fmt::join(trace_columns(), ","));
  for (const auto& [size, batch] : batches) {
    std::vector<std::string> repeats;
    for (const double epochs : batch.epochs)
      repeats.push_back(std::isfinite(epochs) ? real_text(epochs) : "inf");
    for (const auto& [limit, point] : batch.by_limit) {
      text += fmt::format("{},{},{},{},{}\n", size, real_text(limit), fmt::join(repeats, ";"),
                          real_text(point.seconds_per_epoch), real_text(point.average_power_w));
    }
  }
  return text;
}

}  // namespace hone::cost
