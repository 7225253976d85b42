// Types where they stand among other words.
#include "hone/cost/mlir/parser.h"

namespace hone::cost::mlir {
bool Parser::begins_type(std::uint32_t ahead) const {
  const Token& first = token(ahead);
  if (first.kind == Kind::type) return true;
  if (first.kind != Kind::word) return false;
  const std::string_view word = text(first);
  if (is(token(ahead + 1), "<"))
    return word == "tensor" || word == "memref" || word == "vector" || word == "complex" || word == "tuple";
  return word != "none" && is_scalar_name(word);
}

int Parser::type() {
  const Deeper deeper(*this);
  const Token& first = token();
  if (at("(")) {  // a function's
    Few<int> inputs, results;
    type_list(inputs);
    need("->");
    type_list(results);
    return function_type(std::move(inputs), std::move(results));
  }
  if (first.kind != Kind::word && first.kind != Kind::type) throw unexpected("a type");
  ++at_;
  const Token& open = token();
  const bool angles = is(open, "<") && (first.kind == Kind::word || adjacent(open));
  if (first.kind == Kind::type && !angles) {
    const auto alias = type_aliases_.find(text(first));
    if (alias != type_aliases_.end()) return alias->second;
    check_alias(first);
  }
  if (angles) {
    if (open.partner == 0) throw error(open, "this '<' is never closed");
    // Layouts, encodings and elements of builtin types; dialects' own have a syntax of their own.
    if (first.kind == Kind::word)
      for (std::uint32_t i = at_ + 1; i < open.partner; ++i)
        if ((tokens_[i].kind == Kind::hash || tokens_[i].kind == Kind::type) && !is(tokens_[i + 1], "<"))
          check_alias(tokens_[i]);
    at_ = open.partner + 1;
  }
  return intern(text_between(first.begin, end_of_previous()), first.line);
}

int Parser::type_list(Few<int>& list) {
  if (!at("(")) {
    list.push_back(type());
    return 1;
  }
  need("(");
  while (!at(")")) {
    if (!list.empty()) need(",");
    list.push_back(type());
    if (at("{")) at_ = token().partner + 1;  // attributes of an argument or result
  }
  need(")");
  return static_cast<int>(list.size());
}

int Parser::function_type(Few<int> inputs, Few<int> results) {
  Type type;
  type.kind = Type::Kind::function;
  type.inputs = std::move(inputs);
  type.results = std::move(results);
  module_.types.push_back(std::move(type));
  return static_cast<int>(module_.types.size()) - 1;
}

int Parser::scalar_type(Type::Scalar scalar, int bits, std::string_view text) {
  const auto [found, fresh] = type_ids_.try_emplace(text, -1);
  if (found->second < 0) {
    Type type;
    type.kind = Type::Kind::scalar;
    type.scalar = scalar;
    type.bits = bits;
    type.text = text;
    module_.types.push_back(std::move(type));
    found->second = static_cast<int>(module_.types.size()) - 1;
  }
  return found->second;
}

int Parser::element_type(int type) {
  if (type < 0) return -1;
  const Type& whole = module_.types[static_cast<std::size_t>(type)];
  if (!whole.shaped()) return type;
  // The text after the last `x` outside brackets, as it is written.
  const std::string_view text = whole.text;
  const std::size_t open = text.find('<');
  std::size_t begin = open + 1, end = begin;
  int angles = 0;
  for (std::size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '<') ++angles;
    if (text[i] == '>' && angles-- == 0) {
      end = i;
      break;
    }
    if (angles == 0 && text[i] == ',') {
      end = i;
      break;
    }
  }
  std::size_t i = begin;
  while (i < end) {  // sizes, each with its x
    std::size_t after = i;
    while (after < end && (is_digit(text[after]) || text[after] == '?' || text[after] == '*' ||
                           text[after] == '[' || text[after] == ']' || text[after] == ' '))
      ++after;
    if (after == i || after >= end || text[after] != 'x') break;
    i = after + 1;
  }
  while (i < end && text[i] == ' ') ++i;
  while (end > i && text[end - 1] == ' ') --end;
  if (i >= end) return -1;
  return intern(text.substr(i, end - i), 0);
}

}  // namespace hone::cost::mlir
