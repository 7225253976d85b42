// Loops that LLVM gives up because it would have to check, when they run, where their accesses are.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "hone/base/mix.h"
#include "hone/cost/mlir/vectorising.h"

namespace hone::cost::mlir {

namespace {

/// Instructions of a loop's first block among which a sum must be for its flags to be believed: so far
/// ScalarEvolution looks for something that keeps it from being reached (isGuaranteedToTransferExecution).
constexpr double kBelieved = 32.0;
constexpr std::size_t kMostWalked =
    20000;  // items of copies, most of which add nothing where there are so many
// Of more places than AliasSetTracker tells apart (alias-set-saturation-threshold) any two may be one.
constexpr double kSaturated = 250.0;
// Loops so short are not worth a check (TinyTripCountVectorThreshold); others so many of places that may wrap
// (vectorize-scev-check-threshold).
constexpr double kShort = 16.0, kMostChecked = 16.0;

}  // namespace

/// What a loop does to a memory (Nest::memory).
struct Vectorising::Touched {
  double accesses = 0.0;
  bool stored = false, strided = false;
  std::set<int> buffers;

  /// Whether its accesses may depend on each other.
  bool depends() const { return stored && accesses > 1.0; }
};

/// The instructions that a loop begins with, as far as flags are believed.
class Vectorising::Header {
 public:
  Header(const Vectorising& all, int id)
      : all_(all), id_(id), places_(all.places()), items_(all.at_[static_cast<std::size_t>(id + 1)]) {
    walk(0, items_.size(), id);
  }

  /// Copies of a sum that are among them.
  double believed(std::uint64_t what) const {
    const auto found = sums_.find(what);
    return found == sums_.end() ? 0.0 : static_cast<double>(found->second.size());
  }

 private:
  const Lowered::Item& item(std::size_t at) const { return all_.lowered_.items[items_[at]]; }
  /// The loop directly inside `at` that an item was written in; `at` where it stands in that itself.
  int below(const Lowered::Item& item, int at) const {
    int found = all_.around(item);
    if (found == at) return at;
    while (found >= 0 && all_.loop(found).parent != at) found = all_.loop(found).parent;
    return found < 0 ? at : found;
  }

  /// Items written in a loop, copy by copy of the loops in it.
  void walk(std::size_t from, std::size_t to, int at) {
    for (std::size_t i = from; i < to && position_ <= kBelieved;) {
      const int inside = below(item(i), at);
      if (inside == at) {
        add(item(i++));
        continue;
      }
      std::size_t end = i;
      while (end < to && below(item(end), at) == inside) ++end;
      const double copies = all_.copies_of(inside);
      for (double k = 0.0; k < copies && position_ <= kBelieved && walked_ < kMostWalked; k += 1.0) {
        walked_ += end - i;
        copy_.emplace_back(inside, k);
        walk(i, end, inside);
        copy_.pop_back();
      }
      i = end;
    }
  }

  void add(const Lowered::Item& item) {
    std::uint64_t copy = 0;
    for (const auto& [by, k] : copy_) {
      const bool copied = std::find(item.copied_by.begin(), item.copied_by.end(), by) != item.copied_by.end();
      if (copied) copy = mixed(mixed(copy, by), k);
      if (!copied && k > 0.0) return;  // the same as in the copy before
    }
    if (item.step >= 0) {
      if (!all_.nest_.steps[static_cast<std::size_t>(item.step)].address) position_ += 1.0;
      return;
    }
    // What a loop makes for it is there once for all copies of the loops inside.
    bool first = true;
    for (std::size_t c = copy_.size(); c-- > 0 && first;) {
      position_ += places_.made(item.access, copy_[c].first);
      first = copy_[c].second == 0.0;
    }
    if (first) position_ += places_.made(item.access, id_);
    if (position_ <= kBelieved + 1.0)
      for (const AddressCode::Sum& sum : places_.sums(item.access)) sums_[sum.what].insert(copy);
    // The address, where none is there yet, and what is done there.
    position_ += addresses_.emplace(all_.place_of(item), copy).second ? 2.0 : 1.0;
  }

  const Vectorising& all_;
  int id_;
  const AddressCode& places_;
  const std::vector<std::size_t>& items_;
  std::vector<std::pair<int, double>> copy_;  ///< loops written out and which copy it is
  double position_ = 1.0;                     ///< the loop's variable comes first
  std::size_t walked_ = 0;                    ///< items, of copies
  std::set<std::pair<NumberKey, std::uint64_t>> addresses_;
  std::map<std::uint64_t, std::set<std::uint64_t>> sums_;  ///< copies of each
};

NumberKey Vectorising::place_of(const Lowered::Item& item) const {
  const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
  NumberKey place = row_of_access(access, item.copies);
  if (!access.indices.empty()) place.push_back(access.indices.back().constant);
  return place;
}

bool Vectorising::bounded(int id) const { return loop(id).known && !loop(id).several_bounds; }

AddressCode::Sum Vectorising::moved_by(int id, int access) const {
  AddressCode::Sum found;
  for (const AddressCode::Sum& sum : places().sums(access)) {
    if (home_of(sum.last) != id) continue;
    // The variable of a loop written out that begins where one outside stands does not move in this one.
    const bool begins_outside =
        sum.last != id && std::ranges::any_of(loop(sum.last).first.terms,
                                              [&](const auto& term) { return home_of(term.first) != id; });
    if (begins_outside || home_of(sum.first) != id) found = sum;
    if (begins_outside) break;
  }
  return found;
}

double Vectorising::wrapping(int id, const std::map<int, Touched>& memories) const {
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  std::map<std::uint64_t, std::set<int>> buffers;  // by sum: those whose places need it
  for (const std::size_t i : here)
    if (const int access = lowered_.items[i].access; access >= 0)
      for (const AddressCode::Sum& sum : places().sums(access))
        buffers[sum.what].insert(nest_.accesses[static_cast<std::size_t>(access)].buffer);
  const Header header(*this, id);
  std::map<NumberKey, double> checked;  // copies of each place
  for (const std::size_t i : here) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.access < 0 || !(std::abs(item.stride) > 1.0)) continue;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    const auto memory = memories.find(memory_of(access));
    if (memory == memories.end() || !memory->second.depends()) continue;
    const AddressCode::Sum sum = moved_by(id, item.access);
    double copies = 0.0;
    // A sum that only one buffer's places need has become part of their addresses.
    if (sum.what != 0 && (sum.either || buffers[sum.what].size() > 1)) {
      const bool known =
          bounded(id) && std::ranges::all_of(access.indices, [&](const Nest::Index& index) {
            return std::ranges::all_of(index.terms, [&](const auto& term) { return bounded(term.first); });
          });
      const double believed = sum.either || !known ? 0.0 : header.believed(sum.what);
      copies = sum.last != id ? std::max(0.0, item.copies - believed) : believed > 0.0 ? 0.0 : item.copies;
    } else if (int power = 0; !bounded(id) && std::frexp(std::abs(item.stride), &power) == 0.5) {
      copies = item.copies;  // by a shift, which says nothing of wrapping
    }
    double& most = checked[place_of(item)];
    most = std::max(most, copies);
  }
  double total = 0.0;
  for (const auto& [place, copies] : checked) total += copies;
  return total;
}

bool Vectorising::too_many_checks(int id, const Lowered::Body& body) const {
  const std::vector<std::size_t>& here = at_[static_cast<std::size_t>(id + 1)];
  std::map<int, Touched> memories;
  std::set<NumberKey> seen;
  double places = 0.0;
  for (const std::size_t i : here) {
    const Lowered::Item& item = lowered_.items[i];
    if (item.access < 0) continue;
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    Touched& memory = memories[memory_of(access)];
    memory.accesses += item.copies;
    memory.stored = memory.stored || access.store;
    memory.strided = memory.strided || std::abs(item.stride) > 1.0;
    memory.buffers.insert(access.buffer);
    if (seen.insert(place_of(item)).second) places += item.copies;
  }
  const Nest::Loop& one = loop(id);
  const bool short_loop = one.known && (body.fixed ? one.most : one.span) < kShort;
  std::size_t buffers = 0;
  bool stores = false;
  for (const auto& [memory, touched] : memories) {
    buffers += touched.buffers.size();
    stores = stores || touched.stored;
    if (short_loop && touched.stored && touched.buffers.size() > 1) return true;  // they may be one
  }
  if (stores && buffers > 1 && places > kSaturated) return true;
  if (std::ranges::none_of(memories, [](const auto& entry) { return entry.second.depends(); })) return false;
  for (const std::size_t i : here)
    if (const int access = lowered_.items[i].access; access >= 0)
      if (memories.at(memory_of(nest_.accesses[static_cast<std::size_t>(access)])).depends() &&
          this->places().lost_in(access) == id)
        return true;
  return std::ranges::any_of(
             memories, [](const auto& entry) { return entry.second.depends() && entry.second.strided; }) &&
         wrapping(id, memories) > (short_loop ? 0.0 : kMostChecked);
}

}  // namespace hone::cost::mlir
