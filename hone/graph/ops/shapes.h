#pragma once

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/graph/operator.h"

// What the operators' rules share: checks of shapes, and counts.
namespace hone::graph::ops {

using Shapes = std::vector<Shape>;

inline void need_inputs(const char* op, const Shapes& inputs, std::size_t n) {
  if (inputs.size() != n)
    throw Error(fmt::format("{} takes {} input{}, not {}", op, n, n == 1 ? "" : "s", inputs.size()));
  for (const Shape& shape : inputs)
    if (shape.empty()) throw Error(fmt::format("{} takes no scalar", op));
}

/// For operators that take any number of inputs of one shape.
inline void need_alike(const char* op, const Shapes& inputs) {
  if (inputs.empty()) throw Error(fmt::format("{} takes one input or more", op));
  need_inputs(op, inputs, inputs.size());
  for (const Shape& shape : inputs)
    if (shape != inputs[0])
      throw Error(fmt::format("{} takes inputs of one shape, not {} and {}", op, shape_text(inputs[0]),
                              shape_text(shape)));
}

/// For operators on a sequence of vectors.
inline void need_sequence(const char* op, const Shape& shape) {
  if (shape.size() != 3)
    throw Error(fmt::format("{} takes [batch, length, width], not {}", op, shape_text(shape)));
}

inline double count(const Shape& shape) { return static_cast<double>(element_count(shape)); }
/// Vectors along the last dimension.
inline double rows(const Shape& shape) { return count(shape) / static_cast<double>(shape.back()); }

inline Shape with_last(Shape shape, std::int64_t size) {
  shape.back() = size;
  return shape;
}

/// x Phi(x).
inline std::string mlir_gelu(MlirBody& body, const std::string& x) {
  const std::string error = body.unary("math.erf", body.multiply(x, body.real(0.70710678118654752)));
  return body.multiply(body.multiply(x, body.real(0.5)), body.add(error, body.real(1.0)));
}

/// 1 / (1 + exp(-x)).
inline std::string mlir_sigmoid(MlirBody& body, const std::string& x) {
  const std::string one = body.real(1.0);
  return body.divide(one, body.add(one, body.unary("math.exp", body.unary("arith.negf", x))));
}

/// All inputs, of one shape, by an operation of two reals.
inline MlirValue mlir_fold(MlirWriter& writer, const std::vector<MlirValue>& inputs, const char* operation) {
  if (inputs.size() == 1) return inputs[0];
  std::vector<MlirOperand> operands;
  for (const MlirValue& input : inputs) operands.push_back(MlirWriter::whole(input));
  return writer.map(inputs[0].shape, operands, [&](MlirBody& body) {
    std::string value = body.in(0);
    for (std::size_t i = 1; i < inputs.size(); ++i) value = body.binary(operation, value, body.in(i));
    return value;
  });
}

/// GPT-2's start of a weight (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019).
inline constexpr Init kWeightInit{Init::Kind::normal, 0.02};
inline constexpr double kLargestSize = 1e9;  ///< of any attribute that is a size

/// The descriptor of an attribute that is a size without default.
inline OptionSpec size_attribute(std::string name, std::string summary) {
  OptionSpec spec;
  spec.name = std::move(name);
  spec.type = OptionSpec::Type::integer;
  spec.summary = std::move(summary);
  spec.low = 1;
  spec.high = kLargestSize;
  return spec;
}

inline OptionSpec flag_attribute(std::string name, bool fallback, std::string summary) {
  OptionSpec spec;
  spec.name = std::move(name);
  spec.type = OptionSpec::Type::flag;
  spec.fallback = fallback;
  spec.summary = std::move(summary);
  return spec;
}

inline OptionSpec real_attribute(std::string name, double fallback, double low, double high,
                                 std::string summary) {
  OptionSpec spec;
  spec.name = std::move(name);
  spec.type = OptionSpec::Type::real;
  spec.fallback = fallback;
  spec.low = low;
  spec.high = high;
  spec.summary = std::move(summary);
  return spec;
}

template <typename Rules>
MakeOperator maker() {
  return [] { return std::make_shared<const Rules>(); };
}

}  // namespace hone::graph::ops
