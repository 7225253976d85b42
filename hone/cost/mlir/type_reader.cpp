// One type's text: what it says about shapes, elements and layouts.
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "hone/cost/mlir/parser.h"

namespace hone::cost::mlir {
namespace {

/// `i32`, `f16`, `index` and their kin. False where the word is none of them.
bool scalar(std::string_view word, Type& type) {
  const auto set = [&](Type::Scalar kind, int bits) {
    type.scalar = kind;
    type.bits = bits;
    return true;
  };
  if (word == "index") return set(Type::Scalar::index, 64);
  if (word == "bf16") return set(Type::Scalar::real, 16);
  if (word == "tf32") return set(Type::Scalar::real, 32);
  if (word.starts_with("f8E") || word.starts_with("f6E") || word.starts_with("f4E"))
    return set(Type::Scalar::real, word[1] - '0');
  std::string_view digits;
  Type::Scalar kind = Type::Scalar::integer;
  if (word.starts_with("si") || word.starts_with("ui")) {
    digits = word.substr(2);
  } else if (word.starts_with("i")) {
    digits = word.substr(1);
  } else if (word.starts_with("f")) {
    digits = word.substr(1);
    kind = Type::Scalar::real;
  }
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) return false;
  int bits = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), bits).ec != std::errc()) return false;
  if (bits < 1 || bits >= 1 << 24) return false;
  if (kind == Type::Scalar::real && bits != 16 && bits != 32 && bits != 64 && bits != 80 && bits != 128)
    return false;
  return set(kind, bits);
}

}  // namespace

/// Reads one type's text character by character: in `4x8xf32` words do not end where the tokens do.
class TypeReader {
 public:
  TypeReader(Parser& parser, std::string_view text, std::uint32_t line)
      : parser_(parser),
        text_(text),
        line_(line),
        base_(static_cast<std::size_t>(text.data() - parser.source_.data())) {}

  Type read() {
    Type type = one(0);
    skip();
    if (at_ != text_.size()) fail("expected the type to end here");
    type.text = text_;
    return type;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw parser_.error_at(base_ + at_, static_cast<int>(line_), what);
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }
  bool take(char c) {
    skip();
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void need(char c) {
    if (!take(c)) fail(fmt::format("expected '{}' in a type", c));
  }
  std::string_view word() {
    const std::size_t begin = at_;
    const auto belongs = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '.' ||
             c == '$';
    };
    while (at_ < text_.size() && belongs(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  std::int64_t number() {
    skip();
    if (take('?')) return kDynamic;
    const bool negative = take('-');
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc() || value > (std::int64_t{1} << 48)) fail("expected a size");
    at_ = static_cast<std::size_t>(end - text_.data());
    return negative ? -value : value;
  }

  Type one(int depth) {
    if (depth > 50) fail("types nested deeper than 50");
    skip();
    const std::size_t begin = at_;
    if (take('!')) return foreign(begin);
    if (peek() == '(') return other_until_end(begin);
    const std::string_view name = word();
    Type type;
    if (name == "tensor") return shaped(Type::Kind::tensor, depth);
    if (name == "memref") return shaped(Type::Kind::memref, depth);
    if (name == "vector") return shaped(Type::Kind::vector, depth);
    if (name == "complex") {
      need('<');
      const Type part = one(depth + 1);
      need('>');
      type.kind = Type::Kind::scalar;
      type.scalar = Type::Scalar::complex;
      type.bits = 2 * part.bits;
    } else if (name == "tuple") {
      type.kind = Type::Kind::tuple;
      need('<');
      while (!take('>')) {
        one(depth + 1);
        if (take('>')) break;
        need(',');
      }
    } else if (name == "none") {
      type.kind = Type::Kind::scalar;
    } else if (scalar(name, type)) {
      type.kind = Type::Kind::scalar;
    } else {
      at_ = begin;
      fail(fmt::format("'{}' is no type", name));
    }
    type.text = text_.substr(begin, at_ - begin);
    return type;
  }

  Type other_until_end(std::size_t begin) {
    Type type;
    type.kind = Type::Kind::other;
    at_ = text_.size();
    type.text = text_.substr(begin);
    return type;
  }

  Type shaped(Type::Kind kind, int depth) {
    Type type;
    type.kind = kind;
    need('<');
    skip();
    if (take('*')) {
      if (kind == Type::Kind::vector) fail("a vector without a shape");
      type.ranked = false;
      type.shape = {kDynamic};  // at least something
      need('x');
    } else {
      dimensions(type);
    }
    const Type element = one(depth + 1);
    type.scalar = element.kind == Type::Kind::scalar ? element.scalar : Type::Scalar::other;
    type.bits = element.bits;
    if (element.kind == Type::Kind::vector) {
      type.scalar = element.scalar;
      double bits = element.bits * element.elements();
      type.bits = static_cast<int>(std::min(bits, 1e9));
    }
    if (take(',')) rest(type);
    need('>');
    return type;
  }

  void dimensions(Type& type) {
    for (;;) {
      skip();
      const bool scalable = peek() == '[';
      if (scalable) ++at_;
      if (!is_digit(peek()) && peek() != '?') {
        if (scalable) fail("expected a size");
        return;
      }
      if (peek() == '?') {
        ++at_;
        type.shape.push_back(kDynamic);
      } else {
        std::int64_t size = 0;
        while (is_digit(peek())) {
          size = size * 10 + (text_[at_++] - '0');
          if (size > (std::int64_t{1} << 48)) fail("a size too large to be held");
        }
        type.shape.push_back(size);
      }
      if (scalable) need(']');
      skip();
      if (peek() != 'x') fail("expected 'x' after a size");
      ++at_;
      if (type.shape.size() > 64) fail("more than 64 dimensions");
    }
  }

  /// Layout, memory space, encoding. Of the layouts only strides matter.
  void rest(Type& type) {
    skip();
    const std::string_view left = text_.substr(at_);
    if (type.kind == Type::Kind::memref && left.starts_with("strided")) {
      at_ += 7;
      need('<');
      need('[');
      while (!take(']')) {
        type.strides.push_back(number());
        if (take(']')) break;
        need(',');
      }
      if (type.strides.size() != type.shape.size()) fail("as many strides as dimensions are expected");
    } else if (type.kind == Type::Kind::memref && left.starts_with("affine_map")) {
      map_layout(type);
    }
    // Up to the bracket that closes the type.
    int angles = 1;
    if (left.starts_with("strided")) ++angles;
    bool quoted = false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (quoted) {
        if (c == '\\') ++at_;
        quoted = c != '"';
      } else if (c == '"') {
        quoted = true;
      } else if (c == '-' && at_ + 1 < text_.size() && text_[at_ + 1] == '>') {
        ++at_;
      } else if (c == '<') {
        ++angles;
      } else if (c == '>' && --angles == 0) {
        return;
      }
    }
  }

  /// An affine layout map whose one result is linear: its factors are the strides.
  void map_layout(Type& type) {
    const auto& tokens = parser_.tokens_;
    const auto found =
        std::lower_bound(tokens.begin(), tokens.end(), base_ + at_,
                         [](const Token& token, std::size_t begin) { return token.begin < begin; });
    if (found == tokens.end() || found->begin != base_ + at_) return;
    const std::uint32_t before = parser_.at_;
    parser_.at_ = static_cast<std::uint32_t>(found - tokens.begin()) + 1;
    const int id = parser_.affine_map();
    parser_.at_ = before;
    const AffineMap& map = parser_.module_.maps[static_cast<std::size_t>(id)];
    if (map.results.size() != 1 || static_cast<std::size_t>(map.dims) != type.shape.size()) return;
    const Linear sum = linear(map, 0);
    if (sum.exact) type.strides.assign(sum.factors.begin(), sum.factors.begin() + map.dims);
  }

  /// `!dialect.name<...>`: the first shape that its text shows, as `[2,?],f32` or `2x?xf32`.
  Type foreign(std::size_t begin) {
    Type type;
    type.kind = Type::Kind::other;
    const std::string_view name = word();
    if (name.empty()) fail("expected a type's name after '!'");
    if (name.ends_with(".ptr")) type.bits = 64;
    std::size_t end = at_;
    if (peek() == '<') {
      int angles = 0;
      bool quoted = false;
      for (; end < text_.size(); ++end) {
        if (quoted) {
          if (text_[end] == '\\')
            ++end;
          else
            quoted = text_[end] != '"';
        } else if (text_[end] == '"') {
          quoted = true;
        } else if (text_[end] == '-' && end + 1 < text_.size() && text_[end + 1] == '>') {
          ++end;
        } else if (text_[end] == '<') {
          ++angles;
        } else if (text_[end] == '>' && --angles == 0) {
          break;
        }
      }
      end = std::min(end + 1, text_.size());
      shown_shape(text_.substr(at_, end - at_), type);
    }
    // A tensor of any shape: `!torch.tensor`, `!torch.vtensor<*,f32>`.
    const bool open = end == at_ || text_.substr(at_).starts_with("<*");
    if (open && name.ends_with("tensor")) {
      type.ranked = false;
      type.shape = {kDynamic};
      if (type.scalar == Type::Scalar::none) type.scalar = Type::Scalar::other;
    }
    at_ = end;
    type.text = text_.substr(begin, end - begin);
    return type;
  }

  static void shown_shape(std::string_view inside, Type& type) {
    std::size_t i = 1;
    std::vector<std::int64_t> shape;
    if (inside.starts_with("<*"))
      while (i < inside.size() &&
             (inside[i] == '*' || inside[i] == ',' || inside[i] == 'x' || inside[i] == ' '))
        ++i;
    const bool list = i < inside.size() && inside[i] == '[';
    if (list) ++i;
    while (i < inside.size() && shape.size() < 64) {
      const std::size_t before = i;
      std::int64_t size = kDynamic;
      if (inside[i] == '?') {
        ++i;
      } else if (is_digit(inside[i])) {
        size = 0;
        while (i < inside.size() && is_digit(inside[i]))
          size = std::min<std::int64_t>(size * 10 + (inside[i++] - '0'), std::int64_t{1} << 48);
      } else {
        break;
      }
      const char next = i < inside.size() ? inside[i] : '\0';
      if (!list && next != 'x') {
        i = before;
        break;
      }
      shape.push_back(size);
      if (next == ',' || next == 'x') ++i;
      while (i < inside.size() && inside[i] == ' ') ++i;
    }
    if (list && i < inside.size() && inside[i] == ']') {
      ++i;
      while (i < inside.size() && (inside[i] == ',' || inside[i] == ' ')) ++i;
    } else if (list) {
      return;
    }
    std::size_t end = i;
    while (end < inside.size() && (is_digit(inside[end]) || (inside[end] >= 'a' && inside[end] <= 'z')))
      ++end;
    Type element;
    if (!scalar(inside.substr(i, end - i), element)) return;
    type.shape = std::move(shape);
    type.scalar = element.scalar;
    type.bits = element.bits;
  }

  Parser& parser_;
  std::string_view text_;
  std::uint32_t line_;
  std::size_t base_;
  std::size_t at_ = 0;
};

bool Parser::is_scalar_name(std::string_view word) const {
  Type ignored;
  return word == "none" || scalar(word, ignored);
}

int Parser::intern(std::string_view text, std::uint32_t line) {
  const auto [found, fresh] = type_ids_.try_emplace(text, -1);
  if (!fresh && found->second >= 0) return found->second;
  Type type = TypeReader(*this, text, line).read();
  module_.types.push_back(std::move(type));
  const int id = static_cast<int>(module_.types.size()) - 1;
  type_ids_[text] = id;
  return id;
}

}  // namespace hone::cost::mlir
