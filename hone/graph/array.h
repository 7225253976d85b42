#pragma once

#include <vector>

#include "hone/graph/graph.h"

namespace hone::graph {

/// A tensor of the reference interpreter (graph/evaluate.h): row-major, in double precision; token numbers
/// are whole numbers. A plain value.
struct Array {
  Shape shape;
  std::vector<double> values;
  bool operator==(const Array&) const = default;
};

}  // namespace hone::graph
