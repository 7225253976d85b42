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
  std::int64_t shared_width =
      0;  ///< inner width of what every token goes through beside the experts; 0: none
  std::int64_t dense_layers = 0;  ///< layers of the decoder without experts
  std::int64_t dense_width = 0;   ///< inner width of the feed-forward part of these
  /// Latent attention: of a token and layer so many numbers are cached in place of keys and values, and
  /// `rotary_width` numbers of a key that all heads share. `head_width` is then what a head's key has beside
  /// these. 0: keys and values themselves.
  std::int64_t kv_rank = 0;
  std::int64_t query_rank = 0;  ///< of latent attention: queries go through so many numbers; 0: through none
  std::int64_t rotary_width = 0;  ///< of latent attention
  std::int64_t value_width = 0;   ///< of one head's values, of latent attention
  /// Layers of an encoder that reads the prompt; `layers` are then the decoder's, each with a second
  /// attention to what the encoder gives. 0: a decoder alone.
  std::int64_t encoder_layers = 0;
  std::string source;    ///< where the numbers are published
  bool assumed = false;  ///< never published by who serves it: a common guess from its size

  bool operator==(const LlmArchitecture&) const = default;

  double attention_parameters() const;  ///< of the projections of one attention
  double decoder_attention() const;     ///< of one decoder layer: of one attention, or of two with an encoder
  double expert_parameters() const;     ///< of one expert of one layer
  /// Of the feed-forward parts of all layers of the decoder, or of the encoder, where so many of each layer's
  /// experts are counted.
  double feed_forward_parameters(double experts_counted, bool encoder = false) const;
  double parameters() const;         ///< all, without norms and biases
  double active_parameters() const;  ///< those that one token is multiplied with, output embedding included
  /// Bytes of keys and values of one token over all layers.
  double kv_bytes(double bytes_per_value) const;
  /// Accelerators that can share a layer's cache; with more of them some hold copies. Latent attention's
  /// cache has no heads that could be shared out.
  double cache_shares() const;
  /// Mean of the widths of a key and a value, over all heads: operations of attention a pair of tokens are
  /// four times that.
  double attended_width() const;
  /// The same where a token is generated: latent attention then works on the cached numbers themselves.
  double decoded_width() const;
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
/// (num_hidden_layers, hidden_size and the like, also GPT-2's and MPT's names; the part of a model of text
/// and pictures that is the language model). Throws Error at `place`, also where a key tells of an
/// architecture that the fields above do not describe, as layers without attention.
LlmArchitecture architecture_of_json(const Json& json, const Place& place);

/// By name, from a JSON file, or from a size in the name, in this order. Throws Error where none applies.
LlmArchitecture need_architecture(const std::string& name_or_file, const Place& place = {});

}  // namespace hone::cost
