#include "hone/task/split.h"

#include <algorithm>
#include <numeric>

namespace hone::task {

namespace {

using Shares = std::array<double, 3>;

std::size_t neediest(const Shares& wanted, const Shares& given, bool empty_only) {
  std::size_t best = 3;
  for (std::size_t split = 0; split < 3; ++split) {
    if (empty_only && given[split] > 0.0) continue;
    if (best == 3 || wanted[split] - given[split] > wanted[best] - given[best]) best = split;
  }
  return best;
}

/// The split of each group, and the bytes that each split has.
struct Parts {
  std::vector<std::size_t> split;
  Shares given{};
};

Parts assign(const std::vector<std::size_t>& order, const std::vector<double>& sizes, const Shares& wanted) {
  Parts result{std::vector<std::size_t>(sizes.size(), 0), {}};
  std::size_t left = order.size();
  for (std::size_t group : order) {
    const auto empty = static_cast<std::size_t>(std::count(result.given.begin(), result.given.end(), 0.0));
    const std::size_t split = neediest(wanted, result.given, empty > 0 && left <= empty);
    result.split[group] = split;
    result.given[split] += sizes[group];
    --left;
  }
  return result;
}

/// A place near `at` to cut: behind a line end not further than a tenth of `part` away, else between two
/// characters.
std::size_t cut_near(const std::string& text, std::size_t at, std::size_t part) {
  if (at >= text.size()) return text.size();
  const std::size_t reach = std::min<std::size_t>(part / 10, 4096);
  for (std::size_t step = 0; step <= reach; ++step) {
    if (at >= step + 1 && text[at - step - 1] == '\n') return at - step;
    if (at + step < text.size() && text[at + step] == '\n') return at + step + 1;
  }
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

void append(SplitTexts& result, std::size_t split, std::string_view text, const std::string& name) {
  if (text.empty()) return;
  std::string& all = result.texts[split];
  if (!all.empty() && all.back() != '\n') all += '\n';
  all += text;
  result.files[split].push_back(name);
}

/// Cuts the files of a group, laid end to end, into parts of the wanted sizes in bytes.
void cut(SplitTexts& result, std::vector<TextFile>& files, const std::vector<std::size_t>& group,
         const Shares& wanted) {
  result.by_position = true;
  const std::array<double, 2> cuts = {wanted[0], wanted[0] + wanted[1]};
  const auto smallest = static_cast<std::size_t>(*std::min_element(wanted.begin(), wanted.end()));
  std::size_t split = 0;
  double before = 0.0;  // bytes of the files so far
  for (std::size_t index : group) {
    TextFile& file = files[index];
    std::size_t from = 0;
    for (; split < 2 && cuts[split] < before + static_cast<double>(file.text.size()); ++split) {
      const auto at = static_cast<std::size_t>(std::max(cuts[split] - before, 0.0));
      const std::size_t to = std::max(from, cut_near(file.text, at, smallest));
      append(result, split, std::string_view(file.text).substr(from, to - from), file.name);
      from = to;
    }
    append(result, split, std::string_view(file.text).substr(from), file.name);
    before += static_cast<double>(file.text.size());
    std::string().swap(file.text);
  }
}

}  // namespace

SplitTexts split_texts(std::vector<TextFile>& files, const std::vector<std::vector<std::size_t>>& groups,
                       const std::array<double, 3>& shares) {
  std::vector<double> sizes;
  for (const auto& group : groups) {
    double size = 0.0;
    for (std::size_t file : group) size += static_cast<double>(files[file].text.size());
    sizes.push_back(size);
  }
  const double total = std::accumulate(sizes.begin(), sizes.end(), 0.0);
  std::vector<std::size_t> order(groups.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return sizes[a] > sizes[b]; });

  Shares wanted;
  for (std::size_t split = 0; split < 3; ++split) wanted[split] = shares[split] * total;
  Parts assignment = assign(order, sizes, wanted);
  bool whole = groups.size() >= 3 && sizes[order[0]] <= 0.85 * total;
  for (std::size_t split = 0; split < 3; ++split) whole &= assignment.given[split] >= 0.25 * wanted[split];

  SplitTexts result;
  std::size_t largest = groups.size();
  if (!whole) {
    largest = order[0];
    order.erase(order.begin());
    // The others find their places first; the largest group then fills what each split lacks.
    assignment = {std::vector<std::size_t>(groups.size(), 0), {}};
    for (std::size_t group : order) {
      const std::size_t split = neediest(wanted, assignment.given, false);
      assignment.split[group] = split;
      assignment.given[split] += sizes[group];
    }
    Shares lacking;
    for (std::size_t split = 0; split < 3; ++split)
      lacking[split] = std::max(wanted[split] - assignment.given[split], 0.0);
    const double sum = lacking[0] + lacking[1] + lacking[2];
    for (double& part : lacking) part *= sizes[largest] / sum;
    cut(result, files, groups[largest], lacking);
  }
  std::vector<std::pair<std::size_t, std::size_t>> rest;  // (file, split), in the order of names
  for (std::size_t group = 0; group < groups.size(); ++group)
    if (group != largest)
      for (std::size_t file : groups[group]) rest.emplace_back(file, assignment.split[group]);
  std::sort(rest.begin(), rest.end());
  for (const auto& [file, split] : rest) {
    append(result, split, files[file].text, files[file].name);
    std::string().swap(files[file].text);
  }
  return result;
}

}  // namespace hone::task
