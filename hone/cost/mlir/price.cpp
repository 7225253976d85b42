#include "hone/cost/mlir/price.h"

#include <algorithm>
#include <cmath>

#include "hone/cost/mlir/vectorise.h"

namespace hone::cost::mlir {
namespace {

/// Of loads, those that are instructions of their own and no operand of another one.
constexpr double kUnfolded = 0.6;

/// Cycles until what was stored by a mask can be loaded again, for it does not go by the store's buffer.
constexpr double kForwarded = 8.0;

/// Whether something of a body loads, by a mask, what an access stores.
bool loaded_again(const Nest& nest, const Lowered& lowered, const std::vector<std::size_t>& items,
                  const Nest::Access& store) {
  return std::any_of(items.begin(), items.end(), [&](std::size_t i) {
    const Lowered::Item& item = lowered.items[i];
    if (item.access < 0) return false;
    const Nest::Access& load = nest.accesses[static_cast<std::size_t>(item.access)];
    return !load.store && load.masked && load.buffer == store.buffer &&
           std::equal(load.indices.begin(), load.indices.end(), store.indices.begin(), store.indices.end(),
                      [](const Nest::Index& a, const Nest::Index& b) {
                        return a.constant == b.constant && a.terms == b.terms;
                      });
  });
}

/// With mask registers: cycles from the moment that a store of some of its lanes is the oldest instruction
/// until they can be loaded again. Nothing hides them, for it is not the oldest before all others are done.
constexpr double kPartOfLanes = 20.0;
constexpr std::size_t kMostItems = 1000;  // of a body in which such stores are looked for

/// The part of a store's copies that switch some of their lanes off, more than one being on: of one alone an
/// element is stored.
double in_part(const Nest& nest, const Lowered& lowered, const Lowered::Item& item,
               const Nest::Access& store) {
  constexpr int kMostCopies = 64;
  if (!store.masked || store.apart || store.buffer < 0 || store.elements <= 1.0 || store.indices.empty())
    return 0.0;
  const std::vector<std::int64_t>& shape = nest.buffers[static_cast<std::size_t>(store.buffer)].shape;
  const Nest::Index& last = store.indices.back();
  if (shape.empty() || shape.back() == kDynamic || !last.exact || last.indirect) return 0.0;
  std::vector<double> places = {last.constant};
  for (const auto& [loop, step] : last.terms) {
    const double trips = nest.loops[static_cast<std::size_t>(loop)].trips;
    if (lowered.body(loop).left ||
        std::find(item.copied_by.begin(), item.copied_by.end(), loop) == item.copied_by.end() ||
        static_cast<double>(places.size()) * trips > kMostCopies)
      return 0.0;
    const std::size_t before = places.size();
    for (int k = 1; k < static_cast<int>(trips); ++k)
      for (std::size_t i = 0; i < before; ++i) places.push_back(places[i] + k * step);
  }
  const auto parts = std::count_if(places.begin(), places.end(), [&](double place) {
    const double inside = static_cast<double>(shape.back()) - place;
    return inside > 1.0 && inside < store.elements;
  });
  return static_cast<double>(parts) / static_cast<double>(places.size());
}

/// Cycles that a store takes beyond any other of as many vectors, some of its lanes switched off where there
/// are no mask registers for that.
double switching(const Nest& nest, const Lowered& lowered, const std::vector<std::size_t>& items,
                 const Lowered::Item& item, double vectors) {
  const Nest::Access& access = nest.accesses[static_cast<std::size_t>(item.access)];
  if (!item.masked || !access.store || lowered.target.masks()) return 0.0;
  const double vector = lowered.target.vector_bytes, beyond = lowered.target.masked_store_cycles - 1.0;
  // Of a mask that is a constant only the last vector is not a plain store, or none.
  if (item.switched_bytes)
    return *item.switched_bytes > 0.0 ? beyond * std::clamp(*item.switched_bytes / vector, 0.5, 1.0) : 0.0;
  const double bytes = std::min(vector, access.elements * access.bits / 8.0);
  return vectors *
         (beyond * bytes / vector + (loaded_again(nest, lowered, items, access) ? kForwarded : 0.0));
}

/// Cycles of the gathers that a load of so many lanes, or of as many copies as go side by side, is.
double gathers(const Lowered& lowered, const Lowered::Item& item, const Nest::Access& access, double lanes) {
  const CodeTarget& target = lowered.target;
  if (!target.masks()) return 0.0;
  const bool of_loop =
      lanes > 1.0 && !item.in_row && !item.in_group && item.stride != 0.0 && std::abs(item.stride) != 1.0;
  const bool of_copies = lanes <= 1.0 && item.gathers;
  if (!of_loop && !of_copies) return 0.0;
  const double together = of_loop ? lanes : item.lanes;
  const double most = std::max(1.0, target.vector_bytes / (access.bits / 8.0));
  return std::ceil(together / most) * target.gather(std::min(together, most));
}

/// Cycles by which the results of calls for a vector's elements wait for each other on their way into it.
constexpr double kPutIn = 8.0;

double bits_of(const Nest& nest, const Lowered::Item& item) {
  const int bits = item.access < 0 ? nest.steps[static_cast<std::size_t>(item.step)].bits
                                   : nest.accesses[static_cast<std::size_t>(item.access)].bits;
  return std::max(8, bits);
}

/// Vectors of so many elements, and of halves of that for the rest, that a row becomes.
double pieces(double row, double width) {
  double count = 0.0;
  for (; row >= 1.0 && width >= 1.0; width /= 2.0) {
    count += std::floor(row / width);
    row = std::fmod(row, width);
  }
  return count;
}

/// Adds up what the items of a body ask of a core.
class Pricer {
 public:
  Pricer(const Nest& nest, const Lowered& lowered, const std::vector<std::size_t>& items, double lanes)
      : nest_(nest), lowered_(lowered), items_(items), lanes_(lanes) {}

  Price total() {
    for (const std::size_t i : items_) add(lowered_.items[i]);
    double longest = 0.0;
    for (const auto& [buffer, cycles] : waiting_) longest = std::max(longest, cycles);
    ports_.others += longest;
    total_.instructions += ports_.real + ports_.integer + kUnfolded * ports_.loads + ports_.stores;
    ports_.instructions = total_.instructions;
    static const SimpleMachine plain;
    total_.cycles = plain.cycles(ports_);
    return total_;
  }

 private:
  void count(InstructionKind kind, double instructions) {
    total_.mix[static_cast<std::size_t>(kind)] += instructions;
  }

  void add(const Lowered::Item& item) {
    const double times = item.copies * item.share;
    if (lanes_ > 1.0) {
      add(item, times, lanes_);
      return;
    }
    ports_.real += item.shuffles * item.share;
    count(InstructionKind::vector, item.shuffles * item.share);
    // What is left of a row's iterations: straight code that stores neighbours.
    if (const double row = item.row; row > 1.0 && lowered_.body(item.home).lanes > 1.0) {
      const double most = lowered_.target.vector_bytes / (bits_of(nest_, item) / 8.0);
      const double width = floor_to_power(std::min(row, most));
      add(item, times * pieces(row, width) / row, width);
      return;
    }
    // One by one, except for copies that are one instruction.
    const bool straight = (!item.gathered || item.gathers) && lowered_.body(item.home).lanes <= 1.0;
    const double width = straight ? std::max(1.0, item.lanes) : 1.0;
    add(item, times * (width > 1.0 ? item.paired : 1.0) / width, width);
    if (width > 1.0 && item.paired < 1.0) add(item, times * (1.0 - item.paired), 1.0);
  }

  /// So many times, `width` elements each.
  void add(const Lowered::Item& item, double times, double width) {
    if (item.access >= 0)
      add_access(item, times, width);
    else
      add_step(item, times, width);
  }

  void add_access(const Lowered::Item& item, double times, double width) {
    const Nest::Access& access = nest_.accesses[static_cast<std::size_t>(item.access)];
    const double stride = std::abs(item.stride);
    const double bytes = std::max(1.0, width) * access.elements * access.bits / 8.0;
    const double parts = std::max(1.0, std::ceil(bytes / lowered_.target.widest_bytes()));
    double uops = times * parts, shuffles = 0.0;  // of these, what neither loads nor stores
    // Elements that do not lie side by side: with those between them, or each by itself.
    const bool strided = lanes_ > 1.0 && !item.in_row && stride != 1.0 && stride != 0.0;
    const bool apart = strided && !item.in_group && !lowered_.target.masks();
    if (lanes_ <= 1.0 && item.gathers) ports_.beside_loads += times * (item.lanes + 3.0);
    if (access.apart) {
      uops = times * access.elements;
      ports_.integer += (item.masked ? 1.0 : 0.5) * uops;  // and two of a test, below
      ports_.beside_real += uops;                          // into or out of a vector
    }
    if (lanes_ > 1.0 && item.in_row) {
      uops = times * lanes_ * access.bits / 8.0 / lowered_.target.widest_bytes();
    } else if (strided && item.in_group) {
      uops = times / item.group * together(access, stride, item.group, lanes_, lowered_.target);
      shuffles = uops - times / item.group *
                            std::max(1.0, std::ceil(stride * bytes / lowered_.target.widest_bytes()));
    } else if (apart) {
      uops = times * (2.0 * lanes_ + 1.0);
      shuffles = uops - times * lanes_;
    } else if (strided) {
      uops = times * parts;
      ports_.integer += 2.0 * uops;  // their places, and a mask
      (access.store ? ports_.beside_stores : ports_.beside_loads) += uops * (lanes_ / parts + 3.0);
    }
    (access.store ? ports_.stores : ports_.loads) += uops;
    // Longer vectors than LLVM chooses take parts of two lines more often than not.
    if (!strided && !item.in_row && !access.apart)
      (access.store ? ports_.beside_stores : ports_.beside_loads) +=
          times * (std::max(1.0, std::ceil(bytes / lowered_.target.vector_bytes)) - parts);
    count(access.store ? InstructionKind::store : InstructionKind::load, uops - shuffles);
    const bool vector = std::max(1.0, width) * access.elements > 1.0;
    if (apart) {
      // The first of each 16 bytes by itself, the others into or out of what is there.
      if (access.real) count(InstructionKind::scalar, times * std::ceil(bytes / 16.0));
      count(InstructionKind::vector, times * (lanes_ - 1.0));
    } else if (vector || access.real) {
      count(vector ? InstructionKind::vector : InstructionKind::scalar,
            (access.store ? 1.0 : kUnfolded) * uops);
    }
    if (!access.store) total_.gathers += times * gathers(lowered_, item, access, lanes_);
    if (item.masked && !item.switched_bytes) ports_.integer += 2.0 * uops;  // else the mask is a constant
    ports_.others += times * switching(nest_, lowered_, items_, item, parts);
    if (!access.store || !lowered_.target.masks()) return;
    // What is stored into one buffer comes one after the other, into others beside it.
    if (const double part = items_.size() > kMostItems ? 0.0 : in_part(nest_, lowered_, item, access);
        part > 0.0 && loaded_again(nest_, lowered_, items_, access))
      waiting_[access.buffer] += times * part * kPartOfLanes;
  }

  void add_step(const Lowered::Item& item, double times, double width) {
    const Nest::Step& step = nest_.steps[static_cast<std::size_t>(item.step)];
    if (step.address) return;
    const double parts =
        std::max(1.0, std::ceil(std::max(1.0, width) * step.elements * std::max(8, step.bits) / 8.0 /
                                lowered_.target.widest_bytes()));
    const double uops = lanes_ > 1.0 && item.in_row
                            ? times * lanes_ * std::max(8, step.bits) / 8.0 / lowered_.target.widest_bytes()
                            : times * parts;
    count_step(step, times, width, uops);
    switch (step.work) {
      case Work::divide:
      case Work::root:
        ports_.quotients +=
            uops * divider_cycles(step.work, step.bits,
                                  std::min(lowered_.target.widest_bytes(),
                                           std::max(1.0, width) * step.elements * step.bits / 8.0));
        ports_.real += uops;
        break;
      case Work::transcendental:
        ports_.functions += times * std::max(1.0, width) * step.elements *
                            (step.called.cycles + (width * step.elements > 1.0 ? kPutIn : 0.0));
        total_.instructions +=
            times * calls_of(std::max(1.0, width) * step.elements, step, lowered_.target).instructions;
        break;
      case Work::integer_divide:
        ports_.whole_quotients += times * 8.0 * step.elements;
        ports_.integer += times * step.elements;
        break;
      case Work::integer_multiply:
        ports_.integer += uops * (step.bits == 64 ? 2.0 : 1.0);
        (width * step.elements > 1.0 ? ports_.beside_real : ports_.products) +=
            2.0 * uops * (step.bits == 64 ? 2.0 : 1.0);
        break;
      case Work::call:
        ports_.others += times * std::max(5.0, step.called.cycles);
        ports_.integer += times * 5.0;
        break;
      case Work::contraction:
        ports_.real += uops;
        break;
      case Work::compare:
        if (step.real) {
          const double each = width * step.elements > 1.0 ? step.choice.vector : step.choice.single;
          ports_.real += uops * (each + (each > 2.0 && lowered_.target.masks() ? 1.0 : 0.0));
        } else {
          ports_.real += uops;
        }
        break;
      default:
        (step.real ? ports_.real : ports_.integer) += uops;
        if (!step.real && width * step.elements > 1.0) ports_.wide_integer += uops;
    }
  }

  /// Its instructions by their kinds; `uops` of them if it is no call.
  void count_step(const Nest::Step& step, double times, double width, double uops) {
    if (step.work == Work::compare && step.real && width * step.elements <= 1.0) {
      // What chooses by the bits, of a single real too, is an instruction on vectors; signs are tested as
      // whole numbers, and jumped over.
      const bool signs = step.choice.single >= kExtremum.single;
      const double scalar = std::min(step.choice.single, 2.0);
      count(InstructionKind::scalar, uops * scalar);
      count(InstructionKind::vector, uops * (step.choice.single - scalar - (signs ? 2.0 : 0.0)));
      count(InstructionKind::integer, signs ? uops : 0.0);
      count(InstructionKind::branch, signs ? 2.0 * uops : 0.0);
    } else if (step.work != Work::transcendental && step.work != Work::call)
      count(width * step.elements > 1.0 ? InstructionKind::vector
            : step.real                 ? InstructionKind::scalar
                                        : InstructionKind::integer,
            uops);
    else
      count(InstructionKind::branch, times * std::max(1.0, width) * step.elements);
  }

  const Nest& nest_;
  const Lowered& lowered_;
  const std::vector<std::size_t>& items_;
  const double lanes_;
  Price total_;
  Ports& ports_ = total_.ports;
  FewByKey<int, double> waiting_;  ///< cycles by buffer
};

}  // namespace

// A vector is taken apart into registers of 16 bytes, and each element of those goes out, is called for and
// comes back between what was there before: the last result is loaded, the new one put in, both stored.
Calls calls_of(double lanes, const Nest::Step& step, const CodeTarget& target) {
  if (lanes <= 1.0) return {2.0, 0.0};
  const double arguments = std::max(1.0, static_cast<double>(step.uses.size()));
  const double bytes = std::max(8, step.bits) / 8.0;
  const double vectors = std::max(1.0, std::ceil(lanes * bytes / target.vector_bytes));
  const double each = lanes / vectors;
  const double parts = std::max(1.0, std::ceil(each * bytes / 16.0));
  const double elements = std::max(1.0, each / parts);
  // Of one register: each result but the last is stored, and loaded to put the next one in, whose arguments
  // were stored.
  const double moves = (elements - 1.0) * (2.0 + arguments);
  const double code = elements + moves + (elements - 1.0);
  // Between them: halves taken out and stored, results stored and put together.
  const double apart = parts - 1.0;
  return {
      vectors * (parts * code + arguments * (1.0 + 3.0 * apart) + 2.0 * apart + (parts > 1.0 ? parts : 0.0)),
      vectors * (parts * moves + arguments * (1.0 + 2.0 * apart) + 2.0 * apart)};
}

Price price(const Nest& nest, const Lowered& lowered, const std::vector<std::size_t>& items, double lanes) {
  return Pricer(nest, lowered, items, lanes).total();
}

double register_parts(double bytes, const CodeTarget& target) {
  double parts = 1.0;
  while (parts * target.widest_bytes() < bytes) parts *= 2.0;
  return parts;
}

double vector_code(const Nest::Step& step, double lanes, const CodeTarget& target) {
  const double elements = lanes * step.elements;
  if (step.work == Work::transcendental) return std::max(1.0, 3.0 * elements - 2.0);
  // The least or greatest of two reals, or of whole numbers one by one, is a comparison and a choice.
  const bool both = (step.work == Work::compare && step.real && step.choice.single > 2.0) ||
                    (step.extremum && elements <= 1.0);
  return register_parts(elements * step.bits / 8.0, target) * (both ? 2.0 : 1.0);
}

bool ragged(const Nest& nest, const Lowered::Item& item) {
  const double trips =
      item.along < 0 ? 1.0 : std::floor(nest.loops[static_cast<std::size_t>(item.along)].most);
  return item.copies > trips && std::fmod(trips, item.lanes) != 0.0;
}

}  // namespace hone::cost::mlir
