#include "hone/cost/mlir_addresses.h"

#include <algorithm>
#include <cmath>
#include <set>
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
  using Key = std::vector<double>;

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
  static Key key(const Sum& one) {
    Key made = {one.constant, static_cast<double>(one.unknown)};
    for (const auto& [id, by] : one.terms) made.push_back(id), made.push_back(by);
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
    Key whole;
    for (std::size_t k = 0; k < access.indices.size(); ++k) {
      const Key one = key(sum(access.indices[k], access.loop));
      whole.insert(whole.end(), one.begin(), one.end());
      whole.push_back(by[k]);
    }
    for (const Nest::Index& index : access.indices)
      if (const Sum one = sum(index, access.loop); several(one)) shared_[key(one)].insert(whole);
  }

  Part part(int id) const {
    Part made;
    made.loop = id;
    made.what = {0.0, static_cast<double>(id)};
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
      if (found != shared_.end() && (found->second.size() > 1 || either(one))) {
        made.parts.push_back(shared(one, found->first));
        made.parts.back().factor = by[k];
        continue;
      }
      made.constant += one.constant * by[k];
      for (const auto& [id, factor] : one.terms) variables[id] += factor * by[k];
      if (one.unknown != Nest::kNoValue || one.where != -1) {
        Part loaded;
        loaded.loop = one.where;
        loaded.what = {1.0, static_cast<double>(one.unknown)};
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
      return std::pair(a.loop, a.what) < std::pair(b.loop, b.what);
    });
    return made;
  }

  /// An index that several places share is computed once.
  Part shared(const Sum& one, const Key& what) {
    Part made;
    made.loop = one.terms.back().first;
    made.what = {2.0};
    made.what.insert(made.what.end(), what.begin(), what.end());
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
    Key what = of.what;
    what.push_back(factor);
    what.push_back(-1.0);
    if (counted_.insert(std::move(what)).second) add(of.loop, of.what[0] != 1.0, 1.0);
  }

  static Key prefix(const Place& at, std::size_t parts) {
    Key made;
    for (std::size_t i = 0; i < parts; ++i) {
      made.insert(made.end(), at.parts[i].what.begin(), at.parts[i].what.end());
      made.push_back(at.parts[i].factor);
      made.push_back(-2.0);
    }
    return made;
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
    const double buffer = nest_.accesses[static_cast<std::size_t>(id)].buffer;
    for (std::size_t m = 2; m < n; ++m) users_[prefix(at, m)].insert(prefix(at, m + 1));
    // The sum with its constant is for every buffer its own.
    users_[prefix(at, n)].insert({-3.0, buffer, at.constant});
    if (at.constant != 0.0) {
      Key with = prefix(at, n);
      with.push_back(at.constant);
      with.push_back(-4.0);
      users_[with].insert({-3.0, buffer});
    }
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
      return part.loop == innermost && part.what[0] != 1.0;
    });
    if (at.constant != 0.0) {
      Key with = prefix(at, n);
      with.push_back(at.constant);
      with.push_back(-4.0);
      folded.constant = users_[with].size() == 1 && !whole(at);
      if (!folded.constant) {
        address = false;
        if (counted_.insert(with).second) add(innermost, own, 1.0);
      }
    }
    for (std::size_t m = n; m >= 2; --m) {
      const Key what = prefix(at, m);
      address = address && users_[what].size() == 1 && !apart(at, m - 1);
      if (address) {
        if (m == n) folded.last = innermost;
        continue;
      }
      const int where = at.parts[m - 1].loop;
      const bool alone =
          std::all_of(at.parts.begin(), at.parts.begin() + static_cast<std::ptrdiff_t>(m),
                      [&](const Part& part) { return part.loop == where && part.what[0] != 1.0; });
      if (counted_.insert(what).second) add(where, alone, 1.0);
    }
    if (n == 1) folded.last = innermost;
  }

  const Nest& nest_;
  AddressCode& code_;
  std::vector<bool> around_;  ///< by loop: around another one that goes round
  std::map<Key, std::set<Key>> shared_, users_;
  std::set<Key> counted_;
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
