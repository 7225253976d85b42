#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/json.h"

namespace hone::cost {

/// The shape of a transformer that generates text: what its cost of inference follows from. A plain value.
struct LlmArchitecture {
  std::string name;
  std::int64_t layers = 0;
  std::int64_t width = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;    ///< heads of keys and values; less than `heads` with grouped queries
  std::int64_t head_width = 0;  ///< of one head; usually width / heads
  std::int64_t ffn_width = 0;   ///< inner width of the feed-forward part, of one expert
  bool gated = false;           ///< the feed-forward part has a third matrix, its gate
  std::int64_t vocabulary = 0;
  bool tied = true;  ///< input and output embeddings are one matrix
  std::int64_t experts = 1, active_experts = 1;
  /// Layers of an encoder that reads the prompt; `layers` are then the decoder's, each with a second
  /// attention to what the encoder gives. 0: a decoder alone.
  std::int64_t encoder_layers = 0;
  std::string source;    ///< where the numbers are published
  bool assumed = false;  ///< never published by who serves it: a common guess from its size

  bool operator==(const LlmArchitecture&) const = default;

  double attention_parameters() const;  ///< of the four projections of one attention
  double decoder_attention() const;     ///< of one decoder layer: of one attention, or of two with an encoder
  double expert_parameters() const;     ///< of one expert of one layer
  double parameters() const;            ///< all, without norms and biases
  double active_parameters() const;  ///< those that one token is multiplied with, output embedding included
  /// Bytes of keys and values of one token over all layers.
  double kv_bytes(double bytes_per_value) const;
  /// Throws Error at `place` where a number is missing or impossible.
  void check(const Place& place = {}) const;
  Json json() const;
};

/// Published architectures, by name. Sizes that their makers never published are marked as assumed.
const std::vector<LlmArchitecture>& known_architectures();

/// The architecture of a model or deployment by its name: hone's own, a maker's ("EleutherAI/gpt-j-6b") or a
/// served one's ("openai/text-davinci-002", which is assumed). Nothing where it is unknown.
std::optional<LlmArchitecture> find_architecture(const std::string& name);

/// A stand-in for a model of which only its size is known: the depth and width that published models of so
/// many parameters have, marked as assumed. `parameters` from 1e7 to 1e13; throws Error elsewhere.
LlmArchitecture architecture_of_size(double parameters);

/// Parameters that a name tells ("llama-13b", "opt-350m": 1.3e10, 3.5e8).
std::optional<double> parameters_in_name(const std::string& name);

/// Reads a description: the fields above as JSON keys, or a config.json of the Transformers library
/// (num_hidden_layers, hidden_size and the like, also GPT-2's n_layer, n_embd). Throws Error at `place`.
LlmArchitecture architecture_of_json(const Json& json, const Place& place);

/// By name, from a JSON file, or from a size in the name, in this order. Throws Error where none applies.
LlmArchitecture need_architecture(const std::string& name_or_file, const Place& place = {});

}  // namespace hone::cost
