// The canonical form of a graph: rewrite it by its operators' algebra (terms.h), colour terms and parameters
// by what can be seen from them, order the operands of commutative operators by colour, number everything in
// one depth-first traversal from the outputs, and hash what it writes.
#include <algorithm>
#include <cstdint>

#include "hone/base/mix.h"
#include "hone/graph/graph.h"
#include "hone/graph/terms.h"

namespace hone::graph {

namespace {

constexpr const char* kVersion = "hone.graph.2";  // enters every structural key

using Colour = std::uint64_t;

/// Mixes b into a. Colours only order: two that collide are treated as alike.
Colour mixed(Colour a, Colour b) { return finalised((a ^ b) + 0x9e3779b97f4a7c15u + (a << 6)); }

class Canonicalizer {
 public:
  explicit Canonicalizer(const Graph& graph) : graph_(graph), form_(simplify(graph)) {
    for (const Term& term : form_.terms) colour_.push_back(term.label.low);
    for (const Key& label : form_.parameters) parameter_colour_.push_back(label.low);
    std::vector<bool> live(parameter_colour_.size(), false);
    for (int id = 0; id < static_cast<int>(colour_.size()); ++id)
      for (int index : parameters(id)) live[index] = true;
    for (int index = 0; index < static_cast<int>(live.size()); ++index)
      if (live[index]) live_parameters_.push_back(index);
    up_.resize(colour_.size());
    down_.resize(colour_.size());
    find_users();
    // What lies below mostly tells operands apart; what lies above and who shares a parameter is asked only
    // where it does not.
    look_down();
    colour_ = up_;
    if (traverse() < 0) return;
    for (std::size_t i = 0; i < colour_.size(); ++i) colour_[i] = form_.terms[i].label.low;
    refine();
    for (int tied = traverse(); tied >= 0; tied = traverse()) {
      // Equal colours: one may stand for the other, but later choices must agree with this one. Giving it a
      // colour of its own makes them agree.
      colour_[tied] = mixed(colour_[tied], 1);
      refine();
    }
  }

  CanonicalForm result() {
    CanonicalForm form;
    KeyBuilder builder;
    builder.text(kVersion);
    std::vector<int> number(form_.terms.size(), -1), position(form_.parameters.size(), -1);
    for (int id : order_) {
      number[id] = static_cast<int>(form.terms.size());
      Term term = std::move(sorted_[id]);
      builder.key(term.label);
      for (std::size_t i = 0; i < term.operands.size(); ++i) {
        term.operands[i] = number[term.operands[i]];
        builder.integer(term.operands[i]);
        if (term.unordered()) builder.integer(term.counts[i]);
      }
      for (int index : parameters(id)) {
        if (position[index] < 0) {
          position[index] = static_cast<int>(form.parameter_order.size());
          form.parameter_order.push_back(index);
        }
        builder.integer(position[index]);
      }
      form.terms.push_back(std::move(term));
    }
    for (int id : form_.outputs) form.outputs.push_back(number[id]);
    for (int output : form.outputs) builder.integer(output);
    form.key = builder.integer(static_cast<std::int64_t>(form.outputs.size())).build();
    return form;
  }

 private:
  struct Use {
    int user;
    Colour place;  ///< which operand, or how often
  };

  const std::vector<int>& parameters(int id) const {
    static const std::vector<int> none;
    const int node = form_.terms[id].node;
    return node < 0 ? none : graph_.node(node).parameters;
  }

  void find_users() {
    users_.resize(form_.terms.size());
    for (int id = 0; id < static_cast<int>(form_.terms.size()); ++id) {
      const Term& term = form_.terms[id];
      for (std::size_t i = 0; i < term.operands.size(); ++i)
        users_[term.operands[i]].push_back(
            {id, term.unordered() ? static_cast<Colour>(term.counts[i]) : static_cast<Colour>(i)});
    }
  }

  /// up_: a term's colour mixed with its operands'.
  void look_down() {
    for (std::size_t id = 0; id < form_.terms.size(); ++id) {
      const Term& term = form_.terms[id];
      scratch_.clear();
      for (std::size_t i = 0; i < term.operands.size(); ++i)
        scratch_.push_back(term.unordered()
                               ? mixed(up_[term.operands[i]], static_cast<Colour>(term.counts[i]))
                               : up_[term.operands[i]]);
      if (term.unordered()) std::sort(scratch_.begin(), scratch_.end());
      Colour sum = colour_[id];
      for (Colour below : scratch_) sum = mixed(sum, below);
      for (int index : parameters(static_cast<int>(id))) sum = mixed(sum, parameter_colour_[index]);
      up_[id] = sum;
    }
  }

  /// Refines colours by the colours around, upwards and downwards, until no class splits any more.
  void refine() {
    for (std::size_t classes = count_classes();;) {
      round();
      const std::size_t finer = count_classes();
      if (finer <= classes) return;
      classes = finer;
    }
  }

  void round() {
    look_down();
    parameter_uses_.assign(parameter_colour_.size(), {});
    for (int id = static_cast<int>(form_.terms.size()) - 1; id >= 0; --id) {
      scratch_.clear();
      for (const Use& use : users_[id])
        scratch_.push_back(mixed(mixed(up_[use.user], down_[use.user]), use.place));
      for (std::size_t i = 0; i < form_.outputs.size(); ++i)
        if (form_.outputs[i] == id) scratch_.push_back(mixed(0x6f7574707574u, i));
      std::sort(scratch_.begin(), scratch_.end());
      down_[id] = 0;
      for (Colour above : scratch_) down_[id] = mixed(down_[id], above);
      colour_[id] = mixed(up_[id], down_[id]);
      const std::vector<int>& used = parameters(id);
      for (std::size_t i = 0; i < used.size(); ++i) parameter_uses_[used[i]].push_back(mixed(colour_[id], i));
    }
    for (std::size_t i = 0; i < parameter_uses_.size(); ++i) {
      std::sort(parameter_uses_[i].begin(), parameter_uses_[i].end());
      for (Colour use : parameter_uses_[i]) parameter_colour_[i] = mixed(parameter_colour_[i], use);
    }
  }

  std::size_t count_classes() {
    const auto distinct = [&] {
      std::sort(scratch_.begin(), scratch_.end());
      return static_cast<std::size_t>(std::unique(scratch_.begin(), scratch_.end()) - scratch_.begin());
    };
    scratch_ = colour_;
    const std::size_t classes = distinct();
    scratch_.clear();
    for (int index : live_parameters_) scratch_.push_back(parameter_colour_[index]);
    return classes + distinct();
  }

  /// A term with its unordered operands sorted by colour.
  Term sorted(int id) const {
    Term term = form_.terms[id];
    if (!term.unordered()) return term;
    std::vector<std::size_t> order(term.operands.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(colour_[term.operands[a]], term.operands[a]) <
             std::pair(colour_[term.operands[b]], term.operands[b]);
    });
    const Term& from = form_.terms[id];
    for (std::size_t i = 0; i < order.size(); ++i) {
      term.operands[i] = from.operands[order[i]];
      term.counts[i] = from.counts[order[i]];
    }
    return term;
  }

  /// Fills order_ (operands before their users) depth first from the outputs, and sorted_. Returns the first
  /// of two different operands of one commutative operator with equal colours, -1 where there are none. Equal
  /// colours of zeros (of two shapes) and of terms in different counts are no tie to break: refinement or
  /// the counts tell them apart.
  int traverse() {
    order_.clear();
    sorted_.assign(form_.terms.size(), {});
    std::vector<bool> entered(form_.terms.size(), false), done(form_.terms.size(), false);
    std::vector<int> stack;
    for (int output : form_.outputs) {
      stack.push_back(output);
      while (!stack.empty()) {
        const int id = stack.back();
        if (done[id] || entered[id]) {
          if (!done[id]) order_.push_back(id);
          done[id] = true;
          stack.pop_back();
          continue;
        }
        entered[id] = true;
        sorted_[id] = sorted(id);
        const std::vector<int>& below = sorted_[id].operands;
        if (sorted_[id].unordered())
          for (std::size_t i = 1; i < below.size(); ++i)
            if (colour_[below[i]] == colour_[below[i - 1]]) return below[i - 1];
        for (std::size_t i = below.size(); i-- > 0;)
          if (!done[below[i]]) stack.push_back(below[i]);
      }
    }
    return -1;
  }

  const Graph& graph_;
  Terms form_;
  std::vector<std::vector<Use>> users_;
  std::vector<Colour> colour_, up_, down_;
  std::vector<Colour> parameter_colour_;
  std::vector<int> live_parameters_;
  std::vector<std::vector<Colour>> parameter_uses_;
  std::vector<Colour> scratch_;
  std::vector<int> order_;
  std::vector<Term> sorted_;
};

}  // namespace

CanonicalForm canonical_form(const Graph& graph) { return Canonicalizer(graph).result(); }

Canonical canonical(const Graph& graph) {
  const CanonicalForm form = canonical_form(graph);
  Canonical canonical;
  canonical.key = form.key;
  canonical.parameter_position.assign(graph.parameters().size(), -1);
  for (std::size_t i = 0; i < form.parameter_order.size(); ++i)
    canonical.parameter_position[form.parameter_order[i]] = static_cast<int>(i);
  return canonical;
}

}  // namespace hone::graph
