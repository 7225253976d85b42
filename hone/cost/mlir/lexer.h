#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hone::cost::mlir {

/// One word of MLIR text.
struct Token {
  enum class Kind : std::uint8_t {
    end,
    word,     ///< a bare name, dots included: `affine.for`, `to`, `f32`
    value,    ///< `%0`, `%arg3`
    hash,     ///< `#map`, `#arith.fastmath`; also a result's number, `#1`
    type,     ///< `!torch.vtensor`
    symbol,   ///< `@main`, `@"a b"`
    block,    ///< `^bb0`
    text,     ///< a string, quotes included
    integer,  ///< decimal or 0x...
    real,
    punctuation,  ///< one character, or `->`
    other         ///< a byte that means something only inside a dialect's own angle brackets
  };
  Kind kind = Kind::end;
  bool first_on_line = false;
  std::uint32_t begin = 0;  ///< byte in the text
  std::uint32_t length = 0;
  std::uint32_t line = 1;
  std::uint32_t partner = 0;  ///< of brackets: the index of the one that belongs to it; of `<` and `>` 0
                              ///< where there is none
};

/// The whole text as words, comments and blanks left out, an `end` last; brackets are paired. Linear in the
/// text. Throws Error with line and column: a string that is not closed, a bracket without its partner, a
/// sigil without a name, 4 GiB and more of text.
std::vector<Token> lex(std::string_view text, const std::string& file);

/// 1-based column in bytes of a position in the text.
int column_at(std::string_view text, std::size_t position);

}  // namespace hone::cost::mlir
