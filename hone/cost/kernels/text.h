#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hone::cost {

/// "%i0, %i1 + 1": parts as MLIR lists them.
std::string listed(const std::vector<std::string>& parts);
/// An index that moves with a loop's variable: "%i * factor + offset", as short as it can be.
std::string scaled(const std::string& iv, std::int64_t factor, std::int64_t offset = 0);

/// Writes one MLIR function of affine loops over buffers, or of linalg operations on tensors. Indices are
/// texts of affine expressions over the names that loop() hands out: "%i + 1, %j * 2".
class KernelText {
 public:
  using Body = std::function<void(const std::string& iv)>;
  using Dims = std::vector<std::int64_t>;

  /// `type`: the element type, "f32", "f64" or "i32".
  explicit KernelText(std::string type) : type_(std::move(type)) {}

  const std::string& type() const { return type_; }
  bool floating() const { return type_[0] == 'f'; }

  // Buffers and loops.
  std::string buffer(const Dims& dims);    ///< a function argument; its name
  std::string local(const Dims& dims);     ///< allocated within the function, freed at its end
  std::string scalar();                    ///< a function argument of the element type
  std::string integers(const Dims& dims);  ///< a function argument of i32, whatever the element type
  /// affine.for from `low` to `high` (exclusive), each a number or an affine expression of loop variables.
  void loop(const std::string& low, const std::string& high, const Body& body, std::int64_t step = 1);
  void loop(std::int64_t low, std::int64_t high, const Body& body, std::int64_t step = 1);
  /// A loop that carries a value in a register: body(iv, so far) gives the next; the result is the last.
  std::string reduce(std::int64_t low, std::int64_t high, const std::string& initial,
                     const std::function<std::string(const std::string&, const std::string&)>& body);
  /// Nested loops of these extents from 0, then the body with all their variables.
  void nest(const Dims& extents, const std::function<void(const std::vector<std::string>&)>& body);
  std::string load(const std::string& buffer, const std::string& indices);
  void store(const std::string& value, const std::string& buffer, const std::string& indices);
  /// buffer[indices] += value, or -= value.
  void accumulate(const std::string& buffer, const std::string& indices, const std::string& value);
  void subtract(const std::string& buffer, const std::string& indices, const std::string& value);

  // Places that are only known when it runs.
  /// An index in [0, bound) from an i32 and a loop variable: mixed so that they jump about (or, `near`, go on
  /// with the variable), then cut to the largest power of two that `bound` holds.
  std::string place(const std::string& integer, const std::string& iv, std::int64_t bound, bool near);
  std::string load_at(const std::string& buffer, const std::string& indices);  ///< of values of type index
  void store_at(const std::string& value, const std::string& buffer, const std::string& indices);

  // Arithmetic on the element type: the right operation for floating point or integers.
  std::string constant(double value);
  std::string add(const std::string& a, const std::string& b);
  std::string sub(const std::string& a, const std::string& b);
  std::string mul(const std::string& a, const std::string& b);
  std::string div(const std::string& a, const std::string& b);
  std::string max(const std::string& a, const std::string& b);
  std::string min(const std::string& a, const std::string& b);
  std::string unary(const std::string& operation, const std::string& a);  ///< "math.exp"; floating point only
  std::string real(const std::string& integer);                           ///< an i32 as an element
  /// `a` if left > right, else `b`.
  std::string choose(const std::string& left, const std::string& right, const std::string& a,
                     const std::string& b);

  // Tensors.
  std::string tensor(const Dims& dims);                          ///< a function argument
  std::string fill(const Dims& dims, const std::string& value);  ///< a tensor of one value
  std::string empty(const Dims& dims);
  /// A named linalg operation: named("linalg.matmul", {a, b}, out), with `attributes` before the operands.
  std::string named(const std::string& operation, const std::vector<std::string>& inputs,
                    const std::string& output, const std::string& attributes = "");
  /// linalg.generic over `extents`: each operand with its map, a list of "d0, d2"; loops named in `reduced`
  /// are reductions; body(values of inputs and output) gives the value to write.
  std::string generic(std::size_t loops, const std::vector<std::string>& inputs,
                      const std::vector<std::string>& maps, const std::string& output,
                      const std::string& output_map, const std::vector<bool>& reduced,
                      const std::function<std::string(const std::vector<std::string>&)>& body);
  void give_back(const std::string& tensor) { returned_ = tensor; }

  /// The module's text.
  std::string text() const;

 private:
  std::string fresh(const char* stem);
  std::string shape_of(const std::string& name) const;
  std::string memref_of(const std::string& name) const { return "memref<" + shape_of(name) + ">"; }
  std::string tensor_of(const std::string& name) const { return "tensor<" + shape_of(name) + ">"; }
  std::string binary(const char* floating, const char* integer, const std::string& a, const std::string& b);
  void line(const std::string& text);
  std::string bound(const std::string& expression) const;

  std::string type_;
  std::string body_, signature_, returned_;
  std::vector<std::pair<std::string, std::string>> shapes_;  ///< name and "4x8xf32"
  std::vector<std::string> locals_;
  int depth_ = 1;
  int next_ = 0;
};

}  // namespace hone::cost
