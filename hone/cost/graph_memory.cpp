#include "hone/cost/graph_memory.h"

#include <algorithm>
#include <map>

#include "hone/graph/operator.h"

namespace hone::cost {
namespace {

/// Smaller batches of 1x1 convolutions are plain products in LibTorch.
constexpr std::int64_t kOneDnnBatch = 16;

double bytes_of(const graph::Shape& shape, graph::DataType type) {
  return static_cast<double>(graph::element_count(shape)) * (type == graph::DataType::int64 ? 8.0 : 4.0);
}

/// What one operator does with memory.
struct Rule {
  bool keeps_inputs = true;
  bool keeps_output = false;
  bool view = false;               ///< its output lies in its first input's memory
  bool passes_gradient = false;    ///< its inputs' gradients lie in its output's
  double kept = 0.0;               ///< beyond inputs and output
  double forward_temporary = 0.0;  ///< beside all of that, while it runs
  double backward_temporary = 0.0;
  double inference_temporary = 0.0;
};

Rule rule_of(const graph::Graph& graph, int id) {
  const graph::Node& node = graph.node(id);
  const auto inputs = graph.input_shapes(id);
  const double out = bytes_of(node.shape, node.type);
  const auto width = node.shape.empty() ? 1.0 : static_cast<double>(node.shape.back());
  const std::string& op = node.op;
  Rule rule;
  if (op == "add" || op == "learned_position") {
    rule.keeps_inputs = false;
    rule.passes_gradient = true;
    // Of more than two, the sum so far.
    if (inputs.size() > 2) rule.forward_temporary = rule.inference_temporary = out;
  } else if (op == "multiply") {
    if (inputs.size() > 2) {
      rule.kept = static_cast<double>(inputs.size() - 2) * out;
      rule.inference_temporary = out;
    }
  } else if (op == "identity" || op == "crop" || op == "slice_channels") {
    rule.keeps_inputs = false;
    rule.view = true;
  } else if (op == "concat" || op == "zero" || op == "rotary" || op == "global_avg_pool") {
    rule.keeps_inputs = false;
  } else if (op == "layer_norm") {
    rule.kept = 2.0 * out / width;  // mean and deviation of every row
  } else if (op == "rms_norm") {
    rule.kept = out / width;
  } else if (op == "batch_norm") {
    rule.kept = 8.0 * static_cast<double>(node.shape[1]);
  } else if (op == "activation") {
    const std::string& kind = node.attributes.text("kind");
    const bool by_output = kind == "relu" || kind == "tanh" || kind == "sigmoid";
    rule.keeps_inputs = kind == "gelu" || kind == "silu";
    rule.keeps_output = by_output;
    if (kind == "relu_squared") rule.kept = out;
  } else if (op == "max_pool2d") {
    rule.kept = rule.inference_temporary = 2.0 * out;  // where the largest was found, 8 bytes each
  } else if (op == "conv2d") {
    // oneDNN takes copies in its own layout: of input and filters, and of the output before it is put back.
    const auto integer = [&](const char* name) { return node.attributes.integer(name); };
    const bool plain = integer("kernel") == 1 && integer("stride") == 1 && inputs[0][0] < kOneDnnBatch;
    if (!plain) {
      double filters = 0.0;
      for (const int parameter : node.parameters)
        filters += bytes_of(graph.parameters()[static_cast<std::size_t>(parameter)].shape, node.type);
      const double in = bytes_of(inputs[0], node.type);
      rule.forward_temporary = rule.inference_temporary = std::max(in + filters, out);
      rule.backward_temporary = in + out + filters;
    }
  } else if (op == "causal_attention") {
    // Inputs and, packed by heads, copies of them; the softmax's weights.
    const double heads = static_cast<double>(node.attributes.integer("heads"));
    const auto given = node.attributes.integer("kv_heads");
    const bool packs = given != 1 && heads > 1.0;
    const double query = bytes_of(inputs[0], node.type), key = bytes_of(inputs[1], node.type);
    const double length = static_cast<double>(inputs[0][1]);
    const double weights = 4.0 * static_cast<double>(inputs[0][0]) * heads * length * length;
    const double packed = packs ? query + 2.0 * key : 0.0;
    rule.kept = packed + weights;
    rule.forward_temporary = packs ? out : 0.0;
    // The gradient packed, the scores' gradient, a product before it is unpacked.
    rule.backward_temporary = (packs ? 2.0 * query : 0.0) + weights;
    rule.inference_temporary = packed + weights + rule.forward_temporary;
  } else if (op == "token_parameter_attention") {
    const double rows = static_cast<double>(graph::element_count(inputs[0]) / inputs[0].back());
    const double scores = 4.0 * rows * static_cast<double>(node.attributes.integer("tokens"));
    rule.kept = 2.0 * scores + 4.0 * rows;
    rule.backward_temporary = scores;
    rule.inference_temporary = scores;
  }
  return rule;
}

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
      rules_.push_back(node.op == "input" ? Rule{} : rule_of(graph_, static_cast<int>(i)));
      storage_.push_back(rules_[i].view && node.op != "input"
                             ? storage_[static_cast<std::size_t>(node.inputs[0])]
                             : static_cast<int>(i));
      bytes_.push_back(bytes_of(node.shape, node.type));
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
      memory.weights += bytes_of(parameter.shape, graph::DataType::float32);
    memory.gradients = memory.weights;
    memory.optimizer = options_.optimizer_states * memory.weights;
    for (std::size_t i = 0; i < n_; ++i) {
      const graph::Node& node = graph_.nodes()[i];
      if (node.op == "input") continue;
      const int id = static_cast<int>(i);
      for (const auto& moment :
           graph::find_operator(node.op).moments(node.attributes, graph_.input_shapes(id)))
        memory.moments += bytes_of(moment.shape, graph::DataType::float32);
      if (node.op == "causal_attention")
        memory.kv_cache += 2.0 * bytes_of(graph_.input_shapes(id)[1], node.type);
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
        const double size = bytes_of(graph_.parameters()[static_cast<std::size_t>(parameter)].shape,
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
  std::vector<Rule> rules_;
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
