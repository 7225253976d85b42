// Accesses of vectors: of several dimensions, and of elements one by one.
#include <algorithm>
#include <cmath>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

/// Rows of a vector that are accesses of their own; of more than these some stand for all.
constexpr std::int64_t kRowsApart = 64;

/// Operations that move a vector of any dimensions between registers and a buffer of its elements.
bool moves_rows(std::string_view name) {
  return name == "vector.transfer_read" || name == "vector.transfer_write" || name == "vector.load" ||
         name == "vector.store" || name == "affine.vector_load" || name == "affine.vector_store";
}

}  // namespace

/// By dimension of a vector but its last: the dimension of the buffer that it goes along; -1: along none, all
/// its rows are one. Empty where the vector is a row.
std::vector<int> NestBuilder::rows_along(const Operation& operation, const Type& vector,
                                         std::size_t rank) const {
  const std::size_t dimensions = vector.shape.size();
  if (vector.kind != Type::Kind::vector || dimensions < 2 || !moves_rows(operation.name)) return {};
  std::vector<int> along(dimensions - 1, -1);
  const Attribute* order = module_.attribute(operation, "permutation_map");
  if (order != nullptr && order->map >= 0) {
    const AffineMap& map = module_.maps[static_cast<std::size_t>(order->map)];
    if (map.results.size() != dimensions) return {};
    for (std::size_t k = 0; k + 1 < dimensions; ++k) {
      const Linear one = linear(map, k);
      const auto moves =
          std::find_if(one.factors.begin(), one.factors.end(), [](auto factor) { return factor != 0; });
      if (moves != one.factors.end()) along[k] = static_cast<int>(moves - one.factors.begin());
    }
  } else {
    if (rank < dimensions) return {};  // it is an element
    for (std::size_t k = 0; k + 1 < dimensions; ++k) along[k] = static_cast<int>(rank - dimensions + k);
  }
  if (std::any_of(along.begin(), along.end(), [&](int one) { return one >= static_cast<int>(rank); }))
    return {};
  return along;
}

/// Adds an access, of a vector of several dimensions one for each row: so LLVM's passes write it out.
void NestBuilder::rows(const Operation& operation, int held, int moved, Nest::Access access) {
  const Type &type = module_.type_of(held), &vector = module_.type_of(moved);
  const auto add = [&](Nest::Access one) {
    if (one.apart && one.masked) keep_inside(one, type);
    in_buffer(held, one);
    nest_.accesses.push_back(std::move(one));
  };
  const bool of_vectors = type.text.find("vector<") != std::string_view::npos;
  const std::vector<int> along =
      of_vectors ? std::vector<int>() : rows_along(operation, vector, access.indices.size());
  if (along.empty()) return add(std::move(access));
  std::int64_t rows = 1;
  for (std::size_t k = 0; k < along.size(); ++k) {
    if (vector.shape[k] <= 0 || vector.shape[k] > 1'000'000 / rows) return add(std::move(access));
    if (along[k] >= 0) rows *= vector.shape[k];
  }
  // An element that is one for all lanes is one access a row.
  if (access.elements > 1.0) access.elements = static_cast<double>(vector.shape.back());
  const std::int64_t taken = std::min(rows, kRowsApart);
  access.count *= static_cast<double>(rows) / static_cast<double>(taken);
  Few<int> values;
  for (std::int64_t i = 0; i < taken; ++i) {
    Nest::Access one = access;
    std::int64_t row = i * rows / taken;
    for (std::size_t k = along.size(); k-- > 0;) {
      if (along[k] < 0) continue;
      one.indices[static_cast<std::size_t>(along[k])].constant += static_cast<double>(row % vector.shape[k]);
      row /= vector.shape[k];
    }
    if (i > 0) one.order = order_++;
    if (!one.store && taken > 1) values.push_back(one.value = --implied_);
    add(std::move(one));
  }
  if (!values.empty()) nest_.flows.push_back({access.loop, false, order_++, {moved}, std::move(values)});
}

/// Of elements one by one, behind a test each of whether they are there, those remain that are, where loops
/// tell; where that is all of them nothing is tested.
void NestBuilder::keep_inside(Nest::Access& access, const Type& type) const {
  const auto dimension = static_cast<std::size_t>(access.along);
  const std::vector<std::int64_t>& shape = type.shape;
  if (dimension >= access.indices.size() || dimension >= shape.size() || shape[dimension] == kDynamic) return;
  const Nest::Index& index = access.indices[dimension];
  if (!index.exact || index.indirect || index.unknown != Nest::kNoValue || index.offset != 0) return;
  double last = index.constant, positions = 1.0;
  for (const auto& [at, step] : index.terms) {
    const Nest::Loop& loop = nest_.loops[static_cast<std::size_t>(at)];
    if (!loop.known || !loop.fixed) return;
    last += std::max(0.0, step) * (loop.most - 1.0);
    positions *= std::max(1.0, loop.most);
  }
  const double outside = last + access.elements - static_cast<double>(shape[dimension]);
  if (outside <= 0.0)
    access.masked = false;
  else if (outside < access.elements)
    access.elements -= outside / positions;  // of the last position
}

}  // namespace hone::cost::mlir
