// A graph written in its canonical form.
#include <algorithm>

#include "hone/graph/graph.h"
#include "hone/graph/operator.h"
#include "hone/graph/ops/zero.h"
#include "hone/graph/terms.h"

namespace hone::graph {

namespace {

/// Terms and how often each: sorted by term.
using Counted = std::vector<std::pair<int, int>>;

/// Whether `part` lies within `whole`, count by count.
bool within(const Counted& part, const Counted& whole) {
  auto at = whole.begin();
  for (const auto& [term, count] : part) {
    at = std::lower_bound(at, whole.end(), std::pair(term, 0));
    if (at == whole.end() || at->first != term || at->second < count) return false;
  }
  return true;
}

void remove(const Counted& part, Counted& from) {
  for (const auto& [term, count] : part) {
    const auto at = std::lower_bound(from.begin(), from.end(), std::pair(term, 0));
    at->second -= count;
    if (at->second == 0) from.erase(at);
  }
}

int size_of(const Counted& counted) {
  int size = 0;
  for (const auto& [term, count] : counted) size += count;
  return size;
}

class Writer {
 public:
  explicit Writer(const Graph& from) : from_(from), form_(canonical_form(from)) {
    place_inputs();
    parameter_.assign(from.parameters().size(), -1);
    for (std::size_t i = 0; i < form_.terms.size(); ++i)
      if (place_[i] < 0) place_[i] = write(static_cast<int>(i));
    for (int output : form_.outputs) made_.output(place_[output]);
  }
  Graph take() { return std::move(made_); }

 private:
  /// All inputs stay, in their order. Zeros take their batch from the first.
  void place_inputs() {
    place_.assign(form_.terms.size(), -1);
    for (int id = 0; id < static_cast<int>(from_.nodes().size()); ++id) {
      const Node& node = from_.node(id);
      if (node.op != "input") continue;
      const int made = made_.input(node.name, node.shape, node.type);
      for (std::size_t i = 0; i < form_.terms.size(); ++i)
        if (form_.terms[i].node == id) place_[i] = made;
    }
  }

  int write(int index) {
    const Term& term = form_.terms[index];
    if (term.node < 0)
      return made_.add("zero", {{"shape", ops::zero_shape_text(term.shape, made_.node(0).shape)}}, {0},
                       "zero");
    const Node& node = from_.node(term.node);
    std::vector<int> shared;
    for (int parameter : node.parameters) shared.push_back(parameter_[parameter]);
    const int made = made_.add(node.op, node.attributes, operands(index), node.name, shared);
    for (std::size_t i = 0; i < node.parameters.size(); ++i) {
      int& known = parameter_[node.parameters[i]];
      if (known >= 0) continue;
      known = made_.node(made).parameters[i];
      const Parameter& parameter = from_.parameters()[node.parameters[i]];
      made_.set_init(known, parameter.init);
      made_.rename_parameter(known, parameter.name);
    }
    return made;
  }

  std::vector<int> operands(int index) {
    const Term& term = form_.terms[index];
    std::vector<int> nodes;
    if (!term.unordered()) {
      for (int operand : term.operands) nodes.push_back(place_[operand]);
      return nodes;
    }
    Counted whole;
    for (std::size_t i = 0; i < term.operands.size(); ++i)
      whole.push_back({term.operands[i], term.counts[i]});
    std::sort(whole.begin(), whole.end());
    if (find_operator(from_.node(term.node).op).associative()) {
      const Counted all = whole;
      take_out_known(term.label, whole, nodes);
      known_.push_back({term.label, index, all});
    }
    for (int operand : term.operands) {
      const auto left = std::lower_bound(whole.begin(), whole.end(), std::pair(operand, 0));
      if (left != whole.end() && left->first == operand)
        nodes.insert(nodes.end(), static_cast<std::size_t>(left->second), place_[operand]);
    }
    return nodes;
  }

  /// What an earlier sum has added up already is not added up again: the largest that fits goes in whole, the
  /// earliest of equals.
  void take_out_known(const Key& label, Counted& whole, std::vector<int>& nodes) {
    for (;;) {
      const Known* best = nullptr;
      int most = 1;
      for (const Known& known : known_)
        if (known.label == label && size_of(known.all) > most && within(known.all, whole)) {
          best = &known;
          most = size_of(known.all);
        }
      if (best == nullptr) return;
      nodes.push_back(place_[best->term]);
      remove(best->all, whole);
    }
  }

  struct Known {
    Key label;
    int term;
    Counted all;
  };

  const Graph& from_;
  CanonicalForm form_;
  Graph made_;
  std::vector<int> place_;      ///< by term: the node made for it
  std::vector<int> parameter_;  ///< by parameter of from_: that of made_
  std::vector<Known> known_;
};

}  // namespace

Graph canonical_graph(const Graph& graph) { return Writer(graph).take(); }

}  // namespace hone::graph
