#include "hone/learn/language_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/task/utf8.h"
#include "hone/train/checkpoint.h"

namespace hone::learn {
namespace {

/// Draws a symbol from logits: softmax at a temperature over the top k, the unknown symbol left out.
std::int64_t draw_symbol(const float* logits, std::size_t n, const SamplingOptions& options, Rng& rng) {
  std::vector<std::size_t> order(n - 1);
  std::iota(order.begin(), order.end(), 1);
  const auto better = [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; };
  if (options.temperature <= 0.0)
    return static_cast<std::int64_t>(*std::min_element(order.begin(), order.end(), better));
  if (options.top_k > 0 && static_cast<std::size_t>(options.top_k) < order.size()) {
    std::partial_sort(order.begin(), order.begin() + options.top_k, order.end(), better);
    order.resize(static_cast<std::size_t>(options.top_k));
  }
  const float highest = logits[*std::min_element(order.begin(), order.end(), better)];
  std::vector<double> cumulative;
  double sum = 0.0;
  for (std::size_t symbol : order)
    cumulative.push_back(sum += std::exp((logits[symbol] - highest) / options.temperature));
  const double at = rng.uniform() * sum;
  const auto found = std::upper_bound(cumulative.begin(), cumulative.end(), at) - cumulative.begin();
  return static_cast<std::int64_t>(order[std::min(static_cast<std::size_t>(found), order.size() - 1)]);
}

}  // namespace

LanguageModel::LanguageModel(train::Model model, Json header)
    : model_(std::move(model)), header_(std::move(header)) {
  for (const Json& c : header_.at("characters"))
    characters_.push_back(static_cast<char32_t>(c.get<std::int64_t>()));
  context_ = header_.at("context");
}

LanguageModel LanguageModel::load(const std::string& path) {
  const train::Checkpoint checkpoint = train::Checkpoint::load(path);
  try {
    if (!checkpoint.header.is_object() || checkpoint.header.value("task", "") != "text")
      throw Error("is no text model", Place{path, 0, ""}, "hone train writes one for a study of task text");
    train::Model model(graph::Graph::from_json(checkpoint.header.at("graph")), 0);
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < model.parameters().size(); ++i) {
      torch::Tensor parameter = model.parameters()[i];
      const torch::Tensor& saved = checkpoint.tensor("weight/" + model.parameter_names()[i]);
      if (saved.sizes() != parameter.sizes())
        throw Error(
            fmt::format("the weight {} has another shape than the graph says", model.parameter_names()[i]),
            Place{path, 0, ""});
      parameter.copy_(saved);
    }
    LanguageModel loaded(std::move(model), checkpoint.header);
    const graph::Graph& graph = loaded.model_.graph();
    const auto& characters = loaded.characters_;
    const bool fits =
        characters.size() >= 2 && loaded.context_ >= 1 && !graph.outputs().empty() &&
        graph.node(graph.outputs()[0]).shape.back() == static_cast<std::int64_t>(characters.size()) &&
        std::is_sorted(characters.begin() + 1, characters.end()) && characters.back() <= 0x10FFFF;
    if (!fits) throw Error("its characters do not fit its graph", Place{path, 0, ""}, "the file is damaged");
    return loaded;
  } catch (const Json::exception& error) {
    throw Error(fmt::format("its header is malformed: {}", error.what()), Place{path, 0, ""});
  }
}

std::string LanguageModel::generate(const std::string& prompt, const SamplingOptions& options,
                                    const std::function<bool(const std::string&)>& take) {
  const torch::InferenceMode inference;
  if (task::invalid_utf8(prompt) != task::kValidUtf8) throw Error("the prompt is not UTF-8");
  std::vector<std::int64_t> symbols;
  const auto symbol_of = [&](char32_t c) -> std::int64_t {
    const auto found = std::lower_bound(characters_.begin() + 1, characters_.end(), c);
    return found != characters_.end() && *found == c ? found - characters_.begin() : 0;
  };
  for (std::size_t at = 0; at < prompt.size();)
    symbols.push_back(symbol_of(task::next_character(prompt, at)));
  if (symbols.empty()) symbols.push_back(symbol_of(U'\n'));

  Rng rng(options.seed, "generate");
  auto state = model_.start_decode();
  std::size_t fed = 0;
  // The window's end: when it is full, the later half of it begins a new one.
  std::size_t begin = symbols.size() > static_cast<std::size_t>(context_) ? symbols.size() - context_ : 0;
  fed = begin;
  std::string text;
  for (std::int64_t i = 0; i < options.characters; ++i) {
    if (symbols.size() - begin > static_cast<std::size_t>(context_)) {
      begin = symbols.size() - static_cast<std::size_t>(std::max<std::int64_t>(1, context_ / 2));
      fed = begin;
      state = model_.start_decode();
    }
    const auto count = static_cast<std::int64_t>(symbols.size() - fed);
    const torch::Tensor input = torch::from_blob(symbols.data() + fed, {1, count}, torch::kInt64).clone();
    const torch::Tensor logits =
        model_.decode(input.to(model_.device()), state).select(1, count - 1).to(torch::kCPU).contiguous();
    fed = symbols.size();
    const std::int64_t symbol = draw_symbol(logits.data_ptr<float>(), characters_.size(), options, rng);
    symbols.push_back(symbol);
    std::string character;
    task::append_utf8(character, characters_[static_cast<std::size_t>(symbol)]);
    text += character;
    if (take && !take(character)) break;
  }
  return text;
}

}  // namespace hone::learn
