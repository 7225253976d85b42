#pragma once

#include <string>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/registry.h"

namespace hone::space {

/// What an operator takes and gives, as text:
///
///   [batch, time, width] -> [batch, time, width]
///   [.., in] -> [.., out]
///   integer [..] -> [.., width]
///
/// Tensors by their dimensions: a name is a variable, a number that size, `..` (once a tensor) any
/// dimensions. `integer` before a tensor: of indices; without it: of reals. Several inputs stand with commas
/// between them. After *NeuralArTS: Structuring Neural Architecture Search with Type Theory*: operations are
/// interchangeable where the shapes that they take and give are; output dimensions are functions of the
/// inputs' or free.
class OperatorType {
 public:
  struct Tensor {
    bool integer = false;
    std::vector<std::string> dimensions;  ///< "width", "3" or ".."
  };

  /// Throws Error at `place` with what was expected.
  static OperatorType parse(const std::string& text, const Place& place = {});

  const std::vector<Tensor>& inputs() const { return inputs_; }
  const Tensor& output() const { return output_; }
  std::string text() const;

  /// Whether an operator of this type can stand where `wanted` is asked for: the variables of this type can
  /// be chosen (unified) so that it takes everything that `wanted` says is given, whatever its sizes are, and
  /// gives what `wanted` says. A dimension that only this type's output has (a linear map's) is free to be
  /// what is asked; one that only the wanted output has may become anything.
  bool fits(const OperatorType& wanted) const;

 private:
  std::vector<Tensor> inputs_;
  Tensor output_;
};

/// The registered operators (kind "operator") that fit, in the registry's order.
/// Throws Error naming the nearest types where none does.
std::vector<std::string> operators_of_type(const OperatorType& wanted, const Place& place = {});

}  // namespace hone::space
