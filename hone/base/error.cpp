#include "hone/base/error.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>

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

/// Letters to change, add, leave out, or exchange with their neighbour.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::string nearest(const std::string& found, const std::vector<std::string>& allowed) {
  std::string best;
  // Of a single letter any other one would be near, and of four letters half of them are another word, unless
  // one of the two only goes on.
  std::size_t best_distance = found.size() < 2 ? 1 : (found.size() + 2) / 3 + 1;
  const std::string word = lowered(found);
  for (const auto& name : allowed) {
    const std::string other = lowered(name);
    const std::size_t distance = edit_distance(word, other);
    const bool goes_on = other.starts_with(word) || word.starts_with(other);
    if (distance < best_distance && (goes_on || found.size() > 4 || distance < 2)) {
      best_distance = distance;
      best = name;
    }
  }
  return best;
}

std::string suggest(const std::string& found, const std::vector<std::string>& allowed) {
  if (allowed.empty()) return "there are none to choose from";
  const std::string best = nearest(found, allowed);
  std::string text = best.empty() ? "" : fmt::format("did you mean '{}'? ", best);
  return text + fmt::format("allowed: {}", fmt::join(allowed, ", "));
}

}  // namespace hone
