// Parts of buffers: where they lie in the buffer, and how large they are.
#include <algorithm>
#include <cmath>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

bool still(const Nest::Index& index) { return index.terms.empty() && index.exact && !index.indirect; }

/// By dimension of what a part is taken from: the part's own, -1 where it has none. Those that it does not
/// have are of one position, as any of the same size is.
std::vector<int> kept_dimensions(std::span<const Nest::Index> sizes, const Type& part) {
  std::vector<int> kept(sizes.size(), -1);
  const std::size_t rank = part.shape.size();
  std::size_t more = sizes.size() - std::min(sizes.size(), rank), next = 0;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    const bool single = still(sizes[k]) && sizes[k].offset == 0 && sizes[k].constant == 1.0;
    if (more > 0 && single && (next >= rank || part.shape[next] != 1))
      --more;
    else if (next < rank)
      kept[k] = static_cast<int>(next++);
  }
  return kept;
}

}  // namespace

/// Of a value whose buffer is known.
NestBuilder::View NestBuilder::view_of(int value) const {
  if (const auto found = views_.find(value); found != views_.end()) return found->second;
  View whole;
  whole.dimensions.resize(module_.type_of(value).shape.size());
  for (std::size_t k = 0; k < whole.dimensions.size(); ++k)
    whole.dimensions[k].by = {{static_cast<int>(k), 1.0}};
  return whole;
}

/// One list of an operation's numbers, `operand` being the first that belongs to it.
std::optional<std::vector<Nest::Index>> NestBuilder::numbers(const Operation& operation,
                                                             std::string_view name, std::size_t& operand) {
  const Attribute* attribute = module_.attribute(operation, name);
  if (attribute == nullptr) return std::nullopt;
  std::vector<Nest::Index> list;
  for (const std::int64_t number : module_.integers(*attribute)) {
    Nest::Index one;
    if (number != kDynamic)
      one.constant = static_cast<double>(number);
    else if (operand < operation.operands.size())
      one = index(operation.operands[operand++]);
    else
      return std::nullopt;
    list.push_back(std::move(one));
  }
  return list;
}

Nest::Index NestBuilder::composed(const View::Dimension& dimension,
                                  std::span<const Nest::Index> indices) const {
  Nest::Index total = dimension.offset;
  for (const auto& [of, factor] : dimension.by)
    if (static_cast<std::size_t>(of) < indices.size())
      total = sum(std::move(total), scaled(indices[static_cast<std::size_t>(of)], factor));
  return total;
}

/// Takes what is a part of its first operand's buffer, and where: a subview, a cast of what is known better,
/// and what sees a row in some other way.
bool NestBuilder::part(const Operation& operation, int value) {
  const int from = operation.operands[0];
  const Type &source = module_.type_of(from), &type = module_.type_of(value);
  if (operation.name == "tensor.cast" && views_.contains(from)) {
    same_place(value, from);
    return true;
  }
  if (operation.name == "memref.cast") {
    bool tells = source.shape.size() == type.shape.size();
    for (std::size_t k = 0; tells && k < type.shape.size(); ++k)
      tells = source.shape[k] != kDynamic || type.shape[k] == kDynamic;
    if (!views_.contains(from) && !tells) return false;
    same_place(value, from);
    return true;
  }
  if (operation.name != "memref.subview" && operation.name != "memref.reinterpret_cast" &&
      operation.name != "tensor.extract_slice")
    return false;
  std::optional<View> view = view_into(operation, from, type, 1);
  if (!view) return false;
  views_[value] = std::move(*view);
  return true;
}

/// Where a part of a type lies in the buffer of what it is a part of, by an operation's offsets, sizes and
/// strides, `operand` being the first that belongs to them; none where they do not say.
std::optional<NestBuilder::View> NestBuilder::view_into(const Operation& operation, int from,
                                                        const Type& type, std::size_t operand) {
  const Type& source = module_.type_of(from);
  const bool again = operation.name == "memref.reinterpret_cast";
  const auto offsets = numbers(operation, "static_offsets", operand);
  const auto sizes = numbers(operation, "static_sizes", operand);
  const auto strides = numbers(operation, "static_strides", operand);
  if (!offsets || !sizes || !strides || sizes->size() != strides->size()) return std::nullopt;
  // How far one position goes, by dimension of the source.
  std::vector<View::Dimension> inner(offsets->size());
  for (std::size_t k = 0; k < inner.size(); ++k) inner[k].offset = (*offsets)[k];
  const auto factor = [&](std::size_t k) {
    const Nest::Index& stride = (*strides)[k];
    return still(stride) && stride.offset == 0 ? stride.constant : NAN;
  };
  if (again) {
    const bool row = source.shape.size() == 1 && source.shape[0] != kDynamic && inner.size() == 1 &&
                     (source.strides.empty() || source.strides[0] == 1);
    if (!row || sizes->size() != type.shape.size()) return std::nullopt;
    for (std::size_t k = 0; k < strides->size(); ++k)
      inner[0].by.emplace_back(static_cast<int>(k), factor(k));
  } else {
    if (inner.size() != source.shape.size() || sizes->size() != inner.size()) return std::nullopt;
    const std::vector<int> kept = kept_dimensions(*sizes, type);
    for (std::size_t k = 0; k < inner.size(); ++k)
      if (kept[k] >= 0) inner[k].by = {{kept[k], factor(k)}};
  }
  const View around = view_of(from);
  View view;
  for (const View::Dimension& dimension : around.dimensions) {
    View::Dimension made{composed(dimension, *offsets), {}};
    for (const auto& [of, by] : dimension.by)
      if (static_cast<std::size_t>(of) < inner.size())
        for (const auto& [own, times] : inner[static_cast<std::size_t>(of)].by)
          made.by.emplace_back(own, by * times);
    view.dimensions.push_back(std::move(made));
  }
  return view;
}

/// Whether two parts of one buffer are the same, for certain.
bool NestBuilder::same_view(const View& a, const View& b) {
  return std::equal(a.dimensions.begin(), a.dimensions.end(), b.dimensions.begin(), b.dimensions.end(),
                    [](const View::Dimension& one, const View::Dimension& other) {
                      const Nest::Index& place = one.offset;
                      const bool told = (place.exact && !place.indirect) || place.unknown != Nest::kNoValue;
                      return told && one.by == other.by && place.moves_like(other.offset) &&
                             place.constant == other.offset.constant;
                    });
}

/// What is put into a part of a tensor is there already where it was computed in its place; else it is
/// copied.
void NestBuilder::insert_slice(const Operation& operation, At at) {
  if (operation.operands.size() < 2) return;
  const int source = operation.operands[0], into = operation.operands[1];
  const int result = operation.results.empty() ? into : operation.results[0];
  const Type &from = module_.type_of(source), &to = module_.type_of(into);
  const int whole = buffer(into);
  std::optional<View> before;
  if (const auto found = views_.find(into); found != views_.end()) before = found->second;
  const std::optional<View> place = view_into(operation, into, from, 2);
  buffers_[result] = whole;
  if (!place || buffer(source) != whole || !same_view(view_of(source), *place)) {
    Domain loops;
    Domain::Operand part{source, false, {}}, destination{result, true, {}};
    if (place)
      views_[result] = *place;
    else
      destination.indices.resize(std::max(to.shape.size(), from.shape.size()) - from.shape.size());
    for (std::size_t k = 0; k < from.shape.size(); ++k) {
      loops.sizes.push_back(from.shape[k]);
      loops.reduction.push_back(false);
      part.indices.push_back({{static_cast<int>(k), 1}});
      destination.indices.push_back({{static_cast<int>(k), 1}});
    }
    loops.operands = {std::move(part), std::move(destination)};
    domain(loops, at, {}, from.bits, from.real_elements(), -1);
  }
  if (before)
    views_[result] = std::move(*before);
  else
    views_.erase(result);
}

/// Of what sees a part, or memory from a place on that is computed, in dimensions of its own: where it
/// begins. A place that the last dimension cannot say is known only when the function runs.
void NestBuilder::moved_whole(int value, int of, Nest::Buffer& made) {
  const Operation& operation =
      module_.operations[static_cast<std::size_t>(module_.values[static_cast<std::size_t>(value)].operation)];
  const std::size_t rank = made.shape.size();
  Nest::Index begin;
  bool told = made.strides.size() == rank && rank > 0 && made.strides.back() == 1, moves = false;
  if (const auto found = views_.find(operation.operands[0]); found != views_.end()) {
    const Nest::Buffer& root = nest_.buffers[static_cast<std::size_t>(of)];
    Strides strides(root, NAN, NAN);
    for (std::size_t k = found->second.dimensions.size(); k-- > 0;) {
      const Nest::Index& offset = found->second.dimensions[k].offset;
      const double stride = strides.of(k);
      if (still(offset)) continue;
      moves = true;
      told = told && !std::isnan(stride);
      begin = sum(std::move(begin), scaled(offset, stride));
    }
  }
  // The first of a view's or reinterpret_cast's operands beside the buffer.
  const bool shifted = operation.name == "memref.view" || operation.name == "memref.subview" ||
                       operation.name == "memref.reinterpret_cast";
  if (shifted && operation.operands.size() > 1) {
    const Nest::Index& shift = index(operation.operands[1]);
    moves = moves || !still(shift);
    told = told && still(shift);
    begin = sum(std::move(begin), Nest::Index(shift));
  }
  if (!moves || rank == 0) return;
  made.bytes = std::max(made.bytes, nest_.buffers[static_cast<std::size_t>(of)].bytes);
  View view;
  view.dimensions.resize(rank);
  for (std::size_t k = 0; k < rank; ++k) view.dimensions[k].by = {{static_cast<int>(k), 1.0}};
  const std::size_t in = told ? rank - 1 : 0;
  made.shape[in] = kDynamic;  // it goes beyond what is seen at once
  if (!told) {
    begin.exact = false;
    begin.indirect = true;
    known_only_when_it_runs(begin, value);
  }
  view.dimensions[in].offset = std::move(begin);
  views_[value] = std::move(view);
}

/// A value that is another by a new name.
void NestBuilder::same_place(int value, int as) {
  buffers_[value] = buffer(as);
  if (const auto found = views_.find(as); found != views_.end()) {
    View view = found->second;
    views_[value] = std::move(view);
  }
}

/// Makes indices into what a value is indices into its buffer.
void NestBuilder::in_buffer(int value, Nest::Access& access) const {
  const auto found = views_.find(value);
  if (found == views_.end()) return;
  const std::vector<View::Dimension>& dimensions = found->second.dimensions;
  std::vector<Nest::Index> indices;
  for (const View::Dimension& dimension : dimensions) indices.push_back(composed(dimension, access.indices));
  if (access.elements > 1.0 && !access.indices.empty()) {
    // Elements that lay after each other lie along another dimension, or apart.
    const int last = access.apart ? access.along : static_cast<int>(access.indices.size()) - 1;
    for (std::size_t k = 0; k < dimensions.size(); ++k)
      for (const auto& [of, factor] : dimensions[k].by)
        if (of == last) {
          access.apart = access.apart || k + 1 != dimensions.size() || factor != 1.0;
          if (access.apart) access.along = static_cast<int>(k);
        }
  }
  access.indices = std::move(indices);
}

/// The size of one dimension at the sample points: by its type, else by what it was made with.
NestBuilder::Points NestBuilder::extent(int value, std::size_t dimension) {
  const Type& type = module_.type_of(value);
  Points sizes(samples_, NAN);
  if (dimension >= type.shape.size()) return sizes;
  if (type.shape[dimension] != kDynamic) {
    sizes.assign(samples_, static_cast<double>(type.shape[dimension]));
    return sizes;
  }
  const int definer = value < 0 ? -1 : module_.values[static_cast<std::size_t>(value)].operation;
  if (definer < 0 || chain_ > kMaxChain) return sizes;
  const Longer longer(*this);
  const Operation& operation = module_.operations[static_cast<std::size_t>(definer)];
  const Few<int>& operands = operation.operands;
  if ((operation.name == "memref.cast" || operation.name == "tensor.cast") && !operands.empty())
    return extent(operands[0], dimension);
  if (operation.name == "memref.alloc" || operation.name == "memref.alloca" ||
      operation.name == "tensor.empty") {
    const auto before = static_cast<std::size_t>(std::count(
        type.shape.begin(), type.shape.begin() + static_cast<std::ptrdiff_t>(dimension), kDynamic));
    return before < operands.size() ? points(operands[before]) : sizes;
  }
  if (operation.name != "memref.subview" && operation.name != "tensor.extract_slice") return sizes;
  std::size_t operand = 1;
  const auto offsets = numbers(operation, "static_offsets", operand);
  const std::size_t first = operand;
  const auto made = numbers(operation, "static_sizes", operand);
  if (!offsets || !made) return sizes;
  const std::vector<int> kept = kept_dimensions(*made, type);
  const std::vector<std::int64_t> fixed = module_.integers(*module_.attribute(operation, "static_sizes"));
  std::size_t at = first;
  for (std::size_t k = 0; k < kept.size(); ++k) {
    if (kept[k] == static_cast<int>(dimension)) {
      if (fixed[k] == kDynamic) return points(operation.operands[at]);
      sizes.assign(samples_, static_cast<double>(fixed[k]));
      return sizes;
    }
    if (fixed[k] == kDynamic) ++at;
  }
  return sizes;
}

}  // namespace hone::cost::mlir
