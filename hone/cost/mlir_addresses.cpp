#include "hone/cost/mlir_addresses.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace hone::cost::mlir {
namespace {

constexpr double kLargestUnit = 1099511627776.0;  // powers of two are looked at up to here

/// The largest power of two that a whole number is a multiple of.
double unit_of(double value) {
  value = std::abs(value);
  if (value == 0.0 || !std::isfinite(value) || value != std::floor(value))
    return value == 0.0 ? kLargestUnit : 1.0;
  double unit = 1.0;
  while (unit < kLargestUnit && std::fmod(value, unit * 2.0) == 0.0) unit *= 2.0;
  return unit;
}

/// Of two values in this order; what differs in it differs but for collisions of 64 bits.
std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 6U) + (hash >> 2U);
  hash *= 0xbf58476d1ce4e5b9ULL;
  return hash ^ (hash >> 31U);
}
std::uint64_t mixed(std::uint64_t hash, double value) {
  return mixed(hash, std::bit_cast<std::uint64_t>(value + 0.0));  // one zero
}
std::uint64_t mixed(std::uint64_t hash, int value) { return mixed(hash, static_cast<double>(value)); }

}  // namespace

class AddressCode::Builder {
 public:
  Builder(const Nest& nest, AddressCode& code) : nest_(nest), code_(code), around_(nest.loops.size(), false) {
    for (const Nest::Loop& one : nest.loops)
      for (int at = one.parent; at >= 0 && (one.trips > 1.0 || !one.known || one.shifted);
           at = loop(at).parent)
        around_[static_cast<std::size_t>(at)] = true;
  }

  void run(const std::vector<int>& accesses) {
    for (const int id : accesses) {
      const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(id)];
      if (access.buffer >= 0 && !access.apart) note(access);
    }
    std::vector<std::pair<int, Place>> places;
    for (const int id : accesses) {
      const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(id)];
      if (access.buffer >= 0 && !access.apart) places.emplace_back(id, place(access));
    }
    for (const auto& [id, at] : places) use(id, at);
    for (const auto& [id, at] : places) count(id, at);
  }

 private:
  /// The first that needs something, and whether another one does.
  struct Users {
    std::uint64_t first = 0;
    int count = 0;

    void add(std::uint64_t user) {
      if (count == 0) first = user;
      if (count == 0 || user != first) count = std::min(count + 1, 2);
    }
  };

  const Nest::Loop& loop(int id) const { return nest_.loops[static_cast<std::size_t>(id)]; }

  /// An index as loops' variables, each times its factor, and a constant.
  struct Sum {
    std::vector<std::pair<int, double>> terms;
    double constant = 0.0;
    int unknown = Nest::kNoValue;
    int where = -1;  ///< loop of what is unknown
  };
  Sum sum(const Nest::Index& index, int inside) const {
    std::map<int, double> left(index.terms.begin(), index.terms.end());
    Sum made;
    made.constant = index.constant;
    while (!left.empty()) {
      const auto [id, by] = *std::prev(left.end());
      left.erase(std::prev(left.end()));
      if (by == 0.0) continue;
      const double factor = by / std::max(1.0, loop(id).step);
      made.terms.emplace_back(id, factor);
      made.constant -= factor * loop(id).first.constant;
      for (const auto& [at, step] : loop(id).first.terms)
        if (at < id) left[at] -= factor * step;
    }
    std::reverse(made.terms.begin(), made.terms.end());
    if (!index.exact || index.indirect) {
      made.unknown = index.unknown;
      made.where = index.unknown != Nest::kNoValue ? index.within : inside;
    }
    return made;
  }
  static std::uint64_t key(const Sum& one) {
    std::uint64_t made = mixed(mixed(std::uint64_t{1}, one.constant), one.unknown);
    for (const auto& [id, by] : one.terms) made = mixed(mixed(made, id), by);
    return made;
  }
  static bool several(const Sum& one) {
    return one.unknown == Nest::kNoValue && !one.terms.empty() &&
           (one.terms.size() > 1 || one.constant != 0.0);
  }
  /// Elements from one position of a dimension to the next; 0 where that is not known.
  std::vector<double> strides(const Nest::Access& access) const {
    const Nest::Buffer& buffer = nest_.buffers[static_cast<std::size_t>(access.buffer)];
    std::vector<double> made(access.indices.size(), 1.0);
    double unit = 1.0;
    for (std::size_t k = access.indices.size(); k-- > 0;) {
      if (!buffer.strides.empty() && k < buffer.strides.size())
        unit = buffer.strides[k] == kDynamic ? 0.0 : static_cast<double>(buffer.strides[k]);
      made[k] = unit;
      if (buffer.strides.empty() && k < buffer.shape.size())
        unit *= buffer.shape[k] == kDynamic ? 0.0 : static_cast<double>(buffer.shape[k]);
    }
    return made;
  }

  /// Whether an index's constant has no bits in common with the rest.
  bool either(const Sum& one) const {
    double unit = kLargestUnit;
    for (const auto& [id, factor] : one.terms) unit = std::min(unit, part(id).unit * unit_of(factor));
    return one.constant > 0.0 && one.constant < unit;
  }

  /// The places that each index of several parts is part of.
  void note(const Nest::Access& access) {
    const std::vector<double> by = strides(access);
    std::uint64_t whole = 2;
    std::vector<std::uint64_t> joint;
    for (std::size_t k = 0; k < access.indices.size(); ++k) {
      const Sum one = sum(access.indices[k], access.loop);
      whole = mixed(mixed(whole, key(one)), by[k]);
      if (several(one)) joint.push_back(key(one));
    }
    for (const std::uint64_t one : joint) shared_[one].add(whole);
  }

  Part part(int id) const {
    Part made;
    made.loop = id;
    made.what = mixed(std::uint64_t{3}, id);
    const Nest::Loop& one = loop(id);
    made.unit = std::min(unit_of(one.step), unit_of(one.first.constant));
    for (const auto& [at, step] : one.first.terms) made.unit = std::min(made.unit, unit_of(step));
    // LLVM knows no bound of variables that other loops stand inside of.
    if (!around_[static_cast<std::size_t>(id)] && one.known && one.fixed && one.first.terms.empty() &&
        one.first.exact && one.first.constant >= 0.0)
      made.most = one.first.constant + std::max(0.0, one.most - 1.0) * one.step;
    return made;
  }

  Place place(const Nest::Access& access) {
    const std::vector<double> by = strides(access);
    Place made;
    std::map<int, double> variables;
    for (std::size_t k = 0; k < access.indices.size(); ++k) {
      const Sum one = sum(access.indices[k], access.loop);
      const auto found = shared_.find(key(one));
      if (found != shared_.end() && (found->second.count > 1 || either(one))) {
        made.parts.push_back(shared(one, found->first));
        made.parts.back().factor = by[k];
        continue;
      }
      made.constant += one.constant * by[k];
      for (const auto& [id, factor] : one.terms) variables[id] += factor * by[k];
      if (one.unknown != Nest::kNoValue || one.where != -1) {
        Part loaded;
        loaded.loop = one.where;
        loaded.kind = Part::Kind::loaded;
        loaded.what = mixed(std::uint64_t{4}, one.unknown);
        loaded.factor = by[k];
        made.parts.push_back(std::move(loaded));
      }
    }
    for (const auto& [id, factor] : variables) {
      if (factor == 0.0) continue;
      made.parts.push_back(part(id));
      made.parts.back().factor = factor;
    }
    std::stable_sort(made.parts.begin(), made.parts.end(), [](const Part& a, const Part& b) {
      return std::tuple(a.loop, a.kind, a.what) < std::tuple(b.loop, b.kind, b.what);
    });
    std::uint64_t what = 5;
    made.whats.push_back(what);
    for (const Part& one : made.parts) made.whats.push_back(what = mixed(mixed(what, one.what), one.factor));
    made.with = mixed(mixed(what, std::uint64_t{6}), made.constant);
    return made;
  }

  /// An index that several places share is computed once.
  Part shared(const Sum& one, std::uint64_t what) {
    Part made;
    made.loop = one.terms.back().first;
    made.kind = Part::Kind::shared;
    made.what = mixed(std::uint64_t{7}, what);
    made.unit = unit_of(one.constant);
    double most = one.constant;
    bool bounded = one.constant >= 0.0;
    for (const auto& [id, factor] : one.terms) {
      const Part variable = part(id);
      made.unit = std::min(made.unit, variable.unit * unit_of(factor));
      bounded = bounded && variable.most >= 0.0 && factor > 0.0;
      most += factor * variable.most;
    }
    if (bounded) made.most = most;
    if (counted_.insert(made.what).second) {
      for (const auto& [id, factor] : one.terms)
        if (factor != 1.0) product(part(id), factor);
      const double sums = static_cast<double>(one.terms.size()) - 1.0 + (one.constant != 0.0 ? 1.0 : 0.0);
      add(made.loop, one.terms.size() == 1, sums);
    }
    return made;
  }

  void add(int loop, bool own, double instructions) {
    Of& of = code_.loops_[static_cast<std::size_t>(loop + 1)];
    (own ? of.own : of.moving) += instructions;
  }
  void product(const Part& of, double factor) {
    if (counted_.insert(mixed(mixed(std::uint64_t{8}, of.what), factor)).second)
      add(of.loop, of.kind != Part::Kind::loaded, 1.0);
  }

  /// Whether the sum of the first parts and the next have no bits in common.
  static bool apart(const Place& at, std::size_t parts) {
    double unit = kLargestUnit;
    double most = 0.0;
    bool bounded = true;
    for (std::size_t i = 0; i < parts; ++i) {
      const Part& one = at.parts[i];
      unit = std::min(unit, one.unit * (one.factor == 0.0 ? 1.0 : unit_of(one.factor)));
      bounded = bounded && one.most >= 0.0 && one.factor > 0.0;
      most += one.factor * one.most;
    }
    const Part& next = at.parts[parts];
    if (next.most >= 0.0 && next.factor > 0.0 && next.most * next.factor < unit) return true;
    return bounded && next.factor != 0.0 && most < next.unit * unit_of(next.factor);
  }

  /// Whether a place's constant has no bits in common with the rest.
  static bool whole(const Place& at) {
    double unit = kLargestUnit;
    for (const Part& one : at.parts)
      unit = std::min(unit, one.unit * (one.factor == 0.0 ? 1.0 : unit_of(one.factor)));
    return at.constant > 0.0 && at.constant < unit;
  }

  /// Who needs each sum.
  void use(int id, const Place& at) {
    const std::size_t n = at.parts.size();
    if (n == 0) return;
    const int buffer = nest_.accesses[static_cast<std::size_t>(id)].buffer;
    for (std::size_t m = 2; m < n; ++m) users_[at.whats[m]].add(at.whats[m + 1]);
    // The sum with its constant is for every buffer its own.
    users_[at.whats[n]].add(mixed(mixed(std::uint64_t{9}, buffer), at.constant));
    if (at.constant != 0.0) users_[at.with].add(mixed(std::uint64_t{10}, buffer));
  }

  void count(int id, const Place& at) {
    const std::size_t n = at.parts.size();
    Folded& folded = code_.folded_[id];
    if (n == 0) {
      folded.constant = true;
      return;
    }
    for (const Part& part : at.parts)
      if (part.factor != 1.0) product(part, part.factor);
    const int innermost = at.parts.back().loop;
    bool address = true;  // what needs it is an address
    const bool own = std::all_of(at.parts.begin(), at.parts.end(), [&](const Part& part) {
      return part.loop == innermost && part.kind != Part::Kind::loaded;
    });
    if (at.constant != 0.0) {
      folded.constant = users_[at.with].count == 1 && !whole(at);
      if (!folded.constant) {
        address = false;
        if (counted_.insert(at.with).second) add(innermost, own, 1.0);
      }
    }
    for (std::size_t m = n; m >= 2; --m) {
      const std::uint64_t what = at.whats[m];
      address = address && users_[what].count == 1 && !apart(at, m - 1);
      if (address) {
        if (m == n) folded.last = innermost;
        continue;
      }
      const int where = at.parts[m - 1].loop;
      const bool alone = std::all_of(
          at.parts.begin(), at.parts.begin() + static_cast<std::ptrdiff_t>(m),
          [&](const Part& part) { return part.loop == where && part.kind != Part::Kind::loaded; });
      if (counted_.insert(what).second) add(where, alone, 1.0);
    }
    if (n == 1) folded.last = innermost;
  }

  const Nest& nest_;
  AddressCode& code_;
  std::vector<bool> around_;  ///< by loop: around another one that goes round
  std::unordered_map<std::uint64_t, Users> shared_, users_;
  std::unordered_set<std::uint64_t> counted_;
};

AddressCode::AddressCode(const Nest& nest, const std::vector<int>& accesses) : loops_(nest.loops.size() + 1) {
  Builder(nest, *this).run(accesses);
}

bool AddressCode::constant(int access, bool copied) const {
  const auto found = folded_.find(access);
  if (found == folded_.end()) return false;
  return found->second.constant || (copied && found->second.last >= 0);
}

}  // namespace hone::cost::mlir
