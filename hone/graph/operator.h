#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hone/base/registry.h"
#include "hone/graph/array.h"
#include "hone/graph/graph.h"
#include "hone/graph/mlir_writer.h"

namespace hone::graph {

/// What Operator::evaluate is given.
struct Call {
  const Attributes& attributes;  ///< complete
  std::vector<const Array*> inputs;
  std::vector<const Array*> parameters;
  /// Stored moments of inference, as Operator::moments lists them; none: the statistics of the batch at hand,
  /// as in training.
  std::vector<const Array*> moments = {};
};

/// What Operator::mlir is given.
struct MlirCall {
  const Attributes& attributes;  ///< complete
  std::vector<MlirValue> inputs;
  std::vector<MlirValue> parameters;
  std::vector<MlirValue> moments = {};  ///< as Call::moments
};

/// The rules of one operator, free of any tensor library. One file each in graph/ops; train/ops has the
/// LibTorch lowering under the same name. Stateless; thread safe.
class Operator {
 public:
  virtual ~Operator() = default;

  /// The output's shape. Throws Error where the inputs' shapes or attributes do not fit.
  virtual Shape infer(const Attributes& attributes, const std::vector<Shape>& inputs) const = 0;
  /// Whether inputs may hold elements of this type.
  virtual bool takes(DataType type) const { return type == DataType::float32; }
  /// Trainable parameters (name relative to the node: "weight"), default initialisation.
  virtual std::vector<Parameter> parameters(const Attributes&, const std::vector<Shape>&) const { return {}; }
  /// Running statistics: tensors that follow the data in training instead of a gradient, and are read in
  /// inference; how they start.
  virtual std::vector<Parameter> moments(const Attributes&, const std::vector<Shape>&) const { return {}; }
  /// The function itself, forward, in double precision: what every lowering is tested against. `output` has
  /// its shape, and as many zeros; fills it in. Plain loops. Throws Error on values that cannot be (a token
  /// that is not in the vocabulary).
  virtual void evaluate(const Call& call, Array& output) const = 0;
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

  /// The same function as MLIR, as loop nests over its operands. Returns the output, which may be an input
  /// seen in another way. Throws Error where an operator of somebody's own has none.
  virtual MlirValue mlir(MlirWriter& writer, const MlirCall& call) const;

  // The operator's algebra: what the canonical form (canonical() in graph.h) may rewrite. Holds for every
  // value of inputs and parameters, in training and in inference.

  /// The attributes as the canonical form knows them: what cannot matter at these inputs (whose batch and
  /// length must not enter) takes one spelling.
  virtual Attributes canonical_attributes(const Attributes& attributes, const std::vector<Shape>&) const {
    return attributes;
  }
  /// The order of the inputs does not matter.
  virtual bool commutative() const { return false; }
  /// f(f(a, b), c) = f(a, f(b, c)) = f(a, b, c); takes any number of inputs, and f(a) = a.
  virtual bool associative() const { return false; }
  /// A zero among several inputs may be left out.
  virtual bool skips_zero() const { return false; }
  /// Output equals the first input.
  virtual bool identity(const Attributes&, const std::vector<Shape>&) const { return false; }
  /// Output is zero everywhere, given which inputs are, whatever the others and the parameters hold: nothing
  /// trainable shifts it.
  virtual bool zero(const Attributes&, const std::vector<bool>& /*zero_inputs*/) const { return false; }
};

/// Kind "operator" in the registry; its MethodInfo::type lets a search space ask for all operators of a type.
using MakeOperator = std::function<std::shared_ptr<const Operator>()>;

/// The rules of a registered operator (cached). Throws Error where unknown.
const Operator& find_operator(const std::string& name);

/// The attributes of an operator, checked against its descriptor's options and completed with their defaults.
/// Throws Error on an unknown name, another type, a value out of range, or a missing one without default.
Attributes complete_attributes(const std::string& op, const Attributes& given);

}  // namespace hone::graph
