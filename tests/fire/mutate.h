#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace hone::test {

/// How many inputs a fuzz test tries: HONE_FUZZ, else `fallback`.
inline std::int64_t fuzz_inputs(std::int64_t fallback) {
  const char* given = std::getenv("HONE_FUZZ");
  return given != nullptr ? std::atoll(given) : fallback;
}

/// Damages text in the ways that find faults in readers: flipped bits, strange numbers, cut and doubled
/// pieces, pieces of other inputs, deep nesting, plain noise. The same seed gives the same inputs.
class Mutator {
 public:
  explicit Mutator(std::vector<std::string> corpus, std::uint64_t seed = 1)
      : corpus_(std::move(corpus)), random_(seed) {}

  std::string next() {
    if (below(50) == 0) return noise(below(200));
    std::string text = corpus_[below(corpus_.size())];
    for (std::size_t n = 1 + below(4); n > 0; --n) damage(text);
    return text;
  }
  std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(random_() % n); }

 private:
  std::string noise(std::size_t n) {
    std::string text;
    for (std::size_t i = 0; i < n; ++i) text.push_back(static_cast<char>(below(256)));
    return text;
  }

  void damage(std::string& text) {
    static const std::vector<std::string> pieces{"-1",
                                                 "0",
                                                 "1e999",
                                                 "-1e-999",
                                                 "9223372036854775807",
                                                 "9223372036854775808",
                                                 "-9223372036854775808",
                                                 "1e18",
                                                 "null",
                                                 "true",
                                                 "[]",
                                                 "{}",
                                                 "\"\"",
                                                 "\"nan\"",
                                                 "\"inf\"",
                                                 "nan",
                                                 "inf",
                                                 "\\u0000",
                                                 "\xff\xfe",
                                                 "\"",
                                                 ",",
                                                 ":",
                                                 "[",
                                                 "]",
                                                 "{",
                                                 "}",
                                                 "\n",
                                                 "'",
                                                 "=",
                                                 "[[",
                                                 "3.7",
                                                 "4294967296"};
    const std::size_t at = below(text.size() + 1);
    switch (below(9)) {
      case 0:
        if (!text.empty()) text[below(text.size())] ^= static_cast<char>(1U << below(8));
        break;
      case 1:
        if (!text.empty()) text[below(text.size())] = static_cast<char>(below(256));
        break;
      case 2:
        text.insert(at, noise(1 + below(8)));
        break;
      case 3:
        text.erase(at, 1 + below(16));
        break;
      case 4:
        text.insert(at, text.substr(below(text.size() + 1), 1 + below(40)));
        break;
      case 5: {
        const std::string& other = corpus_[below(corpus_.size())];
        text.replace(at, below(30), other.substr(below(other.size() + 1), 1 + below(60)));
        break;
      }
      case 6: {  // a number becomes another
        const std::size_t digit = text.find_first_of("0123456789", at);
        if (digit == std::string::npos) break;
        const std::size_t end = text.find_first_not_of("0123456789.eE+-", digit);
        text.replace(digit, (end == std::string::npos ? text.size() : end) - digit, pieces[below(8)]);
        break;
      }
      case 7:
        text.insert(at, pieces[below(pieces.size())]);
        break;
      default:
        if (below(40) == 0) {
          std::string deep;
          const char* open[] = {"[", "{\"a\":", "(", "not ", "-", "a.", "[["};
          const std::string one = open[below(7)];
          for (std::size_t n = 1 + below(20000); n > 0; --n) deep += one;
          text.insert(at, deep);
        } else if (below(3) == 0) {
          text.resize(at);
        } else {
          text.insert(at, pieces[below(pieces.size())]);
        }
    }
  }

  std::vector<std::string> corpus_;
  std::mt19937_64 random_;
};

}  // namespace hone::test
