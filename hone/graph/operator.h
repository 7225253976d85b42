#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hone/base/registry.h"
#include "hone/graph/graph.h"

namespace hone::graph {

/// The rules of one operator, free of any tensor library. One file each in graph/ops; train/ops has the
/// LibTorch lowering under the same name. Stateless; thread safe.
class Operator {
 public:
  virtual ~Operator() = default;

  /// The output's shape. Throws Error where the inputs' shapes or attributes do not fit.
  virtual Shape infer(const Attributes& attributes, const std::vector<Shape>& inputs) const = 0;
  /// Trainable parameters (name relative to the node: "weight"), default initialisation.
  virtual std::vector<Parameter> parameters(const Attributes&, const std::vector<Shape>&) const { return {}; }
  /// FLOPs of a forward pass; a multiply-add is two, a transcendental function one.
  virtual double flops(const Attributes& attributes, const std::vector<Shape>& inputs,
                       const Shape& output) const = 0;
  /// Extra bytes beyond inputs, parameters and output (an attention's score matrix).
  virtual double scratch_bytes(const Attributes&, const std::vector<Shape>&, const Shape&) const {
    return 0.0;
  }
  /// Bytes of parameters that a forward pass reads: all of them, unless it is a lookup.
  virtual double parameter_bytes(const Attributes& attributes, const std::vector<Shape>& inputs,
                                 const Shape& output) const;
  /// The attributes as the canonical form knows them: what cannot matter at these inputs (whose batch and
  /// length must not enter) takes one spelling.
  virtual Attributes canonical_attributes(const Attributes& attributes, const std::vector<Shape>&) const {
    return attributes;
  }
  virtual bool commutative() const { return false; }
  /// Output equals its only input: dropped from the canonical form.
  virtual bool identity(const Attributes&) const { return false; }
};

/// Kind "operator" in the registry; its MethodInfo::type lets a search space ask for all operators of a type.
using MakeOperator = std::function<std::shared_ptr<const Operator>()>;

/// The rules of a registered operator (cached). Throws Error where unknown.
const Operator& find_operator(const std::string& name);

/// The attributes of an operator, checked against its descriptor's options and completed with their defaults.
/// Throws Error on an unknown name, another type, a value out of range, or a missing one without default.
Attributes complete_attributes(const std::string& op, const Attributes& given);

}  // namespace hone::graph
