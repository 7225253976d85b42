#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hone/base/json.h"
#include "hone/base/key.h"
#include "hone/base/value.h"

namespace hone::graph {

using Shape = std::vector<std::int64_t>;
std::string shape_text(const Shape& shape);  ///< "16x64x128"
std::int64_t element_count(const Shape& shape);

/// Named settings of an operator, sorted by name. A plain value.
class Attributes {
 public:
  using Entry = std::pair<std::string, Value>;
  Attributes() = default;
  Attributes(std::initializer_list<Entry> entries);

  const std::vector<Entry>& entries() const { return entries_; }
  bool has(const std::string& name) const;
  std::int64_t integer(const std::string& name) const;  ///< throws Error where missing or of another type
  double real(const std::string& name) const;
  bool flag(const std::string& name) const;
  const std::string& text(const std::string& name) const;
  void set(const std::string& name, Value value);  ///< adds or replaces
  void erase(const std::string& name);             ///< nothing happens where missing
  std::string text_list() const;                   ///< "bias=true out=64"
  bool operator==(const Attributes&) const = default;

 private:
  const Value& at(const std::string& name) const;
  std::vector<Entry> entries_;
};

/// How a parameter starts.
struct Init {
  enum class Kind { zeros, ones, normal };
  Kind kind = Kind::zeros;
  double scale = 0.0;  ///< standard deviation of normal
  bool operator==(const Init&) const = default;
};

/// A trainable tensor of a graph (float32).
struct Parameter {
  std::string name;  ///< "layer0.query.weight"
  Shape shape;
  Init init;
};

enum class DataType { float32, int64 };

struct Node {
  std::string op;    ///< a registered operator, or "input"
  std::string name;  ///< for people: "layer0.query"
  Attributes attributes;
  std::vector<int> inputs;      ///< node ids, all smaller than the node's own
  std::vector<int> parameters;  ///< indices into Graph::parameters
  Shape shape;                  ///< of the output, row-major
  DataType type = DataType::float32;
};

/// FLOPs (a multiply-add is two) and bytes moved (inputs, parameters, output; 4 or 8 bytes an element) of one
/// forward pass.
struct Work {
  double flops = 0.0;
  double bytes = 0.0;
};

/// A model's operator DAG at concrete shapes. Nodes are added in topological order; shapes follow from the
/// operators' rules. A plain value.
class Graph {
 public:
  /// An input of the whole. Returns its node id.
  int input(const std::string& name, Shape shape, DataType type);
  /// Adds an operator. Attributes left out take the operator's defaults. Its parameters are made by the
  /// operator's rule, or are the given ones of the graph (tied weights; one entry a parameter, -1 for a fresh
  /// one), whose shapes must fit. Throws Error where the operator or an attribute is unknown, a value is out
  /// of range, or shapes do not fit; the graph is then as before.
  int add(const std::string& op, Attributes attributes, std::vector<int> inputs, const std::string& name,
          const std::vector<int>& shared_parameters = {});
  void output(int node);

  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(int id) const { return nodes_[static_cast<std::size_t>(id)]; }
  std::vector<Shape> input_shapes(int node) const;
  const std::vector<Parameter>& parameters() const { return parameters_; }
  const std::vector<int>& outputs() const { return outputs_; }
  /// Changes how a parameter starts (an architecture's own initialisation).
  void set_init(int parameter, Init init);
  void rename_parameter(int parameter, std::string name);

  std::int64_t parameter_count() const;
  Work work() const;
  Work work(int node) const;
  /// The same graph with an input at another shape (batch, length): all shapes are inferred again. Throws
  /// Error where there is no such input, or a parameter would change its shape.
  Graph with_input(const std::string& name, Shape shape) const;

  /// One line a node, for people and tests.
  std::string text() const;
  Json json() const;
  static Graph from_json(const Json& json);  ///< throws Error on anything malformed

 private:
  std::vector<Node> nodes_;
  std::vector<Parameter> parameters_;
  std::vector<int> outputs_;
};

/// The canonical form under which two graphs are the same structure. What cannot matter is gone, by the
/// algebra that operators declare (graph/operator.h): what the outputs do not reach, identities, zeros in
/// sums and whatever is zero because its inputs are, the nesting of sums and products (up to 4,096 operands),
/// the order of commutative operands, an operator written twice on the same operands and parameters, names.
/// Shared parameters stay shared, and how often an operand goes in stays (x + x is not x). Batch and length
/// (the inputs' shapes) do not enter, except that zeros which are left (a whole output, an operand that
/// something shifts) have their channels and, as images, their sizes; how parameters start does.
///
/// Operands that a commutative operator may swap are ordered by colour refinement (Weisfeiler and Leman, "A
/// reduction of a graph to a canonical form and an algebra arising during this reduction", 1968), and ties
/// are broken one after the other. Two spellings of one structure agree unless it has operands that
/// refinement cannot separate and no symmetry maps onto each other, as where six branches are summed in pairs
/// around a hexagon and six of the same kind around two triangles, within one graph. Such spellings may get
/// two keys; two structures never get one.
struct Canonical {
  Key key;
  /// For every parameter of the graph its position in the canonical form (order of first use), -1 where
  /// nothing reaches it. Initialisation and checkpoints go by position, so that graphs of one structure
  /// start equal.
  std::vector<int> parameter_position;
};
Canonical canonical(const Graph& graph);

/// A graph in its canonical form: what the graph computes with nothing that cannot matter, nodes in canonical
/// order, all its inputs, parameters numbered by canonical position. Graphs of one key give the same graph
/// but for names, so that running it gives the same numbers to the last bit, and its work() is what the
/// structure costs. A sum that contains another sum of the graph takes it in whole. Zeros that are left come
/// from the operator zero.
Graph canonical_graph(const Graph& graph);

}  // namespace hone::graph
