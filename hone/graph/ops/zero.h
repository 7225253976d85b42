#pragma once

#include <string>

#include "hone/graph/graph.h"

namespace hone::graph::ops {

/// The output shape of operator zero. Throws Error where attributes and input do not fit.
Shape zero_shape(const Attributes& attributes, const Shape& input);

/// The attribute `shape` with which zero makes zeros of shape `wanted` from an input of shape `input`: sizes
/// that the input has at the same place follow the input where they stand for batch or length.
std::string zero_shape_text(const Shape& wanted, const Shape& input);

}  // namespace hone::graph::ops
