#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hone/task/text_files.h"
#include "hone/task/utf8.h"

namespace hone::task {

/// Length of a passage in characters, white space normalised: a run of it counts as one space.
inline constexpr std::size_t kPassage = 64;

inline bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Calls visit(hash, begin, end) for every window of kPassage normalised characters of well-formed UTF-8, in
/// order; [begin, end) are the bytes that it covers, the last run of white space as far as its first
/// character. The hash is a rolling polynomial modulo 2^64 (Karp and Rabin, "Efficient randomized
/// pattern-matching algorithms", 1987) over mixed characters, mixed again: two different windows share it by
/// a chance of some 2^-60.
template <typename Visit>
void for_each_passage(std::string_view text, Visit visit) {
  constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15;  // odd
  constexpr std::uint64_t kLeaving = [] {
    std::uint64_t power = 1;
    for (std::size_t i = 0; i < kPassage; ++i) power *= kBase;
    return power;
  }();
  const auto mixed = [](std::uint64_t x) {
    x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93;
    x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93;
    return x ^ (x >> 32);
  };
  std::array<std::uint64_t, kPassage> values{};
  std::array<std::size_t, kPassage> begins{};
  std::uint64_t hash = 0;
  std::size_t count = 0;
  bool in_space = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    char32_t c = next_character(text, at);
    if (is_space(c)) {
      if (in_space) continue;
      c = ' ';
      in_space = true;
    } else {
      in_space = false;
    }
    const std::size_t slot = count % kPassage;
    const std::uint64_t value = mixed(c + 1);
    hash = hash * kBase + value - kLeaving * values[slot];
    values[slot] = value;
    begins[slot] = begin;
    if (++count >= kPassage) visit(mixed(hash), begins[count % kPassage], at);
  }
}

/// What remove_passages took from a text.
struct Removed {
  std::uint64_t characters = 0;  ///< passages and the leftovers between them
  std::uint64_t places = 0;      ///< stretches taken out
};

/// Removes from `text` every passage that also occurs in one of `references`, all characters that any of its
/// windows covers, and leftovers of fewer than kPassage characters beside them. The remaining pieces are
/// joined by `joint`; afterwards no passage of `text`, over joints too, occurs in a reference. Linear in the
/// sizes; needs some 18 to 36 bytes for each character of `text`.
Removed remove_passages(std::string& text, const std::vector<const std::string*>& references,
                        std::string_view joint);

/// Puts files that share passages into one group: at least `containment` of the smaller one's windows occur
/// in the other (Broder, "On the resemblance and containment of documents", 1997; windows sampled by hash in
/// large corpora), or so through further files. Lists indices into `files`, ascending, groups by their first.
std::vector<std::vector<std::size_t>> group_by_passages(const std::vector<TextFile>& files,
                                                        double containment = 0.1);

}  // namespace hone::task
