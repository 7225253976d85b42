#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hone/base/error.h"
#include "hone/base/json.h"
#include "hone/base/key.h"

namespace hone::task {

enum class Split { train, validation, test };

struct CorpusOptions {
  std::string path;                      ///< a text file, or a folder that is read with all below it
  double validation = 0.1;               ///< share of the text, 0.01 to 0.45
  double test = 0.1;                     ///< likewise; the rest is for training
  std::size_t max_vocabulary = 1024;     ///< symbols, the unknown one among them; 2 to 1114113
  std::uint64_t max_bytes = 64'000'000;  ///< read no more text than this
  std::size_t min_characters = 512;      ///< that each split must have in the end
};

/// Text prepared for character-level language models: characters are Unicode code points, split between
/// training, validation and test so that nothing leaks. A value; thread safe once made.
///
/// A folder's files go to one split each, together with all that share long passages with them; where that
/// leaves too few groups, the largest one is cut by position, as a single file is: training text first,
/// then validation, then test. Then every passage of kPassage (64) characters, white space normalised, that
/// occurs in the training text is taken out of validation and test, and out of test what occurs in
/// validation. The result depends on the files' relative names and contents alone.
///
/// Symbol 0 stands for every character that the vocabulary lacks; the others are characters of the training
/// text, the most frequent ones where there are too many, numbered by code point.
class Corpus {
 public:
  /// Throws Error at `place` (the study file's task.data) where the path is missing or unreadable, holds no
  /// text or too little of it for any split; internal Error on options out of range.
  static Corpus load(const CorpusOptions& options, const Place& place = {});

  const std::vector<std::int32_t>& tokens(Split split) const { return tokens_[index(split)]; }
  const std::vector<std::int32_t>& train() const { return tokens(Split::train); }
  const std::vector<std::int32_t>& validation() const { return tokens(Split::validation); }
  const std::vector<std::int32_t>& test() const { return tokens(Split::test); }

  int vocabulary() const { return static_cast<int>(characters_.size()); }  ///< symbols, with the unknown one
  /// The character of each symbol; U+FFFD stands at 0.
  const std::vector<char32_t>& characters() const { return characters_; }

  /// Throws Error where the text is not UTF-8.
  std::vector<std::int32_t> encode(std::string_view utf8) const;
  /// Unknown symbols become U+FFFD. Throws internal Error on a token outside the vocabulary.
  std::string decode(const std::vector<std::int32_t>& tokens) const;

  /// What naming an unknown character costs beyond its symbol: log2(1114112) bits, a code point drawn
  /// uniformly.
  static double unknown_bits();
  /// Characters of a split that the vocabulary lacks.
  std::uint64_t unknown(Split split) const { return unknown_[index(split)]; }
  /// What must be added to a model's bits per symbol on a whole split to give honest bits per character:
  /// unknown() * unknown_bits() / characters.
  double unknown_bits_per_character(Split split) const;

  /// Identity of the prepared data (all tokens, the vocabulary and the version of the preparation), whatever
  /// path it came from.
  Key key() const { return key_; }
  /// How the data was prepared: files read, skipped and why, duplicates, characters by split, overlap.
  const Json& summary() const { return summary_; }

 private:
  static std::size_t index(Split split) { return static_cast<std::size_t>(split); }
  void choose_vocabulary(std::string_view train, std::size_t most);
  std::vector<std::int32_t> encode_valid(std::string_view utf8) const;

  std::array<std::vector<std::int32_t>, 3> tokens_;
  std::array<std::uint64_t, 3> unknown_{};
  std::vector<char32_t> characters_;
  std::vector<std::int32_t> symbols_;  ///< by code point, as far as the vocabulary's largest
  Key key_;
  Json summary_;
};

}  // namespace hone::task
