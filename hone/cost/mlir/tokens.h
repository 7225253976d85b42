#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "hone/base/json.h"
#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {

/// The two tokenisations of *ML-driven Hardware Cost Model for MLIR*.
enum class Tokens {
  operations,  ///< the shapes that go in and out of the function, then operations' names in order
  operands     ///< each operation with its operands, its results' shapes, and its loops' bounds
};

/// The tokens of one function of Module::functions(). Values are numbered from %0 in the order in which the
/// function defines them, whatever their names; a shape is one token ("16x64xf32"), as in the paper; the end
/// of a region is "}". At most `most` tokens.
std::vector<std::string> tokens(const Module& module, int function, Tokens kind, std::size_t most = 4096);

/// Which tokens a model knows. Number 0 is padding, 1 a token that is not known, 2 and more the others, the
/// most frequent first.
class Vocabulary {
 public:
  static constexpr std::int32_t kPadding = 0, kUnknown = 1;

  Vocabulary() = default;
  /// Of texts: tokens that occur at least `least` times, no more than `most` of them; ties by name.
  static Vocabulary build(std::span<const std::vector<std::string>> texts, std::int64_t least = 2,
                          std::size_t most = 4096);

  std::size_t size() const { return tokens_.size() + 2; }
  std::int32_t number(const std::string& token) const;
  std::vector<std::int32_t> encode(std::span<const std::string> tokens) const;

  Json json() const;                              ///< the tokens, number 2 first
  static Vocabulary from_json(const Json& json);  ///< throws Error on anything malformed

  bool operator==(const Vocabulary& other) const { return tokens_ == other.tokens_; }

 private:
  void index();
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, std::int32_t> numbers_;
};

}  // namespace hone::cost::mlir
