#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hone/graph/graph.h"

namespace hone::graph {

enum class Feedforward {
  plain,  ///< down(activation(up(x))); tokenized: one token-parameter attention
  gated,  ///< down(activation(gate(x)) * up(x)), "GLU Variants Improve Transformer"; not for tokenized layers
  tokenized,  ///< one token-parameter attention, also in a layer whose projections are linear
  none,       ///< the layer is attention alone
};

/// One residual layer: x += attention(norm(x)), then x += feed-forward(norm(x)).
struct DecoderLayer {
  bool tokenized = false;  ///< TokenFormer: every linear map is a token-parameter attention
  int heads = 4;           ///< must divide the width
  int kv_heads = 0;        ///< must divide heads; 1: multi-query; 0: as many as heads
  Feedforward feedforward = Feedforward::plain;
  int hidden = 0;                     ///< width of the feed-forward; 0: 4 x width. Not for tokenized layers
  std::string activation = "gelu";    ///< of the feed-forward. Not for tokenized layers
  int tokens = 0;                     ///< tokenized: n of query, key, value and output; 0: width
  int ffn_tokens = 0;                 ///< n of a tokenized feed-forward; 0: 4 x tokens
  std::optional<double> rotary = {};  ///< part of a head that turns; unset: 1, tokenized 0.25
};

enum class Position { rotary, learned, none };
enum class Norm { layer, rms };

/// A decoder-only language model of pre-norm residual layers. Plain layers start as GPT-2 does (Radford et
/// al., "Language Models are Unsupervised Multitask Learners", 2019): weights N(0, 0.02), those that write
/// into the residual stream divided by sqrt(2 layers). Tokenized layers are and start as in "TokenFormer:
/// Rethinking Transformer Scaling with Tokenized Model Parameters": no biases, norms without parameters, keys
/// N(0, 0.02), values N(0, 2 / (layers sqrt(width))).
struct DecoderSpec {
  int vocabulary = 0;
  int context = 0;  ///< longest sequence
  int width = 0;
  std::vector<DecoderLayer> layers = {};  ///< none is a legal model: embedding, norm, head
  Position position = Position::rotary;
  Norm norm = Norm::layer;
  bool tied = true;   ///< the head's weight is the embedding's
  bool bias = false;  ///< plain layers' linear maps have biases
};

/// The graph of a decoder: input "tokens" int64 [batch, length], one output, logits [batch, length,
/// vocabulary]. Throws Error where the spec is no possible model (width not divisible by heads, a whole odd
/// head to turn, length above context).
Graph decoder(const DecoderSpec& spec, int batch, int length);

}  // namespace hone::graph
