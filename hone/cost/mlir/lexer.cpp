#include "hone/cost/mlir/lexer.h"

#include <array>

#include <fmt/format.h>

#include "hone/base/error.h"

namespace hone::cost::mlir {
namespace {

enum Class : std::uint8_t { kLetter = 1, kDigit = 2, kIdentifier = 4, kSuffix = 8, kBlank = 16 };

constexpr std::array<std::uint8_t, 256> classes() {
  std::array<std::uint8_t, 256> table{};
  const auto mark = [&](int first, int last, int bits) {
    for (int c = first; c <= last; ++c)
      table[static_cast<std::size_t>(c)] =
          static_cast<std::uint8_t>(table[static_cast<std::size_t>(c)] | bits);
  };
  mark('a', 'z', kLetter | kIdentifier | kSuffix);
  mark('A', 'Z', kLetter | kIdentifier | kSuffix);
  mark('_', '_', kLetter | kIdentifier | kSuffix);
  mark('0', '9', kDigit | kIdentifier | kSuffix);
  mark('$', '$', kIdentifier | kSuffix);
  mark('.', '.', kIdentifier | kSuffix);
  mark('-', '-', kSuffix);
  for (const char c : {' ', '\t', '\r', '\n', '\v', '\f'}) mark(c, c, kBlank);
  return table;
}
constexpr std::array<std::uint8_t, 256> kClasses = classes();

bool is(char c, int bits) { return (kClasses[static_cast<unsigned char>(c)] & bits) != 0; }
bool is_hex(char c) { return is(c, kDigit) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

class Lexer {
 public:
  Lexer(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  std::vector<Token> run() {
    if (text_.size() >= UINT32_MAX) throw Error("4 GiB and more of MLIR text", Place{file_, 0, ""});
    tokens_.reserve(text_.size() / 4 + 8);
    while (skip_blanks()) next();
    drop_angles();
    if (!open_.empty()) {
      const Token& bracket = tokens_[open_.back()];
      throw error(bracket.begin, fmt::format("this '{}' is never closed", text_[bracket.begin]));
    }
    add(Token::Kind::end, at_, at_);
    return std::move(tokens_);
  }

 private:
  Error error(std::size_t position, const std::string& what) const {
    return Error(what, Place{file_, static_cast<int>(line_of(position)), "", column_at(text_, position)});
  }
  std::uint32_t line_of(std::size_t position) const {
    std::uint32_t line = 1;
    for (std::size_t i = 0; i < position; ++i) line += text_[i] == '\n' ? 1 : 0;
    return line;
  }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  bool skip_blanks() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_;
        first_on_line_ = true;
        ++at_;
      } else if (is(c, kBlank)) {
        ++at_;
      } else if (c == '/' && peek(1) == '/') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else {
        return true;
      }
    }
    return false;
  }

  void add(Token::Kind kind, std::size_t begin, std::size_t end) {
    Token& token = tokens_.emplace_back();
    token.kind = kind;
    token.first_on_line = first_on_line_;
    token.begin = static_cast<std::uint32_t>(begin);
    token.length = static_cast<std::uint32_t>(end - begin);
    token.line = line_;
    first_on_line_ = false;
    at_ = end;
  }

  std::size_t after(std::size_t from, int bits) const {
    while (from < text_.size() && is(text_[from], bits)) ++from;
    return from;
  }

  void next() {
    const char c = text_[at_];
    if (is(c, kLetter)) return add(Token::Kind::word, at_, after(at_, kIdentifier));
    if (is(c, kDigit)) return number();
    switch (c) {
      case '%':
        return suffixed(Token::Kind::value, "a value's name");
      case '^':
        return suffixed(Token::Kind::block, "a block's name");
      case '#':
        if (!is(peek(1), kSuffix) || text_.substr(at_).starts_with("#-}"))  // the end of `{-# ... #-}`
          return add(Token::Kind::other, at_, at_ + 1);
        return suffixed(Token::Kind::hash, "an attribute's name");
      case '!':
        if (!is(peek(1), kLetter)) return add(Token::Kind::other, at_, at_ + 1);
        return add(Token::Kind::type, at_, after(at_ + 1, kIdentifier));
      case '@':
        if (peek(1) == '"') return add(Token::Kind::symbol, at_, string_end(at_ + 1));
        if (!is(peek(1), kLetter | kDigit | kIdentifier))
          throw error(at_, "expected a symbol's name after '@'");
        return add(Token::Kind::symbol, at_, after(at_ + 1, kIdentifier | kSuffix));
      case '"':
        return add(Token::Kind::text, at_, string_end(at_));
      case '-':
        return add(Token::Kind::punctuation, at_, at_ + (peek(1) == '>' ? 2 : 1));
      case '(':
      case '[':
      case '{':
      case '<':
        open_.push_back(static_cast<std::uint32_t>(tokens_.size()));
        return add(Token::Kind::punctuation, at_, at_ + 1);
      case ')':
      case ']':
      case '}':
        return close(c);
      case '>':
        return angle();
      case ',':
      case ':':
      case '=':
      case '*':
      case '+':
      case '?':
      case '|':
      case '/':
        return add(Token::Kind::punctuation, at_, at_ + 1);
      default:
        return add(Token::Kind::other, at_, at_ + 1);
    }
  }

  /// `<` may stand for less: then nothing closes it before its surroundings are.
  void drop_angles() {
    while (!open_.empty() && text_[tokens_[open_.back()].begin] == '<') open_.pop_back();
  }
  void pair() {
    const std::uint32_t partner = open_.back();
    tokens_[partner].partner = static_cast<std::uint32_t>(tokens_.size());
    open_.pop_back();
    add(Token::Kind::punctuation, at_, at_ + 1);
    tokens_.back().partner = partner;
  }
  void angle() {
    if (!open_.empty() && text_[tokens_[open_.back()].begin] == '<') return pair();
    add(Token::Kind::punctuation, at_, at_ + 1);
  }
  void close(char c) {
    const char wanted = c == ')' ? '(' : c == ']' ? '[' : '{';
    drop_angles();
    if (open_.empty()) throw error(at_, fmt::format("this '{}' closes nothing", c));
    const Token& opened = tokens_[open_.back()];
    if (text_[opened.begin] != wanted)
      throw error(at_, fmt::format("this '{}' does not close the '{}' of line {}, column {}", c,
                                   text_[opened.begin], opened.line, column_at(text_, opened.begin)));
    pair();
  }

  /// A sigil, and either digits or a name.
  void suffixed(Token::Kind kind, const char* what) {
    std::size_t end = at_ + 1;
    if (is(peek(1), kDigit)) {
      end = after(end, kDigit);
    } else {
      end = after(end, kSuffix);
      // `-` belongs to names, `->` does not.
      if (end < text_.size() && text_[end] == '>' && text_[end - 1] == '-') --end;
    }
    if (end == at_ + 1) throw error(at_, fmt::format("expected {} after '{}'", what, text_[at_]));
    add(kind, at_, end);
  }

  void number() {
    std::size_t end = at_ + 1;
    if (text_[at_] == '0' && peek(1) == 'x' && is_hex(peek(2))) {
      end = at_ + 2;
      while (end < text_.size() && is_hex(text_[end])) ++end;
      return add(Token::Kind::integer, at_, end);
    }
    end = after(end, kDigit);
    if (end >= text_.size() || text_[end] != '.') return add(Token::Kind::integer, at_, end);
    end = after(end + 1, kDigit);
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      std::size_t digits = end + 1;
      if (digits < text_.size() && (text_[digits] == '+' || text_[digits] == '-')) ++digits;
      if (digits < text_.size() && is(text_[digits], kDigit)) end = after(digits, kDigit);
    }
    add(Token::Kind::real, at_, end);
  }

  /// Past the closing quote of the string that begins at `from`.
  std::size_t string_end(std::size_t from) const {
    for (std::size_t i = from + 1; i < text_.size(); ++i) {
      if (text_[i] == '\\') {
        ++i;
      } else if (text_[i] == '"') {
        return i + 1;
      } else if (text_[i] == '\n') {
        break;
      }
    }
    throw error(from, "this string is not closed on its line");
  }

  std::string_view text_;
  const std::string& file_;
  std::vector<Token> tokens_;
  std::vector<std::uint32_t> open_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  bool first_on_line_ = true;
};

}  // namespace

std::vector<Token> lex(std::string_view text, const std::string& file) {
  if (text.starts_with("ML\xefR"))
    throw Error("this is MLIR's bytecode, not its text", Place{file, 1, "", 1}, "mlir-opt makes text of it");
  return Lexer(text, file).run();
}

int column_at(std::string_view text, std::size_t position) {
  const std::size_t newline = position == 0 ? std::string_view::npos : text.rfind('\n', position - 1);
  return static_cast<int>(newline == std::string_view::npos ? position + 1 : position - newline);
}

}  // namespace hone::cost::mlir
