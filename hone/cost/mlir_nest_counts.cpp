// What loops count by: where they stand at sample points, what bodies of operations on tensors know of it.
#include <algorithm>
#include <cmath>

#include "hone/cost/mlir_nest_builder.h"

namespace hone::cost::mlir {
namespace {

/// Where in its range a loop of a depth stands at a sample point. The first dimension is even but for a shift
/// inside each part, without which a range of a power of two would be seen at one remainder by 4, 8, 16
/// alone; the shifts of two halves are each other's reflection, so that means of what grows evenly are exact.
/// The others are fractions of golden kin.
double place(std::size_t sample, int depth) {
  static constexpr double kSteps[] = {0.6180339887, 0.7548776662, 0.8191725134, 0.8566748838,
                                      0.8812714616, 0.8986537126, 0.9115923534, 0.9215993196};
  const auto dimension = static_cast<std::size_t>(depth - 1) % 8;
  const auto shift = [](std::size_t s, double step) {
    const double position = (static_cast<double>(s) + 0.5) * step;
    return position - std::floor(position);
  };
  if (dimension > 0) return shift(sample, kSteps[dimension - 1]);
  const bool second = sample >= kSamples / 2;
  const double in_part = shift(second ? kSamples - 1 - sample : sample, kSteps[0]);
  return (static_cast<double>(sample) + (second ? 1.0 - in_part : in_part)) / static_cast<double>(kSamples);
}

}  // namespace

/// Which iteration a loop is in at the sample points.
NestBuilder::Points NestBuilder::stands_at(int loop, const Points& trips) const {
  Points at(samples_);
  for (std::size_t s = 0; s < samples_; ++s)
    at[s] = std::floor(place(s, nest_.loops[static_cast<std::size_t>(loop)].depth) * trips[s]);
  return at;
}

/// A value that is a sum of where loops stand, times factors.
void NestBuilder::numbered(int value, std::span<const std::pair<int, std::int64_t>> terms, At at) {
  Nest::Index sum;
  Points points(samples_, 0.0);
  Nest::Flow flow{at.loop, false, order_++, {value}, {}};
  for (const auto& [loop, factor] : terms) {
    Nest::Loop& made = nest_.loops[static_cast<std::size_t>(loop)];
    sum.terms.emplace_back(loop, static_cast<double>(factor));
    const Points at_samples = stands_at(loop, Points(samples_, made.trips));
    for (std::size_t s = 0; s < samples_; ++s) points[s] += static_cast<double>(factor) * at_samples[s];
    const int variable = terms.size() == 1 ? value : --implied_;
    made.variables.push_back(variable);
    flow.uses.push_back(variable);
  }
  std::sort(sum.terms.begin(), sum.terms.end());
  if (terms.size() > 1) nest_.flows.push_back(std::move(flow));
  stands_[value] = at.loop;
  indices_[value] = std::move(sum);
  values_[value] = std::move(points);
}

/// What a body knows of where it is: linalg.index, the arguments of tensor.generate. `dimensions`: as which
/// sum of `loops` it knows each.
void NestBuilder::number_body(int body, std::span<const std::vector<std::pair<int, std::int64_t>>> dimensions,
                              std::span<const int> loops, At at) {
  const Region& region = module_.regions[static_cast<std::size_t>(body)];
  const auto number = [&](int value, std::int64_t dimension) {
    if (dimension < 0 || dimension >= static_cast<std::int64_t>(dimensions.size())) return;
    std::vector<std::pair<int, std::int64_t>> terms = dimensions[static_cast<std::size_t>(dimension)];
    for (auto& [loop, factor] : terms) loop = loops[static_cast<std::size_t>(loop)];
    numbered(value, terms, at);
  };
  const Block& block = region.blocks[0];
  if (module_.operations[static_cast<std::size_t>(region.operation)].name == "tensor.generate")
    for (std::size_t d = 0; d < block.arguments.size(); ++d)
      number(block.arguments[d], static_cast<std::int64_t>(d));
  for (const int id : block.operations) {
    const Operation& operation = module_.operations[static_cast<std::size_t>(id)];
    if (operation.name != "linalg.index" || operation.results.empty() || operation.attributes.empty())
      continue;
    const Attribute* named = module_.attribute(operation, "dim");
    const Attribute& dimension =
        named != nullptr ? *named
                         : module_.attributes[static_cast<std::size_t>(operation.attributes[0].second)];
    if (dimension.kind == Attribute::Kind::integer) number(operation.results[0], dimension.integer);
  }
}

}  // namespace hone::cost::mlir
