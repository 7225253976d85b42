#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "hone/graph/graph.h"

namespace hone::graph {

/// How a graph is written as MLIR.
enum class MlirForm {
  linalg,  ///< tensors; every operator as linalg.generic
  affine   ///< memrefs; every operator as loops over them
};

/// A tensor of an MLIR text being written: an SSA name and what it holds. In the affine form it may be seen
/// in another shape than its buffer has.
struct MlirValue {
  std::string name;
  Shape shape;
  DataType type = DataType::float32;
  /// From an index of this shape to one of the buffer; the last is applied first. Empty in the linalg form.
  struct View {
    enum class Kind { split, merge, slice } kind = Kind::split;
    std::size_t dim = 0;
    Shape sizes;             ///< that a dimension was split into, or that were merged into one
    std::int64_t begin = 0;  ///< of a slice
  };
  std::vector<View> views = {};
  Shape buffer = {};
};

/// Where an operand is read in a loop nest: one affine expression a dimension over the nest's dimensions
/// "d0", "d1", ...: {"d0", "d1 * 2 + d3"}.
struct MlirOperand {
  MlirValue value;
  std::vector<std::string> at;
};

/// What one iteration of a nest does: emits scalar operations, returns SSA names.
class MlirBody {
 public:
  std::string in(std::size_t number) const { return inputs_[number]; }
  const std::string& out() const { return out_; }  ///< of a reduction: what was there before
  std::string real(double value, const char* type = "f32");
  /// The nest's counter along a dimension, as a real.
  std::string index(std::size_t dim, const char* type = "f32");
  /// One operation on operands of one type: unary("math.exp", x), binary("arith.addf", x, y).
  std::string unary(const char* operation, const std::string& x, const char* type = "f32");
  std::string binary(const char* operation, const std::string& x, const std::string& y,
                     const char* type = "f32");
  std::string add(const std::string& x, const std::string& y) { return binary("arith.addf", x, y); }
  std::string subtract(const std::string& x, const std::string& y) { return binary("arith.subf", x, y); }
  std::string multiply(const std::string& x, const std::string& y) { return binary("arith.mulf", x, y); }
  std::string divide(const std::string& x, const std::string& y) { return binary("arith.divf", x, y); }
  /// condition ? x : y, condition: a predicate of arith.cmpf on two reals.
  std::string select(const char* predicate, const std::string& left, const std::string& right,
                     const std::string& x, const std::string& y);
  std::string narrow(const std::string& x);  ///< f64 to f32
  /// Row `row` (an integer that an operand holds) of a table, at the nest's counter `dim`.
  std::string lookup(const MlirValue& table, const std::string& row, std::size_t dim);

 private:
  friend class MlirWriter;
  std::string fresh();
  std::string line(const std::string& right);

  class MlirWriter* writer_ = nullptr;
  std::vector<std::string> inputs_, counters_;  ///< counters_: names of loop variables in the affine form
  std::string out_, indent_;
};

/// Writes the body of one function. Operators say what they compute as loop nests (graph/ops); the form
/// decides how those are spelled. One function, one writer; not thread safe.
class MlirWriter {
 public:
  using Body = std::function<std::string(MlirBody&)>;

  explicit MlirWriter(MlirForm form) : form_(form) {}
  MlirForm form() const { return form_; }

  /// A new tensor: body's value at every point of `shape`.
  MlirValue map(const Shape& shape, const std::vector<MlirOperand>& operands, const Body& body,
                DataType type = DataType::float32);
  /// A new tensor over all but the last `reductions` dimensions of `domain`: starts as `start` (a number, or
  /// an operand read at the other dimensions), and body's value takes its place at every point.
  MlirValue reduce(const Shape& domain, std::size_t reductions, double start,
                   const std::vector<MlirOperand>& operands, const Body& body);
  MlirValue reduce(const Shape& domain, std::size_t reductions, const MlirOperand& start,
                   const std::vector<MlirOperand>& operands, const Body& body);

  /// Other views of the same numbers: one dimension as several, several neighbouring ones as one, a part.
  MlirValue split(const MlirValue& value, std::size_t dim, const Shape& sizes);
  MlirValue merge(const MlirValue& value, std::size_t dim, std::size_t count);
  MlirValue slice(const MlirValue& value, std::size_t dim, std::int64_t begin, std::int64_t size);
  /// A new tensor: values one after the other along a dimension; a value within a border along two.
  MlirValue concat(const std::vector<MlirValue>& values, std::size_t dim);
  MlirValue pad(const MlirValue& value, std::size_t dim, std::int64_t low, std::int64_t high, double border);
  /// Affine form: writes a value's numbers into another's place, of the same shape.
  void copy(const MlirValue& from, const MlirValue& to);
  /// Read at all its dimensions in order: {"d0", "d1", ..}.
  static MlirOperand whole(const MlirValue& value);

  const std::string& text() const { return text_; }
  /// Buffers of the affine form that the function must hold: name and memref type.
  const std::vector<std::pair<std::string, std::string>>& buffers() const { return buffers_; }
  std::string type(const MlirValue& value) const;  ///< of its buffer

 private:
  friend class MlirBody;
  struct Nest {
    Shape domain;
    std::size_t reductions = 0;
    std::vector<MlirOperand> operands;
    DataType type = DataType::float32;
  };
  MlirValue generic(const Nest& nest, const MlirValue& out, const Body& body);
  MlirValue loops(const Nest& nest, const MlirValue& out, const Body& body);
  MlirValue fresh(const Shape& shape, DataType type);
  MlirValue filled(const Shape& shape, double value);
  std::string shape_type(const char* kind, const Shape& shape, DataType type) const;
  std::string place(const MlirValue& value, std::vector<std::string> at) const;
  const char* kind() const { return form_ == MlirForm::linalg ? "tensor" : "memref"; }
  std::string name() { return "%" + std::to_string(next_++); }
  void put(const std::string& line) { text_ += line + "\n"; }

  MlirForm form_;
  std::string text_;
  std::vector<std::pair<std::string, std::string>> buffers_;
  std::size_t next_ = 0;
};

}  // namespace hone::graph
