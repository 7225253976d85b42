#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hone/train/model.h"

namespace hone::learn {

struct SamplingOptions {
  std::int64_t characters = 200;
  double temperature = 0.8;  ///< 0: always the likeliest character
  std::int64_t top_k = 0;    ///< 0: all
  std::uint64_t seed = 0;
};

/// A trained character-level language model, read from a checkpoint or saved model. Not thread safe.
class LanguageModel {
 public:
  /// Throws Error where the file is no text model.
  static LanguageModel load(const std::string& path);

  /// Continues the prompt (UTF-8; empty: a line's beginning). `take` gets every new character as UTF-8 as it
  /// comes; false from it stops. Returns the new text. The unknown symbol is never drawn.
  std::string generate(const std::string& prompt, const SamplingOptions& options,
                       const std::function<bool(const std::string&)>& take = {});

  const Json& header() const { return header_; }
  train::Model& model() { return model_; }

 private:
  LanguageModel(train::Model model, Json header);

  train::Model model_;
  Json header_;
  std::vector<char32_t> characters_;
  std::int64_t context_;
};

}  // namespace hone::learn
