// What indices and bounds are, as sums over loop variables; buffers.
#include <algorithm>
#include <cmath>
#include <optional>

#include "hone/base/mix.h"
#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

/// Whether what an operation gives that is no view is in memory that the function takes from the heap:
/// not constants, which are the module's.
bool made_on_heap(std::string_view name) {
  return name != "memref.alloca" && name != "memref.get_global" && !name.ends_with(".constant");
}

/// Of what is beyond all numbers nothing is known but what moves it.
Nest::Index finite(Nest::Index index) {
  bool known = std::isfinite(index.constant);
  for (auto& [loop, step] : index.terms)
    if (!std::isfinite(step)) known = false, step = 1.0;
  if (known) return index;
  if (!std::isfinite(index.constant)) index.constant = 0.0;
  index.exact = false;
  index.unknown = Nest::kNoValue;
  return index;
}

}  // namespace

bool is_view(std::string_view name) {
  const std::string_view last = name.substr(name.find('.') + 1);
  return last == "cast" || last == "expand_shape" || last == "collapse_shape" || last == "reshape" ||
         last == "to_tensor" || last == "to_memref" || last == "view" || last == "subview" ||
         last == "reinterpret_cast" || last == "memory_space_cast" || name == "memref.transpose" ||
         name == "tensor.extract_slice";
}

/// Whether one of the least of several ends (an exclusive one, of a loop with one begin) is always the same
/// way from where the loop begins, and none before it: tiles that divide a size.
bool NestBuilder::one_length(const Loop& loop) {
  const AffineMap& lower = module_.maps[static_cast<std::size_t>(loop.lower.map)];
  const AffineMap& upper = module_.maps[static_cast<std::size_t>(loop.upper.map)];
  if (lower.results.size() != 1) return false;
  const Nest::Index begin = scaled(mapped(lower, 0, span_of(loop.lower.operands)), -1.0);
  double way = INFINITY, nearest = INFINITY;
  for (std::size_t k = 0; k < upper.results.size(); ++k) {
    const Nest::Index ahead = sum(mapped(upper, k, span_of(loop.upper.operands)), begin);
    const double nearer = least(ahead);
    if (std::all_of(ahead.terms.begin(), ahead.terms.end(),
                    [](const auto& term) { return term.second == 0.0; }))
      way = std::min(way, nearer);
    nearest = std::min(nearest, nearer);
  }
  return std::isfinite(way) && nearest == way;
}

Nest::Index NestBuilder::scaled(Nest::Index index, double factor) const {
  for (auto& [loop, step] : index.terms) step *= factor;
  if (factor != 1.0) index.unknown = Nest::kNoValue;
  index.constant *= factor;
  index.offset *= modulo(factor);
  return finite(std::move(index));
}

Nest::Index NestBuilder::sum(Nest::Index a, const Nest::Index& b) const {
  for (const auto& [loop, step] : b.terms) {
    const auto found = std::lower_bound(a.terms.begin(), a.terms.end(), loop,
                                        [](const auto& term, int one) { return term.first < one; });
    if (found != a.terms.end() && found->first == loop)
      found->second += step;
    else
      a.terms.insert(found, {loop, step});
  }
  a.constant += b.constant;
  const bool first = a.exact && !a.indirect, second = b.exact && !b.indirect;
  a.unknown = first ? b.unknown : second ? a.unknown : Nest::kNoValue;
  if (first) a.within = b.within;
  a.exact = a.exact && b.exact;
  a.indirect = a.indirect || b.indirect;
  a.offset += b.offset;
  a.divided.insert(a.divided.end(), b.divided.begin(), b.divided.end());
  return finite(std::move(a));
}

std::optional<Nest::Index> NestBuilder::divided_exactly(const AffineMap& map, std::size_t result,
                                                        std::span<const int> operands) {
  const auto last = static_cast<std::size_t>(map.results[result]);
  std::vector<std::optional<Nest::Index>> values(last + 1);  // none: not for certain
  for (std::size_t i = 0; i <= last; ++i)
    values[i] = divided_exactly(map.nodes[i], map.dims, values, operands);
  if (!values[last]) return std::nullopt;
  return finite(std::move(*values[last]));
}

std::optional<Nest::Index> NestBuilder::divided_exactly(const AffineNode& node, int dims,
                                                        std::span<const std::optional<Nest::Index>> values,
                                                        std::span<const int> operands) {
  using Op = AffineNode::Op;
  if (node.op == Op::constant) {
    Nest::Index value;
    value.constant = static_cast<double>(node.value);
    return value;
  }
  if (node.op == Op::dim || node.op == Op::symbol) {
    const auto at = static_cast<std::size_t>(node.value + (node.op == Op::symbol ? dims : 0));
    if (at >= operands.size()) return std::nullopt;
    const Nest::Index& value = index(operands[at]);
    if (!value.exact || value.indirect || value.offset != 0) return std::nullopt;
    return value;
  }
  const auto &left = values[static_cast<std::size_t>(node.left)],
             &right = values[static_cast<std::size_t>(node.right)];
  if (!left || !right) return std::nullopt;
  if (node.op == Op::add) return sum(*left, *right);
  if (!right->terms.empty() || !(right->constant > 0.0) || node.op == Op::ceildiv) return std::nullopt;
  const double by = right->constant;
  if (node.op == Op::mul) return scaled(*left, by);
  // Whole multiples of the divisor, and a rest that stays below it.
  Nest::Index whole = *left, rest = *left;
  whole.constant = std::floor(left->constant / by);
  rest.constant = left->constant - whole.constant * by;
  whole.terms.clear();
  rest.terms.clear();
  double least = rest.constant, most = rest.constant;
  for (const auto& [at, step] : left->terms) {
    if (std::fmod(step, by) == 0.0) {
      whole.terms.emplace_back(at, step / by);
      continue;
    }
    const Nest::Loop& loop = nest_.loops[static_cast<std::size_t>(at)];
    // The most of trips that differ is known at sample points alone.
    if (!loop.known || loop.trips != loop.most) return std::nullopt;
    rest.terms.emplace_back(at, step);
    (step > 0.0 ? most : least) += step * std::max(0.0, loop.most - 1.0);
  }
  if (least < 0.0 || most >= by) return std::nullopt;
  return node.op == Op::mod ? rest : whole;
}

Nest::Index NestBuilder::mapped(const AffineMap& map, std::size_t result, std::span<const int> operands) {
  const Linear linear = mlir::linear(map, result);
  if (!linear.exact)
    if (const std::optional<Nest::Index> exactly = divided_exactly(map, result, operands)) return *exactly;
  Nest::Index total;
  total.constant = static_cast<double>(linear.constant);
  total.exact = linear.exact;
  const std::vector<bool> by = linear.exact ? std::vector<bool>() : divided(map, result);
  for (std::size_t i = 0; i < linear.factors.size() && i < operands.size(); ++i)
    if (linear.factors[i] != 0) {
      const Nest::Index& one = index(operands[i]);
      if (i < by.size() && by[i])
        for (const auto& [loop, step] : one.terms) total.divided.push_back(loop);
      total = sum(std::move(total), scaled(one, static_cast<double>(linear.factors[i])));
    }
  return total;
}

/// Whether a cast to another length keeps all numbers that its operand is. Where it is not known which those
/// are, one to 32 bits or more does: no place in memory is beyond them.
bool NestBuilder::keeps(const Operation& operation) {
  constexpr int kPlaces = 32;
  if (operation.operands.empty() || operation.results.empty()) return false;
  const Nest::Index of = index(operation.operands[0]);
  const double least = this->least(of), most = -this->least(scaled(of, -1.0));
  const int from = module_.type_of(operation.operands[0]).bits,
            to = module_.type_of(operation.results[0]).bits;
  if (to <= 1) return false;
  if (!std::isfinite(least) || !std::isfinite(most)) return to >= kPlaces;
  return to < from ? least >= -std::exp2(to - 1) && most < std::exp2(to - 1) : least >= 0.0;
}

void NestBuilder::known_only_when_it_runs(Nest::Index& index, int value) const {
  const auto found = stands_.find(value);
  index.unknown = found == stands_.end() ? Nest::kNoValue : value;
  index.within = found == stands_.end() ? -1 : found->second;
}

const Nest::Index& NestBuilder::index(int value) {
  if (const auto found = indices_.find(value); found != indices_.end()) return found->second;
  for (const auto* around : indices_around_)
    if (const auto found = around->find(value); found != around->end()) return found->second;
  Nest::Index result;
  const std::int64_t fixed = module_.constant(value);
  const int definer = value < 0 ? -1 : module_.values[static_cast<std::size_t>(value)].operation;
  if (fixed != kDynamic) {
    result.constant = static_cast<double>(fixed);
  } else if (definer < 0) {
    // Of a loop that hands it on, which may be anything, or of the function.
    result.exact = !stands_.contains(value);
    result.indirect = !result.exact;
    if (result.exact)
      result.offset = mixed(1, value);
    else
      known_only_when_it_runs(result, value);
  } else if (chain_ > kMaxChain) {
    result.exact = false;
  } else {
    const Longer longer(*this);
    indices_[value] = result;  // a value that depends on itself ends here
    const Operation& operation = module_.operations[static_cast<std::size_t>(definer)];
    const std::string_view whole = plain_name(operation.name), name = whole.substr(whole.find('.') + 1);
    const Work work = work_of(operation.name);
    if (const Origin from = origin(value); from.value != value) {
      if (from.member.empty()) {
        result = Nest::Index(index(from.value));
      } else {
        result.exact = !stands_.contains(from.value);
        result.indirect = !result.exact;
        if (!result.exact) known_only_when_it_runs(result, value);
        result.offset = mixed(2, from.value);
        for (const std::int64_t number : from.member) result.offset = mixed(result.offset, number);
      }
    } else if (!operation.regions.empty()) {  // what comes of a loop or a branch
      result.exact = false;
      result.indirect = true;
      known_only_when_it_runs(result, value);
    } else if (operation.name == "affine.apply") {
      if (operation.map >= 0)
        result =
            mapped(module_.maps[static_cast<std::size_t>(operation.map)], 0, span_of(operation.operands));
    } else if (work == Work::load) {
      result.exact = false;
      result.indirect = true;
      known_only_when_it_runs(result, value);
    } else if ((name == "addi" || name == "add") && operation.operands.size() == 2) {
      result = sum(index(operation.operands[0]), Nest::Index(index(operation.operands[1])));
    } else if ((name == "subi" || name == "sub") && operation.operands.size() == 2) {
      result = sum(index(operation.operands[0]), scaled(index(operation.operands[1]), -1.0));
    } else if ((name == "muli" || name == "mul") && operation.operands.size() == 2 &&
               (module_.constant(operation.operands[0]) != kDynamic ||
                module_.constant(operation.operands[1]) != kDynamic)) {
      const std::size_t constant = module_.constant(operation.operands[0]) != kDynamic ? 0 : 1;
      result = scaled(index(operation.operands[1 - constant]),
                      static_cast<double>(module_.constant(operation.operands[constant])));
    } else if (name == "shli" && operation.operands.size() == 2 &&
               module_.constant(operation.operands[1]) >= 0) {
      result = scaled(index(operation.operands[0]),
                      std::exp2(static_cast<double>(module_.constant(operation.operands[1]))));
    } else if (name.ends_with("index_cast") || name.ends_with("casts") || name.ends_with("extsi") ||
               ((operation.name == "llvm.zext" || operation.name == "llvm.trunc") && keeps(operation))) {
      if (!operation.operands.empty()) result = index(operation.operands[0]);
    } else {  // what enters it moves it somehow
      std::uint64_t same = mixed(code_of(operation), operation.map);
      for (const int operand : operation.operands) {
        const Nest::Index& one = index(operand);
        same = mixed(mixed(same, one.constant), one.offset);
        result = sum(std::move(result), Nest::Index(one));
      }
      result.exact = result.exact && result.terms.empty() && !result.indirect && !operation.operands.empty();
      if (result.exact) {
        result = {};
        result.offset = same;
      } else {
        known_only_when_it_runs(result, value);
      }
    }
  }
  return indices_[value] = std::move(result);
}

int NestBuilder::buffer(int value) {
  if (const auto found = buffers_.find(value); found != buffers_.end()) return found->second;
  const Type& type = module_.type_of(value);
  const int definer = value < 0 ? -1 : module_.values[static_cast<std::size_t>(value)].operation;
  Nest::Buffer made;
  bool viewed = false;
  int of = -1;
  if (definer >= 0) {
    const Operation& operation = module_.operations[static_cast<std::size_t>(definer)];
    if (operation.name == "memref.get_global") {
      const auto [found, fresh] = globals_.try_emplace(operation.symbol, -1);
      if (!fresh) return buffers_[value] = found->second;
      found->second = static_cast<int>(nest_.buffers.size());
    }
    made.heap = !is_view(operation.name) && made_on_heap(operation.name);
    viewed = is_view(operation.name) && !operation.operands.empty() && chain_ <= kMaxChain;
    if (viewed) {
      const Longer longer(*this);
      of = buffer(operation.operands[0]);
      if (part(operation, value)) return buffers_[value] = of;
      const Nest::Buffer& root = nest_.buffers[static_cast<std::size_t>(of)];
      if (!views_.contains(operation.operands[0]) && root.shape == type.shape && root.strides == type.strides)
        return buffers_[value] = of;
      made.root = root.root >= 0 ? root.root : of;
      made.heap = root.heap;
    }
  }
  made.shape = type.shape;
  made.strides = type.strides;
  made.element_bytes = type.element_bytes();
  made.bytes = type.elements(Nest::kUnknownTrips) * made.element_bytes;
  if (viewed) moved_whole(value, of, made);
  nest_.buffers.push_back(std::move(made));
  return buffers_[value] = static_cast<int>(nest_.buffers.size()) - 1;
}

}  // namespace hone::cost::mlir
