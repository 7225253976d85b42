#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hone/cost/few.h"
#include "hone/cost/mlir/affine.h"

namespace hone::cost::mlir {

/// A type as far as costs depend on it. What is not known in detail is `other`, with the shape that its text
/// shows (`!torch.vtensor<[2,?],f32>`), if any.
struct Type {
  enum class Kind : std::uint8_t { none, scalar, vector, tensor, memref, function, tuple, other };
  enum class Scalar : std::uint8_t { none, integer, real, index, complex, other };
  Kind kind = Kind::none;
  Scalar scalar = Scalar::none;       ///< of the elements
  int bits = 0;                       ///< of an element; index: 64; 0: unknown
  bool ranked = true;                 ///< false: `*` stands for the shape
  std::vector<std::int64_t> shape;    ///< kDynamic: `?`
  std::vector<std::int64_t> strides;  ///< memref, in elements; empty: row-major
  Few<int> inputs, results;           ///< of a function: types
  std::string_view text;              ///< as written

  bool shaped() const { return kind == Kind::vector || kind == Kind::tensor || kind == Kind::memref; }
  bool real_elements() const { return scalar == Scalar::real || scalar == Scalar::complex; }
  double element_bytes() const;  ///< 4 where unknown
  /// Dynamic sizes count as `unknown`; saturates at 1e18.
  double elements(std::int64_t unknown = 1) const;
};

struct Attribute {
  enum class Kind : std::uint8_t {
    unit,
    flag,
    integer,
    real,
    text,
    array,
    dictionary,
    type,
    map,
    set,
    dense,   ///< elements; the first 64 in `numbers`, a splat's one
    symbol,  ///< `@name`
    other
  };
  Kind kind = Kind::unit;
  std::int64_t integer = 0;             ///< of integer and flag
  double real = 0.0;                    ///< of integer and real
  int type = -1;                        ///< of what is typed, or the type itself
  int map = -1;                         ///< index into Module::maps; a set's results are its constraints
  Few<int> items;                       ///< of array and dictionary: indices into Module::attributes
  std::vector<std::string_view> names;  ///< of a dictionary
  std::vector<double> numbers;          ///< of dense; of a set by constraint: 1: it is 0, 0: it is not below
  std::string_view text;                ///< as written; of a text and a symbol: what stands inside
};

/// A result of an operation, or an argument of a block.
struct Value {
  std::string_view name;  ///< with its `%`
  int number = 0;         ///< of the results or arguments, from 0
  int type = -1;          ///< -1: the text does not say
  int operation = -1;     ///< that computes it; -1: an argument
  int region = -1;        ///< of an argument
};

/// From one bound to another: the lower one is the greatest of its map's results, the upper one (exclusive)
/// the least.
struct Bound {
  int map = -1;
  Few<int> operands;  ///< values
};

/// One dimension of a loop operation.
struct Loop {
  int variable = -1;  ///< value; -1: the region has no such argument
  Bound lower, upper;
  Bound step;  ///< one result
  bool parallel = false;
};

struct Operation {
  std::string_view name;  ///< whole: `return` inside func.func is func.return
  std::string_view text;  ///< from its name to where its first region begins, or to its end
  int line = 0, column = 0;
  int region = -1;             ///< that it stands in; -1: none
  Few<int> operands, results;  ///< values
  Few<int> regions;
  std::vector<std::pair<std::string_view, int>> attributes;  ///< name, index into Module::attributes
  Few<int> types;  ///< all that its own text names, in order; a function's is its function type
  std::vector<Loop> loops;
  /// Of affine loads, stores, apply, min, max: how the operands from `map_operands` on become indices or
  /// results; index into Module::maps, -1: none.
  int map = -1;
  int map_operands = 0;
  std::string_view symbol;  ///< the first `@name` in it, without `@`

  std::string_view dialect() const { return name.substr(0, name.find('.')); }
};

struct Block {
  std::string_view label;
  Few<int> arguments;           ///< values
  std::vector<int> operations;  ///< in order
};

struct Region {
  int operation = -1;  ///< that it belongs to
  std::vector<Block> blocks;
};

/// What stands in an MLIR text. Everything refers to everything by index; views stay valid in copies.
struct Module {
  std::shared_ptr<const std::string> source;
  std::string file;
  std::vector<Operation> operations;  ///< in the order of the text: an operation before what is inside it
  std::vector<Region> regions;
  std::vector<Value> values;
  std::vector<Type> types;
  std::vector<Attribute> attributes;
  std::vector<AffineMap> maps;
  std::vector<int> top;  ///< operations that stand in no region

  const Type& type_of(int value) const;  ///< of kind none where the text does not say
  /// An attribute of an operation by name; null: it has none.
  const Attribute* attribute(const Operation& operation, std::string_view name) const;
  /// An array, dense elements or a number as whole numbers; empty where it is none of them.
  std::vector<std::int64_t> integers(const Attribute& attribute) const;
  /// Operations that hold a body and are called (func.func, llvm.func, gpu.func, and what else is named
  /// so); where there is none, those at the top, or inside a module at the top, that have regions.
  std::vector<int> functions() const;
  /// The name of one of functions(); where several have it, after the modules around it: "a::f".
  std::string name_of(int function) const;
  /// The value of a constant of type index or integer that an operand refers to, through arith.constant,
  /// index.constant, llvm.mlir.constant; kDynamic where it is none.
  std::int64_t constant(int value) const;
  /// Whether it is a constant of nothing but zeros: a number of any type, or dense elements.
  bool zero(int value) const;
};

/// Reads MLIR text, as people write it or as mlir-opt prints it, in the pretty or the generic form. Loops,
/// accesses and types of func, arith, math, affine, scf, memref, linalg, tensor and vector are understood;
/// operations of other dialects are kept with their names, operands, attributes and every type that their
/// text shows. What an unknown dialect's own syntax leaves open is guessed: an operation ends where, at a new
/// line or after a type, another one begins; results have the types after the last `->` or `:`.
/// Throws Error with file, line and column where the text is malformed: brackets, strings, types, bounds,
/// values that nothing defines or that are defined twice, anything nested deeper than 200.
Module parse(std::string text, const std::string& file = "");

/// Reads a file. Throws Error as parse() does, or where the file cannot be read.
Module read(const std::string& path);

}  // namespace hone::cost::mlir
