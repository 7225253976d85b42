#include "hone/graph/terms.h"

#include <algorithm>
#include <unordered_map>

#include "hone/graph/operator.h"

namespace hone::graph {

namespace {

Key parameter_label(const Parameter& parameter) {
  const bool normal = parameter.init.kind == Init::Kind::normal;
  KeyBuilder builder;
  builder.integer(static_cast<std::int64_t>(parameter.init.kind));
  builder.real(normal ? parameter.init.scale : 0.0);
  for (std::int64_t size : parameter.shape) builder.integer(size);
  return builder.build();
}

void add_value(KeyBuilder& builder, const Value& value) {
  builder.integer(static_cast<std::int64_t>(value.index()));
  if (const auto* real = std::get_if<double>(&value))
    builder.real(*real);
  else if (const auto* integer = std::get_if<std::int64_t>(&value))
    builder.integer(*integer);
  else
    builder.text(value_text(value));
}

/// Of zeros: the sizes after the batch, without a sequence's length.
Key zero_label(const Shape& shape) {
  KeyBuilder builder;
  builder.text("zeros").integer(static_cast<std::int64_t>(shape.size()));
  for (std::size_t i = shape.size() == 3 ? 2 : 1; i < shape.size(); ++i) builder.integer(shape[i]);
  return builder.build();
}

class Simplifier {
 public:
  explicit Simplifier(const Graph& graph) : graph_(graph) {
    for (const Parameter& parameter : graph.parameters())
      result_.parameters.push_back(parameter_label(parameter));
    term_of_.reserve(graph.nodes().size());
    for (int id = 0; id < static_cast<int>(graph.nodes().size()); ++id) term_of_.push_back(rewrite(id));
    for (int id : graph.outputs()) result_.outputs.push_back(term_of_[id]);
    drop_dead();
  }
  Terms take() { return std::move(result_); }

 private:
  int rewrite(int id) {
    const Node& node = graph_.node(id);
    if (node.op == "input") {
      // Inputs are told apart by their order.
      const Key label =
          KeyBuilder().text("input").integer(inputs_++).integer(static_cast<std::int64_t>(node.type)).build();
      result_.terms.push_back({id, node.shape, label, {}, {}});
      return static_cast<int>(result_.terms.size()) - 1;
    }
    const Operator& rules = find_operator(node.op);
    std::vector<int> operands;
    std::vector<bool> zeros;
    for (int input : node.inputs) {
      operands.push_back(term_of_[input]);
      zeros.push_back(result_.terms[operands.back()].node < 0);
    }
    if (rules.zero(node.attributes, zeros)) {
      Term zero;
      zero.shape = node.shape;
      zero.label = zero_label(node.shape);
      return find_or_add(std::move(zero));
    }
    const std::vector<Shape> shapes = graph_.input_shapes(id);
    if (rules.identity(node.attributes, shapes)) return operands[0];

    Term term;
    term.node = id;
    term.shape = node.shape;
    term.label = label(node, rules.canonical_attributes(node.attributes, shapes));
    const bool associative = rules.associative() && node.parameters.empty();
    if (rules.commutative()) {
      for (std::size_t i = 0; i < operands.size(); ++i)
        if (!(associative && rules.skips_zero() && zeros[i])) add_counted(term, operands[i], associative);
    } else {
      for (int operand : operands) {
        const Term& inner = result_.terms[operand];
        if (associative && inner.label == term.label &&
            term.operands.size() + inner.operands.size() <= kMostOperands)
          term.operands.insert(term.operands.end(), inner.operands.begin(), inner.operands.end());
        else
          term.operands.push_back(operand);
      }
    }
    if (associative && term.operands.size() == 1 && (!term.unordered() || term.counts[0] == 1))
      return term.operands[0];
    return find_or_add(std::move(term));
  }

  /// Adds an operand, or what it is made of where it is the same associative operator, keeping operands
  /// sorted and counted.
  void add_counted(Term& term, int operand, bool associative) {
    const auto count = [&](int what, int times) {
      const auto place = std::lower_bound(term.operands.begin(), term.operands.end(), what);
      const auto at = place - term.operands.begin();
      if (place != term.operands.end() && *place == what) {
        term.counts[at] += times;
      } else {
        term.operands.insert(place, what);
        term.counts.insert(term.counts.begin() + at, times);
      }
    };
    const Term& inner = result_.terms[operand];
    if (!associative || inner.node < 0 || inner.label != term.label) return count(operand, 1);
    int total = 0;
    for (const Term* part : {static_cast<const Term*>(&term), &inner})
      for (int times : part->counts) total += times;
    if (total > kMostOperands) return count(operand, 1);
    for (std::size_t i = 0; i < inner.operands.size(); ++i) count(inner.operands[i], inner.counts[i]);
  }

  Key label(const Node& node, const Attributes& attributes) const {
    KeyBuilder builder;
    builder.text(node.op);
    for (const auto& [name, value] : attributes.entries()) add_value(builder.text(name), value);
    for (int index : node.parameters) builder.key(result_.parameters[index]);
    return builder.build();
  }

  int find_or_add(Term term) {
    const auto parameters = [&](const Term& of) {
      static const std::vector<int> none;
      return of.node < 0 ? &none : &graph_.node(of.node).parameters;
    };
    std::vector<int>& alike = by_label_[term.label];
    for (int known : alike) {
      const Term& other = result_.terms[known];
      if (other.operands == term.operands && other.counts == term.counts && other.shape == term.shape &&
          *parameters(other) == *parameters(term))
        return known;
    }
    alike.push_back(static_cast<int>(result_.terms.size()));
    result_.terms.push_back(std::move(term));
    return alike.back();
  }

  void drop_dead() {
    std::vector<Term>& terms = result_.terms;
    std::vector<int> fresh(terms.size(), -1);
    for (int output : result_.outputs) fresh[output] = 0;
    for (std::size_t i = terms.size(); i-- > 0;)
      if (fresh[i] == 0)
        for (int operand : terms[i].operands) fresh[operand] = 0;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      if (fresh[i] < 0) continue;
      for (int& operand : terms[i].operands) operand = fresh[operand];
      fresh[i] = static_cast<int>(kept);
      if (kept != i) terms[kept] = std::move(terms[i]);
      ++kept;
    }
    terms.resize(kept);
    for (int& output : result_.outputs) output = fresh[output];
  }

  const Graph& graph_;
  Terms result_;
  std::vector<int> term_of_;  // by node
  int inputs_ = 0;
  std::unordered_map<Key, std::vector<int>> by_label_;
};

}  // namespace

Terms simplify(const Graph& graph) { return Simplifier(graph).take(); }

}  // namespace hone::graph
