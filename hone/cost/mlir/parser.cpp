// Operations, blocks and regions.
#include "hone/cost/mlir/parser.h"

#include <fmt/format.h>

#include "hone/base/files.h"

namespace hone::cost::mlir {

Parser::Parser(Module& module, std::vector<Token> tokens)
    : module_(module), source_(*module.source), tokens_(std::move(tokens)) {
  drop_locations();
}

/// Of what is skipped: others that read the text go through it.
void Parser::check_depth(std::uint32_t begin, std::uint32_t end) const {
  int depth = 0;
  for (std::uint32_t i = begin; i < end; ++i) {
    if (tokens_[i].partner == 0) continue;
    depth += tokens_[i].partner > i ? 1 : -1;
    if (depth > kMaxDepth) throw error(tokens_[i], fmt::format("nested deeper than {}", kMaxDepth));
  }
}

/// Debug information, `loc(...)`, may stand nearly anywhere, and no cost depends on it. What an alias or an
/// attribute is set to stays.
void Parser::drop_locations() {
  std::vector<std::uint32_t> places(tokens_.size());
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < tokens_.size(); ++i) {
    places[i] = kept;
    if (is(tokens_[i], "loc") && is(tokens_[i + 1], "(") && (i == 0 || !is(tokens_[i - 1], "="))) {
      const std::uint32_t end = tokens_[i + 1].partner;
      check_depth(i + 1, end);
      for (std::uint32_t j = i; j <= end; ++j) places[j] = kept;
      i = end;
    } else {
      tokens_[kept++] = tokens_[i];
    }
  }
  if (kept == tokens_.size()) return;
  tokens_.resize(kept);
  for (Token& token : tokens_)
    if (token.partner != 0) token.partner = places[token.partner];
}

void Parser::run() {
  // Roughly what a text needs, so that little is copied while it is read.
  module_.operations.reserve(tokens_.size() / 16 + 4);
  module_.values.reserve(tokens_.size() / 12 + 4);
  open_scope();
  block_column_ = token().kind == Kind::end ? 0 : column_at(source_, token().begin);
  while (token().kind != Kind::end) {
    if ((token().kind == Kind::hash || token().kind == Kind::type) && is(token(1), "=")) {
      alias();
    } else if (at("{") && is(token(1), "-")) {
      file_metadata();
    } else {
      module_.top.push_back(operation());
    }
  }
  check_pending();
}

// Words.

bool Parser::take(std::string_view word) {
  if (!at(word)) return false;
  ++at_;
  return true;
}

void Parser::need(std::string_view word) {
  if (!take(word)) throw unexpected(fmt::format("'{}'", word));
}

bool Parser::adjacent(const Token& token) const {
  const std::size_t index = static_cast<std::size_t>(&token - tokens_.data());
  return index > 0 && tokens_[index - 1].begin + tokens_[index - 1].length == token.begin;
}

Error Parser::error(const Token& token, const std::string& what) const {
  return error_at(token.begin, static_cast<int>(token.line), what);
}

Error Parser::error_at(std::size_t position, int line, const std::string& what) const {
  return Error(what, Place{module_.file, line, "", column_at(source_, position)});
}

Error Parser::unexpected(const std::string& wanted) const {
  const std::string_view found = text(token()).substr(0, 40);
  return error(token(), token().kind == Kind::end ? fmt::format("expected {}, found the end", wanted)
                                                  : fmt::format("expected {}, found '{}'", wanted, found));
}

Parser::Deeper::Deeper(Parser& parser) : parser_(parser) {
  if (++parser_.depth_ > kMaxDepth)
    throw parser_.error(parser_.token(), fmt::format("nested deeper than {}", kMaxDepth));
}

// Operations.

int Parser::operation() {
  const Deeper deeper(*this);
  Head head;
  head.id = static_cast<int>(module_.operations.size());
  module_.operations.emplace_back();
  Operation& operation = head.operation;
  operation.line = static_cast<int>(token().line);
  operation.column = column_at(source_, token().begin);
  operation.region = region_;

  if (token().kind == Kind::value) {
    do {
      if (token().kind != Kind::value) throw unexpected("a value's name");
      head.result_tokens.push_back(at_);
      const std::string_view name = text(token());
      ++at_;
      std::int64_t count = 1;
      if (take(":")) {
        const Token& number = token();
        count = integer();
        if (count < 1 || count > 65536) throw error(number, "expected how many results, from 1 to 65536");
      }
      head.result_names.emplace_back(name, static_cast<int>(count));
      head.results += static_cast<int>(count);
    } while (take(","));
    need("=");
  }
  head.name_token = at_;
  if (token().kind == Kind::text) {
    const std::string_view quoted = text(token());
    operation.name = quoted.substr(1, quoted.size() - 2);
    if (operation.name.empty()) throw error(token(), "an operation's name is empty");
    ++at_;
    generic(head);
  } else if (token().kind == Kind::word && !is_scalar_name(text(token()))) {
    operation.name = whole_name(text(token()));
    ++at_;
    pretty(head);
  } else {
    throw unexpected("an operation");
  }
  finish(head);
  return head.id;
}

void Parser::finish(Head& head) {
  // Names hold inside a function: what is not defined here never is.
  if (!pending_.empty() && head.operation.name.ends_with(".func")) check_pending();
  const std::size_t begin = tokens_[head.name_token].begin;
  const std::size_t end = head.text_end < 0 ? end_of_previous() : static_cast<std::size_t>(head.text_end);
  head.operation.text = text_between(begin, std::max(end, begin));
  check_maps(head.operation, tokens_[head.name_token]);
  module_.operations[static_cast<std::size_t>(head.id)] = std::move(head.operation);
}

/// The name with its dialect: inside func.func, `return` is func.return.
std::string_view Parser::whole_name(std::string_view name) const {
  if (name.find('.') != std::string_view::npos) return name;
  static constexpr std::pair<std::string_view, std::string_view> kShort[] = {
      {"module", "builtin.module"}, {"func", "func.func"},         {"return", "func.return"},
      {"call", "func.call"},        {"constant", "func.constant"}, {"call_indirect", "func.call_indirect"}};
  const std::string_view around = default_dialects_.empty() ? "func" : default_dialects_.back();
  for (const auto& [bare, whole] : kShort)
    if (name == bare && (around == "func" || around == "builtin" || name == "module")) return whole;
  return name;
}

/// "name"(operands)[successors]<{properties}>({regions}){attributes} : (types) -> types
void Parser::generic(Head& head) {
  Operation& operation = head.operation;
  need("(");
  std::vector<std::uint32_t> operand_tokens;
  while (!at(")")) {
    if (!operand_tokens.empty()) need(",");
    operand_tokens.push_back(at_);
    operation.operands.push_back(need_value());
  }
  need(")");
  if (take("[")) {
    while (!at("]")) {
      if (token().kind != Kind::block) throw unexpected("a block's name");
      ++at_;
      if (!at("]")) need(",");
    }
    need("]");
  }
  if (at("<") && is(token(1), "{")) {
    ++at_;
    take_dictionary(head);
    need(">");
  }
  if (at("(")) {
    head.text_end = static_cast<std::int64_t>(end_of_previous());
    ++at_;
    do {
      if (!at("{")) throw unexpected("a region");
      operation.regions.push_back(region({}, head.id));
    } while (take(","));
    need(")");
  }
  if (at("{")) take_dictionary(head);
  need(":");
  const Token& signature = token();
  if (!at("(")) throw unexpected("the operands' types");
  Few<int> inputs, results;
  type_list(inputs);
  need("->");
  type_list(results);
  if (inputs.size() != operation.operands.size())
    throw error(signature,
                fmt::format("{} operands, but types of {}", operation.operands.size(), inputs.size()));
  if (static_cast<int>(results.size()) != head.results && (head.results != 0 || !head.result_names.empty()))
    throw error(signature, fmt::format("{} results, but types of {}", head.results, results.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Value& value = module_.values[static_cast<std::size_t>(operation.operands[i])];
    if (value.type < 0) value.type = inputs[i];
  }
  operation.types = inputs;
  operation.types.insert(operation.types.end(), results.begin(), results.end());
  for (const auto& [name, index] : operation.attributes) {
    const Attribute& attribute = module_.attributes[static_cast<std::size_t>(index)];
    if (name == "function_type" && attribute.type >= 0) operation.types.push_back(attribute.type);
    if (name == "sym_name" || (operation.symbol.empty() && attribute.kind == Attribute::Kind::symbol))
      operation.symbol = attribute.text;
  }
  // Results that are not named cannot be used, but they are there.
  if (head.results == 0) head.results = static_cast<int>(results.size());
  define_results(head, results);
  understand(operation);
}

void Parser::define_results(Head& head, const Few<int>& types) {
  const int first = static_cast<int>(module_.values.size());
  for (int i = 0; i < head.results; ++i) {
    Value value;
    value.number = i;
    value.operation = head.id;
    if (static_cast<std::size_t>(i) < types.size()) value.type = types[static_cast<std::size_t>(i)];
    head.operation.results.push_back(add_value(value));
  }
  int next = first;
  for (std::size_t i = 0; i < head.result_names.size(); ++i) {
    const auto [name, count] = head.result_names[i];
    for (int j = 0; j < count; ++j) module_.values[static_cast<std::size_t>(next + j)].name = name;
    define(head.result_tokens[i], next, count);
    next += count;
  }
  if (!pending_.empty())
    for (const auto& [name, count] : head.result_names) resolve(name, head.operation.results);
}

// Regions.

int Parser::region(const std::vector<Head::Argument>& arguments, int operation) {
  const Deeper deeper(*this);
  const int id = static_cast<int>(module_.regions.size());
  module_.regions.emplace_back().operation = operation;
  const int outer_region = region_;
  const std::int64_t outer_column = block_column_;
  region_ = id;
  std::vector<Block> blocks(1);
  need("{");
  open_scope();
  for (const Head::Argument& argument : arguments) {
    Value value;
    value.name = text(tokens_[argument.token]);
    value.number = static_cast<int>(blocks[0].arguments.size());
    value.type = argument.type;
    value.region = id;
    blocks[0].arguments.push_back(add_value(value));
    define(argument.token, blocks[0].arguments.back(), 1);
  }
  if (token().kind != Kind::block) operations_until(blocks[0]);
  while (token().kind == Kind::block) {
    const bool first = blocks.size() == 1 && blocks[0].operations.empty() && blocks[0].label.empty() &&
                       blocks[0].arguments.empty();
    Block& block = first ? blocks[0] : blocks.emplace_back();
    block.label = text(token());
    ++at_;
    if (at("(")) block_arguments(block, id);
    need(":");
    operations_until(block);
  }
  need("}");
  close_scope();
  region_ = outer_region;
  block_column_ = outer_column;
  module_.regions[static_cast<std::size_t>(id)].blocks = std::move(blocks);
  return id;
}

void Parser::block_arguments(Block& block, int region) {
  need("(");
  while (!at(")")) {
    if (!block.arguments.empty()) need(",");
    if (token().kind != Kind::value) throw unexpected("a block's argument");
    const std::uint32_t name = at_++;
    need(":");
    Value value;
    value.name = text(tokens_[name]);
    value.number = static_cast<int>(block.arguments.size());
    value.type = type();
    value.region = region;
    const int id = add_value(value);
    block.arguments.push_back(id);
    define(name, id, 1);
    if (!pending_.empty()) resolve(value.name, block.arguments);
  }
  need(")");
}

void Parser::operations_until(Block& block) {
  bool first = true;
  while (!at("}") && token().kind != Kind::block) {
    if (token().kind == Kind::end) throw unexpected("'}'");
    if ((token().kind == Kind::hash || token().kind == Kind::type) && is(token(1), "=")) {
      alias();
      continue;
    }
    if (first) block_column_ = column_at(source_, token().begin);
    first = false;
    block.operations.push_back(operation());
  }
}

// Around the operations.

/// `#name = attribute`, `!name = type`.
void Parser::alias() {
  const Token& name = token();
  at_ += 2;
  if (name.kind == Kind::type) {
    type_aliases_[text(name)] = type();
  } else if (at("loc") && is(token(1), "(")) {
    check_depth(at_ + 1, token(1).partner);
    at_ = token(1).partner + 1;
    Attribute location;
    location.kind = Attribute::Kind::other;
    attribute_aliases_[text(name)] = add_attribute(std::move(location));
  } else {
    attribute_aliases_[text(name)] = attribute();
  }
}

/// `{-# ... #-}`: resources, which no cost depends on.
void Parser::file_metadata() { at_ = token().partner + 1; }

// The module as others see it.

Module parse(std::string text, const std::string& file) {
  Module module;
  module.source = std::make_shared<const std::string>(std::move(text));
  module.file = file;
  Parser(module, lex(*module.source, file)).run();
  return module;
}

Module read(const std::string& path) { return parse(read_file(path), path); }

}  // namespace hone::cost::mlir
