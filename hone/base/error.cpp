#include "hone/base/error.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hone {

std::string Place::prefix() const {
  std::string text;
  if (!file.empty()) text += file + ":";
  if (line > 0 && (!file.empty() || column > 0)) text += fmt::format("{}:", line);
  if (line > 0 && column > 0) text += fmt::format("{}:", column);
  if (!text.empty()) text += " ";
  if (!key.empty()) text += key + ": ";
  return text;
}

Error::Error(const std::string& message, Place place, std::string hint, Fault fault)
    : std::runtime_error(place.prefix() + message + (hint.empty() ? "" : "; " + hint)),
      message_(message),
      place_(std::move(place)),
      hint_(std::move(hint)),
      fault_(fault) {}

Error environment_error(const std::string& message, std::string hint) {
  return Error(message, {}, std::move(hint), Fault::environment);
}

Error internal_error(const std::string& message) {
  return Error(message, {}, "this is a fault in hone; please report it", Fault::internal);
}

namespace {

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest(const std::string& found, const std::vector<std::string>& allowed) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, (found.size() + 2) / 3) + 1;
  for (const auto& name : allowed) {
    const std::size_t distance = edit_distance(found, name);
    if (distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  }
  return best;
}

std::string suggest(const std::string& found, const std::vector<std::string>& allowed) {
  const std::string best = nearest(found, allowed);
  std::string text = best.empty() ? "" : fmt::format("did you mean '{}'? ", best);
  return text + fmt::format("allowed: {}", fmt::join(allowed, ", "));
}

}  // namespace hone
