#include "hone/cost/mlir/addresses.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "hone/base/mix.h"
#include "hone/base/numbers.h"
#include "hone/cost/mlir/index_sum.h"

namespace hone::cost::mlir {
namespace {

constexpr double kLargestUnit = 1099511627776.0;  // powers of two are looked at up to here

}  // namespace

double unit_of(double value) {
  value = std::abs(value);
  if (value == 0.0 || !std::isfinite(value) || value != std::floor(value))
    return value == 0.0 ? kLargestUnit : 1.0;
  double unit = 1.0;
  while (unit < kLargestUnit && std::fmod(value, unit * 2.0) == 0.0) unit *= 2.0;
  return unit;
}

class AddressCode::Builder {
 public:
  Builder(const Nest& nest, AddressCode& code, const std::vector<int>* homes)
      : nest_(nest), code_(code), homes_(homes), around_(nest.loops.size(), false) {
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
      now_ = id;
      if (access.buffer >= 0 && !access.apart) places.emplace_back(id, place(access));
    }
    for (const auto& [id, at] : places) use(id, at);
    for (const auto& [id, at] : places) {
      now_ = id;
      count(id, at);
    }
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

  IndexSum sum(const Nest::Index& index, int inside) { return index_sum(nest_, index, inside, unlike_); }

  /// Elements from one position of a dimension to the next; NaN where that is not known.
  Few<double> strides(const Nest::Access& access) const {
    Strides of(nest_.buffers[static_cast<std::size_t>(access.buffer)], kNaN, kNaN);
    Few<double> made(access.indices.size(), 1.0);
    for (std::size_t k = access.indices.size(); k-- > 0;) made[k] = of.of(k);
    return made;
  }

  /// Whether an index's constant has no bits in common with the rest.
  bool either(const IndexSum& one) const {
    double unit = kLargestUnit;
    for (const auto& [id, factor] : one.terms) unit = std::min(unit, part(id).unit * unit_of(factor));
    return one.constant > 0.0 && one.constant < unit;
  }

  /// Whether copies of loops written out make an index another part and a constant.
  bool constant_in_copies(const IndexSum& one) const {
    return homes_ != nullptr && std::ranges::any_of(one.terms, [&](const auto& term) {
             return (*homes_)[static_cast<std::size_t>(term.first)] != term.first &&
                    !loop(term.first).shifted;
           });
  }

  /// The places that each index of several parts is part of.
  void note(const Nest::Access& access) {
    const Few<double> by = strides(access);
    // No two buffers share what is computed with strides of their own.
    const bool own = std::any_of(by.begin(), by.end(), [](double stride) { return std::isnan(stride); });
    std::uint64_t whole = mixed(2, own ? access.buffer : -1);
    Few<std::uint64_t> joint;
    for (std::size_t k = 0; k < access.indices.size(); ++k) {
      const IndexSum one = sum(access.indices[k], access.loop);
      whole = mixed(mixed(whole, one.key()), by[k]);
      if (one.several()) joint.push_back(one.key());
    }
    for (const std::uint64_t one : joint) shared_[one].add(whole);
  }

  Part part(int id) const {
    Part made;
    made.loop = id;
    made.what = mixed(3, id);
    const Nest::Loop& one = loop(id);
    made.unit = std::min(unit_of(one.step), unit_of(one.first.constant));
    for (const auto& [at, step] : one.first.terms) made.unit = std::min(made.unit, unit_of(step));
    const bool known = one.first.exact && !one.first.indirect && one.first.offset == 0;
    if (!known) made.unit = 1.0;
    // LLVM knows no bound of variables that other loops stand inside of.
    if (!around_[static_cast<std::size_t>(id)] && one.known && one.fixed && known &&
        one.first.terms.empty() && one.first.constant >= 0.0)
      made.most = one.first.constant + std::max(0.0, one.most - 1.0) * one.step;
    return made;
  }

  Place place(const Nest::Access& access) {
    const Few<double> by = strides(access);
    Place made;
    made.parts.reserve(4);
    FewByKey<int, double> variables;
    FewByKey<int, int> stands;
    for (std::size_t k = 0; k < access.indices.size(); ++k) {
      const IndexSum one = sum(access.indices[k], access.loop);
      if (std::isnan(by[k])) {
        if (!one.terms.empty() || one.loaded != 0)
          made.parts.push_back(scaled(one, access.buffer, k));
        else if (one.constant != 0.0 || one.offset != 0)
          made.parts.push_back(loaded(-1, mixed(mixed(mixed(16, one.key()), access.buffer), k), 1.0));
        continue;
      }
      const auto found = shared_.find(one.key());
      // A product of an `or` that nothing else needs is a sum of products.
      if (found != shared_.end() && (found->second.count > 1 || (by[k] == 1.0 && either(one))) &&
          !constant_in_copies(one)) {
        made.parts.push_back(shared(one, found->first));
        made.parts.back().factor = by[k];
        made.parts.back().either = found->second.count == 1 && by[k] == 1.0;
        continue;
      }
      if (!one.terms.empty() && (by[k] != 1.0 || one.terms.size() > 1))
        made.products.emplace_back(Product{one.terms.back().first, one.terms.size() == 1 && one.offset == 0},
                                   one.terms.size() > 1 ? one.key() : 0);
      made.constant += one.constant * by[k];
      for (std::size_t t = 0; t < one.terms.size(); ++t) {
        const auto& [id, factor] = one.terms[t];
        variables[id] += factor * by[k];
        stands[id] = std::max(stands[id], one.stands[t]);
      }
      if (one.loaded != 0) made.parts.push_back(loaded(one.where, one.loaded, by[k]));
      if (one.offset != 0) made.parts.push_back(loaded(-1, mixed(12, one.offset), by[k]));
    }
    for (const auto& [id, factor] : variables) {
      if (factor == 0.0) continue;
      made.parts.push_back(part(id));
      made.parts.back().factor = factor;
      stand(made.parts.back(), stands[id]);
    }
    std::stable_sort(made.parts.begin(), made.parts.end(), [](const Part& a, const Part& b) {
      return std::tuple(a.loop, a.kind, a.what) < std::tuple(b.loop, b.kind, b.what);
    });
    std::uint64_t what = 5;
    made.whats.reserve(made.parts.size() + 1);
    made.whats.push_back(what);
    for (const Part& one : made.parts) made.whats.push_back(what = mixed(mixed(what, one.what), one.factor));
    made.with = mixed(mixed(what, 6), made.constant);
    return made;
  }

  /// Of a variable that loops inside hand on that go round once: nothing moves it out of those, and when they
  /// are gone nothing looks any more.
  void stand(Part& part, int where) const {
    if (where == part.loop || homes_ != nullptr) return;
    part.loop = where;
    part.handed_on = true;
    part.what = mixed(mixed(17, part.what), where);
  }

  static Part loaded(int loop, std::uint64_t what, double factor) {
    Part made;
    made.kind = Part::Kind::loaded;
    made.loop = loop;
    made.what = what;
    made.factor = factor;
    return made;
  }

  /// An index times a stride that is known when it runs.
  Part scaled(const IndexSum& one, int buffer, std::size_t dimension) {
    const int moved = one.terms.empty() ? -1 : one.terms.back().first;
    const Part made = loaded(std::max(moved, one.loaded != 0 ? one.where : -1),
                             mixed(mixed(mixed(13, one.key()), buffer), dimension), 1.0);
    const double parts = static_cast<double>(one.terms.size()) + (one.constant != 0.0 ? 1.0 : 0.0) +
                         (one.loaded != 0 ? 1.0 : 0.0) + (one.offset != 0 ? 1.0 : 0.0);
    // The sums and the product.
    if (counted_.insert(made.what).second) add(made.loop, false, parts);
    return made;
  }

  /// An index that several places share is computed once.
  Part shared(const IndexSum& one, std::uint64_t what) {
    Part made;
    made.loop = std::ranges::max(one.stands);
    made.handed_on = made.loop != one.terms.back().first;
    made.kind = Part::Kind::shared;
    made.what = made.handed_on ? mixed(mixed(18, what), made.loop) : mixed(7, what);
    made.first = one.stands.front();
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
      for (std::size_t t = 0; t < one.terms.size(); ++t) {
        Part variable = part(one.terms[t].first);
        stand(variable, one.stands[t]);
        if (one.terms[t].second != 1.0) product(variable, one.terms[t].second);
      }
      const double sums = static_cast<double>(one.terms.size()) - 1.0 + (one.constant != 0.0 ? 1.0 : 0.0);
      add(made.loop, one.terms.size() == 1 && !made.handed_on, sums);
    }
    return made;
  }

  void add(int loop, bool own, double instructions) {
    Of& of = code_.loops_[static_cast<std::size_t>(loop + 1)];
    (own ? of.own : of.moving) += instructions;
    if (homes_ != nullptr) code_.made_[{now_, loop}] += instructions;
  }
  void product(const Part& of, double factor) {
    if (!counted_.insert(mixed(mixed(8, of.what), factor)).second) return;
    add(of.loop, of.kind != Part::Kind::loaded && !of.handed_on, 1.0);
    if (of.handed_on) code_.loops_[static_cast<std::size_t>(of.loop + 1)].handed_on += 1.0;
    if (unit_of(factor) != std::abs(factor))
      code_.loops_[static_cast<std::size_t>(of.loop + 1)].products += 1.0;
  }

  /// The largest power of two that the sum of the first parts is a multiple of.
  static double unit_of_sum(const Place& at, std::size_t parts) {
    double unit = kLargestUnit;
    for (std::size_t i = 0; i < parts; ++i)
      unit = std::min(unit, at.parts[i].unit * unit_of(at.parts[i].factor));
    return unit;
  }

  /// Whether the sum of the first parts and the next have no bits in common.
  static bool apart(const Place& at, std::size_t parts) {
    const double unit = unit_of_sum(at, parts);
    double most = 0.0;
    bool bounded = true;
    for (std::size_t i = 0; i < parts; ++i) {
      const Part& one = at.parts[i];
      bounded = bounded && one.most >= 0.0 && one.factor > 0.0;
      most += one.factor * one.most;
    }
    const Part& next = at.parts[parts];
    if (next.most >= 0.0 && next.factor > 0.0 && next.most * next.factor < unit) return true;
    return bounded && next.factor != 0.0 && most < next.unit * unit_of(next.factor);
  }

  /// Whether a place's constant has no bits in common with the rest.
  static bool whole(const Place& at) {
    return at.constant > 0.0 && at.constant < unit_of_sum(at, at.parts.size());
  }

  /// Who needs each sum.
  void use(int id, const Place& at) {
    const std::size_t n = at.parts.size();
    if (n == 0) return;
    const int buffer = nest_.accesses[static_cast<std::size_t>(id)].buffer;
    for (std::size_t m = 2; m < n; ++m)
      users_[at.whats[m]].add(homes_ != nullptr ? mixed(9, buffer) : at.whats[m + 1]);
    // The sum with its constant is for every buffer its own.
    users_[at.whats[n]].add(homes_ != nullptr ? mixed(9, buffer) : mixed(mixed(9, buffer), at.constant));
    if (at.constant != 0.0) users_[at.with].add(mixed(10, buffer));
    if (homes_ == nullptr || n < 2 || !apart(at, n - 1)) return;
    Row& row = rows_[at.whats[n - 1]];
    row.places.add(at.with);
    row.either = row.either || at.parts.back().either;
  }

  void count(int id, const Place& at) {
    const std::size_t n = at.parts.size();
    Folded& folded = code_.folded_[id];
    if (n == 0) {
      folded.constant = true;
      return;
    }
    folded.several = n > 1;
    if (const auto row = n > 1 ? rows_.find(at.whats[n - 1]) : rows_.end();
        row != rows_.end() && row->second.either && row->second.places.count > 1 && apart(at, n - 1))
      folded.lost_in = at.parts.back().loop;
    const int innermost = at.parts.back().loop;
    if (n >= 2 && at.constant == 0.0 && users_[at.whats[n]].count == 1 && apart(at, n - 1) &&
        (n == 2 ? !at.products.empty() : !apart(at, n - 2))) {
      const int buffer = nest_.accesses[static_cast<std::size_t>(id)].buffer;
      const bool first = counted_.insert(mixed(mixed(15, at.whats[n]), buffer)).second;
      for (const auto& [product, sum] : at.products) {
        if (!first) break;  // one address
        code_.products_[static_cast<std::size_t>(innermost + 1)].push_back(product);
        if (sum != 0 && counted_.insert(mixed(14, sum)).second) add(product.loop, false, 1.0);
      }
      if (at.parts.front().kind == Part::Kind::variable && !at.parts.front().handed_on)
        folded.last = at.parts.front().loop;
      return;
    }
    for (const Part& part : at.parts)
      if (part.factor != 1.0) product(part, part.factor);
    const std::size_t first_sum = code_.sums_.size();
    bool address = true;  // what needs it is an address
    const bool own = std::all_of(at.parts.begin(), at.parts.end(), [&](const Part& part) {
      return part.loop == innermost && part.kind != Part::Kind::loaded && !part.handed_on;
    });
    if (at.constant != 0.0) {
      folded.constant = users_[at.with].count == 1 && !whole(at);
      if (!folded.constant) {
        address = false;
        if (counted_.insert(at.with).second) add(innermost, own, 1.0);
      }
    }
    const bool computed = at.parts.back().kind != Part::Kind::loaded && !at.parts.back().handed_on;
    for (std::size_t m = n; m >= 2; --m) {
      const std::uint64_t what = at.whats[m];
      address = address && users_[what].count == 1 && !apart(at, m - 1);
      if (address) {
        if (m == n && computed) folded.last = innermost;
        continue;
      }
      const int where = at.parts[m - 1].loop;
      const bool alone = std::all_of(
          at.parts.begin(), at.parts.begin() + static_cast<std::ptrdiff_t>(m), [&](const Part& part) {
            return part.loop == where && part.kind != Part::Kind::loaded && !part.handed_on;
          });
      if (counted_.insert(what).second) add(where, alone, 1.0);
      if (!alone && homes_ != nullptr)
        code_.sums_.push_back({at.parts.front().loop, where, what, apart(at, m - 1)});
    }
    if (n == 1 && computed) folded.last = innermost;
    if (homes_ == nullptr) return;
    for (const Part& part : at.parts)
      if (part.kind == Part::Kind::shared && part.first != part.loop)
        code_.sums_.push_back({part.first, part.loop, part.what, false});
    // LICM adds a constant to what is further out, so that each copy has a sum of its own.
    if (n > 1 && at.constant != 0.0 && !folded.constant && !whole(at) &&
        at.parts[n - 1].loop > at.parts[n - 2].loop)
      code_.sums_.push_back({at.parts.front().loop, innermost, at.with, false});
    folded.first_sum = first_sum;
    folded.sums = code_.sums_.size() - first_sum;
  }

  const Nest& nest_;
  AddressCode& code_;
  const std::vector<int>* homes_;  ///< null: loops are about to be written out
  std::vector<bool> around_;       ///< by loop: around another one that goes round
  std::unordered_map<std::uint64_t, Users> shared_, users_;
  /// Places that are a sum and one more part that has no bits in common with it.
  struct Row {
    Users places;
    bool either = false;  ///< one of them is several such parts
  };
  std::unordered_map<std::uint64_t, Row> rows_;
  std::unordered_set<std::uint64_t> counted_;
  int now_ = -1;    ///< the access whose place is looked at
  int unlike_ = 0;  ///< indices so far of which nothing says that another is the same
};

AddressCode::AddressCode(const Nest& nest, const std::vector<int>& accesses, const std::vector<int>* homes)
    : loops_(nest.loops.size() + 1), products_(nest.loops.size() + 1) {
  Builder(nest, *this, homes).run(accesses);
}

bool AddressCode::constant(int access, int copied) const {
  const auto found = folded_.find(access);
  if (found == folded_.end()) return false;
  return found->second.constant || (copied >= 0 && found->second.last == copied);
}

std::vector<AddressCode::Sum> AddressCode::sums(int access) const {
  const auto found = folded_.find(access);
  if (found == folded_.end()) return {};
  const auto first = sums_.begin() + static_cast<std::ptrdiff_t>(found->second.first_sum);
  return {first, first + static_cast<std::ptrdiff_t>(found->second.sums)};
}

int AddressCode::lost_in(int access) const {
  const auto found = folded_.find(access);
  return found == folded_.end() ? -1 : found->second.lost_in;
}

double AddressCode::made(int access, int loop) const {
  const auto found = made_.find({access, loop});
  return found == made_.end() ? 0.0 : found->second;
}

bool AddressCode::several_parts(int access) const {
  const auto found = folded_.find(access);
  return found != folded_.end() && found->second.several;
}

}  // namespace hone::cost::mlir
