#include "hone/cost/graph_memory.h"

#include <algorithm>
#include <map>

#include "hone/cost/memory_rules.h"
#include "hone/graph/operator.h"

namespace hone::cost {
namespace {

/// Counts what lives, by storage.
class Ledger {
 public:
  explicit Ledger(double base) : live_(base), peak_(base) {}
  void add(double bytes) {
    live_ += bytes;
    peak_ = std::max(peak_, live_);
  }
  /// While something runs.
  void touch(double temporary) { peak_ = std::max(peak_, live_ + temporary); }
  double live() const { return live_; }
  double peak() const { return peak_; }

 private:
  double live_, peak_;
};

class Simulation {
 public:
  Simulation(const graph::Graph& graph, const TrainingMemoryOptions& options)
      : graph_(graph), options_(options), n_(graph.nodes().size()) {
    for (std::size_t i = 0; i < n_; ++i) {
      const graph::Node& node = graph_.nodes()[i];
      rules_.push_back(node.op == "input" ? MemoryRule{} : memory_rule(graph_, static_cast<int>(i)));
      storage_.push_back(rules_[i].view && node.op != "input"
                             ? storage_[static_cast<std::size_t>(node.inputs[0])]
                             : static_cast<int>(i));
      bytes_.push_back(tensor_bytes(node.shape, node.type));
    }
    for (std::size_t i = 0; i < n_; ++i) {
      const graph::Node& node = graph_.nodes()[i];
      bool trains = !node.parameters.empty();
      for (const int input : node.inputs) trains = trains || trains_[static_cast<std::size_t>(input)];
      trains_.push_back(trains);
    }
    last_reader_.assign(n_, -1);
    for (std::size_t i = 0; i < n_; ++i)
      for (const int input : graph_.nodes()[i].inputs)
        last_reader_[static_cast<std::size_t>(input)] = static_cast<int>(i);
  }

  GraphMemory run() {
    GraphMemory memory;
    for (const graph::Parameter& parameter : graph_.parameters())
      memory.weights += tensor_bytes(parameter.shape, graph::DataType::float32);
    memory.gradients = memory.weights;
    memory.optimizer = options_.optimizer_states * memory.weights;
    for (std::size_t i = 0; i < n_; ++i) {
      const graph::Node& node = graph_.nodes()[i];
      if (node.op == "input") continue;
      const int id = static_cast<int>(i);
      for (const auto& moment :
           graph::find_operator(node.op).moments(node.attributes, graph_.input_shapes(id)))
        memory.moments += tensor_bytes(moment.shape, graph::DataType::float32);
      if (node.op == "causal_attention")
        memory.kv_cache += 2.0 * tensor_bytes(graph_.input_shapes(id)[1], node.type);
      memory.nodes.push_back(
          {id, rules_[i].view ? 0.0 : bytes_[i], rules_[i].kept, rules_[i].forward_temporary});
    }
    inference(memory);
    training(memory);
    return memory;
  }

 private:
  bool is_input(std::size_t i) const { return graph_.nodes()[i].op == "input"; }

  void inference(GraphMemory& memory) {
    Ledger ledger(memory.weights + memory.moments);
    std::vector<int> readers(n_, 0);
    begin(ledger, readers);
    for (std::size_t i = 0; i < n_; ++i) {
      if (is_input(i)) continue;
      hold(i, ledger, readers);
      ledger.touch(rules_[i].inference_temporary);
      finish_inputs(i, ledger, readers);
    }
    memory.inference_peak = ledger.peak();
  }

  void training(GraphMemory& memory) {
    const double base = memory.weights + memory.optimizer + memory.moments;
    Ledger ledger(base);
    std::vector<int> holders(n_, 0);
    begin(ledger, holders);
    for (std::size_t i = 0; i < n_; ++i) {
      if (is_input(i)) continue;
      hold(i, ledger, holders);
      const graph::Node& node = graph_.nodes()[i];
      if (!trains_[i]) {
        ledger.touch(rules_[i].inference_temporary);
        finish_inputs(i, ledger, holders);
        continue;
      }
      if (rules_[i].keeps_inputs)
        for (const int input : node.inputs)
          ++holders[static_cast<std::size_t>(storage_[static_cast<std::size_t>(input)])];
      if (rules_[i].keeps_output) ++holders[static_cast<std::size_t>(storage_[i])];
      ledger.add(rules_[i].kept);
      ledger.touch(rules_[i].forward_temporary);
      finish_inputs(i, ledger, holders);
    }
    // The loss keeps the logarithms of probabilities; the output itself is then nobody's.
    const auto output = static_cast<std::size_t>(graph_.outputs().front());
    const double logits = options_.cross_entropy ? bytes_[output] : 0.0;
    ledger.add(logits);
    drop(output, ledger, holders);
    memory.activations = ledger.live() - base;

    // Backward. The gradient of what the loss reads comes, then each node's in turn.
    std::map<std::size_t, std::size_t> gradient_of;  // node to the gradient's owner
    std::map<std::size_t, int> gradient_holders;
    std::map<std::size_t, double> gradient_bytes;
    const auto release_gradient = [&](std::size_t owner) {
      if (--gradient_holders[owner] == 0) ledger.add(-gradient_bytes[owner]);
    };
    ledger.add(bytes_[output]);
    ledger.touch(logits);
    ledger.add(-logits);
    gradient_of[output] = output;
    gradient_holders[output] = 1;
    gradient_bytes[output] = bytes_[output];
    std::size_t fresh = n_;
    std::vector<bool> has_gradient(graph_.parameters().size(), false);
    for (std::size_t i = n_; i-- > 0;) {
      const graph::Node& node = graph_.nodes()[i];
      if (is_input(i) || gradient_of.count(i) == 0) continue;
      const std::size_t mine = gradient_of[i];
      for (const int parameter : node.parameters) {
        const double size = tensor_bytes(graph_.parameters()[static_cast<std::size_t>(parameter)].shape,
                                         graph::DataType::float32);
        // A second one of a shared parameter is added to the first.
        if (has_gradient[static_cast<std::size_t>(parameter)])
          ledger.touch(size);
        else
          ledger.add(size);
        has_gradient[static_cast<std::size_t>(parameter)] = true;
      }
      double temporary = rules_[i].backward_temporary;
      for (const int input : node.inputs) {
        const auto at = static_cast<std::size_t>(input);
        if (!trains_[at]) continue;
        if (gradient_of.count(at) != 0) {
          // Added to what another reader gave: for a moment both and the sum are there.
          const std::size_t old = gradient_of[at];
          const double both = rules_[i].passes_gradient ? 0.0 : bytes_[at];
          if (gradient_holders[old] > 1) {
            ledger.touch(temporary + both);
            release_gradient(old);
            gradient_of[at] = ++fresh;
            gradient_holders[fresh] = 1;
            gradient_bytes[fresh] = bytes_[at];
            ledger.add(bytes_[at]);
          } else {
            ledger.touch(temporary + both);
          }
        } else if (rules_[i].passes_gradient || rules_[i].view) {
          gradient_of[at] = mine;
          ++gradient_holders[mine];
        } else {
          gradient_of[at] = ++fresh;
          gradient_holders[fresh] = 1;
          gradient_bytes[fresh] = bytes_[at];
          ledger.add(bytes_[at]);
        }
      }
      ledger.touch(temporary);
      release_gradient(mine);
      ledger.add(-rules_[i].kept);
      if (rules_[i].keeps_inputs)
        for (const int input : node.inputs) drop(static_cast<std::size_t>(input), ledger, holders);
      if (rules_[i].keeps_output) drop(i, ledger, holders);
    }
    memory.training_peak = ledger.peak();
  }

  void begin(Ledger& ledger, std::vector<int>& holders) const {
    for (std::size_t i = 0; i < n_; ++i)
      if (is_input(i)) {
        holders[i] = 1;  // the caller's
        ledger.add(bytes_[i]);
      }
  }

  /// A node's output comes to be, and is held until its last reader has run (the output: by who asked).
  void hold(std::size_t i, Ledger& ledger, std::vector<int>& holders) const {
    const auto at = static_cast<std::size_t>(storage_[i]);
    if (at == i) ledger.add(bytes_[i]);
    ++holders[at];
  }

  void drop(std::size_t i, Ledger& ledger, std::vector<int>& holders) const {
    const auto at = static_cast<std::size_t>(storage_[i]);
    if (--holders[at] == 0) ledger.add(-bytes_[at]);
  }

  void finish_inputs(std::size_t i, Ledger& ledger, std::vector<int>& holders) const {
    const auto& inputs = graph_.nodes()[i].inputs;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const auto at = static_cast<std::size_t>(inputs[k]);
      const bool first = std::find(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(k),
                                   inputs[k]) == inputs.begin() + static_cast<std::ptrdiff_t>(k);
      if (first && !is_input(at) && last_reader_[at] == static_cast<int>(i) &&
          inputs[k] != graph_.outputs().front())
        drop(at, ledger, holders);
    }
  }

  const graph::Graph& graph_;
  TrainingMemoryOptions options_;
  std::size_t n_;
  std::vector<MemoryRule> rules_;
  std::vector<int> storage_;  // the node whose memory holds a node's output
  std::vector<double> bytes_;
  std::vector<int> last_reader_;
  std::vector<bool> trains_;  // whether a gradient comes to a node
};

}  // namespace

GraphMemory predict_memory(const graph::Graph& graph, const TrainingMemoryOptions& options) {
  const graph::Graph form = graph::canonical_graph(graph);
  return Simulation(form, options).run();
}

}  // namespace hone::cost
